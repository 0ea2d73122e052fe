# After a successful run: data and results are versioned.
from study.provenance import track


onsuccess:
    if workflow.is_main_process:
        print(track(Path()))

# What was made of what travels in git, data and results with DVC: a clone knows what is current.
from study.provenance.records import left_over, restore
from study.sharing.track import track

if workflow.is_main_process:
    with Hashes(Path()) as hashes:
        unknown = restore(
            Path(), hashes, [output.regex() for rule in workflow.rules for output in rule.output]
        )
    if unknown:
        print(
            f"Nothing says what {len(unknown)} files were made of (such as {unknown[0]}): they are made again.",
            file=sys.stderr,
        )


onsuccess:
    # `plan`, `verify` and the like make nothing of the study.
    if workflow.is_main_process and any(
        job.output for job in workflow.dag.needrun_jobs(exclude_finished=False)
    ):
        print(track(Path()))
        if any(job.rule.name == "all" for job in workflow.dag.jobs):
            old = left_over(Path(), {str(file) for job in workflow.dag.jobs for file in job.output})
            if old:
                print(
                    f"The study no longer makes these files; delete what you do not need: {', '.join(old)}"
                )

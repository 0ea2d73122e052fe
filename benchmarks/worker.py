"""One system in one fresh process: `worker.py SYSTEM TASK.json MODEL.gguf` prints what it cost as JSON."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from pathlib import Path

from task import Task


def main(system: str, task_file: Path, model: Path) -> None:
    """Load the system, warm it up with one text, and count the processor's seconds of the others."""
    task = Task.read(task_file)
    start = time.process_time()
    coder = importlib.import_module(f"systems.{system}").Coder(task, model)
    coder.code(task.texts[0])
    loaded = time.process_time()
    labels = [coder.code(text) for text in task.texts[1:]]
    done = time.process_time()
    prompts = "\0".join(coder.prompt(text) for text in task.texts[-2:])
    result = {
        "cpu_seconds_per_text": (done - loaded) / len(labels),
        "load_cpu_seconds": loaded - start,
        "labels": labels,
        "prompt_sha256": hashlib.sha256(prompts.encode()).hexdigest(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

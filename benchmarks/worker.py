"""One system in one fresh process: `worker.py SYSTEM MODEL.gguf TASK.json ...` prints the costs as JSON."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks import Task


def measure(system: str, model: Path, task: Task) -> dict[str, Any]:
    """Load the system, warm it up with one text, and count the processor's seconds of the others.

    Returns
    -------
    dict
        cpu_seconds_per_text (None where there is no text but the first); load_cpu_seconds (to import, load
        the model and code the first text); of all texts: answers, answer_tokens (how many they are, a number
        a text), prompt_sha256, and written (how many tokens were written about each, where the system knows).
    """
    start = time.process_time()
    coder = importlib.import_module(f"systems.{system}").System(task, model)
    answers = [coder.code(task.texts[0])]
    loaded = time.process_time()
    answers += [coder.code(text) for text in task.texts[1:]]
    done = time.process_time()
    counted = len(answers) - 1
    count = counter(model)
    shown = [prompt for text in task.texts for prompt in coder.prompts(text)]
    return {
        "cpu_seconds_per_text": (done - loaded) / counted if counted else None,
        "load_cpu_seconds": loaded - start,
        "answers": answers,
        "answer_tokens": [sum(count(answer) for answer in said) for said in answers],
        "prompt_sha256": hashlib.sha256("\0".join(shown).encode()).hexdigest(),
        "written": getattr(coder, "written", []),
    }


def counter(model: Path) -> Callable[[str], int]:
    """Return what counts the tokens of an answer; it is the same for every system."""
    import llama_cpp

    vocabulary = llama_cpp.Llama(str(model), vocab_only=True, verbose=False)
    return lambda answer: len(vocabulary.tokenize(answer.encode("utf-8"), add_bos=False, special=False))


def main(system: str, model: str, tasks: Sequence[str]) -> None:
    """Measure the tasks one after another."""
    print(json.dumps([measure(system, Path(model), Task.read(Path(task))) for task in tasks]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

"""Run a program of the study with the stub in place of its model; everything else is the program's own."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from study.job import run

THINKS = "SCALE_STUB_SECONDS"
"""The environment variable that says how long the stub thinks about a text."""


def main(argv: list[str]) -> None:
    """Run the module `argv[0]` with the command line `argv[1:]`."""
    from scale.stub import Stub

    module = importlib.import_module(argv[0])
    if argv[0] == "study.llm.plan":
        # What is missing is found; no model is opened to see how long it takes.
        module.locate = lambda *given, **options: None  # type: ignore[attr-defined]
        run(module.main, argv[1:])
        return
    stub = Stub(float(os.environ.get(THINKS, "0")))
    module.open_model = lambda *given, **options: stub  # type: ignore[attr-defined]
    module.ask_missing = _timed(module.ask_missing, stub)  # type: ignore[attr-defined]
    run(module.main, argv[1:])


def _timed(function: Callable[..., Any], stub: Any) -> Callable[..., Any]:
    def timed(*given: Any, **options: Any) -> Any:
        began = time.monotonic()
        found = function(*given, **options)
        print(f"stub: {stub.thought:.6f} of {time.monotonic() - began:.6f} seconds", file=sys.stderr)
        return found

    return timed


if __name__ == "__main__":
    main(sys.argv[1:])

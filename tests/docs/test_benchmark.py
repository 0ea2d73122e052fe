"""The benchmark runs, asks every system the same, and says what it measured."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("positive", "negative", "neutral")
RUN = ROOT / "benchmarks" / "run.py"


def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_round_runs_every_system_once_and_begins_with_another() -> None:
    order = program().turns(["a", "b", "c"], 3)
    rounds = [order[i : i + 3] for i in (0, 3, 6)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert [each[0] for each in rounds] == ["a", "b", "c"]


def test_the_middle_of_the_repeats_is_the_median() -> None:
    assert program().spread([3.0, 1.0, 2.5]) == {"min": 1.0, "median": 2.5, "max": 3.0}


def test_fixed_costs_are_missing_rather_than_zero_where_there_is_no_study(tmp_path: Path) -> None:
    assert program().overheads(tmp_path, 1) is None


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    options = {"--texts": "2", "--repeats": "1", "--out": str(out), "--study": str(tmp_path)}
    command = [sys.executable, str(RUN), *(word for option in options.items() for word in option)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    systems = result["systems"]
    assert set(systems) == {"floor", "study_coder", "guidance_select", "gbnf"}
    assert len({system["prompt_sha256"] for system in systems.values()}) == 1, "the prompts differ"
    for name, system in systems.items():
        cost = system["cpu_seconds_per_text"]
        assert 0 < cost["min"] <= cost["median"] <= cost["max"], name
        assert set(system["labels"]) <= {f"The text is {label}." for label in LABELS}, name
        assert len(system["labels"]) == 2, name
        assert system["what"] in done.stdout, name
    assert systems["floor"]["times_floor"] == 1
    assert len(result["model"]["sha256"]) == 64
    assert result["versions"]["guidance"]
    assert result["overheads"] is None

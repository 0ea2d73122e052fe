"""The benchmark asks every system the same, every answer is constrained, and it says what it measured."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "benchmarks" / "run.py"
PAGE = ROOT / "docs" / "reference" / "benchmark.md"
SYSTEMS = ("guidance", "outlines", "this", "llama-cpp-python", "floor")
"""Those that take longest first."""
ANSWERING = tuple(system for system in SYSTEMS if system != "floor")
TASKS = ("A", "B", "C", "D", "E")
TEXT = 'The "film" was bad; I went home [early].'


@functools.cache
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def task(name: str, variant: str | None = None, written: int = 0) -> Any:
    run = program()
    made = run.make(name, run.model_file(None)[1], [TEXT], variant)
    return dataclasses.replace(made, written=(written,)) if written else made


def ask(system: str) -> dict[str, dict[str, Any]]:
    run = program()
    asked = [task(name, written=3 if system == "floor" and name in "CD" else 0) for name in TASKS]
    found = run.ask(run.SYSTEMS[system], run.model_file("F16")[0], asked)
    return dict(zip(TASKS, found, strict=True))


@functools.cache
def results() -> dict[str, dict[str, dict[str, Any]]]:
    """What every system said and was shown in every task; two processes at a time."""
    for name in TASKS:
        task(name)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(SYSTEMS, pool.map(ask, SYSTEMS), strict=True))


def of(system: str) -> dict[str, dict[str, Any]]:
    return results()[system]


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_every_system_is_shown_the_same_prompts_to_the_byte(name: str) -> None:
    assert len({of(system)[name]["prompt_sha256"] for system in SYSTEMS}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A", "B", "E"])
@pytest.mark.parametrize("system", ANSWERING)
def test_labels_are_those_of_the_codebook(system: str, name: str) -> None:
    asked = task(name)
    (said,) = of(system)[name]["answers"]
    allowed = [question.answers for question in asked.questions for _ in range(asked.repeats)]
    assert len(said) == len(allowed) == (1 if name == "A" else 5)
    for answer, answers in zip(said, allowed, strict=True):
        assert answer in answers


@pytest.mark.slow
@pytest.mark.parametrize("system", ANSWERING)
def test_a_rating_comes_after_one_line_of_reasons(system: str) -> None:
    ((said,),) = of(system)["C"]["answers"]
    reason, rating = said.split("\n")
    assert len(reason.split()) > 3
    assert len(reason) < 400
    assert rating in task("C").questions[0].answers


@pytest.mark.slow
@pytest.mark.parametrize("system", ANSWERING)
def test_passages_are_the_text_s_own_words(system: str) -> None:
    ((said,),) = of(system)["D"]["answers"]
    (question,) = task("D").questions
    if said != question.none:
        passages = said.split("\n")
        assert 1 <= len(passages) <= question.most
        for passage in passages:
            assert passage.startswith("- ")
            assert passage[2:].strip()
            assert passage[2:] in TEXT


@pytest.mark.slow
def test_outlines_is_held_to_answers_that_the_model_would_not_give() -> None:
    run = program()
    asked = task("A")
    (question,) = asked.questions
    strange = dataclasses.replace(question, answers=("zebra 17 qx", "violet 99 zz"))
    instrument = dataclasses.replace(asked.instruments[0], questions=(strange,))
    asked = dataclasses.replace(asked, instruments=(instrument,))
    (found,) = run.ask("outlines_llama_cpp", run.model_file("F16")[0], [asked])
    assert found["answers"][0][0] in strange.answers


@pytest.mark.slow
def test_guidance_is_shown_the_same_where_it_keeps_the_system_message() -> None:
    run = program()
    (found,) = run.ask(run.KEPT_SYSTEM, run.model_file("F16")[0], [task("A")])
    assert found["prompt_sha256"] == of("guidance")["A"]["prompt_sha256"]
    assert found["answers"] == of("guidance")["A"]["answers"]


def test_a_prompt_of_its_own_asks_first_and_shows_the_text_last() -> None:
    together, apart = task("B"), task("B", program().OWN_PROMPTS)
    assert len({question.prompt.before for question in together.questions}) == 1
    assert len(apart.instruments) == len({question.prompt.before for question in apart.questions}) == 5
    for question, same in zip(apart.questions, together.questions, strict=True):
        assert question.answers == same.answers
        assert all(answer in question.prompt.before for answer in question.answers)
        assert not re.sub(r"<\|im_end\|>|<\|im_start\|>assistant|\s", "", question.prompt.after)


@pytest.mark.slow
def test_the_benchmark_measures_one_task_and_writes_what_it_found(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    options = ["--tasks", "A", "--texts", "1", "--repeats", "1", "--study", str(tmp_path), "--out", str(out)]
    done = subprocess.run([sys.executable, str(RUN), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    plain = [row for row in result["rows"] if "variant" not in row]
    assert {(row["system"], row["model_file"]) for row in plain} == {
        (system, file) for system in SYSTEMS for file in ("shipped", "unpacked")
    }
    for row in result["rows"]:
        assert row["task"] == "A"
        assert row["texts"] == len(row["answers"]) == 1
        spread = row["spread"]
        assert 0 < spread["min"] <= row["cpu_seconds_per_text"] == spread["median"] <= spread["max"]
    assert len({row["prompt_sha256"] for row in result["rows"]}) == 1
    assert len({result["models"][file]["sha256"] for file in ("shipped", "unpacked")}) == 2
    assert result["threads"] == 1
    assert result["versions"]["outlines"]
    assert result["overheads"] is None
    for target in result["targets"]:
        assert f"{target['found']:.2f}" in done.stdout
        assert isinstance(target["met"], bool)


def invented(task_name: str, costs: dict[str, float]) -> list[dict[str, Any]]:
    """Rows in which the unpacked file takes half; `own prompts` take three times as much."""
    rows = []
    for system, cost in costs.items():
        for file, share in (("shipped", 1.0), ("unpacked", 0.5)):
            row = {"task": task_name, "system": system, "model_file": file}
            rows.append(row | {"cpu_seconds_per_text": cost * share})
            rows.append(row | {"cpu_seconds_per_text": 3 * cost * share, "variant": "own prompts"})
    return rows


COSTS = {"this": 1.0, "floor": 0.9, "guidance": 4.0, "llama-cpp-python": 2.4, "outlines": 2.6}


def test_targets_compare_with_the_best_peer_as_promised() -> None:
    found = program().targets([*invented("A", COSTS), *invented("B", COSTS), *invented("E", COSTS)])
    assert {target["task"] for target in found} == {"A", "B", "E"}
    by_name = {(t["task"], t["this"], t["other"]): (round(t["found"], 3), t["met"]) for t in found}
    assert by_name["A", "this, unpacked", "guidance, shipped"] == (8.0, True)
    assert by_name["A", "this, unpacked", "llama-cpp-python, unpacked"] == (2.4, True)
    assert by_name["A", "this, shipped", "floor, shipped"] == (1.111, True)
    assert by_name["B", "this, unpacked", "llama-cpp-python, unpacked"] == (2.4, False)
    assert by_name["B", "this, unpacked", "llama-cpp-python, unpacked, own prompts"] == (7.2, True)
    assert by_name["E", "this, shipped", "llama-cpp-python, shipped"] == (2.4, False)


def test_the_page_shows_figures_between_its_marks_and_nothing_else_changes() -> None:
    run = program()
    page = PAGE.read_text(encoding="utf-8")
    begin, end = run.tables.BEGIN, run.tables.END
    assert page.count(begin) == page.count(end) == 1
    rows = [*invented("A", COSTS), *invented("B", COSTS)]
    result = {
        "date": "2026-01-31",
        "processor": "a processor",
        "repeats": 2,
        "versions": {"guidance": "1.2"},
        "tasks": {name: {"what": "a task", "texts": 3} for name in "AB"},
        "rows": rows,
        "targets": run.targets(rows),
    }
    shown = run.tables.with_figures(page, result)
    assert shown.partition(begin)[0] == page.partition(begin)[0]
    assert shown.partition(end)[2] == page.partition(end)[2]
    assert "| unpacked | llama-cpp-python | 1.200 | 1.200 |" in shown
    assert (
        "| B | this, unpacked | llama-cpp-python, unpacked | at least 2.5 times fewer | 2.40 | not met |"
        in shown
    )
    assert run.tables.with_figures(shown, result) == shown


def test_the_page_shows_a_run_of_every_task_and_system() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.search(r"^Measured on \d{4}-\d\d-\d\d on ", page, re.MULTILINE)
    assert "| model file | system | A | B | C | D | E |" in page
    for file in ("shipped", "unpacked"):
        for system in SYSTEMS:
            assert re.search(
                rf"^\| {file} \| {system} \|( \d+\.\d+( \(\d+\))? \|){{5}}$", page, re.MULTILINE
            ), (
                file,
                system,
            )


def test_every_round_runs_every_system_once_and_begins_with_another() -> None:
    order = program().turns(["a", "b", "c"], 3)
    rounds = [order[i : i + 3] for i in (0, 3, 6)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert [each[0] for each in rounds] == ["a", "b", "c"]


@pytest.mark.parametrize("name", TASKS)
def test_the_engine_runs_before_the_floor_of_its_file(name: str) -> None:
    order = [(entry.system, entry.model_file) for entry in program().entries(name)]
    for file in ("shipped", "unpacked"):
        assert order.index(("this", file)) < order.index(("floor", file))


def test_the_middle_of_the_repeats_is_the_median() -> None:
    assert program().spread([3.0, 1.0, 2.5]) == {"min": 1.0, "median": 2.5, "max": 3.0}


def test_fixed_costs_are_missing_rather_than_zero_where_there_is_no_study(tmp_path: Path) -> None:
    assert program().overheads(tmp_path, 1) is None


def test_no_figure_depends_on_a_registry_s_address() -> None:
    lock = (ROOT / "requirements" / "bench.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = re.findall(r"^([\w.-]+)==.*\\$", lock, re.MULTILINE)
    assert {"outlines", "numba"} <= set(pinned)
    assert lock.count("--hash=sha256:") >= len(pinned)

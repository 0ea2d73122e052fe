"""The steps of a study, in the order in which a researcher takes them, and what each of them took."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from scale import runs, studies
from scale.runs import ROOT, Cost, Run

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SHARDS = 256
SECONDS = 0.1
"""What a text takes a model that is no stub, such as a small one on a processor."""
ASKED_SLOWLY = 300
"""Texts that such a model is asked about."""
PROGRAMS = {
    "corpus": ["study.corpus"],
    "sample": ["study.sample"],
    "dictionary": ["study.coders.dictionary"],
    "people": ["study.coders.human"],
    "ask": ["study.llm.coding"],
    "codings": ["study.codings"],
    "measures": ["study.measures"],
    "agreement": ["study.validity.agreement"],
}
"""Steps that are one program of the study."""
CODING = "study.llm.coding"


def dag(run: Run) -> list[Cost]:
    """Snakemake finds what is to be done in a new study: with one shard, and with many."""
    run.snakemake("dag", "--dry-run", *run.targets)
    many = f'coding={{"shards":{SHARDS}}}'
    said = run.snakemake("dag_256", "--dry-run", *run.targets, "--config", many)
    _expect(re.search(rf"^ask +{SHARDS}$", said, re.M) is not None, run, "a plan of all shards", said)
    return [run.cost("dag", "dag"), run.cost("dag_256", "dag_256")]


def plan(run: Run) -> list[Cost]:
    """`snakemake plan`: what is missing, without a model that would say how long it takes."""
    said = run.snakemake("snakemake plan", "plan")
    _expect(f"{run.texts:,} responses will be asked" in said, run, "a plan of all texts", said)
    return [run.cost("plan", "study.llm.plan")]


def whole(run: Run) -> list[Cost]:
    """`snakemake`: everything, program after program."""
    run.snakemake("snakemake", *run.targets)
    names = {one["name"] for one in run.records if one["name"].startswith("study.")}
    others = sorted(names - {"study.llm.plan"} - {name for own in PROGRAMS.values() for name in own})
    costs = [run.cost(step, *own) for step, own in PROGRAMS.items() if set(own) <= names]
    costs.append(run.cost("others", *others))
    together = run.cost("whole", "snakemake plan", "snakemake", last=False)
    _expect(f"asked {run.texts} times" in _log(run), run, "a question a text", _log(run))
    return [*costs, together]


def known(run: Run) -> list[Cost]:
    """Asking once more, where everything is known: in one job."""
    said = run.again(CODING, "known", index=str(run.folder / "known.csv"))
    _expect("the model was asked 0 times" in said, run, "no question", said)
    return [run.cost("known", "known")]


def shards(run: Run) -> list[Cost]:
    """One of many jobs, which asks about its part of the texts; and codings out of as many indexes."""
    empty, index = run.folder / "empty", run.folder / "shard.csv"
    said = run.again(CODING, "shard", shard="0", shards=str(SHARDS), store=str(empty), index=str(index))
    shutil.rmtree(empty)
    n = _asked(said)
    command = run.record("study.codings")["command"]
    whole_index = run.study / command[command.index("--indexes") + 1]
    parts, where = run.folder / "indexes", pd.read_csv(whole_index, dtype=str)
    parts.mkdir(exist_ok=True)
    for part, rows in where.groupby(where["key"].str[:2]):
        rows.to_csv(parts / f"{part}.csv", index=False, lineterminator="\n")
    files = sorted(map(str, parts.glob("*.csv")))
    new, old = run.folder / "codings.parquet", run.study / command[command.index("--codings") + 1]
    run.again("study.codings", "codings_256", indexes=files, codings=str(new))
    _expect(new.read_bytes() == old.read_bytes(), run, "the same codings", "other bytes")
    return [run.cost("shard", "shard", n=n), run.cost("codings_256", "codings_256")]


def slow(run: Run) -> list[Cost]:
    """Asking about some texts with a model that takes its time: what is added to that."""
    empty, index = run.folder / "empty", run.folder / "slow.csv"
    parts = max(1, run.texts // ASKED_SLOWLY)
    said = run.again(
        CODING, "slow", SECONDS, shard="0", shards=str(parts), store=str(empty), index=str(index)
    )
    shutil.rmtree(empty)
    found = re.search(r"^stub: ([0-9.]+) of ([0-9.]+) seconds$", said, re.M)
    assert found is not None
    thought, took = map(float, found.groups())
    return [run.cost("slow", "slow", n=_asked(said), share=(took - thought) / thought)]


def add(run: Run) -> list[Cost]:
    """`dvc add` of everything, as after the first run: DVC knows nothing of these files yet."""
    for folder in (run.study / ".dvc" / "cache", run.study / ".dvc" / "tmp", run.folder / "dvc"):
        shutil.rmtree(folder, ignore_errors=True)
    tracked = [name for name in TRACKED if (run.study / name).is_dir()]
    run.measure("dvc add", sys.executable, "-m", "dvc", "add", "--quiet", *tracked)
    return [run.cost("add", "dvc add")]


def push(run: Run) -> list[Cost]:
    """`git commit`, then `dvc push` to a folder."""
    studies.commit(run.folder, run.study, "What was made")
    run.measure("dvc push", "dvc", "push", "--quiet")
    return [run.cost("push", "dvc push")]


def clone(run: Run) -> list[Cost]:
    """`git clone`, `dvc pull`, and `snakemake` finds nothing to do."""
    shutil.rmtree(run.clone, ignore_errors=True)
    run.measure("git clone", "git", "clone", "--quiet", str(run.study), str(run.clone), cwd=run.folder)
    run.measure("dvc pull", "dvc", "pull", "--quiet", cwd=run.clone)
    said = run.snakemake("nothing", *run.targets, cwd=run.clone)
    _expect("Nothing to be done" in said, run, "Nothing to be done", said)
    shutil.rmtree(run.clone)
    return [run.cost("pull", "git clone", "dvc pull"), run.cost("nothing", "nothing")]


TRACKED = ("data/corpus", "data/gold", "data/responses", "results")
STEPS: dict[str, Callable[[Run], list[Cost]]] = {
    function.__name__: function for function in (dag, plan, whole, known, shards, slow, add, push, clone)
}


def measure(
    folder: Path,
    sizes: Sequence[int] = SIZES,
    *,
    steps: Sequence[str] = tuple(STEPS),
    targets: Sequence[str] = (),
    keep: bool = False,
    template: Path = ROOT,
) -> pd.DataFrame:
    """Take the steps that are missing; return a row a size and step (see `runs.Cost`).

    Parameters
    ----------
    folder
        Of studies and of finished steps.
    sizes
        Numbers of texts.
    steps
        Names of STEPS.
    targets
        What Snakemake makes; everything without any.
    keep
        Keep finished steps also where code changed after them.
    template
        Studies are generated from it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code, said = runs.fingerprint(), folder / "code"
    if not keep and (not said.is_file() or said.read_text() != code):
        for size in folder.glob("[0-9]*"):
            shutil.rmtree(size)
        said.write_text(code)
    costs: list[Cost] = []
    for texts in sizes:
        run = Run(folder / str(texts), texts, targets, template)
        for name in steps:
            found = runs.finished(run.folder, name)
            if found is None:
                found = STEPS[name](run)
                runs.keep(run.folder, name, found)
                print(f"{texts:,} texts, {_in_words(found)}", file=sys.stderr, flush=True)
            costs += found
    return pd.DataFrame(costs)


def _in_words(costs: Sequence[Cost]) -> str:
    return "; ".join(f"{one.step}: {one.cpu_seconds:.1f} CPU-seconds, {one.peak_mb:,.0f} MB" for one in costs)


def _asked(said: str) -> int:
    found = re.search(r"The model was asked (\d+) times", said)
    assert found is not None, said
    return int(found[1])


def _log(run: Run) -> str:
    [log] = (run.study / "logs" / "ask").glob("*.log")
    return log.read_text(encoding="utf-8")


def _expect(fulfilled: bool, run: Run, what: str, said: str) -> None:
    if not fulfilled:
        raise SystemExit(f"{run.texts} texts: expected {what}, and Snakemake said:\n{said[-3000:]}")

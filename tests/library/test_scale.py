"""How a study scales, at a very small size: every step does what it should, and its table is filled."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
# Last: these folders' other modules must not stand before anybody's.
sys.path.append(str(ROOT / "benchmarks"))

from scale import corpora, figure, page, runs, steps  # noqa: E402
from scale.stub import LABELS, Stub, place  # noqa: E402

from study.instrument import Instrument, Question  # noqa: E402
from study.prompt import Prompt  # noqa: E402

TEXTS = 200
TARGET = "results/tables/agreement.csv"
PROGRAMS = {"corpus", "sample", "dictionary", "people", "ask", "codings", "measures", "agreement"}


@pytest.mark.slow
def test_every_step_of_a_small_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "ASKED_SLOWLY", 20)
    monkeypatch.setattr(steps, "SHARDS", 8)
    found = steps.measure(tmp_path / "scale", [TEXTS], targets=[TARGET])
    expected = PROGRAMS | {"dag", "dag_256", "plan", "others", "whole", "known", "shard", "codings_256"}
    assert set(found["step"]) == expected | {"slow", "add", "push", "pull", "nothing"} == set(page.STEPS)
    assert found["step"].is_unique
    table = page.summary(found)
    assert list(table["step"]) == list(page.STEPS)
    assert table.drop(columns="share").notna().all(axis=None)
    assert (table[["cpu_seconds", "ms_a_text", "peak_mb"]] > 0).all(axis=None)
    assert list(table.loc[table["share"].notna(), "step"]) == ["slow"]
    n = table.set_index("step")["n"]
    assert n["ask"] == TEXTS
    assert 0 < n["shard"] < TEXTS / 4
    assert 0 < n["slow"] < TEXTS / 4
    # The study is a real one: each text was asked about, and a table says how well the stub does.
    study = tmp_path / "scale" / str(TEXTS) / "study"
    agreement = pd.read_csv(study / TARGET).set_index("measure")
    assert agreement.loc["llm", "pearson_r"].iloc[0] > 0.5
    assert agreement.loc["llm", "n"].iloc[0] == TEXTS / 2
    codings = pd.read_parquet(study / "results" / "codings" / "llm.parquet")
    assert codings.groupby("construct").size().to_dict() == {
        "note_request": TEXTS,
        "note_satisfaction": TEXTS,
    }
    # What is finished is kept, and code that has changed is measured anew.
    records = tmp_path / "scale" / str(TEXTS) / "records.jsonl"
    before = records.read_bytes()
    assert steps.measure(tmp_path / "scale", [TEXTS], targets=[TARGET]).equals(found)
    assert records.read_bytes() == before
    (tmp_path / "scale" / "code").write_text("another")
    assert steps.measure(tmp_path / "scale", [], keep=True).empty
    assert records.is_file()
    assert steps.measure(tmp_path / "scale", []).empty
    assert not records.exists()


def test_a_step_that_goes_wrong_stops_and_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "10" / "study").mkdir(parents=True)
    (tmp_path / "10" / "made").touch()
    (tmp_path / "code").write_text(runs.fingerprint())
    with pytest.raises(SystemExit, match="dag of 10 texts ended with"):
        steps.measure(tmp_path, [10], steps=["dag"])
    assert runs.finished(tmp_path / "10", "dag") is None
    [record] = runs.Run(tmp_path / "10", 10).records
    assert (record["name"], record["exit"] != 0) == ("dag", True)


def test_a_whole_run_that_was_stopped_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "10"
    made = runs.Run(folder, 10)
    (made.study / "mark").touch()
    (made.study / ".snakemake" / "locks").mkdir(parents=True)
    assert (runs.Run(folder, 10).study / "mark").is_file()
    assert not (made.study / ".snakemake" / "locks").exists()
    record = {"name": "study.llm.coding", "exit": 0}
    (folder / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    runs.keep(folder, "whole", [])
    assert (runs.Run(folder, 10).study / "mark").is_file()
    (folder / "steps" / "whole.json").unlink()
    assert not (runs.Run(folder, 10).study / "mark").exists()


def test_the_texts_of_a_small_corpus_are_the_first_of_a_large_one() -> None:
    large = list(corpora.texts(2500))
    assert list(corpora.texts(1200)) == large[:1200]
    assert list(itertools.islice(corpora.texts(1200, seed=2), 5)) != large[:5]
    assert len({text for _, text, _, _ in large}) == len({name for name, *_ in large}) == 2500
    words = pd.Series([len(text.split()) for _, text, _, _ in large])
    assert words.min() < 8
    assert 15 < words.median() < 21
    assert words.max() > 50


def test_people_code_as_the_stub_does_but_for_slips(tmp_path: Path) -> None:
    corpora.write(400, tmp_path / "texts.csv", tmp_path / "codes.csv")
    texts = pd.read_csv(tmp_path / "texts.csv").set_index("unit_id")["text"]
    codes = pd.read_csv(tmp_path / "codes.csv")
    assert len(texts) == 400
    assert codes.groupby("rater")["unit_id"].nunique().to_dict() == {"anna": 200, "ben": 200}
    model = Stub()
    asked = {
        unit: model.ask(INSTRUMENT, [text], "")["answers"][0]["log_p"][0] for unit, text in texts.items()
    }
    best = codes["unit_id"].map(lambda unit: LABELS[max(range(3), key=asked[unit].__getitem__)])
    # A rater slips in 15% of the units, and then is right by chance in a third of them.
    assert 0.85 < (best == codes["rating"]).mean() < 0.95


PROMPT = Prompt("Text: ", "?")
INSTRUMENT = Instrument(
    "note",
    "llm",
    (
        Question("note_satisfaction", "choice", PROMPT, LABELS, LABELS),
        Question("note_request", "choice", PROMPT, ("yes", "no"), ("yes", "no")),
    ),
    "<end>",
    {"name": "m", "sha256": "0" * 64, "engine": {}},
    {"context": 64},
)


def test_the_stub_answers_from_the_text_alone() -> None:
    model = Stub()
    first, again = (model.ask(INSTRUMENT, ["A text."], key) for key in ("1", "2"))
    assert first == again
    assert model.asked == 2
    assert [len(answer["log_p"][0]) for answer in first["answers"]] == [3, 2]
    assert model.ask(INSTRUMENT, ["Another."], "1")["answers"] != first["answers"]
    assert 0 <= place("f" * 64, 1) < 1


def synthetic(growth: float = 1.0, mb: float = 900, dag: float = 3, share: float = 0.01) -> pd.DataFrame:
    """Return costs of every step and size: 1 ms a text at first."""
    costs = []
    for size in steps.SIZES:
        for step in page.STEPS:
            seconds = size / 1000 * (growth if size == page.TO else 1)
            seconds = dag if step == "dag_256" else seconds
            of = share if step == "slow" else None
            costs.append(runs.Cost(size, step, seconds, mb if size == page.TO else 150, size, of))
    return pd.DataFrame(costs)


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({}, [True, True, True, True]),
        ({"growth": 1.6}, [False, True, True, True]),
        ({"mb": 2100}, [True, False, True, True]),
        ({"dag": 21}, [True, True, False, True]),
        ({"share": 0.06}, [True, True, True, False]),
    ],
)
def test_targets(changed: dict[str, float], met: list[bool]) -> None:
    table = page.summary(synthetic(**changed))
    assert [verdict.met for verdict in page.verdicts(table)] == met
    shown = "\n".join(page.tables(table))
    assert shown.count("**no**") == met.count(False)


def test_the_published_figures_are_those_of_the_table(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    table = page.read(docs)
    assert list(table.columns) == list(page.COLUMNS)
    assert set(zip(table["step"], table["texts"], strict=True)) == set(
        itertools.product(page.STEPS, steps.SIZES)
    )
    assert table.drop(columns="share").notna().all(axis=None)
    assert all(verdict.met for verdict in page.verdicts(table))
    shown = (docs / page.INCLUDED).read_text(encoding="utf-8").splitlines()
    assert shown[0].startswith("Measured with snakemake")  # where it was measured, not here
    assert shown[1:] == page.tables(table)[1:]
    assert page.INCLUDED.name in (docs / "explanation" / "how-it-scales.md").read_text(encoding="utf-8")
    assert page.PICTURE.name in (docs / "explanation" / "how-it-scales.md").read_text(encoding="utf-8")
    figure.draw(table, tmp_path / "scale.png")
    published, drawn = (
        matplotlib.image.imread(path) for path in (docs / page.PICTURE, tmp_path / "scale.png")
    )
    assert published.shape == drawn.shape
    assert np.abs(published - drawn).mean() < 0.01

"""A study with a codebook of every type, from its texts to its report, with the real model."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from end_to_end.studies import asked, generate, planned, settings, snakemake, write_settings
from library.every_type import CODEBOOKS, CONSTRUCTS, TEXTS
from study.digest import text_sha256
from study.instrument import Instrument
from study.pairs import draw

pytestmark = pytest.mark.slow

MOODS = ["pleased", "displeased", "neither", "displeased", "pleased", "displeased",
         "displeased", "pleased", "displeased", "pleased", "neither", "neither"]  # fmt: skip
CODES: dict[str, list[object]] = {
    "mood": list(MOODS),
    "anger": [0, 2, 0, 1, 0, 2, 3, 0, 1, 0, 0, 0],
    "things": [1, 2, 2, 2, 3, 3, 3, 4, 2, 1, 2, 2],
    "minutes": [10, 60, 5, 20, 45.5, 15, 2, 25, "NA", 30, 5, 10],
    "wishes": [1, 0, 0, 0, 1, 2, 0, 0, 1, 0, 0, 2],
    "polite": [1.2, -0.3, 0.1, 0, 2, -0.5, -2, 1, 0.4, 1.8, 0.1, -0.2],
    "topics_staff": ["no", "yes", "no", "no", "yes", "no", "no", "yes", "no", "yes", "no", "no"],
    "topics_the_building": ["yes", "no", "no", "yes", "no", "no", "yes", "no", "no", "yes", "no", "yes"],
    "visit_season": ["not said", "not said", "not said", "winter", "not said", "not said",
                     "summer", "not said", "not said", "winter", "not said", "not said"],
    "visit_people": [0, 1, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0],
}  # fmt: skip


DRAWN = ["mood", "things", "topics", "wishes"]
TEXTS_APART = set(TEXTS.values())


def prepare(folder: Path) -> Path:
    """Generate the blank study, and put texts, codebooks and codes of its own into it."""
    study = generate(folder, "blank")
    for old in (study / "config/codebooks").glob("*.yaml"):
        old.unlink()
    for name, text in CODEBOOKS.items():
        (study / f"config/codebooks/{name}.yaml").write_text(text, encoding="utf-8")
    write(study / "data/corpus/notes.csv", ["unit_id", "text"], [list(note) for note in TEXTS.items()])
    rows = [
        [unit, rater, *(codes[i] for codes in CODES.values())]
        for i, unit in enumerate(TEXTS)
        for rater in ("anna", "ben")
    ]
    write(study / "data/gold/codes.csv", ["unit_id", "rater", *CODES], rows)
    changed = settings(study)
    changed["corpus"] |= {"file": "data/corpus/notes.csv", "covariates": []}
    llm = changed["coders"]["llm"] | {"code": "all"}
    humans = {k: v for k, v in changed["coders"]["humans"].items() if k not in ("rating", "score")}
    changed["coders"] = {
        "llm": llm,
        "drawn": llm | {"code": "sample", "temperature": 1, "repeats": 2, "codebooks": DRAWN},
        "wordlist": changed["coders"]["wordlist"] | {"codebooks": ["mood", "polite", "wishes"]},
        "humans": humans | {"file": "data/gold/codes.csv", "codebooks": list(CODES), "score": "majority"},
    }
    changed["sample"] = {"n": 5, "seed": 1}
    changed["compare"]["bootstrap"] = 200
    changed["analyses"] = {
        "politeness": {"formula": "polite_humans ~ polite_llm + things_llm", "subset": "all"}
    }
    changed["coding"] = {"threads": 1, "context": 512}
    write_settings(study, changed)
    return study


def write(file: Path, columns: list[str], rows: list[list[Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The study after its first run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_STUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = prepare(tmp_path_factory.mktemp("every"))
        snakemake(folder)
        yield folder


def codings(study: Path, coder: str = "llm") -> pd.DataFrame:
    return pd.read_parquet(study / f"results/codings/{coder}.parquet")


def sample(study: Path) -> list[str]:
    return sorted(pd.read_csv(study / "data/corpus/sample.csv", dtype=str)["unit_id"])


def rows(study: Path, construct: str, coder: str = "llm") -> pd.DataFrame:
    """Return one construct's codings, with the columns that it has."""
    table = codings(study, coder)
    return table[table["construct"] == construct].dropna(axis="columns", how="all").reset_index(drop=True)


def instrument(study: Path, name: str, coder: str = "llm") -> Instrument:
    return Instrument.read(study / f"results/instruments/{coder}.{name}.json")


def responses(study: Path, name: str, coder: str = "llm") -> list[dict[str, Any]]:
    """Return what the store holds of one instrument."""
    instrument_id = instrument(study, name, coder).instrument_id
    every = [
        json.loads(line)
        for segment in sorted((study / "data/responses/segments").glob("*.jsonl"))
        for line in segment.read_bytes().splitlines()
    ]
    return [response for response in every if response["instrument_id"] == instrument_id]


def test_each_distinct_text_is_asked_about_once(study: Path) -> None:
    texts, files = len(TEXTS_APART), len(CODEBOOKS)
    assert texts == 11
    pairs = draw([text_sha256(text) for text in TEXTS_APART], rounds=2, seed=3)
    references = 2 + 10  # of anger, and of visit
    drawn = 2 * len({TEXTS[unit] for unit in sample(study)}) * len(DRAWN)
    assert asked(study) == texts * (files - 1) + references + 2 * len(pairs) + drawn


def test_every_unit_has_a_row_for_every_construct(study: Path) -> None:
    table = codings(study)
    assert set(CONSTRUCTS) <= set(table["construct"])
    for _, own in table.groupby("construct"):
        assert list(own["unit_id"]) == list(TEXTS)
        assert set(own["status"]) <= {"ok", "not_codable"}
        # n03 and n11 are one text.
        one, other = (own[own["unit_id"] == unit].drop(columns="unit_id") for unit in ("n03", "n11"))
        assert one.reset_index(drop=True).equals(other.reset_index(drop=True))


@pytest.mark.parametrize(
    ("construct", "labels", "calibrated"),
    [
        ("mood", ["pleased", "displeased", "neither"], False),
        ("anger", ["0", "1", "2", "3", "cannot tell"], True),
        ("topics_staff", ["yes", "no"], False),
        ("topics_the_building", ["yes", "no"], False),
        ("visit_season", ["summer", "winter", "not said"], True),
        ("visit_hurry", ["1", "2", "3"], True),
    ],
)
def test_every_label_has_a_probability(
    construct: str, labels: list[str], calibrated: bool, study: Path
) -> None:
    found = rows(study, construct)
    for prefix in ("", "raw_") if calibrated else ("",):
        p = found[[f"{prefix}p_{label}" for label in labels]]
        assert p.sum(axis=1).to_numpy() == pytest.approx([1.0] * len(TEXTS))
        assert list(found[f"{prefix}label"]) == list(p.idxmax(axis=1).str.removeprefix(f"{prefix}p_"))
    assert found["valid_mass"].between(0, 1, inclusive="right").all()
    assert ("raw_label" in found) == calibrated
    if calibrated:
        assert not found[f"p_{labels[0]}"].equals(found[f"raw_p_{labels[0]}"])
    refused = found["label"].isin(["neither", "cannot tell", "not said"])
    assert list(found["status"]) == ["not_codable" if no else "ok" for no in refused]


def test_numbers_are_within_their_bounds(study: Path) -> None:
    for construct, high, decimals in (
        ("things", 500, 0), ("minutes", 600, 1), ("visit_people", 20, 0), ("visit_share", 1, 2),
    ):  # fmt: skip
        found = rows(study, construct)
        assert set(found["status"]) == {"ok"}
        assert found["score"].between(0, high).all()
        assert (found["score"] == found["score"].round(decimals)).all()
        assert (found["log_p"] < 0).all()
        assert "label" not in found


@pytest.mark.parametrize(
    ("construct", "most", "coder"), [("wishes", 2, "llm"), ("wishes", 2, "drawn"), ("visit_places", 3, "llm")]
)
def test_passages_are_the_texts_own(construct: str, most: int, coder: str, study: Path) -> None:
    found = rows(study, construct, coder)
    for unit, written, score in zip(found["unit_id"], found["spans"], found["score"], strict=True):
        spans = json.loads(written)
        assert len(spans) == score <= most
        assert all(TEXTS[unit][span["start"] : span["end"]] == span["text"] != "" for span in spans)
    assert found["score"].sum() > 0


def test_rationales_are_kept(study: Path) -> None:
    for construct in ("mood", "wishes"):
        found = rows(study, construct)
        assert found["rationale"].str.len().gt(0).all()
        assert not found["rationale"].str.contains("\n").any()
        assert (found["n_written"] > 0).all()
    assert "rationale" not in rows(study, "anger")


def test_pairs_are_asked_in_both_orders(study: Path) -> None:
    found = responses(study, "polite")
    shown = {(one["text_sha256"], one["other_text_sha256"]) for one in found}
    drawn = draw([text_sha256(text) for text in TEXTS_APART], rounds=2, seed=3)
    assert shown == {*drawn, *((b, a) for a, b in drawn)}
    table = rows(study, "polite")
    assert table["score"].to_numpy().std() > 0
    assert table["score_se"].gt(0).all()
    assert table["order_effect"].nunique() == 1
    times = pd.Series([digest for pair in shown for digest in pair]).value_counts()
    assert list(table["comparisons"]) == [times[text_sha256(text)] for text in TEXTS.values()]


def test_labels_are_offered_in_the_orders_that_the_codebook_says(study: Path) -> None:
    rotations = [[0, 1, 2, 3, 4], [1, 2, 3, 0, 4], [2, 3, 0, 1, 4], [3, 0, 1, 2, 4]]
    for one in responses(study, "anger"):
        assert one["answers"][0]["orders"] == rotations
        assert len(one["answers"][0]["log_p"]) == 4
    season = instrument(study, "visit").question("visit_season")
    place = instrument(study, "visit").constructs.index("visit_season")
    found = {one["text_sha256"]: one["answers"][place]["orders"] for one in responses(study, "visit")}
    assert found == {digest: [list(order) for order in season.orders(digest)] for digest in found}
    assert len({str(orders) for orders in found.values()}) == 2


def test_reference_texts_are_asked_with_the_same_instrument(study: Path) -> None:
    references = {name: [one for one in responses(study, name) if one["unit_id"] == ""] for name in CODEBOOKS}
    assert {name: len(found) for name, found in references.items() if found} == {"anger": 2, "visit": 10}
    assert {one["text_sha256"] for one in references["anger"]} == {text_sha256("N/A"), text_sha256("")}
    assert {one["status"] for found in references.values() for one in found} == {"ok"}


def test_what_is_drawn_differs_between_repeats(study: Path) -> None:
    table = codings(study, "drawn")
    assert set(table["construct"]) >= {"mood", "things", "topics_staff", "topics_the_building", "wishes"}
    for construct, own in table.groupby("construct"):
        assert list(own["unit_id"]) == [unit for unit in sample(study) for _ in (1, 2)], construct
        assert list(own["repeat"]) == [1, 2] * len(sample(study)), construct
    staff = rows(study, "topics_staff", "drawn")
    once, again = (staff[staff["repeat"] == n].reset_index(drop=True) for n in (1, 2))
    assert once["p_yes"].equals(again["p_yes"])  # the probabilities are the model's, whatever is drawn
    greedy = rows(study, "topics_staff").set_index("unit_id")["p_yes"]
    assert list(once["p_yes"]) == list(greedy[sample(study)])
    things = rows(study, "things", "drawn")
    once, again = (things[things["repeat"] == n].reset_index(drop=True) for n in (1, 2))
    assert (once["score"] != again["score"]).any()
    keys = [one["key"] for one in responses(study, "things", "drawn")]
    assert len(set(keys)) == len(keys) == 2 * len({TEXTS[unit] for unit in sample(study)})


def test_measures_hold_every_score(study: Path) -> None:
    measures = pd.read_parquet(study / "results/measures.parquet")
    for construct in CONSTRUCTS:
        if construct != "visit_season":  # its labels have no values
            assert measures[f"{construct}_llm"].notna().any()
    drawn = rows(study, "things", "drawn").groupby("unit_id")["score"].mean()
    assert measures.loc[measures["sample"], "things_drawn"].to_numpy() == pytest.approx(drawn.to_numpy())
    assert measures.loc[~measures["sample"], "things_drawn"].isna().all()


def test_scores_without_classes_are_correlated_and_not_classified(study: Path) -> None:
    tables = study / "results/tables"
    agreement, classes = (pd.read_csv(tables / f"{name}.csv") for name in ("agreement", "classification"))
    assert {"things", "minutes", "wishes", "polite"} <= set(agreement["construct"])
    assert not {"things", "minutes", "wishes", "polite"} & set(classes["construct"])
    assert {"mood", "anger", "topics_staff"} <= set(classes["construct"])


def test_the_report_shows_every_prompt(study: Path) -> None:
    page = (study / "results/report/03_codebook.html").read_text(encoding="utf-8")
    for coder, names in (("llm", list(CODEBOOKS)), ("drawn", DRAWN)):
        for name in names:
            assert instrument(study, name, coder).instrument_id in page
    assert len(list((study / "results/report").glob("*.html"))) == 16
    figures = {path.name for path in (study / "results/figures").glob("*.png")}
    assert {f"labels_{construct}.png" for construct in CONSTRUCTS} <= figures


def test_a_second_run_does_nothing(study: Path) -> None:
    assert planned(study) == set()


def test_without_results_nothing_is_asked_again(study: Path) -> None:
    files = [f"results/codings/{coder}.parquet" for coder in ("llm", "drawn")]
    before = [(study / file).read_bytes() for file in files]
    shutil.rmtree(study / "results")
    snakemake(study, *files)
    assert asked(study) == 0
    assert [(study / file).read_bytes() for file in files] == before

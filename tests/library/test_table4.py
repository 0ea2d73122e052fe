"""Table 4 of Hutto & Gilbert (2014): the claims of the starter, judged on all 23,703 texts."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import jinja2
import pytest

from study import claims
from study.archives import open_member
from study.claims import Judged, by_statement, read, summary
from study.coders import vader
from study.config import load, schema
from study.validity import agreement, classification
from study_data import (
    INNER,
    hutto_gilbert_measures,
    hutto_gilbert_ratings,
    hutto_gilbert_units,
    vader_source_distribution,
)

STARTER = Path(schema.SCHEMAS).parents[1] / "starters" / "hutto-gilbert-2014"
CODERS = {"sentiment": {"humans": "human", "vader": "dictionary", "vader_2014": "dictionary"}}
CODEBOOKS = {"sentiment": {"level": "ordinal", "values": {"positive": 1, "neutral": 0, "negative": -1}}}
COMPARE = {"criterion": "humans", "by": "domain", "thresholds": [0, 0], "bootstrap": 0, "seed": 1}
EXCHANGED = "The printed rows of VADER and Hu-Liu04 are exchanged."


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter's configuration as cookiecutter renders it."""
    root = tmp_path_factory.mktemp("study")
    shutil.copytree(STARTER / "config", root / "config")
    answers = ("project_name", "question", "author_name", "author_email", "orcid")
    study = root / "config" / "study.yaml"
    rendered = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        study.read_text(encoding="utf-8")
    )
    asked = dict.fromkeys(answers, "a@example.org") | {"orcid": ""}
    study.write_text(rendered.render(cookiecutter=asked), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def rows(starter: Path) -> list[Judged]:
    tables = starter / "results" / "tables"
    units, measures = hutto_gilbert_units(), hutto_gilbert_measures()
    archive = open_member(vader_source_distribution(), INNER)
    measures["sentiment_vader"] = vader.installed(units["text"])
    measures["sentiment_vader_2014"] = vader.published(units["text"], archive)
    files = {"measures_file": starter / "measures.parquet", "ratings_file": starter / "ratings.parquet"}
    measures.to_parquet(files["measures_file"])
    hutto_gilbert_ratings().to_parquet(files["ratings_file"])
    agreement.main(**files, table_file=tables / "agreement.csv", coders=CODERS, compare=COMPARE)
    classification.main(
        **files,
        classification_file=tables / "classification.csv",
        confusion_file=tables / "confusion.csv",
        coders=CODERS,
        codebooks=CODEBOOKS,
        compare=COMPARE,
    )
    claims.main(
        claims=[starter / "config" / "claims.yaml"],
        tables=[tables / "agreement.csv", tables / "classification.csv"],
        table_file=tables / "claims.csv",
        copy_file=starter / "results" / "claims.csv",
    )
    return read(starter / "results" / "claims.csv")


def verdicts(rows: list[Judged], statement: str, reading: str = "") -> str:
    """The verdicts of a row of the printed table, in the order r, precision, recall, F1: '+', '-' or '.'."""
    mark = {"reproduced": "+", "not reproduced": "-", "not attempted": "."}
    group = by_statement(rows)["Hutto & Gilbert (2014), Table 4", statement]
    return "".join(mark[row.verdict] for row in group if row.reading == reading)


def test_the_starters_configuration_is_in_order(starter: Path) -> None:
    loaded = load(starter)["claims"]
    assert len(loaded) == 36
    assert sum(len(claim["values"]) for claim in loaded) == 144


def test_what_reproduces_of_144_printed_figures(rows: list[Judged]) -> None:
    """As printed 22 of the 32 that are attempted; 8 of the other 10 are explained by the exchanged rows."""
    assert summary(rows) == {
        "": {"reproduced": 22, "not reproduced": 10, "not attempted": 112},
        EXCHANGED: {"reproduced": 8, "not reproduced": 0, "not attempted": 8},
    }
    domains = ("tweets", "Amazon reviews", "film reviews", "New York Times editorials")
    humans, printed, exchanged = (
        [verdicts(rows, f"{measure}, {domain}", reading) for domain in domains]
        for measure, reading in (("Individual humans", ""), ("VADER", ""), ("Hu-Liu04", EXCHANGED))
    )
    assert humans == ["++++"] * 4
    assert printed == ["++++", "----", "----", "++--"]
    assert exchanged == ["", "++++", "++++", ""]


def test_what_is_not_attempted_or_not_reproduced_says_why(rows: list[Judged]) -> None:
    assert [row.claim for row in rows if row.verdict != "reproduced" and not row.reason] == []
    left_out = Counter(
        row.statement.split(",")[0] for row in rows if row.verdict == "not attempted" and not row.reading
    )
    assert left_out == dict.fromkeys(("Hu-Liu04", "SCN", "GI", "SWN", "LIWC", "ANEW", "WSD"), 16)
    own = [(row.claim, row.tolerance) for row in rows if row.verdict == "reproduced" and row.reason]
    assert own == [("table4-movies-individual-humans/pearson_r", "0.001")]


def test_figures_of_vader_to_three_decimals(starter: Path, rows: list[Judged]) -> None:
    """What was computed, whatever is printed: both versions of VADER, and the NYT recall and F1 of 2014."""
    obtained = {}
    for name in ("agreement", "classification"):
        with (starter / "results" / "tables" / f"{name}.csv").open(encoding="utf-8") as stream:
            obtained |= {(name, row["measure"], row["domain"]): row for row in csv.DictReader(stream)}
    order = ("tweets", "amazon", "movies", "nyt")
    for measure, expected in (
        ("vader", ["0.872", "0.590", "0.427", "0.503"]),
        ("vader_2014", ["0.881", "0.571", "0.416", "0.492"]),
    ):
        found = [obtained["agreement", measure, domain]["pearson_r"] for domain in order]
        assert [f"{float(r):.3f}" for r in found] == expected
    for domain, expected in (("tweets", (0.99, 0.94, 0.96)), ("nyt", (0.69, 0.49, 0.55))):
        row = obtained["classification", "vader_2014", domain]
        assert tuple(round(float(row[key]), 2) for key in ("precision", "recall", "f1")) == expected
    assert {row["n"] for (_, _, domain), row in obtained.items() if domain == "movies"} == {"10605"}

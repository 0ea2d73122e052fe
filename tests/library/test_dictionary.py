"""Every dictionary coder codes every unit, in the table that all coders write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.coders.dictionary import main
from study.errors import StudyError
from study_data import INNER, REQUIREMENT, SHA256, vader_source_distribution

COLUMNS = [
    "unit_id",
    "construct",
    "coder",
    "instrument_id",
    "repeat",
    "status",
    "label",
    "score",
    "valid_mass",
    "n_tokens",
]


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"unit_id": ["b", "a", "c"], "text": ["A good day", "bad, bad!", "..."]}).to_parquet(
        "units.parquet"
    )
    Path("words.csv").write_text("word,weight\ngood,1\nbad,-2\n")


def codings(
    coder: dict[str, Any], *, language: str = "en", constructs: tuple[str, ...] = ("sentiment",)
) -> pd.DataFrame:
    main(
        units_file=Path("units.parquet"),
        name="mine",
        coder={"language": "en", **coder},
        constructs=list(constructs),
        language=language,
        codings_file=Path("codings.parquet"),
        downloads=vader_source_distribution().parent,
    )
    return pd.read_parquet("codings.parquet")


def test_a_word_list() -> None:
    table = codings({"file": "words.csv"})
    assert list(table.columns) == COLUMNS
    assert table["unit_id"].tolist() == ["a", "b", "c"]
    assert table["score"].tolist()[:2] == [-2.0, 1 / 3]
    assert np.isnan(table["score"][2])
    assert table["status"].tolist() == ["ok", "ok", "empty"]
    assert table["n_tokens"].tolist() == [2, 3, 0]
    assert set(table["coder"]) == {"mine"}
    assert table["instrument_id"].isna().all()


def test_liwc() -> None:
    Path("words.dic").write_text("%\n1\tposemo\n2\tnegemo\n%\ngo*\t1\nbad\t2\n")
    table = codings({"file": "words.dic", "category": "posemo", "negative": "negemo"})
    assert table["score"].tolist()[:2] == [-1.0, 1 / 3]


def test_several_constructs_have_the_same_scores() -> None:
    table = codings({"file": "words.csv"}, constructs=("tone", "affect"))
    assert table["construct"].tolist() == ["affect"] * 3 + ["tone"] * 3


def test_vader_as_installed_and_as_published() -> None:
    installed = codings({"rules": "vader"})
    published = codings(
        {"rules": "vader-2014", "source": {"pypi": REQUIREMENT, "sha256": SHA256, "member": INNER}}
    )
    for table in (installed, published):
        assert list(table.columns) == COLUMNS
        assert table["status"].tolist() == ["ok"] * 3
        assert table["score"][0] < -0.5
        assert table["score"][1] == 0.4404
        assert table["score"][2] == 0.0


def test_a_dictionary_for_another_language_is_refused() -> None:
    with pytest.raises(StudyError, match="another language") as caught:
        codings({"rules": "vader"}, language="de")
    assert "coders.mine.language" in str(caught.value)
    assert not Path("codings.parquet").exists()


def test_a_region_is_no_other_language() -> None:
    assert len(codings({"rules": "vader", "language": "en-US"}, language="en-GB")) == 3


@pytest.mark.parametrize(
    ("coder", "words"),
    [
        ({}, "needs its word list"),
        ({"rules": "vader-2014"}, "needs its word list"),
        ({"rules": "vader2014"}, "Did you mean 'vader-2014'"),
        ({"rules": "vader", "sha256": "0" * 64}, "not the expected one"),
        ({"file": "word.csv"}, "words.csv"),
        ({"file": "words.csv", "sha256": "0" * 64}, "not the expected content"),
    ],
)
def test_a_dictionary_that_cannot_be_used_says_why(coder: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError) as caught:
        codings(coder)
    assert words in str(caught.value)
    assert not Path("codings.parquet").exists()

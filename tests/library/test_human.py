"""One score of several ratings, by hand; and the ratings of Hutto & Gilbert (2014)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from library.coding_sheets import fill_workbook, table_of, write
from study.codebook import Codebook
from study.coders.human import main, rule_of, score
from study.coders.ratings import Rating
from study.errors import StudyError
from study_data import (
    INNER,
    REQUIREMENT,
    SHA256,
    hutto_gilbert_ratings,
    hutto_gilbert_units,
    vader_source_distribution,
)

BOOK = {
    "construct": "sentiment",
    "question": "?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"positive": {"value": 1}, "neutral": {"value": 0}, "negative": {"value": -1}},
    "not_codable": {"label": "unclear"},
}


def rated(*codes: str | float) -> list[Rating]:
    values = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
    found = []
    for n, given in enumerate(codes):
        if given == "unclear":
            found.append(Rating(str(n), "unclear", "unclear", math.nan, "not_codable"))
        elif isinstance(given, str):
            found.append(Rating(str(n), given, given, values.get(given, math.nan), "ok"))
        else:
            found.append(Rating(str(n), str(given), None, given, "ok"))
    return found


@pytest.mark.parametrize(
    ("codes", "rule", "status", "label", "value"),
    [
        ((1, 2, 6), "mean", "ok", None, 3.0),
        ((1, 2, 6), "median", "ok", None, 2.0),
        ((1, 2, 2), "majority", "ok", None, 2.0),
        ((1, 2), "majority", "failed", None, None),
        (("positive", "positive", "negative"), "mean", "ok", "positive", 1 / 3),
        (("positive", "negative"), "mean", "ok", None, 0.0),
        (("positive", "positive", "negative"), "majority", "ok", "positive", 1.0),
        (("positive", "negative"), "majority", "failed", None, None),
        (("war", "war", "sport"), "majority", "ok", "war", None),
        (("war", "sport"), "mean", "failed", None, None),
        (("unclear", "unclear", "positive"), "mean", "not_codable", None, None),
        (("unclear", "positive"), "mean", "ok", "positive", 1.0),
        (("unclear", "positive", "negative", "unclear"), "majority", "not_codable", None, None),
        (("unclear", "positive", "positive"), "majority", "ok", "positive", 1.0),
        (("unclear",), "majority", "not_codable", None, None),
    ],
)
def test_one_code_of_several(
    codes: tuple[str | float, ...], rule: str, status: str, label: str | None, value: float | None
) -> None:
    found = score(rated(*codes), rule)
    assert found[:2] == (status, label)
    assert found[2] == pytest.approx(math.nan if value is None else value, nan_ok=True)


def run_main(folder: Path, coders: dict[str, Any], downloads: Path | None = None) -> dict[str, pd.DataFrame]:
    main(
        units_file=folder / "units.parquet",
        coders=coders,
        codebooks=[BOOK],
        ratings_file=folder / "ratings.parquet",
        flow_file=folder / "flow.csv",
        codings_files=[folder / f"{name}.parquet" for name in coders],
        corpus_id="id",
        downloads=downloads or folder,
    )
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in coders}
    return {
        **tables,
        "ratings": pd.read_parquet(folder / "ratings.parquet"),
        "flow": pd.read_csv(folder / "flow.csv"),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    units = pd.DataFrame(
        {"unit_id": ["a", "b", "c", "d"], "text": list("wxyz"), "published": [0.5, 1.0, None, None]}
    )
    units.to_parquet("units.parquet")
    Path("experts.csv").write_text(
        "id,rater,rating\nb,eve,1\na,eve,unclear\na,kim,unclear\na,lou,1\nb,kim,-1\n"
    )
    Path("crowd.csv").write_text('id,all\na,"[2, 3]"\nc,"[-1]"\n')
    return tmp_path


CODERS: dict[str, dict[str, Any]] = {
    "experts": {"file": "experts.csv", "layout": "long"},
    "crowd": {"file": "crowd.csv", "layout": "list", "rating": "all", "identified": False},
}


def test_several_human_coders(folder: Path) -> None:
    found = run_main(folder, CODERS)
    experts, crowd, ratings = found["experts"], found["crowd"], found["ratings"]
    assert experts["unit_id"].tolist() == ["a", "b"]
    assert experts["status"].tolist() == ["not_codable", "ok"]
    assert np.isnan(experts["score"][0])
    assert experts["score"][1] == 0.0
    assert experts["n_ratings"].tolist() == [3, 2]
    assert crowd["score"].tolist() == [2.5, -1.0]
    assert list(ratings.columns) == ["unit_id", "construct", "coder", "rater", "code", "value", "status"]
    assert len(ratings) == 8
    assert ratings["unit_id"].is_monotonic_increasing
    mine = ratings[(ratings["unit_id"] == "a") & (ratings["coder"] == "experts")]
    assert mine[["rater", "code", "status"]].to_numpy().tolist() == [
        ["eve", "unclear", "not_codable"],
        ["kim", "unclear", "not_codable"],
        ["lou", "1", "ok"],
    ]
    steps = found["flow"].set_index(["step", "group"])["n"]
    assert steps["units not codable", "experts sentiment"] == 1
    assert steps["units without ratings", "crowd sentiment"] == 2


RECORD: list[dict[str, Any]] = [
    {"construct": "hurt", "question": "?", "type": "count", "scale": {"low": 0, "high": 100}},
    {"construct": "demands", "question": "?", "type": "extract"},
    {
        "construct": "genre",
        "question": "?",
        "type": "classify",
        "level": "nominal",
        "categories": {"toast": None, "sermon": None},
        "not_codable": {},
    },
]


def test_counts_have_a_mean_and_labels_without_values_a_majority(folder: Path) -> None:
    Path("record.csv").write_text(
        "id,rater,hurt,demands,genre\n"
        "a,eve,3,1,toast\na,kim,0,2,toast\na,lou,3,0,sermon\n"
        "b,eve,7,0,not codable\n"
    )
    main(
        units_file=folder / "units.parquet",
        coders={"people": {"file": "record.csv", "layout": "long"}},
        codebooks=[{**book, "asked_in": "speech"} for book in RECORD],
        ratings_file=folder / "ratings.parquet",
        flow_file=folder / "flow.csv",
        codings_files=[folder / "people.parquet"],
        corpus_id="id",
    )
    people = pd.read_parquet(folder / "people.parquet").set_index(["construct", "unit_id"])
    assert people["score"]["hurt"].to_dict() == {"a": 2.0, "b": 7.0}
    assert people["score"]["demands"].to_dict() == {"a": 1.0, "b": 0.0}
    assert people["score"]["genre"].isna().all()
    assert people["label"]["genre"]["a"] == "toast"
    assert people["status"]["genre"].to_dict() == {"a": "ok", "b": "not_codable"}
    assert people["label"].drop("genre").isna().all()
    ratings = pd.read_parquet(folder / "ratings.parquet")
    assert sorted(ratings.loc[ratings["construct"] == "hurt", "value"]) == [0, 3, 3, 7]


@pytest.mark.parametrize(
    ("number", "rule", "expected"),
    [
        (0, "mean", "mean"),
        (2, "mean", "majority"),
        (2, "median", "majority"),
        (2, "majority", "majority"),
        (2, {"column": "published"}, {"column": "published"}),
    ],
)
def test_the_rule_of_a_construct(number: int, rule: Any, expected: Any) -> None:
    assert rule_of(Codebook.from_dict(RECORD[number]), rule) == expected
    assert rule_of(Codebook.from_dict(BOOK), rule) == rule


def test_the_published_score_is_a_column(folder: Path) -> None:
    crowd = run_main(folder, {"crowd": {**CODERS["crowd"], "score": {"column": "published"}}})["crowd"]
    assert crowd["unit_id"].tolist() == ["a", "b", "c"]
    assert crowd["score"].tolist()[:2] == [0.5, 1.0]
    assert crowd["status"].tolist() == ["ok", "ok", "failed"]
    assert crowd["n_ratings"].tolist() == [2, 0, 1]


def test_a_published_score_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(StudyError, match="published"):
        run_main(folder, {"crowd": {**CODERS["crowd"], "score": {"column": "text"}}})


GOLD = (
    "unit_id,part,stratum,probability,sampling_probability\n"
    "a,evaluate,all,0.5,0.4\nb,pilot,all,0.5,0.4\nc,evaluate,all,0.5,0.4\nd,rest,all,0.5,0.4\n"
)


def run_sealed(
    folder: Path, coders: dict[str, Any], *, sealed: bool, gold: str = GOLD
) -> dict[str, pd.DataFrame]:
    (folder / "gold.csv").write_text(gold)
    main(
        units_file=folder / "units.parquet",
        coders=coders,
        codebooks=[BOOK],
        ratings_file=folder / "ratings.parquet",
        flow_file=folder / "flow.csv",
        codings_files=[folder / f"{name}.parquet" for name in coders],
        corpus_id="id",
        gold_sample=folder / "gold.csv",
        sealed=sealed,
    )
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in coders}
    return {**tables, "ratings": pd.read_parquet(folder / "ratings.parquet")}


def test_sealed_codes_are_in_no_table(folder: Path) -> None:
    found = run_sealed(folder, CODERS, sealed=True)
    experts = found["experts"].set_index("unit_id")
    assert experts["status"].to_dict() == {"a": "sealed", "b": "ok"}
    assert experts["label"]["a"] is None or pd.isna(experts["label"]["a"])
    assert np.isnan(experts["score"]["a"])
    assert found["crowd"].set_index("unit_id")["status"].to_dict() == {"a": "sealed", "c": "sealed"}
    assert found["ratings"]["unit_id"].unique().tolist() == ["b"]
    flow = pd.read_csv(folder / "flow.csv").set_index(["step", "group"])
    n = flow["n"]["units sealed until the codebook is frozen"]
    assert n.to_dict() == {"experts sentiment": 1, "crowd sentiment": 2}
    # No unit is named whose code is sealed, by what became of it.
    assert n.index.size == 2
    assert flow.loc[("units not codable", "experts sentiment"), "n"] == 0


def test_opening_the_seal_gives_what_there_was(folder: Path) -> None:
    opened = run_sealed(folder, CODERS, sealed=False)
    without = run_main(folder, CODERS)
    for name in ("experts", "crowd", "ratings"):
        pd.testing.assert_frame_equal(opened[name], without[name])


def test_a_published_score_is_sealed_too(folder: Path) -> None:
    coders = {"crowd": {**CODERS["crowd"], "score": {"column": "published"}}}
    crowd = run_sealed(folder, coders, sealed=True)["crowd"].set_index("unit_id")
    assert crowd["status"].to_dict() == {"a": "sealed", "b": "ok", "c": "sealed"}
    assert crowd["score"]["b"] == 1.0
    assert crowd["score"].drop("b").isna().all()


def test_nothing_can_be_sealed_without_a_gold_sample(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"gold\.seal"):
        run_sealed(folder, CODERS, sealed=True, gold=GOLD.partition("\n")[0] + "\n")


def test_what_comes_back_on_sheets(folder: Path) -> None:
    texts = dict(zip("abcd", "wxyz", strict=True))
    book = Codebook.from_dict(BOOK)
    table_of(texts).to_parquet("units.parquet")
    codes = {
        "anna": {"a": "positive", "b": "unclear", "c": "neutral"},
        "ben": {"a": "neutral", "b": "unclear", "d": ""},
    }
    for rater, given in codes.items():
        write(folder / "coded", rater, books={"sentiment": book}, texts=texts)
        (folder / "coded" / f"{rater}.csv").unlink()
        fill_workbook(
            folder / "coded" / f"{rater}.xlsx", {u: {"sentiment": c or None} for u, c in given.items()}, texts
        )
    people = {"people": {"layout": "sheets", "folder": "coded"}}
    found = run_sealed(folder, people, sealed=False)
    scored = found["people"].set_index("unit_id")
    assert scored["status"].to_dict() == {"a": "ok", "b": "not_codable", "c": "ok"}
    assert scored["score"]["a"] == 0.5
    assert scored["n_ratings"].to_dict() == {"a": 2, "b": 2, "c": 1}
    assert found["ratings"]["rater"].tolist() == ["anna", "ben", "anna", "ben", "anna"]
    flow = pd.read_csv(folder / "flow.csv").set_index(["step", "group"])["n"]
    # Of the gold sample ben has not coded c; d was drawn for nobody.
    assert flow["texts not coded yet", "people sentiment ben"] == 1
    sealed = run_sealed(folder, people, sealed=True)
    assert sealed["people"].set_index("unit_id")["status"].to_dict() == {
        "a": "sealed",
        "b": "not_codable",
        "c": "sealed",
    }
    assert sealed["ratings"]["unit_id"].tolist() == ["b", "b"]


def test_a_human_coder_needs_ratings(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"coders\.crowd\.sources"):
        run_main(folder, {"crowd": {"layout": "list"}})


@pytest.fixture(scope="module")
def hutto_gilbert(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("human")
    hutto_gilbert_units().to_parquet(folder / "units.parquet")
    files = {
        "tweets": "tweets",
        "amazon": "amazonReviewSnippets",
        "movies": "movieReviewSnippets",
        "nyt": "nytEditorialSnippets",
    }
    sources = [
        {
            "pypi": REQUIREMENT,
            "sha256": SHA256,
            "member": [INNER, f"hutto_ICWSM_2014/{file}_anonDataRatings.txt"],
            "format": "tsv",
            "columns": ["id", "mean", "sd", "ratings"],
            "prefix": f"{domain}-",
        }
        for domain, file in files.items()
    ]
    coder = {
        "sources": sources,
        "layout": "list",
        "id": "id",
        "rating": "ratings",
        "identified": False,
        "score": {"column": "human_mean"},
    }
    return run_main(folder, {"humans": coder}, vader_source_distribution().parent)


def test_every_rating_of_hutto_and_gilbert_is_kept(hutto_gilbert: dict[str, pd.DataFrame]) -> None:
    found, expected = hutto_gilbert["ratings"], hutto_gilbert_ratings()
    assert len(found) == len(expected)
    counts = ["unit_id", "value"]
    pd.testing.assert_series_equal(found.groupby(counts).size(), expected.groupby(counts).size())
    assert sorted(found["rater"].unique())[:3] == ["01", "02", "03"]


def test_the_score_of_hutto_and_gilbert_is_the_file_s_mean(hutto_gilbert: dict[str, pd.DataFrame]) -> None:
    humans = hutto_gilbert["humans"].set_index("unit_id")
    published = hutto_gilbert_units().set_index("unit_id")["human_mean"].reindex(humans.index)
    assert humans["score"].tolist() == published.tolist()
    assert humans["label"].isna().all()  # the raters' scale of nine points is not that of the three labels
    listed = hutto_gilbert["ratings"].groupby("unit_id")["value"].mean().reindex(humans.index)
    differ = humans[(listed - published).abs() > 0.01]
    assert differ.index.str.startswith("tweets-").sum() == 196


def test_pooled_ratings_correlate_with_their_mean_as_is_known(hutto_gilbert: dict[str, pd.DataFrame]) -> None:
    ratings = hutto_gilbert["ratings"].assign(domain=lambda r: r["unit_id"].str.split("-").str[0])
    ratings["mean"] = ratings.groupby("unit_id")["value"].transform("mean")
    found = {
        domain: np.corrcoef(rows["value"], rows["mean"])[0, 1] for domain, rows in ratings.groupby("domain")
    }
    expected = {"tweets": 0.8882, "amazon": 0.9107, "movies": 0.8996, "nyt": 0.7455}
    assert found == pytest.approx(expected, abs=0.00005)

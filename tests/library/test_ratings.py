"""Ratings are read from any layout, joined by id, and refused where a cell is no code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.codebook import Codebook
from study.coders.ratings import Ratings, read_ratings
from study.corpus import read_part
from study.errors import StudyError
from study.flow import Flow

ORDINAL = Codebook.from_dict(
    {
        "construct": "tone",
        "question": "?",
        "type": "classify",
        "level": "ordinal",
        "categories": {"positive": {"value": 1}, "neutral": {"value": 0}, "negative": {"value": -1}},
        "not_codable": {"label": "not codable"},
    }
)
NOMINAL = Codebook.from_dict(
    {
        "construct": "topic",
        "question": "?",
        "type": "classify",
        "level": "nominal",
        "categories": {"sport": None, "war": None},
    }
)
SCALE = Codebook.from_dict(
    {
        "construct": "anger",
        "question": "?",
        "type": "rate",
        "level": "interval",
        "scale": {"low": 0, "high": 10},
    }
)


COUNT = Codebook.from_dict(
    {"construct": "hurt", "question": "?", "type": "count", "scale": {"low": 0, "high": 5000}}
)
NUMBER = Codebook.from_dict(
    {
        "construct": "km",
        "question": "?",
        "type": "number",
        "scale": {"low": -1, "high": 1.5, "decimals": 1},
    }
)
PASSAGES = Codebook.from_dict({"construct": "demands", "question": "?", "type": "extract"})
COMPARISON = Codebook.from_dict({"construct": "polite", "question": "?", "type": "compare"})


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ratings(
    data: str, coder: dict[str, Any], codebook: Codebook = ORDINAL, *, prefix: str = "", several: bool = False
) -> tuple[Ratings, pd.DataFrame]:
    Path("codes.csv").write_text(data, encoding="utf-8", newline="")
    flow = Flow()
    part = read_part({"file": "codes.csv", "prefix": prefix})
    units = {f"{prefix}{name}" for name in ("1", "2", "3")}
    found = read_ratings([part], {"id": "id", **coder}, codebook, units, flow, name="humans", several=several)
    return found, flow.frame().set_index("step")


def plain(found: Ratings) -> dict[str, list[tuple[str, str, float]]]:
    return {unit: [(r.rater, r.code, r.value) for r in rated] for unit, rated in found.items()}


EXPECTED = {"1": [("ann", "1", 1.0), ("bob", "-0.5", -0.5)], "2": [("ann", "0", 0.0)]}


def test_layout_long() -> None:
    data = "id,rater,rating\n2,ann,0\n1,bob,-0.5\n1,ann,1\n2,bob,\n9,ann,1\n"
    found, flow = ratings(data, {"layout": "long"})
    assert plain(found) == EXPECTED
    assert flow["n"].to_dict() == {
        "ratings": 3,
        "ratings left out: unit not in the corpus": 1,
        "cells without a rating": 1,
        "units with ratings": 2,
        "units without ratings": 1,
    }
    assert flow["note"]["ratings left out: unit not in the corpus"] == "9"


def test_layout_wide() -> None:
    data = "id,bob,ann,remark\n2,NA,0,x\n1,-0.5,1,y\n"
    found, _ = ratings(data, {"layout": "wide", "raters": ["bob", "ann"]})
    assert plain(found) == EXPECTED


def test_layout_list_gives_positions() -> None:
    data = 'id,ratings\n2,"[0]"\n1,"[1, -0.5]"\n3,[]\n'
    found, flow = ratings(data, {"layout": "list", "rating": "ratings", "identified": False})
    assert plain(found) == {"1": [("01", "1", 1.0), ("02", "-0.5", -0.5)], "2": [("01", "0", 0.0)]}
    assert flow["n"]["units without ratings"] == 1


def test_positions_sort_as_they_count() -> None:
    data = f'id,rating\n1,"{[1] * 120}"\n2,[1]\n'
    found, _ = ratings(data, {"layout": "list"})
    assert [r.rater for r in found["1"]][:2] == ["001", "002"]
    assert [r.rater for r in found["2"]] == ["001"]


@pytest.mark.parametrize("cell", ["[1; 0]", "1|0", '["1", "0"]', "1,0"])
def test_lists_of_several_kinds(cell: str) -> None:
    quoted = cell.replace('"', '""')
    found, _ = ratings(f'id,rating\n1,"{quoted}"\n', {"layout": "list"})
    assert [r.value for r in found["1"]] == [1.0, 0.0]


def test_unidentified_raters_are_positions_in_the_file() -> None:
    found, _ = ratings("id,rating\n1,1\n2,0\n1,-1\n", {"layout": "long", "identified": False})
    assert plain(found)["1"] == [("01", "1", 1.0), ("02", "-1", -1.0)]


def test_rows_are_joined_by_prefixed_id_and_never_by_order() -> None:
    found, _ = ratings("id,rater,rating\n3,a,1\n1,a,-1\n", {"layout": "long"}, prefix="news-")
    assert {unit: rated[0].value for unit, rated in found.items()} == {"news-1": -1.0, "news-3": 1.0}


def test_labels_have_their_value_and_not_codable_has_none() -> None:
    data = "id,rater,rating\n1,a,Positive\n1,b,negative\n1,c,Not codable\n"
    found, _ = ratings(data, {"layout": "long"})
    a, b, c = found["1"]
    assert (a.code, a.label, a.value, a.status) == ("Positive", "positive", 1.0, "ok")
    assert (b.label, b.value) == ("negative", -1.0)
    assert (c.code, c.label, c.status) == ("Not codable", "not codable", "not_codable")
    assert math.isnan(c.value)


def test_numbers_stand_for_labels_only_when_all_do() -> None:
    coarse, _ = ratings("id,rater,rating\n1,a,1\n2,a,0\n", {"layout": "long"})
    assert [coarse["1"][0].label, coarse["2"][0].label] == ["positive", "neutral"]
    fine, _ = ratings("id,rater,rating\n1,a,1\n2,a,3.5\n", {"layout": "long"})
    assert [fine["1"][0].label, fine["2"][0].label] == [None, None]


def test_several_constructs_have_a_column_each() -> None:
    data = "id,rater,tone,topic\n1,a,1,war\n"
    tone, _ = ratings(data, {"layout": "long"}, several=True)
    topic, _ = ratings(data, {"layout": "long"}, NOMINAL, several=True)
    assert (tone["1"][0].value, topic["1"][0].label) == (1.0, "war")


def test_a_scale() -> None:
    found, _ = ratings("id,rater,rating\n1,a,10\n2,a,0\n", {"layout": "long"}, SCALE)
    assert [found[unit][0].value for unit in ("1", "2")] == [10.0, 0.0]


@pytest.mark.parametrize(
    ("codebook", "cells", "values"),
    [
        (COUNT, ("0", "5000", "12.0", "1e3"), [0, 5000, 12, 1000]),
        # People may be finer than the model is asked to be.
        (NUMBER, ("-1", "1.5", "0.125", ".5"), [-1, 1.5, 0.125, 0.5]),
        (PASSAGES, ("0", "3", "40", "1"), [0, 3, 40, 1]),
        (COMPARISON, ("-2.75", "0", "1000", "+1.5"), [-2.75, 0, 1000, 1.5]),
    ],
)
def test_constructs_without_labels_have_numbers(
    codebook: Codebook, cells: tuple[str, ...], values: list[float]
) -> None:
    rows = "".join(f"1,r{n},{cell}\n" for n, cell in enumerate(cells))
    found, flow = ratings(f"id,rater,rating\n{rows}2,r0,NA\n3,r0,\n", LONG, codebook)
    assert [rating.value for rating in found["1"]] == values
    assert {(rating.label, rating.status) for rating in found["1"]} == {(None, "ok")}
    assert list(found) == ["1"]
    assert flow["n"]["cells without a rating"] == 2


def test_numbers_may_stand_in_lists() -> None:
    found, _ = ratings('id,rating\n1,"[3, 0]"\n', {"layout": "list"}, COUNT)
    assert [rating.value for rating in found["1"]] == [3.0, 0.0]


LONG = {"layout": "long"}
BROKEN: dict[str, tuple[str, dict[str, Any], Codebook, str]] = {
    "no code": ("id,rater,rating\n1,a,1\n2,a,positiv\n", LONG, ORDINAL, "line 3"),
    "a number for a topic": ("id,rater,rating\n1,a,1\n", LONG, NOMINAL, "sport, war"),
    "outside the scale": ("id,rater,rating\n1,a,11\n", LONG, SCALE, "from 0 to 10"),
    "a count above the scale": ("id,rater,rating\n1,a,5001\n", LONG, COUNT, "a whole number from 0 to 5000"),
    "half a count": ("id,rater,rating\n1,a,2.5\n", LONG, COUNT, "a whole number"),
    "a count in words": ("id,rater,rating\n1,a,1\n2,a,many\n", LONG, COUNT, "line 3"),
    "a number outside": ("id,rater,rating\n1,a,1.6\n", LONG, NUMBER, "a number from -1.0 to 1.5"),
    "fewer than no passages": ("id,rater,rating\n1,a,-1\n", LONG, PASSAGES, "how many passages"),
    "a passage": ("id,rater,rating\n1,a,roads\n", LONG, PASSAGES, "0 or more"),
    "a word of the comparison": ("id,rater,rating\n1,a,first\n", LONG, COMPARISON, "Allowed: a number;"),
    "an endless number": ("id,rater,rating\n1,a,1e999\n", LONG, COMPARISON, "Allowed: a number;"),
    "twice": ("id,rater,rating\n1,a,1\n1,a,0\n", LONG, ORDINAL, "rated the unit 1 twice"),
    "two rows": ("id,a\n1,1\n1,0\n", {"layout": "wide", "raters": ["a"]}, ORDINAL, "line 3"),
    "no rater": ("id,rater,rating\n1,,1\n", LONG, ORDINAL, "names no rater"),
    "no column": ("id,rater,code\n1,a,1\n", LONG, ORDINAL, "coders.humans.rating"),
    "no rater's column": (
        "id,ann\n1,1\n",
        {"layout": "wide", "raters": ["anne"]},
        ORDINAL,
        "Did you mean 'ann'",
    ),
    "no raters": ("id,ann\n1,1\n", {"layout": "wide"}, ORDINAL, "coders.humans.raters"),
    "no id of the corpus": ("id,rater,rating\n7,a,1\n", LONG, ORDINAL, "`prefix`"),
    "no rating at all": ("id,rater,rating\n1,a,\n", LONG, ORDINAL, "no rating at all"),
    "no such layout": ("id,rater,rating\n1,a,1\n", {"layout": "wde"}, ORDINAL, "Did you mean 'wide'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_ratings_are_refused_in_one_paragraph(case: str) -> None:
    data, coder, codebook, words = BROKEN[case]
    with pytest.raises(StudyError) as caught:
        ratings(data, coder, codebook)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["1", "2", "3"]), st.lists(st.integers(-4, 4), min_size=1, max_size=6), min_size=1
    ),
    st.randoms(),
)
def test_the_layouts_hold_the_same_ratings(codes: dict[str, list[int]], randomly: Any) -> None:
    long = [
        f"{unit},{n:02d},{c}\n"
        for unit, given_codes in codes.items()
        for n, c in enumerate(given_codes, start=1)
    ]
    randomly.shuffle(long)
    from_long, _ = ratings("id,rater,rating\n" + "".join(long), {"layout": "long"})
    from_list, _ = ratings(
        "id,rating\n" + "".join(f'{unit},"{given_codes}"\n' for unit, given_codes in codes.items()),
        {"layout": "list"},
    )
    assert plain(from_long) == plain(from_list)

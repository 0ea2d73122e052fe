"""The sample is random, reproducible, independent of the rows' order, and stable when texts are added."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.job import run
from study.sample import draw, is_drawn, main, small_strata

IDS = st.lists(st.text(min_size=1, max_size=5), unique=True, min_size=1, max_size=40)


def units(ids: list[str]) -> pd.DataFrame:
    """Units whose stratum is decided by their id."""
    return pd.DataFrame({"unit_id": ids, "domain": ["even" if len(name) % 2 == 0 else "odd" for name in ids]})


CORPUS = units([f"u{'x' * (n % 2)}{n:04d}" for n in range(2000)])


@given(IDS, st.lists(st.text(max_size=5), max_size=20), st.sampled_from(["str", "object"]))
def test_which_units_are_drawn(ids: list[str], drawn: list[str], dtype: str) -> None:
    found = is_drawn(pd.Series(ids, dtype=dtype), pd.Series([*drawn, *ids[::3], *ids[:2]], dtype="str"))
    assert list(found) == [name in {*drawn, *ids[::3], *ids[:2]} for name in ids]
    assert not is_drawn(pd.Series(ids, dtype=dtype), []).any()


def test_n_of_each_stratum_with_their_probability() -> None:
    sample = draw(CORPUS, {"n": 50, "by": "domain", "seed": 1})
    assert sample["stratum"].value_counts().to_dict() == {"even": 50, "odd": 50}
    assert sample["probability"].tolist() == [50 / 1000] * 100
    assert sample["unit_id"].is_monotonic_increasing


def test_the_draw_is_fixed_for_ever() -> None:
    # A study's sample would change with these ids, and its language model would be asked again.
    drawn = draw(CORPUS, {"n": 2, "by": "domain", "seed": 1})
    assert drawn["unit_id"].tolist() == ["u0476", "u1314", "ux0257", "ux1953"]


def test_the_draw_by_hand() -> None:
    place = {name: hashlib.sha256(f"7|{name}".encode()).hexdigest() for name in ("a", "b", "c")}
    drawn = draw(units(["a", "b", "c"]), {"n": 1, "by": None, "seed": 7})
    assert drawn["unit_id"].tolist() == [min(place, key=place.__getitem__)]
    assert drawn["probability"].tolist() == [pytest.approx(1 / 3)]


@given(ids=IDS, n=st.integers(1, 10), seed=st.integers(0, 99), data=st.data())
def test_the_order_of_rows_makes_no_difference(
    ids: list[str], n: int, seed: int, data: st.DataObject
) -> None:
    rule = {"n": n, "by": "domain", "seed": seed}
    shuffled = data.draw(st.permutations(ids))
    pd.testing.assert_frame_equal(draw(units(ids), rule), draw(units(shuffled), rule))


@given(ids=IDS, n=st.integers(1, 10), added=IDS)
def test_added_texts_displace_at_most_as_many(ids: list[str], n: int, added: list[str]) -> None:
    rule = {"n": n, "by": "domain", "seed": 1}
    new = [name for name in added if name not in ids]
    before, after = set(draw(units(ids), rule)["unit_id"]), set(draw(units(ids + new), rule)["unit_id"])
    assert len(before - after) <= len(new)
    assert after - before <= set(new)


@given(ids=IDS, n=st.integers(1, 10))
def test_a_larger_sample_holds_the_smaller_one(ids: list[str], n: int) -> None:
    smaller = draw(units(ids), {"n": n, "by": None, "seed": 3})
    larger = draw(units(ids), {"n": n + 3, "by": None, "seed": 3})
    assert set(smaller["unit_id"]) <= set(larger["unit_id"])
    assert len(smaller) == min(n, len(ids))


def test_seeds_draw_different_samples_of_equal_chance() -> None:
    drawn = [set(draw(CORPUS, {"n": 200, "by": None, "seed": seed})["unit_id"]) for seed in range(100)]
    assert len(drawn[0] & drawn[1]) < 60
    times = CORPUS["unit_id"].map(lambda name: sum(name in sample for sample in drawn))
    # Each text's count is hypergeometric with mean 10 and variance 9 over 100 seeds.
    assert 9.9 < times.mean() < 10.1
    assert 7.5 < times.var() < 10.5


def test_small_strata_are_drawn_whole_and_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = units(["a", "b", "c", "dd"])
    rule = {"n": 2, "by": "domain", "seed": 1}
    sample = draw(few, rule)
    assert dict(zip(sample["unit_id"], sample["probability"], strict=True))["dd"] == 1.0
    assert small_strata(few, rule) == {"even": 1}
    few.to_parquet(tmp_path / "units.parquet")
    main(tmp_path / "units.parquet", rule, tmp_path / "sample.csv")
    assert "Stratum 'even' has 1 texts, not 2" in capsys.readouterr().err
    written = pd.read_csv(tmp_path / "sample.csv", dtype={"unit_id": str})
    assert list(written.columns) == ["unit_id", "stratum", "probability"]


def test_all_texts() -> None:
    sample = draw(CORPUS, "all")
    assert len(sample) == 2000
    assert set(sample["probability"]) == {1.0}


def test_all_texts_on_the_command_line(tmp_path: Path) -> None:
    CORPUS.to_parquet(tmp_path / "units.parquet")
    arguments = [
        "--units-file",
        str(tmp_path / "units.parquet"),
        "--sample-file",
        str(tmp_path / "sample.csv"),
    ]
    run(main, [*arguments, "--sample", json.dumps("all")])
    assert len(pd.read_csv(tmp_path / "sample.csv")) == 2000


def test_a_missing_covariate_is_a_stratum_and_numbers_are_strata() -> None:
    corpus = pd.DataFrame({"unit_id": list("abcd"), "year": [2001.0, 2001.0, None, 2002.0]})
    sample = draw(corpus, {"n": 1, "by": "year", "seed": 1})
    assert sorted(sample["stratum"]) == ["(missing)", "2001.0", "2002.0"]


def test_an_unknown_covariate_is_refused() -> None:
    with pytest.raises(StudyError, match="Did you mean 'domain'"):
        draw(CORPUS, {"n": 5, "by": "domian", "seed": 1})
    with pytest.raises(StudyError, match="whole number"):
        draw(CORPUS, {"n": 0, "by": None, "seed": 1})

"""The gold sample: stated probabilities are the true ones, and a draw moves as little as it has to."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.errors import StudyError
from study.gold.draw import FLOOR, gold_sample, inclusion_probabilities, main, mean_entropy
from study.gold.parts import COLUMNS, EVALUATE, PILOT, REST, read, units_of
from study.sample import draw as draw_sample
from study.sample import place_in_line

IDS = st.lists(st.text(min_size=1, max_size=5), unique=True, min_size=3, max_size=40)
SEEDS = 500
FIXED = {"evaluate": ["u01", "u34"], "pilot": ["u37"], "uncertain": ["u37"]}


def frame(ids: list[str]) -> pd.DataFrame:
    """Units whose stratum is decided by their id."""
    return pd.DataFrame({"unit_id": ids, "domain": ["even" if len(name) % 2 == 0 else "odd" for name in ids]})


def how(n: int, **keys: Any) -> dict[str, Any]:
    return {"n": n, "by": None, "uncertain": None, "from": "sample", "pilot": 0, "seed": 1} | keys


CORPUS = frame([f"u{'x' * (n % 3 == 0)}{n:02d}" for n in range(45)])  # 15 in the stratum odd, of 45
UNCERTAINTY = pd.Series(
    [(n * 7 % 45) / 44 if n else 1.0 for n in range(45)], index=CORPUS["unit_id"], name="uncertainty"
)
DRAWS = {
    "simple": (how(12, pilot=4), None),
    "stratified": (how(6, pilot=2, by="domain"), None),
    "uncertain": (how(12, pilot=4), UNCERTAINTY),
    "both": (how(6, pilot=2, by="domain"), UNCERTAINTY),
    "uncertain, some certain to be drawn": (how(30, pilot=10), UNCERTAINTY**4),
}


def test_a_simple_draw_by_hand() -> None:
    ids = list("abcdefgh")
    line = sorted(ids, key=lambda name: place_in_line(f"gold|{name}", 7))
    gold = gold_sample(frame(ids), how(4, pilot=1, seed=7))
    assert list(gold.columns) == COLUMNS
    assert gold["unit_id"].tolist() == ids
    assert units_of(gold, PILOT) == {line[0]}
    assert units_of(gold, EVALUATE) == set(line[1:4])
    assert units_of(gold, REST) == set(line[4:])
    assert set(gold["probability"]) == {4 / 8}
    assert set(gold["sampling_probability"]) == {3 / 8}


def test_a_stratified_draw_by_hand() -> None:
    # 10 in one stratum and 3 in the other, 6 wanted of each, a third of them for the pilot.
    ids = [f"x{n}" for n in range(10)] + ["abc", "abd", "abe"]
    gold = gold_sample(frame(ids), how(6, pilot=2, by="domain"))
    counted = gold.groupby(["stratum", "part"]).size().to_dict()
    assert counted == {
        ("even", EVALUATE): 4, ("even", PILOT): 2, ("even", REST): 4, ("odd", EVALUATE): 2, ("odd", PILOT): 1,
    }  # fmt: skip
    by_stratum = gold.groupby("stratum")[["probability", "sampling_probability"]].first()
    assert by_stratum.loc["even"].tolist() == [6 / 10, 4 / 10]
    assert by_stratum.loc["odd"].tolist() == [1.0, 2 / 3]


def test_one_unit_is_always_left_to_evaluate() -> None:
    gold = gold_sample(frame(["a", "bb", "cc", "dd"]), how(5, pilot=4, by="domain"))
    assert gold.set_index("unit_id").loc["a", "part"] == EVALUATE
    assert (gold.groupby("stratum")["sampling_probability"].first() > 0).all()


def test_the_draw_is_fixed_for_ever() -> None:
    # People would have coded other units if one of these ids changed.
    gold = gold_sample(CORPUS, how(3, pilot=1))
    assert sorted(units_of(gold, EVALUATE)) == FIXED["evaluate"]
    assert sorted(units_of(gold, PILOT)) == FIXED["pilot"]
    assert sorted(units_of(gold_sample(CORPUS, how(3), UNCERTAINTY), EVALUATE)) == FIXED["uncertain"]


@pytest.mark.parametrize("name", DRAWS)
def test_units_are_drawn_as_often_as_is_stated_and_weighted_means_are_unbiased(name: str) -> None:
    draw, uncertainty = DRAWS[name]
    y = np.array([(n % 7) ** 2 / 5 + (n % 3 == 0) for n in range(len(CORPUS))])  # it differs by stratum
    drawn, evaluated, pilots = (np.zeros(len(CORPUS)) for _ in range(3))
    means = []
    stated = None
    for seed in range(SEEDS):
        gold = gold_sample(CORPUS, {**draw, "seed": seed}, uncertainty).set_index("unit_id")
        gold = gold.loc[CORPUS["unit_id"]]
        own = gold[["probability", "sampling_probability"]].to_numpy()
        assert stated is None or (own == stated).all()
        stated = own
        evaluate = (gold["part"] == EVALUATE).to_numpy()
        drawn += (gold["part"] != REST).to_numpy()
        evaluated += evaluate
        pilots += (gold["part"] == PILOT).to_numpy()
        # Horvitz and Thompson's mean, of the units to evaluate alone.
        means.append((y[evaluate] / own[evaluate, 1]).sum() / len(y))
    assert stated is not None
    for times, probability in (
        (drawn, stated[:, 0]), (evaluated, stated[:, 1]), (pilots, stated[:, 0] - stated[:, 1]),
    ):  # fmt: skip
        error = np.sqrt(probability * (1 - probability) / SEEDS)
        # 45 units and 3 probabilities exceed 4.5 standard errors once in 1,000 runs, and the seeds are fixed.
        assert (np.abs(times / SEEDS - probability) <= 4.5 * error + 1e-12).all()
    error_of_mean = np.std(means) / math.sqrt(SEEDS)
    assert abs(np.mean(means) - y.mean()) < 3.5 * error_of_mean
    assert pilots.sum() > 0


def test_a_gold_sample_of_a_sample_is_no_less_random() -> None:
    # A unit of the sample comes early in its line. Were the gold sample drawn by that line, those that come
    # late in a small stratum's would never be drawn.
    corpus = frame([f"a{n:02d}" for n in range(40)] + [f"bb{n:02d}" for n in range(8)])
    times = dict.fromkeys(corpus["unit_id"], 0)
    for seed in range(400):
        sampled = draw_sample(corpus, {"n": 8, "by": "domain", "seed": seed})["unit_id"]
        gold = gold_sample(corpus[corpus["unit_id"].isin(sampled)], how(8, seed=seed))
        for unit in units_of(gold, EVALUATE):
            times[unit] += 1
    of_small = [n for unit, n in times.items() if unit.startswith("bb")]
    # All 8 are in the sample of 16, so each is gold in half of the draws: 200, give or take 10.
    assert 190 < np.mean(of_small) < 210
    assert max(of_small) - min(of_small) < 60


@settings(deadline=None)  # a busy machine is no error
@given(ids=IDS, n=st.integers(2, 10), seed=st.integers(0, 99), poisson=st.booleans(), data=st.data())
def test_the_order_of_rows_makes_no_difference(
    ids: list[str], n: int, seed: int, poisson: bool, data: st.DataObject
) -> None:
    draw = how(n, seed=seed, by="domain", pilot=1)
    uncertainty = pd.Series([len(name) / 5 for name in ids], index=ids) if poisson else None
    shuffled = data.draw(st.permutations(ids))
    pd.testing.assert_frame_equal(
        gold_sample(frame(ids), draw, uncertainty), gold_sample(frame(shuffled), draw, uncertainty)
    )


@settings(deadline=None)  # a busy machine is no error
@given(ids=IDS, n=st.integers(2, 10), pilot=st.integers(0, 1), poisson=st.booleans())
def test_every_unit_has_one_part_and_a_chance(ids: list[str], n: int, pilot: int, poisson: bool) -> None:
    uncertainty = pd.Series([len(name) % 2 for name in ids], index=ids, dtype=float) if poisson else None
    gold = gold_sample(frame(ids), how(n, pilot=pilot), uncertainty)
    assert gold["unit_id"].tolist() == sorted(ids)
    assert set(gold["part"]) <= {EVALUATE, PILOT, REST}
    assert gold["probability"].between(0, 1, inclusive="right").all()
    assert (gold["sampling_probability"] > 0).all()
    assert (gold["sampling_probability"] <= gold["probability"]).all()
    assert gold["probability"].sum() == pytest.approx(min(n, len(ids)))
    if not poisson:
        assert (gold["part"] != REST).sum() == min(n, len(ids))


@settings(deadline=None)  # a busy machine is no error
@given(ids=IDS, n=st.integers(2, 10), added=IDS)
def test_added_units_displace_at_most_as_many(ids: list[str], n: int, added: list[str]) -> None:
    new = [name for name in added if name not in ids]
    before, after = gold_sample(frame(ids), how(n)), gold_sample(frame(ids + new), how(n))
    assert len(units_of(before, EVALUATE) - units_of(after, EVALUATE)) <= len(new)
    assert units_of(after, EVALUATE) - units_of(before, EVALUATE) <= set(new)


@settings(deadline=None)  # a busy machine is no error
@given(ids=IDS, n=st.integers(2, 10), added=IDS)
def test_added_units_displace_few_of_those_that_uncertainty_drew(
    ids: list[str], n: int, added: list[str]
) -> None:
    every = [*ids, *(name for name in added if name not in ids)]
    uncertainty = pd.Series([len(name) / 5 for name in every], index=every)
    before = gold_sample(frame(ids), how(n), uncertainty)
    after = gold_sample(frame(every), how(n), uncertainty)
    # Probabilities of those that were there only fall, and none of them is drawn for the first time.
    assert units_of(after, EVALUATE) & set(ids) <= units_of(before, EVALUATE)


@settings(deadline=None)  # a busy machine is no error
@given(ids=IDS, n=st.integers(2, 10), poisson=st.booleans())
def test_a_larger_gold_sample_holds_the_smaller_one_and_its_pilot(
    ids: list[str], n: int, poisson: bool
) -> None:
    uncertainty = pd.Series([len(name) / 5 for name in ids], index=ids) if poisson else None
    more = min(n + 3, len(ids))  # beyond that there is nothing to add
    n = min(n, more)
    small = gold_sample(frame(ids), how(n, pilot=1), uncertainty)
    large = gold_sample(frame(ids), how(more, pilot=1), uncertainty)
    assert units_of(small, EVALUATE) | units_of(small, PILOT) <= units_of(large, EVALUATE) | units_of(
        large, PILOT
    )
    if not poisson:
        assert units_of(small, PILOT) == units_of(large, PILOT)


def test_probabilities_are_capped_and_what_is_left_is_shared() -> None:
    # 8/10 of 3 is 2.4 and so 1; 2 are left for weights 1 and 1; then 1 each would be 1 too.
    assert inclusion_probabilities(np.array([8.0, 1.0, 1.0]), 3).tolist() == [1, 1, 1]
    assert inclusion_probabilities(np.array([8.0, 1.0, 1.0]), 2).tolist() == [1, 0.5, 0.5]
    # 4 of 6+3+1+1+1 = 12: 2, so 1; 3 of 6: 1.5, so 1; 2 of 3.
    found = inclusion_probabilities(np.array([6.0, 3.0, 1.0, 1.0, 1.0]), 4)
    assert found == pytest.approx([1, 1, 2 / 3, 2 / 3, 2 / 3])
    assert inclusion_probabilities(np.array([1.0, 3.0]), 1).tolist() == [0.25, 0.75]


@given(
    weights=st.lists(st.floats(0.2, 1.2), min_size=1, max_size=30), n=st.integers(1, 40),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_probabilities_sum_to_what_is_wanted_and_keep_the_order_of_weights(
    weights: list[float], n: int
) -> None:
    found = inclusion_probabilities(np.array(weights), n)
    assert found.sum() == pytest.approx(min(n, len(weights)))
    assert (found > 0).all()
    assert (found <= 1).all()
    order = np.argsort(weights)
    assert (np.diff(found[order]) >= -1e-12).all()


def codings() -> pd.DataFrame:
    """Codings of two constructs, one with three labels; a row of a multilabel file; one text too long."""
    rows = [
        ("a", "wrong", 1.0, 0.0, None),
        ("b", "wrong", 0.5, 0.5, None),
        ("c", "wrong", None, None, None),
        ("a", "tone", 1 / 3, 1 / 3, 1 / 3),
        ("b", "tone", 0.5, 0.5, 0.0),
        ("c", "tone", None, None, None),
        ("a", "topics", 0.9, 0.9, 0.9),
    ]
    table = pd.DataFrame(rows, columns=["unit_id", "construct", "p_yes", "p_no", "p_neither"])
    return table.assign(coder="llm", instrument_id="i1")


CLOSED = {"wrong": ["yes", "no"], "tone": ["yes", "no", "neither"]}


def test_mean_entropy_by_hand() -> None:
    found = mean_entropy(codings(), CLOSED)
    assert found["a"] == pytest.approx((0 + 1) / 2)
    assert found["b"] == pytest.approx((1 + math.log(2) / math.log(3)) / 2)
    assert list(found.index) == ["a", "b"]


def test_the_entropy_of_repeats_is_their_mean() -> None:
    twice = pd.DataFrame(
        {"unit_id": ["a", "a"], "construct": "wrong", "p_yes": [1.0, 0.5], "p_no": [0.0, 0.5], "coder": "llm"}
    )
    assert mean_entropy(twice, {"wrong": ["yes", "no"]}).to_dict() == {"a": pytest.approx(0.5)}


@pytest.mark.parametrize("closed", [{}, {"wrong": ["yes", "maybe"]}, {"other": ["yes", "no"]}])
def test_a_coder_without_probabilities_is_refused(closed: dict[str, list[str]]) -> None:
    with pytest.raises(StudyError, match=r"gold\.draw\.uncertain.*no probabilities.*Found: 'llm'"):
        mean_entropy(codings(), closed)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (how(5, by="domian"), r"gold\.draw\.by.*Did you mean 'domain'"),
        (how(5, by=["domain", "text"]), r"gold\.draw\.by.*Found: 'text'"),
        (how(5, pilot=5), r"gold\.draw\.pilot.*Found: 5\. Allowed: 0 to 4"),
        (how(0), r"gold\.draw\.n.*Found: 0"),
        (how(5, pilot=-1), r"gold\.draw\.pilot.*Found: -1"),
    ],
)
def test_settings_that_fit_nothing_are_refused(draw: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        gold_sample(CORPUS.assign(text="x"), draw)
    with pytest.raises(StudyError, match="no unit"):
        gold_sample(CORPUS[:0], how(5))


class Study:
    """The files of a small study, and the program that draws."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gold, self.settings = root / "gold" / "sample.csv", root / "gold" / "sample.json"
        self.units(list("abcdefgh"))
        pd.DataFrame({"unit_id": list("abcdef")}).to_csv(root / "sample.csv", index=False)

    def units(self, ids: list[str]) -> None:
        frame(ids).assign(text="some words").to_parquet(self.root / "units.parquet")

    def answers(self, p: dict[str, float]) -> None:
        table = pd.DataFrame(
            {"unit_id": list(p), "construct": "wrong", "p_yes": list(p.values()), "coder": "llm"}
        )
        table = table.assign(p_no=1 - table["p_yes"], instrument_id="i1")
        table.to_parquet(self.root / "llm.parquet")

    def draw(self, draw: dict[str, Any] | None) -> pd.DataFrame:
        main(
            units_file=self.root / "units.parquet",
            sample_file=self.root / "sample.csv",
            draw=draw,  # type: ignore[arg-type]
            closed={"wrong": ["yes", "no"]},
            codings=[self.root / "llm.parquet"] if draw and draw["uncertain"] else [],
            gold_file=self.gold,
            settings_file=self.settings,
        )
        return read(self.gold)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_nothing_is_drawn_where_nothing_is_asked_for(study: Study) -> None:
    found = study.draw(None)
    assert found.empty
    assert study.gold.read_text() == "unit_id,part,stratum,probability,sampling_probability\n"


def test_the_frame_is_the_sample_or_everything(study: Study) -> None:
    assert study.draw(how(3))["unit_id"].tolist() == list("abcdef")
    assert study.draw(how(3, **{"from": "all"}))["unit_id"].tolist() == list("abcdefgh")
    assert json.loads(study.settings.read_text())["units"] == {"evaluate": 3, "pilot": 0, "rest": 5}


def test_more_than_there_are_means_all(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    found = study.draw(how(20, pilot=4))
    assert set(found["probability"]) == {1.0}
    assert found["part"].value_counts().to_dict() == {EVALUATE: 5, PILOT: 1}
    said = capsys.readouterr().err
    assert "There are 6 units, not 20: all are drawn, with probability 1." in said
    assert "6 drawn, 5 to evaluate and 1 for the pilot." in said


def test_small_strata_are_named(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.units(["a", "b", "c", "d", "ee", "f"])
    study.draw(how(2, by="domain", **{"from": "all"}))
    said = capsys.readouterr().err
    assert "Stratum 'even' has 1 units, not 2" in said
    assert "Stratum 'even': fewer than two units to evaluate" in said


def test_uncertain_units_are_more_likely_and_unanswered_ones_average(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.answers({"a": 1.0, "b": 0.5, "c": 0.5, "d": 1.0, "h": 0.5})
    found = study.draw(how(2, uncertain="llm")).set_index("unit_id")["probability"]
    weight = np.array([0, 1, 1, 0, 0.5, 0.5]) + FLOOR
    assert found.tolist() == pytest.approx((2 * weight / weight.sum()).tolist())
    assert "2 of 6 units have no probabilities" in capsys.readouterr().err
    kept = json.loads(study.settings.read_text())
    assert kept["instruments"] == ["i1"]
    assert kept["draw"]["uncertain"] == "llm"


def test_a_draw_by_a_model_s_answers_is_kept_when_the_answers_change(study: Study) -> None:
    study.answers({"a": 1.0, "b": 0.5, "c": 0.5, "d": 1.0})
    before = study.draw(how(2, uncertain="llm"))
    for file in (study.gold, study.settings):
        os.utime(file, (0, 0))
    study.answers({"a": 0.5, "b": 1.0, "c": 1.0, "d": 0.5})
    pd.testing.assert_frame_equal(study.draw(how(2, uncertain="llm")), before)
    # Snakemake must see that its job has been done.
    assert study.gold.stat().st_mtime > 0
    assert study.settings.stat().st_mtime > 0
    study.gold.unlink()
    after = study.draw(how(2, uncertain="llm"))
    assert after["probability"].tolist() != before["probability"].tolist()


@pytest.mark.parametrize("changed", [how(3, uncertain="llm"), how(2), None, how(2, uncertain="llm", seed=2)])
def test_a_draw_by_a_model_s_answers_is_not_lost_to_other_settings(
    study: Study, changed: dict[str, Any] | None
) -> None:
    study.answers({"a": 1.0, "b": 0.5})
    before = study.draw(how(2, uncertain="llm"))
    with pytest.raises(StudyError, match=r"gold\.draw.*have changed since.*delete .*sample\.csv"):
        study.draw(changed)
    pd.testing.assert_frame_equal(read(study.gold), before)


def test_units_that_come_later_could_not_be_drawn_and_those_that_go_do_no_harm(study: Study) -> None:
    study.answers({"a": 1.0, "b": 0.5})
    everything = how(2, uncertain="llm", **{"from": "all"})
    before = study.draw(everything)
    study.units(list("abcdefg"))
    pd.testing.assert_frame_equal(study.draw(everything), before)
    study.units(list("abcdefghi"))
    with pytest.raises(StudyError, match=r"could not be drawn.*1 units, such as i.*delete .*sample\.csv"):
        study.draw(everything)


def test_a_simple_draw_follows_its_settings(study: Study) -> None:
    assert (study.draw(how(2))["part"] == EVALUATE).sum() == 2
    assert (study.draw(how(3))["part"] == EVALUATE).sum() == 3

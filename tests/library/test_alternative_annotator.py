"""The alternative annotator test: the figures that its authors print, examples by hand, and a plain loop."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.errors import StudyError
from study.validity import alternative_annotator_test

CACHE = Path(__file__).resolve().parents[2] / "build" / "cache" / "alt-test"
SOURCE = "https://raw.githubusercontent.com/nitaytech/AltTest/cc1d1f40fefa847ac7c45959e49132110f2932a2/data"
SHA256 = {
    "cebab_stars/human_annotations.json": "c8005bb4beebc0f61e30f66ae3ae225bddb691c68645c453a23363004da13dd0",
    "cebab_stars/llm_annotations.json": "63b80b13cddad15f4accbc865332b38276cd4bf978ac0fec0e70cd8c6578a658",
    "lesion/human_annotations.json": "a3bd4a7213d57d6ead4d103ad19fffac0962ab7b5023fa0626cd7f0ac94b1b07",
    "lesion/llm_annotations.json": "ac0f9d7e6483f1665a5e38a4c9c32e519dd228f1d1ae6a65c55ec222e474fb52",
    "mtbench/human_annotations.json": "b4435d1878cec02169b57050bf6b40585c9d3661a95f2be1a023dafb58b45f6d",
    "mtbench/llm_annotations.json": "6c77d271a09f3cff2dcb05dda859358434e3c38e6141316b94d6feaff843e995",
    "wax/human_annotations.json": "d92dbfa23a4dcc828d2f40325bfaf3605acedb9bf7f82ef985d449f94a1bcedc",
    "wax/llm_annotations.json": "b5d5dfa2e58e17ab3c6f633f4554b46fb27d9bd6c8cf8abc6bb46814af6384af",
}
# Printed in the authors' notebook: score, epsilon, and annotator, winning rate, advantage probability.
PRINTED = {
    "wax": ("accuracy", 0.1, """gemini_flash .38 .69, gemini_pro .50 .74, gpt-4o .50 .73, llama-31 .00 .57,
        gpt-4o-mini .00 .59, mistral-v03 .00 .50"""),
    "mtbench": ("accuracy", 0.2, """gemini_flash .00 .72, gemini_pro .00 .76, gpt-4o .00 .77,
        llama-31 .00 .69, gpt-4o-mini .00 .74, mistral-v03 .00 .68"""),
    "cebab_stars": ("neg_rmse", 0.1, """gemini_flash .60 .82, gemini_pro .80 .87, gpt-4o .90 .90,
        llama-31 .60 .85, gpt-4o-mini .90 .89, mistral-v03 .50 .83"""),
    "lesion": ("neg_rmse", 0.15, """gemini_flash .17 .71, gemini_pro 1.00 .81, gpt-4o .00 .62,
        gpt-4o-mini .67 .73"""),
}  # fmt: skip
PASSED = {
    "wax": {"gemini_pro", "gpt-4o"},
    "mtbench": set(),
    "cebab_stars": {"gemini_flash", "gemini_pro", "gpt-4o", "llama-31", "gpt-4o-mini", "mistral-v03"},
    "lesion": {"gemini_pro", "gpt-4o-mini"},
}


def annotations(name: str) -> pd.DataFrame:
    """Items x annotators, from the mirror folder, the cache or the authors' repository; checked by hash."""
    mirror = os.environ.get("STUDY_MIRROR")
    places = [Path(mirror) / "alt-test" / name] if mirror else []
    places.append(CACHE / name)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        file = CACHE / name
        try:
            with urllib.request.urlopen(f"{SOURCE}/{name}", timeout=60) as answer:
                content = answer.read()
        except OSError as error:
            raise AssertionError(
                f"This test needs {name} of the authors' data. It is not in the mirror folder (STUDY_MIRROR "
                f"is {mirror or 'not set'}, looked for in its alt-test/) and could not be downloaded: {error}"
            ) from error
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    content = file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256[name], f"{file} is not the expected file"
    return pd.DataFrame(json.loads(content))


@pytest.mark.parametrize("dataset", list(PRINTED))
def test_the_figures_that_the_authors_print(dataset):
    humans = annotations(f"{dataset}/human_annotations.json")
    models = annotations(f"{dataset}/llm_annotations.json")
    score, epsilon, lines = PRINTED[dataset]
    printed = [line.split() for line in lines.split(",")]
    assert {name for name, *_ in printed} == set(models)
    for name, winning_rate, advantage in printed:
        found = alternative_annotator_test(humans, models[name], score, epsilon)
        assert f"{found.winning_rate:.2f}" == f"{float(winning_rate):.2f}", name
        assert f"{found.advantage_probability:.2f}" == f"{float(advantage):.2f}", name
        assert found.passed == (name in PASSED[dataset]), name


def codes(*columns, names="abcdefgh") -> pd.DataFrame:
    return pd.DataFrame(dict(zip(names, columns, strict=False)))


def test_by_hand_with_two_humans_who_agree():
    # The annotator strays on 4 of 40 items: differences .1 in the mean, variance .1 * .9 * 40/39.
    humans = codes(["yes"] * 40, ["yes"] * 40)
    annotator = pd.Series(["no"] * 4 + ["yes"] * 36)
    found = alternative_annotator_test(humans, annotator)
    t = (0.1 - 0.15) / np.sqrt(0.1 * 0.9 * 40 / 39 / 40)
    assert round(t, 4) == -1.0408
    assert found.humans["statistic"].to_numpy() == pytest.approx([t, t])
    assert found.humans["p_value"].to_numpy() == pytest.approx([stats.t.cdf(t, 39)] * 2)
    # Benjamini & Yekutieli, two equal p-values: times 1 + 1/2.
    assert found.humans["p_adjusted"].to_numpy() == pytest.approx([1.5 * stats.t.cdf(t, 39)] * 2)
    assert found.humans["human_advantage"].tolist() == [1, 1]
    assert found.humans["annotator_advantage"].tolist() == [0.9, 0.9]
    assert (found.winning_rate, found.passed) == (0, False)
    assert found.advantage_probability == pytest.approx(0.9)
    lenient = alternative_annotator_test(humans, annotator, epsilon=0.25)
    assert (lenient.winning_rate, lenient.passed) == (1, True)


def test_by_hand_the_two_scores_judge_differently():
    # Near to everybody and equal to nobody: by distance better than each human, by equality never better.
    humans, annotator = codes([0] * 30, [0] * 30, [6] * 30), pd.Series([2] * 30)
    by_distance = alternative_annotator_test(humans, annotator, "neg_rmse")
    assert by_distance.humans["difference"].tolist() == [-1, -1, -1]
    assert (by_distance.winning_rate, by_distance.advantage_probability) == (1, 1)
    by_equality = alternative_annotator_test(humans, annotator, "accuracy")
    assert by_equality.humans["difference"].tolist() == [1, 1, 0]  # nobody agrees with the third: a tie
    assert by_equality.humans["rejected"].tolist() == [False, False, True]
    assert by_equality.winning_rate == by_equality.advantage_probability == pytest.approx(1 / 3)
    assert not by_equality.passed


@pytest.mark.parametrize(("epsilon", "wins"), [(0.0, False), (0.01, True)])
def test_without_variance_the_sign_decides(epsilon, wins):
    same = ["x", "y"] * 20
    found = alternative_annotator_test(codes(same, same, same), pd.Series(same), epsilon=epsilon)
    assert found.humans["difference"].tolist() == [0, 0, 0]
    assert found.humans["statistic"].isna().all()
    assert set(found.humans["note"]) == {"no variance: decided by the sign"}
    assert found.passed == wins
    assert found.advantage_probability == 1


def test_distances_that_differ_by_rounding_alone_are_equal():
    assert (0.3 - 0.2) ** 2 != (0.1 - 0.2) ** 2
    found = alternative_annotator_test(codes([0.1] * 30, [0.2] * 30), pd.Series([0.3] * 30), "neg_rmse")
    first = found.humans.iloc[0]
    assert (first["human_advantage"], first["annotator_advantage"]) == (1, 1)


def by_a_plain_loop(humans, annotator, score, epsilon):
    """The paper's definitions, item by item; Benjamini & Yekutieli written out."""

    def scored(code, rest):
        if score == "accuracy":
            return sum(code == other for other in rest) / len(rest)
        return -np.sqrt(sum((code - other) ** 2 for other in rest) / len(rest))

    p_values, advantages = [], []
    for left_out in humans:
        differences, wins = [], []
        for item, row in humans.iterrows():
            rest = [row[h] for h in humans if h != left_out and not pd.isna(row[h])]
            if pd.isna(row[left_out]) or not rest or item not in annotator.index:
                continue
            own, theirs = scored(annotator[item], rest), scored(row[left_out], rest)
            wins.append(own >= theirs)
            differences.append(int(theirs >= own) - int(own >= theirs))
        if len(differences) < 30:
            continue
        if len(set(differences)) == 1:
            p_values.append(0 if differences[0] < epsilon else 1)
        else:
            p_values.append(stats.ttest_1samp(differences, epsilon, alternative="less").pvalue)
        advantages.append(np.mean(wins))
    m = len(p_values)
    bounds = [rank * 0.05 / m / sum(1 / i for i in range(1, m + 1)) for rank in range(1, m + 1)]
    below = [rank for rank, p in enumerate(sorted(p_values), 1) if p <= bounds[rank - 1]]
    return max(below, default=0) / m, np.mean(advantages)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_humans=st.integers(2, 5),
    score=st.sampled_from(["accuracy", "neg_rmse"]),
    epsilon=st.sampled_from([0.0, 0.1, 0.2, 0.5]),
    error=st.sampled_from([0.0, 0.1, 0.4]),
    missing=st.sampled_from([0.0, 0.2]),  # of 80 items two people still share 30
)
def test_it_equals_a_plain_loop_and_order_does_not_matter(*, seed, n_humans, score, epsilon, error, missing):
    random = np.random.default_rng(seed)
    truth = random.integers(1, 6, 80)

    def coded(share):
        return np.where(random.random(80) < share, random.integers(1, 6, 80), truth).astype(float)

    humans = codes(*[coded(0.3) for _ in range(n_humans)]).mask(random.random((80, n_humans)) < missing)
    annotator = pd.Series(coded(error)).drop(index=[3, 5])
    found = alternative_annotator_test(humans, annotator, score, epsilon)
    assert (found.winning_rate, found.advantage_probability) == pytest.approx(
        by_a_plain_loop(humans, annotator, score, epsilon)
    )
    moved = humans.iloc[random.permutation(80), random.permutation(n_humans)]
    again = alternative_annotator_test(moved, annotator.sample(frac=1, random_state=1), score, epsilon)
    assert again.winning_rate == found.winning_rate
    assert again.advantage_probability == pytest.approx(found.advantage_probability)
    table = again.humans.set_index("human").loc[found.humans["human"]].reset_index()
    pd.testing.assert_frame_equal(table, found.humans)
    if score == "accuracy":
        named = alternative_annotator_test(
            humans.map("label {}".format, na_action="ignore"),
            annotator.map("label {}".format),
            epsilon=epsilon,
        )
        pd.testing.assert_frame_equal(named.humans, found.humans)


def test_a_human_with_29_items_is_not_tested_and_still_counts_among_the_others():
    random = np.random.default_rng(4)
    humans = codes(*random.integers(0, 2, (3, 60)).astype(float))
    annotator = pd.Series(random.integers(0, 2, 60))
    humans.loc[29:, "c"] = np.nan
    found = alternative_annotator_test(humans, annotator)
    third = found.humans.set_index("human").loc["c"]
    assert (third["n_items"], third["note"], third["rejected"]) == (29, "fewer than 30 items", False)
    assert np.isnan(third["p_value"])
    assert (found.winning_rate, found.advantage_probability) == pytest.approx(
        by_a_plain_loop(humans, annotator, "accuracy", 0.15)
    )
    without = alternative_annotator_test(humans[["a", "b"]], annotator)
    assert without.advantage_probability != found.advantage_probability


def test_items_of_one_human_or_without_the_annotator_are_left_out():
    humans = codes([1.0] * 50, [1.0] * 40 + [np.nan] * 10)
    found = alternative_annotator_test(humans, pd.Series([0.0] * 5 + [1.0] * 45).drop(index=range(3)))
    assert found.n_items == 37
    assert found.humans["n_items"].tolist() == [37, 37]
    assert found.advantage_probability == pytest.approx(35 / 37)


def test_missing_codes_of_any_kind_and_categories_are_understood():
    labels = pd.Series(["x", "y", None] * 20)
    humans = pd.DataFrame({"a": labels.astype("category"), "b": labels, "c": labels.astype("string")})
    found = alternative_annotator_test(humans, labels.fillna("x").astype("category"))
    assert (found.n_items, found.advantage_probability) == (40, 1)
    numbers = pd.DataFrame({"a": pd.array([1, 2, None] * 20), "b": [1, 2, np.nan] * 20})
    assert alternative_annotator_test(numbers, pd.Series([1, 2, 3] * 20), "neg_rmse").n_items == 40


GOOD = codes([1, 2] * 20, [1, 2] * 20)
CODES = pd.Series([1, 2] * 20)


@pytest.mark.parametrize(
    ("humans", "annotator", "options", "said"),
    [
        (GOOD, CODES, {"score": "acuracy"}, "Did you mean 'accuracy'?"),
        (GOOD, CODES, {"epsilon": 1.5}, "key 'epsilon'"),
        (GOOD, CODES, {"epsilon": float("nan")}, "key 'epsilon'"),
        (GOOD.set_axis(["a", "a"], axis=1), CODES, {}, "A human occurs twice. Found: 'a'"),
        (GOOD.rename(index={3: 4}), CODES, {}, "An item occurs twice. Found: '4'"),
        (GOOD, CODES.rename(index={3: 4}), {}, "An item occurs twice. Found: '4'"),
        (GOOD, CODES.rename("u{}".format), {}, "40 items with 2 humans, 40 items of the annotator, and none"),
        (GOOD[["a"]], CODES, {}, "0 items with 2 humans"),
        (GOOD[:29], CODES, {}, "Found: 'a 29, b 29'"),
        (GOOD, CODES.map("label {}".format), {}, "texts"),
        (GOOD.map(str), CODES.map(str), {"score": "neg_rmse"}, "numbers. Found: '1'"),
        (GOOD, CODES.astype(float).replace(2, np.inf), {"score": "neg_rmse"}, "numbers. Found: 'inf'"),
    ],
)
def test_errors_say_what_is_wrong(humans, annotator, options, said):
    with pytest.raises(StudyError) as caught:
        alternative_annotator_test(humans, annotator, **options)
    assert said in str(caught.value)

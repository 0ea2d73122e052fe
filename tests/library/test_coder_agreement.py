from __future__ import annotations

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from library.rated_study import CODEBOOKS, CODERS, IDENTIFIED, PEOPLE, rated_study
from study.validity import coder_agreement_table, gwet_ac, icc_a1
from study.validity.coder_agreement import COLUMNS

KEY = ["pair_type", "coder", "statistic", "level"]


def table(construct: str, domain: str = "all", **changes: object) -> pd.DataFrame:
    measures, ratings = changes.pop("data", None) or rated_study()
    options = {"criterion": "humans", "by": "domain", "identified": IDENTIFIED, "resamples": 100} | changes
    found = coder_agreement_table(measures, ratings, CODERS, CODEBOOKS, **options)
    assert list(found.columns) == COLUMNS
    own = (found["construct"] == construct) & (found["domain"] == domain) & (found["subset"] == "all")
    return found[own].set_index(KEY).sort_index()


def test_labels_against_the_criterion():
    measures, _ = rated_study()
    found = table("blame").loc[("llm-human", "llm")]["estimate"]
    both = measures.dropna(subset=["blame_humans_label"])
    ours, theirs = both["blame_llm_label"], both["blame_humans_label"]
    assert found["percent_agreement"]["nominal"] == pytest.approx((ours == theirs).mean())
    assert found["cohens_kappa"]["nominal"] == pytest.approx(cohen_kappa_score(ours, theirs))
    codes = np.array(
        [pd.Categorical(x, categories=CODEBOOKS["blame"]["values"]).codes for x in (ours, theirs)]
    )
    alpha = krippendorff.alpha(codes.astype(float), level_of_measurement="nominal")
    assert found["krippendorff_alpha"]["nominal"] == pytest.approx(alpha)
    unit = np.tile(np.arange(len(both)), 2)
    ac1 = gwet_ac(unit, codes.ravel(), resamples=0).value
    assert found["gwet_ac1"]["nominal"] == pytest.approx(ac1)
    assert set(found.index.get_level_values("level")) == {"nominal"}


def test_ordered_labels_and_scores():
    measures, _ = rated_study()
    found = table("tone").loc[("llm-human", "llm")]
    both = measures.dropna(subset=["tone_humans_label"])
    order = ["bad", "neutral", "good"]
    ours, theirs = (both[f"tone_{coder}_label"].map(order.index).to_numpy() for coder in ("llm", "humans"))
    for weights in ("linear", "quadratic"):
        kappa = cohen_kappa_score(ours, theirs, weights=weights)
        assert found.loc[(f"cohens_kappa_{weights}", "ordinal"), "estimate"] == pytest.approx(kappa)
    alpha = krippendorff.alpha(np.array([ours, theirs], dtype=float), level_of_measurement="ordinal")
    assert found.loc[("krippendorff_alpha", "ordinal"), "estimate"] == pytest.approx(alpha)
    scores = measures[["tone_llm", "tone_humans"]].dropna().to_numpy()
    alpha = krippendorff.alpha(scores.T, level_of_measurement="interval")
    assert found.loc[("krippendorff_alpha", "interval"), "estimate"] == pytest.approx(alpha)
    unit, rater = np.indices(scores.shape)
    icc = icc_a1(unit.ravel(), rater.ravel(), scores.ravel(), resamples=0)
    assert found.loc[("icc_a1", "interval"), "estimate"] == pytest.approx(icc.value)
    assert found.loc[("icc_a1", "interval"), "n"] == len(scores)
    assert ((found["ci_low"] < found["estimate"]) & (found["estimate"] < found["ci_high"])).all()


def test_another_scale_has_a_note():
    words = table("tone").loc[("dictionary-human", "words")]
    assert words["estimate"].isna().all()
    assert set(words["note"]) == {"other scale: a dictionary's scores have a scale of their own"}
    assert set(words.index) == {
        ("krippendorff_alpha", "interval"),
        ("icc_a1", "interval"),
    }  # it has no labels


def test_a_known_person_against_the_others():
    """The mean over persons of each one's agreement with the majority of the other three."""
    measures, ratings = rated_study()
    found = table("blame").loc[("human-human", "humans_leave_one_out")]
    decided = measures.dropna(subset=["blame_humans_label"])["unit_id"]
    own = ratings[(ratings["construct"] == "blame") & ratings["unit_id"].isin(decided)]
    wide = own.assign(code=own["code"].str.lower()).pivot(index="unit_id", columns="rater", values="code")
    kappas, percent = [], []
    for person in PEOPLE:
        rest = wide.drop(columns=person).apply(
            lambda row: row.mode()[0] if len(row.mode()) == 1 else np.nan, axis=1
        )
        both = wide[person].notna() & rest.notna()
        kappas.append(cohen_kappa_score(wide.loc[both, person], rest[both]))
        percent.append((wide.loc[both, person] == rest[both]).mean())
    assert found.loc[("cohens_kappa", "nominal"), "estimate"] == pytest.approx(np.mean(kappas))
    assert found.loc[("percent_agreement", "nominal"), "estimate"] == pytest.approx(np.mean(percent))
    assert set(found["note"]) == {"mean over 4 raters, each against the others"}
    # One person is not as close to three others as the figure of any pair would suggest, but close.
    assert found.loc[("cohens_kappa", "nominal"), "ci_low"] > 0.5


def test_scores_of_known_persons_against_the_mean_of_the_others():
    measures, ratings = rated_study()
    found = table("tone").loc[("human-human", "humans_leave_one_out")]
    scored = measures.dropna(subset=["tone_humans"])["unit_id"]
    own = ratings[(ratings["construct"] == "tone") & ratings["unit_id"].isin(scored)]
    wide = own.pivot(index="unit_id", columns="rater", values="value")
    alphas = []
    for person in PEOPLE:
        both = pd.concat([wide[person], wide.drop(columns=person).mean(axis=1)], axis=1).dropna()
        alphas.append(krippendorff.alpha(both.to_numpy().T, level_of_measurement="interval"))
    assert found.loc[("krippendorff_alpha", "interval"), "estimate"] == pytest.approx(np.mean(alphas))


def test_unknown_persons_are_pooled():
    _, ratings = rated_study()
    found = table("tone", identified=None).loc[("human-human", "humans_leave_one_out")]
    alpha = found.loc[("krippendorff_alpha", "interval")]
    own = ratings[ratings["construct"] == "tone"]
    groups = own.groupby("unit_id")["value"]
    rest = (groups.transform("sum") - own["value"]) / (groups.transform("count") - 1)
    pairs = np.array([own["value"], rest])[:, rest.notna()]
    assert alpha["estimate"] == pytest.approx(krippendorff.alpha(pairs, level_of_measurement="interval"))
    assert alpha["n"] == own.loc[rest.notna(), "unit_id"].nunique()
    assert alpha["note"] == "all ratings pooled, because raters are not identified, each against the others"


def test_a_domain_has_its_own_units():
    measures, _ = rated_study()
    found = table("blame", domain="letters")
    own = measures[(measures["domain"] == "letters") & measures["blame_humans_label"].notna()]
    row = found.loc[("llm-human", "llm", "percent_agreement", "nominal")]
    assert row["n"] == len(own)
    assert row["estimate"] == pytest.approx((own["blame_llm_label"] == own["blame_humans_label"]).mean())


def test_a_criterion_without_labels_has_a_note():
    measures, ratings = rated_study()
    found = table("tone", data=(measures.drop(columns="tone_humans_label"), ratings))
    row = found.loc[("llm-human", "llm", "cohens_kappa", "nominal")]
    assert np.isnan(row["estimate"])
    assert row["note"] == "the criterion has no labels on these units, only scores (humans)"
    assert found.loc[("llm-human", "llm", "icc_a1", "interval"), "estimate"] > 0.5  # scores it has


def test_the_prevalence_paradox_is_said():
    measures = pd.DataFrame({"unit_id": [f"u{i:03}" for i in range(100)], "sample": False})
    measures = measures.assign(blame_humans=np.nan, blame_llm=np.nan)
    measures["blame_humans_label"] = ["no"] * 98 + ["yes", "yes"]
    measures["blame_llm_label"] = ["yes", "yes"] + ["no"] * 97 + ["yes"]
    ratings = rated_study()[1].head(0)
    coders = {"blame": {"humans": "human", "llm": "llm"}}
    book = {"blame": {"level": "nominal", "values": {"yes": None, "no": None}}}
    found = coder_agreement_table(measures, ratings, coders, book, criterion="humans", resamples=0)
    notes = found[found["pair_type"] == "llm-human"].set_index("statistic")["note"]
    assert notes["cohens_kappa"].startswith("low although 97% of the pairs agree: 98% of the codes are 'no'")
    assert notes["gwet_ac1"] == ""
    people = found[found["pair_type"] == "human-human"]
    assert people.empty or people["estimate"].isna().all()


def test_counts_are_compared_on_a_ratio_scale_too():
    random = np.random.default_rng(0)
    measures = pd.DataFrame({"unit_id": [f"u{i}" for i in range(60)], "sample": False})
    measures["hits_humans"] = random.poisson(5, 60).astype(float)
    measures["hits_llm"] = measures["hits_humans"] + random.integers(0, 3, 60)
    book = {"hits": {"level": "interval", "type": "count", "values": {}}}
    coders = {"hits": {"humans": "human", "llm": "llm"}}
    found = coder_agreement_table(
        measures, rated_study()[1].head(0), coders, book, criterion="humans", resamples=0
    )
    own = found[found["coder"] == "llm"].set_index(["statistic", "level"])["estimate"]
    pairs = measures[["hits_humans", "hits_llm"]].to_numpy().T
    keep = pairs.sum(axis=0) > 0
    assert keep.all()
    # The library divides zero by zero where a value is 0.
    values = np.unique(pairs)
    expected = 1 - _ratio_disagreement(pairs)
    assert values.size > 3
    assert own["krippendorff_alpha"]["ratio"] == pytest.approx(expected)


def _ratio_disagreement(pairs: np.ndarray) -> float:
    every = pairs.ravel()
    with np.errstate(invalid="ignore"):
        distance = np.nan_to_num((every[:, None] - every) / (every[:, None] + every)) ** 2
        observed = np.nan_to_num((pairs[0] - pairs[1]) / pairs.sum(axis=0)) ** 2
    return float(observed.mean() / (distance.sum() / (every.size * (every.size - 1))))

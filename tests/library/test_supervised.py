"""The classifier learns, and never scores a text that it saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from study.codebook import Codebook
from study.coders import codings
from study.coders.supervised import ALPHA, assign_folds, code, cross_fit, main, ridge
from study.corpus import text_sha256
from study.errors import StudyError
from study_data import hutto_gilbert_units

BOOK = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "bad": {"value": -1}},
    "not_codable": {"label": "unclear"},
}
WORDS = [f"word{n}" for n in range(300)]


def corpus(texts: list[str], documents: list[str] | None = None) -> pd.DataFrame:
    ids = [f"u{n:05d}" for n in range(len(texts))]
    return pd.DataFrame(
        {
            "unit_id": ids,
            "document_id": documents or ids,
            "text": texts,
            "text_sha256": [text_sha256(text) for text in texts],
        }
    )


def random_texts(n: int, seed: int = 1) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, size=12)) for _ in range(n)]


def fitted(units: pd.DataFrame, values: np.ndarray, folds: int = 5) -> np.ndarray:
    return cross_fit(units, values, fit=ridge, folds=folds, seed=1, language="en", width=1)[:, 0]


def test_random_codes_are_not_predicted() -> None:
    units = corpus(random_texts(2000))
    values = np.random.default_rng(2).normal(size=2000)
    # Its own training texts would be predicted almost perfectly: there are more words and pairs than texts.
    assert abs(np.corrcoef(fitted(units, values), values)[0, 1]) < 0.08


def test_random_codes_of_duplicated_texts_are_not_predicted() -> None:
    units = corpus(random_texts(500) * 4)
    values = np.tile(np.random.default_rng(2).normal(size=500), 4)
    assert abs(np.corrcoef(fitted(units, values), values)[0, 1]) < 0.15


def test_random_codes_of_texts_that_recur_across_documents_are_not_predicted() -> None:
    units = corpus(random_texts(500) * 2, documents=[f"d{n // 2}" for n in range(1000)])
    values = np.tile(np.random.default_rng(2).normal(size=500), 2)
    assert abs(np.corrcoef(fitted(units, values), values)[0, 1]) < 0.15


def test_a_word_of_the_scored_fold_alone_is_unknown_to_its_model() -> None:
    seen: list[tuple[int, int]] = []

    def spy(features, values):
        def predict(new):
            seen.append((features.shape[1], new.shape[1]))
            return np.zeros((new.shape[0], 1))

        return predict

    units = corpus([f"unique{n} shared common" for n in range(40)])
    cross_fit(units, np.arange(40, dtype=object), fit=spy, folds=4, seed=1, language="en", width=1)
    # Only 'shared', 'common' and 'shared common' occur in two training texts.
    assert seen == [(3, 3)] * 4


def test_a_signal_is_learnt() -> None:
    texts = random_texts(1000)
    values = np.array(
        [float("word7" in text.split()) - float("word8" in text.split()) for text in texts], dtype=object
    )
    assert np.corrcoef(fitted(corpus(texts), values), values.astype(float))[0, 1] > 0.8


def test_units_without_criterion_are_scored_and_not_learnt_from() -> None:
    texts = random_texts(400)
    values = np.array([float("word7" in text.split()) for text in texts], dtype=object)
    units = corpus(texts)
    half = values.copy()
    half[::2] = np.nan
    scores = fitted(units, half)
    assert not np.isnan(scores).any()
    assert np.array_equal(scores, fitted(units, half))


def test_neither_order_nor_neighbours_of_a_fold_matter() -> None:
    texts = random_texts(300)
    values = np.array([float("word7" in text.split()) for text in texts], dtype=object)
    units = corpus(texts)
    order = np.random.default_rng(3).permutation(300)
    shuffled = fitted(units.iloc[order].reset_index(drop=True), values[order])
    assert shuffled == pytest.approx(fitted(units, values)[order], abs=1e-5)


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=30),
    st.integers(2, 7),
    st.integers(0, 5),
)
def test_identical_texts_are_in_one_fold(texts: list[str], folds: int, seed: int) -> None:
    units = corpus(texts)
    fold = assign_folds(units, folds=folds, seed=seed)
    assert set(fold) <= set(range(folds))
    assert units.assign(fold=fold).groupby("text")["fold"].nunique().max() == 1
    again = assign_folds(units.iloc[::-1], folds=folds, seed=seed)
    assert list(again[::-1]) == list(fold)


@given(st.lists(st.sampled_from(["d1", "d2", "d3"]), min_size=4, max_size=30))
def test_a_document_is_in_one_fold(documents: list[str]) -> None:
    units = corpus([f"text {n}" for n in range(len(documents))], documents)
    units["fold"] = assign_folds(units, folds=5, seed=1)
    assert units.groupby("document_id")["fold"].nunique().max() == 1


def test_label_probabilities() -> None:
    texts = random_texts(600)
    units = corpus(texts)
    labels = ["good" if "word7" in text.split() or "word8" in text.split() else "bad" for text in texts]
    labels[0] = None  # type: ignore[call-overload]
    status = ["not_codable", *["ok"] * 599]
    human = codings(
        units["unit_id"], construct="tone", coder="humans", score=[np.nan] * 600, label=labels, status=status
    )
    table = code(units, human, "classifier", {"learner": "logistic"}, Codebook.from_dict(BOOK), language="en")
    assert [name for name in table if name.startswith("p_")] == ["p_good", "p_bad"]
    assert (table["p_good"] + table["p_bad"]).to_numpy() == pytest.approx(np.ones(600))
    assert table["score"].to_numpy() == pytest.approx((table["p_good"] - table["p_bad"]).to_numpy())
    assert (table["label"] == pd.Series(labels)).mean() > 0.9


def test_the_ridge_regression_is_exact_so_that_other_processors_find_the_same() -> None:
    generator = np.random.default_rng(1)
    dense = generator.random((300, 120)) * (generator.random((300, 120)) < 0.1)
    values = dense @ generator.normal(size=120) + generator.normal(size=300)
    # The normal equations of the centred problem (Hoerl & Kennard 1970), with the intercept not shrunk.
    centred, mean = dense - dense.mean(axis=0), values.mean()
    weights = np.linalg.solve(centred.T @ centred + ALPHA * np.eye(120), centred.T @ (values - mean))
    found = ridge(csr_matrix(dense), values)(csr_matrix(dense))[:, 0]
    assert np.abs(found - (mean + centred @ weights)).max() < 1e-10


@pytest.mark.parametrize(
    ("learner", "words"), [("ridge", "no score"), ("logistic", "no label"), ("forest", "no such learner")]
)
def test_a_criterion_that_cannot_be_learnt_says_why(learner: str, words: str) -> None:
    units = corpus(random_texts(20))
    nothing = codings(units["unit_id"], construct="tone", coder="humans", score=[np.nan] * 20)
    with pytest.raises(StudyError, match=words):
        code(units, nothing, "classifier", {"learner": learner}, Codebook.from_dict(BOOK), language="en")


def test_counts_are_predicted_as_numbers_and_not_as_classes() -> None:
    hurt = Codebook.from_dict(
        {"construct": "hurt", "question": "?", "type": "count", "scale": {"low": 0, "high": 99}}
    )
    texts = random_texts(600)
    units = corpus(texts)
    counts = [float(text.split().count("word7") * 3 + text.split().count("word8")) for text in texts]
    said = [str(int(count)) for count in counts]
    human = codings(units["unit_id"], construct="hurt", coder="humans", score=counts, label=said)
    table = code(units, human, "classifier", {"learner": "ridge"}, hurt, language="en")
    assert np.corrcoef(table["score"], counts)[0, 1] > 0.7
    assert table["label"].isna().all()
    with pytest.raises(StudyError, match="no label for 'hurt'"):
        code(units, human, "classifier", {"learner": "logistic"}, hurt, language="en")


def test_codes_that_are_all_alike_cannot_be_learnt() -> None:
    with pytest.raises(StudyError, match="all have one code"):
        fitted(corpus(random_texts(20)), np.ones(20, dtype=object))


def test_texts_of_a_language_without_spaces() -> None:
    texts = [f"{'好' if n % 2 else '坏'}天气第{n}天" for n in range(100)]
    values = np.array([float(n % 2) for n in range(100)], dtype=object)
    scores = cross_fit(corpus(texts), values, fit=ridge, folds=5, seed=1, language="zh", width=1)[:, 0]
    assert np.corrcoef(scores, values.astype(float))[0, 1] > 0.9


def test_hutto_and_gilbert_s_texts(tmp_path: Path) -> None:
    units = hutto_gilbert_units().sort_values("unit_id", ignore_index=True)
    units["text_sha256"] = units["text"].map(text_sha256)
    units.to_parquet(tmp_path / "units.parquet")
    human = codings(units["unit_id"], construct="tone", coder="humans", score=units["human_mean"])
    human.to_parquet(tmp_path / "humans.parquet")
    for target in ("one.parquet", "two.parquet"):
        main(
            units_file=tmp_path / "units.parquet",
            criterion_file=tmp_path / "humans.parquet",
            name="supervised",
            coder={"learner": "ridge", "folds": 5, "seed": 1},
            codebooks=[BOOK],
            language="en",
            codings_file=tmp_path / target,
        )
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    units["score"] = pd.read_parquet(tmp_path / "one.parquet")["score"]
    found = {
        domain: np.corrcoef(rows["score"], rows["human_mean"])[0, 1]
        for domain, rows in units.groupby("domain")
    }
    # Well below the human ceiling (.89 for tweets), so nothing leaks; well above chance.
    assert found == pytest.approx({"amazon": 0.711, "movies": 0.712, "nyt": 0.415, "tweets": 0.771}, abs=0.01)

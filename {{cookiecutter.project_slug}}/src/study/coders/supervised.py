"""A supervised classifier as a baseline: TF-IDF and a regularised linear model, cross-fitted.

Texts are divided into folds, and each fold is scored by a model trained on the criterion's codes of the
others. A fold is decided by a hash of the seed and the text, so that identical texts are in one fold; where
documents hold several units, of the seed and the document, so that a document is in one fold, and texts that
also occur in the fold that is scored are taken out of the training. Either way no text is scored by a model
that saw it. Vocabulary, document frequencies and weights come from the training texts alone.

Nothing is tuned: words and pairs of words that occur in at least two training texts (in languages without
spaces: one to three characters), sublinear TF-IDF of length 1, and ridge regression with alpha = 1 (`ridge`,
the score) or multinomial logistic regression with C = 10 (`logistic`, label probabilities).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.codebook import WITH_CATEGORIES, Codebook
from study.coders import codings
from study.errors import StudyError
from study.segmentation import without_spaces

ALPHA = 1.0
C = 10.0
LEAST_TEXTS = 2
"""A word counts when at least so many training texts hold it."""


def assign_folds(units: pd.DataFrame, *, folds: int, seed: int) -> np.ndarray:
    """Return the fold (0 to folds - 1) of every unit.

    Parameters
    ----------
    units
        document_id and text_sha256.
    """
    several = bool(units["document_id"].duplicated().any())
    keys = units["document_id" if several else "text_sha256"]
    number = {
        key: int(hashlib.sha256(f"{seed}|{key}".encode()).hexdigest(), 16) % folds for key in keys.unique()
    }
    return keys.map(number).to_numpy(dtype=int)


def cross_fit(
    units: pd.DataFrame,
    criterion: np.ndarray,
    *,
    fit: Callable[[Any, np.ndarray], Callable[[Any], np.ndarray]],
    folds: int,
    seed: int,
    language: str,
    width: int,
) -> np.ndarray:
    """Score every unit with a model that saw neither it nor a text like it.

    Parameters
    ----------
    units
        document_id, text and text_sha256.
    criterion
        What is learnt, one value a unit; units whose value is missing are scored and not learnt from.
    fit
        Takes the training texts' features and values; returns a function from features to `width` columns.

    Returns
    -------
    array of shape (units, width)

    Raises
    ------
    StudyError
        A fold's model would have fewer than two texts to learn from, or texts of one value only.
    """
    fold = assign_folds(units, folds=folds, seed=seed)
    counts, same_text = _counts(list(units["text"]), language), pd.factorize(units["text_sha256"])[0]
    known = ~pd.isna(criterion)
    found = np.full((len(units), width), np.nan)
    for number in range(folds):
        scored = fold == number
        if not scored.any():
            continue
        seen = np.isin(same_text, same_text[scored])
        training = known & ~scored & ~seen
        if len(pd.unique(criterion[training])) < 2:
            raise StudyError(
                "A classifier cannot learn from texts that all have one code.",
                file="config/study.yaml",
                key="coders",
                found=f"{int(training.sum())} texts with a code to learn from",
                hint="Code more texts by hand, or take the supervised coder out of the study.",
            )
        weigh = _tfidf(counts[training])
        found[scored] = fit(weigh(counts[training]), criterion[training])(weigh(counts[scored]))
    return found


def ridge(features: Any, values: np.ndarray) -> Callable[[Any], np.ndarray]:
    """Fit a ridge regression; its prediction has one column."""
    from sklearn.linear_model import Ridge

    # As exact as the arithmetic: a looser tolerance stops elsewhere on another processor.
    model = Ridge(alpha=ALPHA, solver="sparse_cg", tol=1e-13).fit(features, values.astype(float))
    return lambda new: model.predict(new)[:, None]


def logistic(labels: Sequence[str]) -> Callable[[Any, np.ndarray], Callable[[Any], np.ndarray]]:
    """Return a fit of a logistic regression; it predicts a probability a label, 0 for one never seen."""
    from sklearn.linear_model import LogisticRegression

    def fit(features: Any, values: np.ndarray) -> Callable[[Any], np.ndarray]:
        model = LogisticRegression(C=C, solver="lbfgs", max_iter=1000).fit(features, values.astype(str))
        position = [list(labels).index(label) for label in model.classes_]

        def predict(new: Any) -> np.ndarray:
            probabilities = np.zeros((new.shape[0], len(labels)))
            probabilities[:, position] = model.predict_proba(new)
            return probabilities

        return predict

    return fit


def code(
    units: pd.DataFrame,
    criterion: pd.DataFrame,
    name: str,
    coder: Mapping[str, Any],
    codebook: Codebook,
    *,
    language: str,
) -> pd.DataFrame:
    """Code every unit for one construct.

    Parameters
    ----------
    units
        unit_id, document_id, text and text_sha256.
    criterion
        Codings of the coder that is learnt from: unit_id, status, score and label.
    name, coder
        The coder's name and settings: learner, folds, seed.

    Returns
    -------
    DataFrame
        As `study.coders.codings` gives it. With the learner logistic: the most probable label, the
        probability of each, and the expected value where labels have values.
    """
    known = criterion[criterion["status"] == "ok"].set_index("unit_id")
    learner = coder.get("learner", "ridge")
    column = {"ridge": "score", "logistic": "label"}.get(learner)
    if column is None:
        raise StudyError(
            "There is no such learner.",
            file="config/study.yaml",
            key=f"coders.{name}.learner",
            found=learner,
            allowed=["ridge", "logistic"],
        )
    values = units["unit_id"].map(known[column]).to_numpy(dtype=object)
    # Where the codes are numbers, what a coder wrote down as its label is no class.
    classes = learner == "ridge" or codebook.type in WITH_CATEGORIES
    if not classes or pd.isna(values).all():
        raise StudyError(
            f"The criterion has no {column} for '{codebook.construct}' that {learner} could learn.",
            file="config/study.yaml",
            key=f"coders.{name}.learner",
            found=learner,
            allowed="ridge for numbers; logistic for labels, where the criterion's score is `majority`",
        )
    labels = [label for label in codebook.labels if label != codebook.not_codable]
    settings = {"folds": coder.get("folds", 5), "seed": coder.get("seed", 1), "language": language}
    unit_ids = list(units["unit_id"])
    if learner == "ridge":
        scores = cross_fit(units, values, fit=ridge, width=1, **settings)[:, 0]
        return codings(unit_ids, construct=codebook.construct, coder=name, score=scores)
    probabilities = cross_fit(units, values, fit=logistic(labels), width=len(labels), **settings)
    return codings(
        unit_ids,
        construct=codebook.construct,
        coder=name,
        score=_expected(probabilities, labels, codebook),
        label=[labels[best] for best in probabilities.argmax(axis=1)],
        probabilities={label: probabilities[:, i] for i, label in enumerate(labels)},
    )


def _expected(probabilities: np.ndarray, labels: Sequence[str], codebook: Codebook) -> np.ndarray:
    value = dict(zip(codebook.labels, codebook.values, strict=True))
    numbers = [value[label] for label in labels]
    if any(number is None for number in numbers):
        return np.full(len(probabilities), np.nan)
    return probabilities @ np.array(numbers, dtype=float)


def _counts(texts: Sequence[str], language: str) -> Any:
    """Count words and pairs of words in every text; what a fold's model may know of them is decided later."""
    from sklearn.feature_extraction.text import CountVectorizer

    if without_spaces(language):
        vectorizer = CountVectorizer(analyzer="char", ngram_range=(1, 3), dtype=np.float64)
    else:
        vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", dtype=np.float64)
    try:
        return vectorizer.fit_transform(texts).tocsr()
    except ValueError as error:
        raise StudyError("No text of the corpus holds a word that a classifier could learn.") from error


def _tfidf(training: Any) -> Callable[[Any], Any]:
    """Return the weighting that the training texts alone decide: which words count, and their idf."""
    from sklearn.feature_extraction.text import TfidfTransformer

    columns = np.flatnonzero(np.bincount(training.indices, minlength=training.shape[1]) >= LEAST_TEXTS)
    transformer = TfidfTransformer(sublinear_tf=True).fit(training[:, columns])
    return lambda counts: transformer.transform(counts[:, columns])


def main(
    *,
    units_file: Path,
    criterion_file: Path,
    name: str,
    coder: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    language: str,
    codings_file: Path,
) -> None:
    """Code every unit with a classifier that learns from the criterion's codings."""
    from threadpoolctl import threadpool_limits

    units = pd.read_parquet(units_file, columns=["unit_id", "document_id", "text", "text_sha256"])
    criterion = pd.read_parquet(criterion_file)
    tables = []
    # With one thread sums are added in one order, so that a result is the same on any number of cores.
    with threadpool_limits(limits=1):
        for book in sorted((Codebook.from_dict(book) for book in codebooks), key=lambda book: book.construct):
            mine = criterion[criterion["construct"] == book.construct]
            tables.append(code(units, mine, name, coder, book, language=language))
    pd.concat(tables, ignore_index=True).to_parquet(codings_file, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)

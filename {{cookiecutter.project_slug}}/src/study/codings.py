"""The coding table of a language model: a view on the store of responses, made without the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import Instrument
from study.store import ResponseStore, response_key


def label_probabilities(log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Renormalise label probabilities over the closed set (Licht et al. 2025, arXiv 2509.03116).

    Parameters
    ----------
    log_p
        Natural logarithms of P(full label and end of turn), shape (texts, labels).

    Returns
    -------
    probabilities, valid_mass
        Shapes (texts, labels) and (texts,): each row of probabilities sums to 1; the valid mass is the sum
        before renormalising, between 0 and 1: how much of what the model would say is a label at all.
    """
    largest = log_p.max(axis=1, keepdims=True)
    raised = np.exp(log_p - largest)
    total = raised.sum(axis=1, keepdims=True)
    return raised / total, (np.exp(largest) * total)[:, 0]


def expected_score(probabilities: np.ndarray, values: list[float | None]) -> np.ndarray:
    """Return the probability-weighted mean of the labels' values (Licht et al. 2025, arXiv 2509.03116).

    A label without a value ('not codable') takes no part: the others are renormalised.

    Parameters
    ----------
    probabilities
        Shape (texts, labels).
    values
        One a label; None for a label without a value.

    Returns
    -------
    scores
        Shape (texts,), in the units of `values`; NaN where no label has a value, or those that have one no
        probability.
    """
    counted = np.array([v is not None for v in values])
    if not counted.any():
        return np.full(len(probabilities), np.nan)
    weights = probabilities[:, counted]
    scores = np.array([v for v in values if v is not None], dtype=float)
    total = weights.sum(axis=1)
    return np.divide(weights @ scores, total, out=np.full(len(total), np.nan), where=total > 0)


def coding_table(
    units: pd.DataFrame,
    instrument: Instrument,
    codebook: Codebook,
    responses: dict[str, dict[str, Any]],
    repeat: int = 1,
) -> pd.DataFrame:
    """Return one row a unit.

    Parameters
    ----------
    units
        Columns unit_id, text_sha256: the units that were coded.
    responses
        {key: response as stored}; every unit has one.

    Returns
    -------
    DataFrame
        unit_id, construct, coder, instrument_id, repeat, text_sha256, status, label (the most probable one;
        of equals the one that is offered first), score, p_<label> for each label, valid_mass, n_tokens (of
        prompt and text), truncated (tokens of the text left out). Label, score and probabilities are
        missing where the model was not asked; the score, but not the label, where it is 'not codable'.
    """
    found = [responses[response_key(instrument.instrument_id, d, repeat)] for d in units["text_sha256"]]
    table = pd.DataFrame(
        {
            "unit_id": units["unit_id"].to_numpy(),
            "construct": instrument.construct,
            "coder": instrument.coder,
            "instrument_id": instrument.instrument_id,
            "repeat": repeat,
            "text_sha256": units["text_sha256"].to_numpy(),
            "status": [response["status"] for response in found],
        }
    )
    n_labels = len(instrument.labels)
    asked = np.array([response["log_p"] is not None for response in found], dtype=bool)
    log_p = np.full((len(found), n_labels), np.nan)
    for row, response in enumerate(found):
        if response["log_p"] is not None:
            log_p[row] = response["log_p"]
    probabilities = np.full((len(found), n_labels), np.nan)
    mass = np.full(len(found), np.nan)
    label = np.full(len(found), None, dtype=object)
    score = np.full(len(found), np.nan)
    if asked.any():
        probabilities[asked], mass[asked] = label_probabilities(log_p[asked])
        values = [codebook.values[codebook.labels.index(name)] for name in instrument.labels]
        score[asked] = expected_score(probabilities[asked], values)
        label[asked] = np.array(instrument.labels, dtype=object)[probabilities[asked].argmax(axis=1)]
    table["label"] = pd.Series(label, dtype="str")
    table["score"] = score
    if codebook.not_codable is not None:
        refused = table["label"] == codebook.not_codable
        table.loc[refused, "status"] = "not_codable"
        table.loc[refused, "score"] = np.nan
    for column, name in enumerate(instrument.labels):
        table[f"p_{name}"] = probabilities[:, column]
    table["valid_mass"] = mass
    table["n_tokens"] = [response["n_tokens"] for response in found]
    table["truncated"] = [response["truncated"] for response in found]
    return table


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    codebooks: list,  # type: ignore[type-arg]
    indexes: list[Path],
    code: str,
    store: Path,
    codings: Path,
) -> None:
    """Write the coding table of one coder: all its constructs, one after the other."""
    table = pd.read_parquet(units, columns=["unit_id", "text_sha256"])
    if code == "sample":
        drawn = pd.read_csv(sample, dtype={"unit_id": str}, keep_default_na=False)["unit_id"]
        table = table[table["unit_id"].isin(set(drawn))]
    index = pd.concat([pd.read_csv(path, dtype=str) for path in indexes])
    where: dict[str, str] = dict(zip(index["key"], index["segment"], strict=True))
    by_construct = {book.construct: book for book in map(Codebook.from_dict, codebooks)}
    parts = []
    for path in instruments:
        instrument = Instrument.read(path)
        keys = {response_key(instrument.instrument_id, digest, 1) for digest in table["text_sha256"]}
        if lost := keys - where.keys():
            raise StudyError(
                f"{len(lost)} of {len(keys)} texts have no response for {instrument.construct} in the index.",
                file=indexes[0],
                hint="Delete the index and run again: what is missing is asked.",
            )
        found = ResponseStore(store).read({key: where[key] for key in keys})
        responses = {response["key"]: response for response in found}
        parts.append(coding_table(table, instrument, by_construct[instrument.construct], responses))
    result = pd.concat(parts, ignore_index=True).sort_values(["construct", "unit_id"], kind="stable")
    result.to_parquet(codings, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)

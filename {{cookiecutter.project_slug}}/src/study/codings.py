"""The coding table of a language model: a view on the store of responses, made without the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.llm.labels import mean_log_p, with_never
from study.prior import calibrated
from study.requests import REFERENCE, Request, Task, read_units, tasks
from study.store import ResponseStore

SEPARATOR = "; "
"""What stands between the categories of a multilabel coding."""
NO_CATEGORY = "(none)"
"""The label of a multilabel coding to which no category applies."""

RAW = "raw_"
"""What begins the names of figures before calibration."""


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


def expected_score(probabilities: np.ndarray, values: Sequence[float | None]) -> np.ndarray:
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
    weights, scores = _counted(probabilities, values)
    if not scores.size:
        return np.full(len(probabilities), np.nan)
    total = weights.sum(axis=1)
    return np.divide(weights @ scores, total, out=np.full(len(total), np.nan), where=total > 0)


def score_sd(probabilities: np.ndarray, values: Sequence[float | None]) -> np.ndarray:
    """Return the standard deviation of the label's value under the label probabilities.

    How unsure the model is of one text, in the units of `values`; shapes as in `expected_score`.
    """
    weights, scores = _counted(probabilities, values)
    mean = expected_score(probabilities, values)
    if not scores.size:
        return mean
    total = weights.sum(axis=1)
    squares = (weights * (scores[None, :] - mean[:, None]) ** 2).sum(axis=1)
    return np.sqrt(np.divide(squares, total, out=np.full(len(total), np.nan), where=total > 0))


def _counted(probabilities: np.ndarray, values: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
    counted = np.array([v is not None for v in values], dtype=bool)
    return probabilities[:, counted], np.array([v for v in values if v is not None], dtype=float)


def coding_table(
    task: Task, codebooks: Mapping[str, Codebook], responses: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return one row a unit, repeat and construct.

    Parameters
    ----------
    task
        What the instrument was asked; texts with the column `text` where passages were extracted or figures
        are calibrated.
    codebooks
        {construct: codebook} of the instrument's questions.
    responses
        {key: response as stored}; every request has one.

    Returns
    -------
    DataFrame
        unit_id, construct, coder, instrument_id, repeat, text_sha256, status, label, score, then as far as
        the construct has them:

        - choice: score_sd (of the value under the label probabilities), p_<label> for each label, valid_mass;
          label is the most probable one (of equals the one that comes first in the codebook), or the one that
          was drawn where the temperature is above 0; of a server that gives no probabilities the one that was
          answered, its value as score, and nothing else; calibrated codings have the same before calibration as
          raw_label, raw_score, raw_score_sd and raw_p_<label>, and after it label is the most probable one;
        - number: score, log_p;
        - spans: spans (JSON: a list of objects with start, end and text), score (how many), log_p;
        - compare: score and score_se (Bradley-Terry, log-odds), order_effect, comparisons;
        - rationale;
        - a multilabel file has one row more, with the file's name as construct: label (the categories that
          apply, with '; ' between them), p_<category>, score (the expected number of categories);

        and n_tokens (of prompts and text), n_written, truncated (tokens of the text left out), escaped; of a
        text that was compared, the mean over its comparisons, and the most that was left out or escaped in
        one of them. All but the first columns are missing where the model was not asked; the score, but not
        the label, where it is 'not codable'.
    """
    parts = [
        _compared(task, codebooks[question.construct], responses)
        if task.instrument.compares
        else _coded(task, place, codebooks[question.construct], responses)
        for place, question in enumerate(task.instrument.questions)
    ]
    if all(codebooks[construct].category is not None for construct in task.instrument.constructs):
        parts.append(_subset(task, codebooks, parts))
    return pd.concat(parts, ignore_index=True)


def _subset(task: Task, codebooks: Mapping[str, Codebook], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return a row a unit for a multilabel file as a whole: which of its categories apply."""
    books = [codebooks[construct] for construct in task.instrument.constructs]
    whole = parts[0][["unit_id", "construct", "coder", "instrument_id", "repeat", "text_sha256"]].assign(
        construct=task.instrument.name, status=parts[0]["status"]
    )
    for part in parts[1:]:
        # Of a text that can be coded for some categories only, it is not known which apply.
        whole["status"] = whole["status"].where(whole["status"] != "ok", part["status"])
    ok = whole["status"] == "ok"
    applies = [part["label"] == book.labels[0] for book, part in zip(books, parts, strict=True)]
    names = [str(book.category) for book in books]
    label = [
        SEPARATOR.join(name for name, each in zip(names, row, strict=True) if each) or NO_CATEGORY
        for row in zip(*applies, strict=True)
    ]
    whole["label"] = pd.Series(label, dtype="str", index=whole.index).where(ok)
    probabilities = {
        f"p_{name}": part[f"p_{book.labels[0]}"].where(ok)
        for name, book, part in zip(names, books, parts, strict=True)
    }
    whole["score"] = sum(probabilities.values())
    return whole.assign(
        **probabilities,
        **{count: parts[0][count] for count in ("n_tokens", "n_written", "truncated", "escaped")},
    )


def _coded(
    task: Task, place: int, codebook: Codebook, responses: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    question = task.instrument.questions[place]
    table, found = _rows(task, question, responses)
    answers = [None if one["answers"] is None else one["answers"][place] for one in found]
    if question.kind == "choice":
        reference = _reference(task, place, responses) if codebook.calibration else None
        table = table.assign(**_choices(question, codebook, answers, reference))
    else:
        table = table.assign(
            **(_numbers(answers) if question.kind == "number" else _spans(task, table, answers))
        )
    if codebook.not_codable is not None:
        refused = table["label"] == codebook.not_codable
        table.loc[refused, "status"] = "not_codable"
        table.loc[refused, "score"] = np.nan
    if question.rationale != "none":
        table["rationale"] = pd.Series([_rationale(answer) for answer in answers], dtype="str")
    for count in ("n_tokens", "n_written", "truncated", "escaped"):
        counted = [one[count] for one in found]
        table[count] = counted if None not in counted else pd.Series(counted, dtype="Int64")
    return table


def _rows(
    task: Task, question: Question, responses: Mapping[str, Mapping[str, Any]]
) -> tuple[pd.DataFrame, list[Mapping[str, Any]]]:
    """Return a row a unit and repeat, and the response of each; units with one text have one response."""
    by_text: dict[str, list[Request]] = {}
    for request in task.wanted:
        by_text.setdefault(task.sha256_of(request.rows[0]), []).append(request)
    units = task.texts[task.texts["unit_id"] != REFERENCE]
    rows = [
        (unit_id, digest, request)
        for unit_id, digest in zip(units["unit_id"], units["text_sha256"], strict=True)
        for request in by_text[digest]
    ]
    found = [responses[request.key] for _, _, request in rows]
    table = pd.DataFrame(
        {
            "unit_id": pd.Series([unit_id for unit_id, _, _ in rows], dtype="str"),
            "construct": question.construct,
            "coder": task.instrument.coder,
            "instrument_id": task.instrument.instrument_id,
            "repeat": pd.Series([request.repeat for _, _, request in rows], dtype="int64"),
            "text_sha256": pd.Series([digest for _, digest, _ in rows], dtype="str"),
            "status": pd.Series([one["status"] for one in found], dtype="str"),
        }
    )
    return table, found


def _reference(task: Task, place: int, responses: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Return log P of the labels given the reference texts, shape (texts x repeats, labels)."""
    references = set(task.texts.loc[task.texts["unit_id"] == REFERENCE, "text_sha256"])
    log_p = []
    for request in task.wanted:
        if task.sha256_of(request.rows[0]) not in references:  # which may be the text of a unit too
            continue
        response = responses[request.key]
        if response["answers"] is None:
            raise StudyError(
                "A reference text of the calibration could not be evaluated, so nothing can be calibrated.",
                file=f"config/codebooks/{task.instrument.name}.yaml",
                key="calibration.texts",
                found=f"{task.texts['text'].iat[request.rows[0]]} ({response['status']})",
                hint="Shorten the text, or use another one.",
            )
        log_p.append(mean_log_p(np.array(response["answers"][place]["log_p"])))
    return np.array(log_p)


def _choices(
    question: Question,
    codebook: Codebook,
    answers: Sequence[Mapping[str, Any] | None],
    reference: np.ndarray | None,
) -> dict[str, Any]:
    n = len(question.labels)
    asked = np.array([answer is not None for answer in answers], dtype=bool)
    log_p = np.full((len(answers), n), np.nan)
    drawn = np.full(len(answers), -1)
    masked = np.zeros(len(answers), dtype=bool)
    for row, answer in enumerate(answers):
        if answer is not None:
            drawn[row] = answer.get("label", -1)
            masked[row] = answer.get("masked", False)
            if answer["log_p"] is not None:
                log_p[row] = mean_log_p(np.array([with_never(each) for each in answer["log_p"]]))
    columns = _figures(question, codebook, log_p, asked, drawn)
    valid_mass = np.where(masked, np.nan, columns.pop("valid_mass"))
    if reference is not None:
        raw = {f"{RAW}{name}": values for name, values in columns.items()}
        after = np.full_like(log_p, np.nan)
        if asked.any():
            after[asked] = calibrated(log_p[asked], reference)
        columns = _figures(question, codebook, after, asked, np.full(len(answers), -1))
        columns.pop("valid_mass")
        columns |= raw
    return columns | {"valid_mass": valid_mass}


def _figures(
    question: Question, codebook: Codebook, log_p: np.ndarray, asked: np.ndarray, drawn: np.ndarray
) -> dict[str, Any]:
    """Return label, score, score_sd, the labels' probabilities, and the valid mass."""
    values = [codebook.values[codebook.labels.index(label)] for label in question.labels]
    probabilities, mass = np.full_like(log_p, np.nan), np.full(len(log_p), np.nan)
    label = np.full(len(log_p), None, dtype=object)
    score, sd = np.full(len(log_p), np.nan), np.full(len(log_p), np.nan)
    said = asked & np.isnan(log_p).all(axis=1)  # by a server that gives no probabilities
    asked = asked & ~said
    if asked.any():
        probabilities[asked], mass[asked] = label_probabilities(log_p[asked])
        score[asked] = expected_score(probabilities[asked], values)
        sd[asked] = score_sd(probabilities[asked], values)
        most = np.where(drawn[asked] >= 0, drawn[asked], probabilities[asked].argmax(axis=1))
        label[asked] = np.array(question.labels, dtype=object)[most]
    if said.any():
        label[said] = np.array(question.labels, dtype=object)[drawn[said]]
        score[said] = np.array([np.nan if v is None else v for v in values], dtype=float)[drawn[said]]
    return {
        "label": pd.Series(label, dtype="str"),
        "score": score,
        "score_sd": sd,
        **{f"p_{name}": probabilities[:, column] for column, name in enumerate(question.labels)},
        "valid_mass": mass,
    }


def _numbers(answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    return {
        "label": pd.Series([None] * len(answers), dtype="str"),
        "score": [np.nan if answer is None else float(answer["value"]) for answer in answers],
        "log_p": [_log_p(answer) for answer in answers],
    }


def _log_p(answer: Mapping[str, Any] | None) -> float:
    """Return log P of what was written; NaN where a server does not say."""
    return np.nan if answer is None or answer["log_p"] is None else float(answer["log_p"])


def _spans(task: Task, table: pd.DataFrame, answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    text_of = dict(zip(task.texts["text_sha256"], task.texts["text"], strict=True))
    written: list[str | None] = []
    for digest, answer in zip(table["text_sha256"], answers, strict=True):
        if answer is None:
            written.append(None)
            continue
        text = text_of[digest]
        spans = [{"start": start, "end": end, "text": text[start:end]} for start, end in answer["spans"]]
        written.append(json.dumps(spans))
    return {
        "label": pd.Series([None] * len(answers), dtype="str"),
        "score": [np.nan if answer is None else float(len(answer["spans"])) for answer in answers],
        "spans": pd.Series(written, dtype="str"),
        "log_p": [_log_p(answer) for answer in answers],
    }


def _rationale(answer: Mapping[str, Any] | None) -> str | None:
    """Return the rationale; of several, one for each order of the labels, the first."""
    if answer is None:
        return None
    rationale = answer.get("rationale")
    return rationale[0] if isinstance(rationale, list) else rationale


def _compared(task: Task, codebook: Codebook, responses: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row a unit: its Bradley-Terry score; units with one text have one score."""
    from study.bradley_terry import bradley_terry

    texts = task.texts
    digests = [str(digest) for digest in texts["text_sha256"]]
    found = [(request, responses[request.key]) for request in task.wanted]
    answered = [(request, one) for request, one in found if one["answers"] is not None]
    table = texts[["unit_id"]].assign(
        construct=codebook.construct,
        coder=task.instrument.coder,
        instrument_id=task.instrument.instrument_id,
        repeat=1,
        text_sha256=digests,
        status="ok",
        label=pd.Series([None] * len(texts), dtype="str"),
    )
    scores = pd.DataFrame(columns=["item", "score", "se", "comparisons"])
    order_effect = np.nan
    mass: dict[str, list[float]] = {}
    if answered:
        question = task.instrument.questions[0]
        probabilities, valid = _preferences(question, [one["answers"][0] for _, one in answered])
        outcomes = ["p_first", "p_second", "p_tie"][: probabilities.shape[1]]
        comparisons = pd.DataFrame(probabilities, columns=outcomes).assign(
            first=[digests[request.rows[0]] for request, _ in answered],
            second=[digests[request.rows[1]] for request, _ in answered],
        )
        fitted = bradley_terry(comparisons, ties=len(outcomes) == 3, name=codebook.construct)
        scores = fitted.scores
        order_effect = np.nan if fitted.order_effect is None else fitted.order_effect.value
        for (request, _), share in zip(answered, valid, strict=True):
            for row in request.rows:
                mass.setdefault(digests[row], []).append(float(share))
    by_text = scores.set_index("item")
    for name, figure in (("score", "score"), ("score_se", "se")):
        table[name] = by_text[figure].reindex(digests).to_numpy(dtype=float)
    table["order_effect"] = order_effect
    table["comparisons"] = by_text["comparisons"].reindex(digests).fillna(0).to_numpy(dtype="int64")
    table["valid_mass"] = [float(np.mean(mass[d])) if d in mass else np.nan for d in digests]
    table["status"] = _status_of_compared(texts, found, by_text.index)
    counts: dict[str, list[Mapping[str, Any]]] = {}
    for request, one in found:
        for row in request.rows:
            counts.setdefault(digests[row], []).append(one)
    for name in ("n_tokens", "n_written", "truncated", "escaped"):
        table[name] = [_of_comparisons(name, counts.get(digest, ())) for digest in digests]
    return table


def _preferences(
    question: Question, answers: Sequence[Mapping[str, Any]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return how probable each outcome of a comparison is, and the valid mass.

    Of a server that gives no probabilities, the outcome is what it has answered.
    """
    probabilities, valid = np.zeros((len(answers), len(question.labels))), np.full(len(answers), np.nan)
    for row, answer in enumerate(answers):
        if answer["log_p"] is None:
            probabilities[row, answer["label"]] = 1.0
            continue
        log_p = mean_log_p(np.array([with_never(each) for each in answer["log_p"]]))
        shares, mass = label_probabilities(log_p[None, :])
        probabilities[row] = shares[0]
        if not answer.get("masked"):
            valid[row] = mass[0]
    return probabilities, valid


def _of_comparisons(name: str, found: Sequence[Mapping[str, Any]]) -> int:
    """Return a count of a text's comparisons: the mean of tokens; the most that was cut or escaped in one."""
    if not found:
        return 0
    each = [int(one[name] or 0) for one in found]
    return round(sum(each) / len(each)) if name in ("n_tokens", "n_written") else max(each)


def _status_of_compared(
    texts: pd.DataFrame, found: Sequence[tuple[Request, Mapping[str, Any]]], scored: pd.Index
) -> list[str]:
    """Return 'ok' for a text with a score; for another, why its comparisons failed."""
    why: dict[str, str] = {}
    for request, one in found:
        for row in request.rows:
            if one["status"] != "ok":
                why.setdefault(str(texts["text_sha256"].iat[row]), str(one["status"]))
    return ["ok" if digest in scored else why.get(digest, "not_compared") for digest in texts["text_sha256"]]


def read_index(indexes: Sequence[Path]) -> dict[str, str]:
    """Return {key: segment} of the responses that indexes list."""
    index = pd.concat([pd.read_csv(path, dtype=str) for path in indexes])
    return dict(zip(index["key"], index["segment"], strict=True))


def responses_of(
    task: Task, where: Mapping[str, str], store: ResponseStore, index: Path
) -> dict[str, dict[str, Any]]:
    """Return the responses that a task asks for, by key.

    Raises
    ------
    StudyError
        When the index does not list one of them, or the store does not have it.
    """
    keys = {request.key for request in task.wanted}
    if lost := keys - where.keys():
        raise StudyError(
            f"{len(lost)} of {len(keys)} responses for {task.instrument.name} are not in the index.",
            file=index,
            hint="Delete the index and run again: what is missing is asked.",
        )
    return {one["key"]: one for one in store.read({key: where[key] for key in keys})}


def without_texts(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide a coding table into what may be shared and what quotes the texts.

    Returns
    -------
    codings, written
        The table without rationales, and with the places of passages but not the passages; and a row for each
        of its rows with unit_id, construct, repeat, and rationale and spans (with the passages) where the
        table has them.
    """
    quoting = [name for name in ("rationale", "spans") if name in table]
    written = table[["unit_id", "construct", "repeat", *quoting]]
    codings = table.drop(columns="rationale", errors="ignore")
    if "spans" in codings:
        codings = codings.assign(spans=codings["spans"].map(places, na_action="ignore").astype("str"))
    return codings, written


def places(spans: str) -> str:
    """Return where passages begin and end (both as JSON), without what they say."""
    return json.dumps([{"start": span["start"], "end": span["end"]} for span in json.loads(spans)])


def main(
    *,
    units: Path,
    sample: Path,
    instruments: list[Path],
    codebooks: list,  # type: ignore[type-arg]
    indexes: list[Path],
    asked: dict,  # type: ignore[type-arg]
    store: Path,
    codings: Path,
    written: Path | None = None,
) -> None:
    """Write the coding table of one coder: all its constructs, one after the other.

    Parameters
    ----------
    asked
        What the coder is asked, see `study.requests.tasks`.
    written
        Where the texts may not be shared: the file for what quotes them, which the table then lacks.
    """
    books = {book.construct: book for book in map(Codebook.from_dict, codebooks)}
    columns = ["unit_id", "text_sha256"]
    if any(book.type == "extract" or book.calibration for book in books.values()):
        columns.append("text")
    table = read_units(units, columns, (one.get("text") for one in asked.values()))
    where = read_index(indexes)
    read = [Instrument.read(path) for path in instruments]
    parts = [
        coding_table(task, books, responses_of(task, where, ResponseStore(store), indexes[0]))
        for task in tasks(table, sample, read, asked)
    ]
    result = pd.concat(parts, ignore_index=True)
    result = result.sort_values(["construct", "unit_id", "repeat"], kind="stable")
    if written is not None:
        result, quoting = without_texts(result)
        quoting.to_parquet(written, index=False)
    result.to_parquet(codings, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)

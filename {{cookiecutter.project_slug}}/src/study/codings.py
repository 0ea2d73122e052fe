"""The coding table of a language model: a view on the store of responses, made without the model."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.codebook import Codebook
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.parquet_parts import ParquetParts
from study.prior import calibrated
from study.requests import REFERENCE, Requests, Task, read_units, tasks
from study.responses import COUNTS, Answers, Responses
from study.store import ResponseStore

SEPARATOR = "; "
"""What stands between the categories of a multilabel coding."""
NO_CATEGORY = "(none)"
"""The label of a multilabel coding to which no category applies."""

RAW = "raw_"
"""What begins the names of figures before calibration."""

PORTION = 100_000
"""Rows that are sorted into their place and written at once."""


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


def coding_table(task: Task, codebooks: Mapping[str, Codebook], responses: Responses) -> pd.DataFrame:
    """Return one row a unit, repeat and construct.

    Parameters
    ----------
    task
        What the instrument was asked; texts with the column `text` where passages were extracted or figures
        are calibrated.
    codebooks
        {construct: codebook} of the instrument's questions.
    responses
        To the task.

    Returns
    -------
    DataFrame
        unit_id, construct, coder, instrument_id, repeat, text_sha256, status, label, score, then as far as
        the construct has them:

        - choice: score_sd (of the value under the label probabilities), p_<label> for each label, valid_mass;
          label is the most probable one (of equals the one that comes first in the codebook), or the one that
          was drawn where the temperature is above 0; of a server that gives no probabilities the one that was
          answered, its value as score, and nothing else; calibrated codings have the same before calibration
          as raw_label, raw_score, raw_score_sd and raw_p_<label>, and after it label is the most probable;
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
    constructs = tabulated(task, codebooks)
    return pd.concat(
        [construct_table(task, construct, codebooks, responses) for construct in constructs],
        ignore_index=True,
    )


def tabulated(task: Task, codebooks: Mapping[str, Codebook]) -> list[str]:
    """Return the constructs in a task's coding table; last a multilabel file's own name, where it is one."""
    constructs = task.instrument.constructs
    together = all(codebooks[construct].category is not None for construct in constructs)
    return [*constructs, task.instrument.name] if together else constructs


def construct_table(
    task: Task, construct: str, codebooks: Mapping[str, Codebook], responses: Responses
) -> pd.DataFrame:
    """Return the rows of one of the constructs that are `tabulated`: see `coding_table`."""
    if construct not in task.instrument.constructs:
        parts = [construct_table(task, each, codebooks, responses) for each in task.instrument.constructs]
        return _subset(task, codebooks, parts)
    if task.instrument.compares:
        return _compared(task, codebooks[construct], responses)
    return _coded(task, task.instrument.constructs.index(construct), codebooks[construct], responses)


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
    expected = sum(probabilities.values(), start=pd.Series(0.0, index=whole.index))
    counted = sum((each.astype(float) for each in applies), start=pd.Series(0.0, index=whole.index))
    whole["score"] = expected.fillna(counted.where(ok))  # of a server without probabilities: how many apply
    return whole.assign(
        **probabilities,
        **{count: parts[0][count] for count in COUNTS},
    )


def _coded(task: Task, place: int, codebook: Codebook, responses: Responses) -> pd.DataFrame:
    question = task.instrument.questions[place]
    table, of = _rows(task, question, responses)
    answers = responses.answers[place].only(of)
    if question.kind == "choice":
        reference = _reference(task, place, responses) if codebook.calibration else None
        asked = responses.answered[of]
        table = table.assign(**_choices(question, codebook, answers, asked, reference))
    elif question.kind == "number":
        table = table.assign(label=_no_label(len(of)), score=answers.value, log_p=answers.log_p[:, 0])
    else:
        spans = _spans(task, answers.spans, table["text_sha256"])
        table = table.assign(
            label=_no_label(len(of)), score=answers.value, spans=spans, log_p=answers.log_p[:, 0]
        )
    if codebook.not_codable is not None:
        refused = table["label"] == codebook.not_codable
        table.loc[refused, "status"] = "not_codable"
        table.loc[refused, "score"] = np.nan
    if question.rationale != "none":
        table["rationale"] = pd.Series(answers.rationale, dtype="str")
    for name in COUNTS:
        counted, unknown = responses.counts[name][of], responses.unknown.get(name)
        table[name] = counted if unknown is None else pd.arrays.IntegerArray(counted, unknown[of])
    return table


def _rows(task: Task, question: Question, responses: Responses) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a row a unit and repeat, and the number of the response of each.

    Units with one text have one response.
    """
    texts = task.texts
    unit = np.flatnonzero((texts["unit_id"] != REFERENCE).to_numpy(dtype=bool))
    text, _ = pd.factorize(texts["text_sha256"])
    rows, repeats = _rows_and_repeats(task)
    # The requests by text, in their order; then for each unit those of its text.
    by_text = np.argsort(text[rows], kind="stable")
    sorted_text = text[rows][by_text]
    begin, end = (np.searchsorted(sorted_text, text[unit], side) for side in ("left", "right"))
    times = end - begin
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    of = by_text[np.repeat(begin, times) + within]
    unit = np.repeat(unit, times)
    table = pd.DataFrame(
        {
            "unit_id": pd.Series(texts["unit_id"].array.take(unit), dtype="str"),
            "construct": question.construct,
            "coder": task.instrument.coder,
            "instrument_id": task.instrument.instrument_id,
            "repeat": repeats[of],
            "text_sha256": pd.Series(texts["text_sha256"].array.take(unit), dtype="str"),
            "status": pd.Series(responses.status[of], dtype="str"),
        }
    )
    return table, of


def _rows_and_repeats(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of the first text of each request, and its repeat."""
    wanted = task.wanted
    if isinstance(wanted, Requests):
        return wanted.rows[:, 0], wanted.repeats
    each = [(request.rows[0], request.repeat) for request in wanted]
    rows, repeats = np.array(each, dtype=np.int64).reshape(-1, 2).T
    return rows, repeats


def _reference(task: Task, place: int, responses: Responses) -> np.ndarray:
    """Return log P of the labels given the reference texts, shape (texts x repeats, labels)."""
    text = task.texts["text_sha256"]
    rows, _ = _rows_and_repeats(task)
    # A reference text may be the text of a unit too.
    wanted = np.flatnonzero(text.isin(text[task.texts["unit_id"] == REFERENCE]).to_numpy()[rows])
    for number in wanted[~responses.answered[wanted]][:1]:
        raise StudyError(
            "A reference text of the calibration could not be evaluated, so nothing can be calibrated.",
            file=f"config/codebooks/{task.instrument.name}.yaml",
            key="calibration.texts",
            found=f"{task.text_of(rows[number])} ({responses.status[number]})",
            hint="Shorten the text, or use another one.",
        )
    return responses.answers[place].log_p[wanted]


def _choices(
    question: Question,
    codebook: Codebook,
    answers: Answers,
    asked: np.ndarray,
    reference: np.ndarray | None,
) -> dict[str, Any]:
    """Return the columns of a choice, a row an answer."""
    log_p = answers.log_p
    columns = _figures(question, codebook, log_p, asked, answers.label)
    valid_mass = np.where(answers.masked, np.nan, columns.pop("valid_mass"))
    if reference is not None:
        raw = {f"{RAW}{name}": values for name, values in columns.items()}
        after = np.full_like(log_p, np.nan)
        if asked.any():
            after[asked] = calibrated(log_p[asked], reference)
        columns = _figures(question, codebook, after, asked, np.full(len(log_p), -1))
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


def _no_label(n: int) -> pd.Series:
    return pd.Series([None] * n, dtype="str")


def _spans(task: Task, found: Sequence[Sequence[Sequence[int]] | None], digests: pd.Series) -> pd.Series:
    """Return passages as JSON, with what they say."""
    text_of = dict(zip(task.texts["text_sha256"], task.texts["text"], strict=True))
    written: list[str | None] = []
    for digest, passages in zip(digests, found, strict=True):
        if passages is None:
            written.append(None)
            continue
        text = text_of[digest]
        spans = [{"start": start, "end": end, "text": text[start:end]} for start, end in passages]
        written.append(json.dumps(spans))
    return pd.Series(written, dtype="str")


def _compared(task: Task, codebook: Codebook, responses: Responses) -> pd.DataFrame:
    """Return a row a unit: its Bradley-Terry score; units with one text have one score."""
    from study.bradley_terry import bradley_terry

    texts = task.texts
    digests = [str(digest) for digest in texts["text_sha256"]]
    pairs = [(digests[request.rows[0]], digests[request.rows[1]]) for request in task.wanted]
    answered = np.flatnonzero(responses.answered).tolist()
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
        probabilities, valid = _preferences(responses.answers[0], answered)
        if not probabilities[:, 2:].any():  # a server without probabilities may never have answered 'a tie'
            probabilities = probabilities[:, :2]
        outcomes = ["p_first", "p_second", "p_tie"][: probabilities.shape[1]]
        comparisons = pd.DataFrame(probabilities, columns=outcomes).assign(
            first=[pairs[number][0] for number in answered],
            second=[pairs[number][1] for number in answered],
        )
        fitted = bradley_terry(comparisons, ties=len(outcomes) == 3, name=codebook.construct)
        scores = fitted.scores
        order_effect = np.nan if fitted.order_effect is None else fitted.order_effect.value
        for number, share in zip(answered, valid, strict=True):
            for digest in pairs[number]:
                mass.setdefault(digest, []).append(float(share))
    by_text = scores.set_index("item")
    for name, figure in (("score", "score"), ("score_se", "se")):
        table[name] = by_text[figure].reindex(digests).to_numpy(dtype=float)
    table["order_effect"] = order_effect
    table["comparisons"] = by_text["comparisons"].reindex(digests).fillna(0).to_numpy(dtype="int64")
    table["valid_mass"] = [float(np.mean(mass[d])) if d in mass else np.nan for d in digests]
    table["status"] = _status_of_compared(digests, pairs, responses, by_text.index)
    of: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        for digest in pair:
            of.setdefault(digest, []).append(number)
    for name in COUNTS:
        counted = responses.counts[name]  # 0 where a server does not say
        table[name] = [_of_comparisons(name, counted[of.get(digest, [])]) for digest in digests]
    return table


def _preferences(answers: Answers, answered: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return how probable each outcome of the answered comparisons is, and the valid mass.

    Of a server that gives no probabilities, the outcome is what it has answered.
    """
    mine = answers.only(answered)
    log_p = mine.log_p
    probabilities, valid = np.zeros_like(log_p), np.full(len(log_p), np.nan)
    said = np.isnan(log_p).all(axis=1)
    probabilities[np.flatnonzero(said), mine.label[said]] = 1.0
    if not said.all():
        probabilities[~said], valid[~said] = label_probabilities(log_p[~said])
    return probabilities, np.where(mine.masked, np.nan, valid)


def _of_comparisons(name: str, found: np.ndarray) -> int:
    """Return a count of a text's comparisons: the mean of tokens; the most that was cut or escaped in one."""
    if not found.size:
        return 0
    return round(int(found.sum()) / len(found)) if name in ("n_tokens", "n_written") else int(found.max())


def _status_of_compared(
    digests: Sequence[str], pairs: Sequence[tuple[str, str]], responses: Responses, scored: pd.Index
) -> list[str]:
    """Return 'ok' for a text with a score; for another, why its comparisons failed."""
    why: dict[str, str] = {}
    for number in np.flatnonzero(responses.status != "ok").tolist():
        for digest in pairs[number]:
            why.setdefault(digest, str(responses.status[number]))
    return ["ok" if digest in scored else why.get(digest, "not_compared") for digest in digests]


def read_index(indexes: Sequence[Path]) -> dict[str, str]:
    """Return {key: segment} of the responses that indexes list."""
    where: dict[str, str] = {}
    names: dict[str, str] = {}  # one string for all keys of a segment: copies would fill the memory
    for path in indexes:
        index = pd.read_csv(path, dtype=str)
        segments = [names.setdefault(name, name) for name in index["segment"]]
        where.update(zip(index["key"], segments, strict=True))
    return where


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
    read = [Instrument.read(path) for path in instruments]
    where = read_index(indexes)
    found = [
        (task, Responses.read(task, where, ResponseStore(store), indexes[0]))
        for task in tasks(table, sample, read, asked)
    ]
    del where
    like = pd.concat(
        [coding_table(task, books, its) for task, its in itertools.starmap(_beginning, found)],
        ignore_index=True,
    )
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(ParquetParts(path)) for path in (codings, written) if path is not None]
        for rows in _in_order(found, books):
            part = rows.reindex(columns=like.columns).astype(like.dtypes)
            for file, shown in zip(files, (part,) if written is None else without_texts(part), strict=True):
                file.write(shown)


def _beginning(task: Task, responses: Responses) -> tuple[Task, Responses]:
    """Return a task's first unit: its coding table has the columns of the whole one, and their types."""
    is_unit = (task.texts["unit_id"] != REFERENCE).to_numpy(dtype=bool)
    texts = task.texts[~is_unit | (is_unit.cumsum() == 1)].reset_index(drop=True)
    if task.instrument.compares:  # a text alone is not compared
        return replace(task, texts=texts.iloc[:1], wanted=[]), responses.only([])
    row_of = {digest: row for row, digest in reversed(list(enumerate(texts["text_sha256"])))}
    rows, _ = _rows_and_repeats(task)
    mine = np.flatnonzero(task.texts["text_sha256"].isin(list(row_of)).to_numpy()[rows]).tolist()
    wanted = [task.wanted[number]._replace(rows=(row_of[task.sha256_of(rows[number])],)) for number in mine]
    return replace(task, texts=texts, wanted=wanted), responses.only(mine)


def _in_order(
    found: Sequence[tuple[Task, Responses]], codebooks: Mapping[str, Codebook]
) -> Iterator[pd.DataFrame]:
    """Yield the rows of all constructs in portions, sorted: constructs one by one need less memory."""
    for construct in sorted({each for task, _ in found for each in tabulated(task, codebooks)}):
        tables = [
            construct_table(task, construct, codebooks, responses)
            for task, responses in found
            if construct in tabulated(task, codebooks)
        ]
        table = pd.concat(tables, ignore_index=True)
        del tables
        order = table[["unit_id", "repeat"]].sort_values(["unit_id", "repeat"], kind="stable").index
        for begin in range(0, max(len(order), 1), PORTION):
            yield table.iloc[order[begin : begin + PORTION]]
        del table


if __name__ == "__main__":
    from study.job import run

    run(main)

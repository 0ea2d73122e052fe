"""Human coders: every rater's code is kept, and one score a text is made of them.

A code 'not codable' has no value, and a text that most raters found not codable has no score. Units of a
sealed gold sample have neither ratings nor scores until the study is frozen (`study.gold.seal`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pandas as pd

from study import sources
from study.codebook import WITH_CATEGORIES, Codebook
from study.coders import codings
from study.coders.ratings import Rating, Ratings, read_ratings
from study.corpus import read_part
from study.errors import StudyError
from study.flow import Flow, examples
from study.gold import parts, seal
from study.gold.sheets.codes import on_sheets
from study.gold.sheets.decisions import decided
from study.gold.sheets.returned import read_returned

SHEETS, ADJUDICATED = "sheets", "adjudicated"


def score(ratings: Sequence[Rating], rule: str) -> tuple[str, str | None, float]:
    """Make one code of several.

    Parameters
    ----------
    rule
        'mean' or 'median' of the values; 'majority': the most frequent code, and its value.

    Returns
    -------
    status, label, score
        'not_codable' when more than half of the raters say so (for `majority`: when that is the most frequent
        code); 'failed' when two codes are equally frequent, or no code has a value. The label is the most
        frequent one, None where there is none or a tie.
    """
    usable = [rating for rating in ratings if rating.status == "ok"]
    if 2 * len(usable) < len(ratings) or not usable:
        return "not_codable", None, math.nan
    counted = ratings if rule == "majority" else usable
    frequent = Counter(_code(rating) for rating in counted).most_common(2)
    tie = len(frequent) > 1 and frequent[0][1] == frequent[1][1]
    winner = next(rating for rating in counted if _code(rating) == frequent[0][0])
    if rule == "majority":
        if tie:
            return "failed", None, math.nan
        if winner.status == "not_codable":
            return "not_codable", None, math.nan
        return "ok", winner.label, winner.value
    values = [rating.value for rating in usable if not math.isnan(rating.value)]
    if not values:
        return "failed", None, math.nan
    return "ok", None if tie else winner.label, fmean(values) if rule == "mean" else float(median(values))


def rule_of(codebook: Codebook, rule: str | Mapping[str, str]) -> str | Mapping[str, str]:
    """Return the rule for one construct: labels without values have no mean and no median, but a majority."""
    labels = [c for c in codebook.categories if c.label != codebook.not_codable]
    without = codebook.type in WITH_CATEGORIES and all(category.value is None for category in labels)
    return "majority" if without and rule in ("mean", "median") else rule


def _code(rating: Rating) -> str | float:
    return rating.value if rating.label is None else rating.label


def criterion(
    ratings: Ratings,
    units: pd.DataFrame,
    rule: str | Mapping[str, str],
    *,
    construct: str,
    coder: str,
    flow: Flow,
    book: Codebook | None = None,
    decisions: Mapping[str, Rating] | None = None,
) -> pd.DataFrame:
    """Return one score a unit, as `study.coders.codings` gives it, with n_ratings.

    Parameters
    ----------
    units
        unit_id and the covariates.
    rule
        A rule of `score`; or 'adjudicated', see `study.gold.sheets.decisions.decided`; or {column: name}:
        the published value is a covariate. Then a unit has a score where it has that value, with or without
        ratings; the label is still the most frequent one.
    book, decisions
        With 'adjudicated': the construct, and what was decided, by unit.
    """
    if rule == ADJUDICATED and book is not None:
        scored = {unit: decided(found, (decisions or {}).get(unit), book) for unit, found in ratings.items()}
    else:
        scored = {
            unit: score(found, rule if isinstance(rule, str) else "mean") for unit, found in ratings.items()
        }
    if not isinstance(rule, str):
        column = rule["column"]
        if column not in units or not pd.api.types.is_numeric_dtype(units[column]):
            raise StudyError(
                "The published score is no column of numbers in the corpus.",
                file="config/study.yaml",
                key=f"coders.{coder}.score.column",
                found=column,
                allowed=[c for c in units if pd.api.types.is_numeric_dtype(units[c])],
            )
        published = dict(zip(units["unit_id"], units[column].astype(float), strict=True))
        labels = {unit: label for unit, (_, label, _) in scored.items()}
        scored = {
            unit: ("failed" if math.isnan(value) else "ok", labels.get(unit), value)
            for unit, value in published.items()
            if unit in ratings or not math.isnan(value)
        }
    group = f"{coder} {construct}"
    no_score = "not adjudicated yet" if rule == ADJUDICATED else "tie, or no value"
    for status, step in (
        ("not_codable", "units not codable"),
        ("failed", f"units without a score ({no_score})"),
    ):
        hit = [unit for unit, (found, _, _) in sorted(scored.items()) if found == status]
        flow.add(step, group, len(hit), examples(hit))
    return codings(
        list(scored),
        construct=construct,
        coder=coder,
        status=[status for status, _, _ in scored.values()],
        label=[label for _, label, _ in scored.values()],
        score=[value for _, _, value in scored.values()],
        counts={"n_ratings": [len(ratings.get(unit, ())) for unit in scored]},
    )


def _table(ratings: Ratings, construct: str, coder: str) -> pd.DataFrame:
    rows = [(unit, r.rater, r.code, r.value, r.status) for unit, found in ratings.items() for r in found]
    table = pd.DataFrame(rows, columns=["unit_id", "rater", "code", "value", "status"])
    table.insert(1, "construct", construct)
    table.insert(2, "coder", coder)
    return table


def main(
    *,
    units_file: Path,
    coders: dict,  # type: ignore[type-arg]
    codebooks: list,  # type: ignore[type-arg]
    ratings_file: Path,
    flow_file: Path,
    codings_files: list[Path],
    corpus_id: str = "unit_id",
    downloads: Path = sources.DOWNLOADS,
    gold_sample: Path | None = None,
    sealed: bool = False,
) -> None:
    """Read and write the ratings of every human coder, and its codings (files in the order of `coders`).

    Parameters
    ----------
    gold_sample
        The gold sample with its parts; None or no rows: none was drawn.
    sealed
        Whether the codes of its units to evaluate must not be read yet.
    """
    units = pd.read_parquet(units_file)
    flow = Flow()
    books = {book["construct"]: Codebook.from_dict(book) for book in codebooks}
    sample = pd.DataFrame({"unit_id": [], "part": []}) if gold_sample is None else parts.read(gold_sample)
    hidden = seal.sealed_units(sample, frozen=()) if sealed else set()
    drawn = parts.units_of(sample, parts.EVALUATE) | parts.units_of(sample, parts.PILOT)
    all_ratings = []
    for (name, coder), codings_file in zip(coders.items(), codings_files, strict=True):
        own = {construct: books[construct] for construct in sorted(coder.get("codebooks") or books)}
        if coder.get("layout") == SHEETS:
            found, decisions = _from_sheets(coder, own, units, flow, name=name, drawn=drawn)
        elif coder.get("score") == ADJUDICATED:
            raise StudyError(
                "Only codes that come back on coding sheets are adjudicated.",
                file="config/study.yaml",
                key=f"coders.{name}.score",
                found=ADJUDICATED,
                allowed="with layout sheets; otherwise mean, median, majority, or a column",
            )
        else:
            found = _from_tables(coder, own, units, flow, name=name, downloads=downloads, corpus_id=corpus_id)
            decisions = {}
        tables = []
        for construct, ratings in found.items():
            readable = seal.open_ratings(ratings, hidden)
            all_ratings.append(_table(readable, construct, name))
            made = criterion(
                readable,
                units[~units["unit_id"].isin(hidden)],
                rule_of(own[construct], coder.get("score", "mean")),
                construct=construct,
                coder=name,
                flow=flow,
                book=own[construct],
                decisions=decisions.get(construct),
            )
            n_ratings = {unit: len(each) for unit, each in ratings.items() if unit in hidden}
            if n_ratings:
                flow.add("units sealed until the codebook is frozen", f"{name} {construct}", len(n_ratings))
            tables.append(seal.masked(made, hidden, n_ratings, construct=construct, coder=name))
        pd.concat(tables, ignore_index=True).to_parquet(codings_file, index=False)
    # A study without human coders has a table without ratings.
    table = pd.concat(all_ratings or [_table({}, "", "")], ignore_index=True)
    table.sort_values(["unit_id", "construct", "coder"], kind="stable").to_parquet(ratings_file, index=False)
    flow.write(flow_file)


def _from_sheets(
    coder: Mapping[str, Any],
    books: Mapping[str, Codebook],
    units: pd.DataFrame,
    flow: Flow,
    *,
    name: str,
    drawn: set[str],
) -> tuple[dict[str, Ratings], dict[str, dict[str, Rating]]]:
    """Return ratings and decisions by construct."""
    returned = read_returned(
        Path(coder["folder"]), on_sheets(dict(books), name), units, flow, name=name, drawn=drawn
    )
    return {construct: returned.ratings[construct] for construct in books}, returned.decisions


def _from_tables(
    coder: Mapping[str, Any],
    books: Mapping[str, Codebook],
    units: pd.DataFrame,
    flow: Flow,
    *,
    name: str,
    downloads: Path,
    corpus_id: str,
) -> dict[str, Ratings]:
    """Return ratings by construct."""
    read = [read_part(source, downloads) for source in sources.listed(coder)]
    if not read:
        raise StudyError(
            "A human coder needs its ratings.", file="config/study.yaml", key=f"coders.{name}.sources"
        )
    for part in read:
        notes = "; ".join([part.label, *part.reading.notes])
        flow.add("read", f"{name} {part.group}", len(part.reading.rows), notes)
    return {
        construct: read_ratings(
            read,
            coder,
            book,
            set(units["unit_id"]),
            flow,
            name=name,
            several=len(books) > 1,
            corpus_id=corpus_id,
        )
        for construct, book in books.items()
    }


if __name__ == "__main__":
    from study.job import run

    run(main)

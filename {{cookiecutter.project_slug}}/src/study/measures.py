"""The wide table of all measures: one row a unit, one column a construct and coder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from study.coded import read_columns
from study.errors import StudyError
from study.sample import is_drawn

NOT_CARRIED = ("text", "text_sha256", "start", "end")
"""Columns of the units that a table of measures leaves out."""
NEEDED = (
    "unit_id", "construct", "coder", "instrument_id", "repeat", "status", "label", "score", "n_ratings",
)  # fmt: skip
"""Columns of codings."""


def wide(
    units: pd.DataFrame,
    drawn: Sequence[str] | pd.Series,
    codings: Iterable[pd.DataFrame],
    gold: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Join the codings of every coder with the units.

    Parameters
    ----------
    units
        unit_id, document_id, covariates.
    drawn
        The ids of the sample.
    codings
        Long tables: unit_id, construct, coder, instrument_id, repeat, status, label, score, (n_ratings).
    gold
        The gold sample: unit_id, part ('evaluate' or 'pilot'); None where none is drawn.

    Returns
    -------
    DataFrame
        unit_id, document_id, covariates, sample, gold and pilot (bool: drawn for it); then for each construct
        and coder, sorted by name, `<construct>_<coder>` (the mean score over repeats; NaN where no repeat has
        the status 'ok'), `<construct>_<coder>_label` (the most frequent label over repeats, missing on a
        tie), where there are labels, and `<construct>_<coder>_n` (number of ratings) for human coders. Sorted
        by unit_id.

    Raises
    ------
    StudyError
        A measure has the name of a covariate, or a coder has codings of two instruments for one construct.
    """
    carried = [column for column in units if column not in NOT_CARRIED]
    table = units[carried].sort_values("unit_id", ignore_index=True)
    table["sample"] = is_drawn(table["unit_id"], drawn)
    for column, part in (("gold", "evaluate"), ("pilot", "pilot")):
        chosen = set() if gold is None else set(gold["unit_id"][gold["part"] == part])
        table[column] = table["unit_id"].isin(chosen)
    found: dict[str, pd.Series] = {}
    for long in codings:
        for (construct, coder), rows in long.groupby(["construct", "coder"], observed=True):
            columns = _measure(rows, f"{construct}_{coder}")
            twice = found.keys() & columns.keys()
            if twice:
                raise StudyError(
                    "Two measures have one name.", found=min(twice), hint="Rename one of the coders."
                )
            found |= columns
    for name in sorted(found):
        if name in table:
            raise StudyError(
                f"A covariate has the name of a measure: '{name}'.",
                file="config/study.yaml",
                key="corpus.covariates",
                found=name,
                hint="Rename the covariate, or the coder.",
            )
    joined = {name: table["unit_id"].map(found[name]) for name in sorted(found)}
    # A unit that a human coder did not rate has no rating, which is a number.
    counts = {
        name: n.fillna(0).astype("int64") for name, n in joined.items() if found[name].name == "n_ratings"
    }
    return table.join(pd.DataFrame({**joined, **counts}, index=table.index))


def _measure(rows: pd.DataFrame, measure: str) -> dict[str, pd.Series]:
    """Return the columns of one construct and coder, by name, each indexed by unit_id."""
    if rows["instrument_id"].nunique(dropna=False) > 1:
        raise StudyError(
            "The codings of one coder come from two instruments (two prompts, or two models).",
            found=measure,
            hint="A coder is one instrument; give the other one a coder of its own.",
        )
    if rows.duplicated(["unit_id", "repeat"]).any():
        raise StudyError("A unit has two codings of one repeat.", found=measure)
    usable = rows[rows["status"] == "ok"]
    columns = {measure: usable.groupby("unit_id")["score"].mean()}
    if usable["label"].notna().any():
        columns[f"{measure}_label"] = _most_frequent(usable)
    if "n_ratings" in rows:
        columns[f"{measure}_n"] = rows.groupby("unit_id")["n_ratings"].first()
    return columns


def _most_frequent(rows: pd.DataFrame) -> pd.Series:
    votes = (
        rows.dropna(subset=["label"])
        .groupby(["unit_id", "label"], observed=True)
        .size()
        .rename("votes")
        .reset_index()
    )
    most = votes[votes["votes"] == votes.groupby("unit_id")["votes"].transform("max")]
    return most[~most["unit_id"].duplicated(keep=False)].set_index("unit_id")["label"]


def main(
    *,
    units_file: Path,
    sample_file: Path,
    gold_file: Path,
    codings_files: list[Path],
    measures_file: Path,
    texts: list[str] | None = None,
) -> None:
    """Write the table of measures.

    Parameters
    ----------
    texts
        Columns of the units that hold texts too: the table leaves them out.
    """
    left_out = {*NOT_CARRIED, *(texts or [])}
    units = read_columns(units_file, lambda name: name not in left_out)
    sample, gold = (pd.read_csv(file, dtype=str, keep_default_na=False) for file in (sample_file, gold_file))
    codings = (read_columns(path, NEEDED.__contains__) for path in codings_files)  # one after the other
    table = wide(units, sample["unit_id"], codings, gold)
    table.to_parquet(measures_file, index=False)


if __name__ == "__main__":
    from study.job import run

    run(main)

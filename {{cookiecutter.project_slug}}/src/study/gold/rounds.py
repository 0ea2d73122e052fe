"""Pilot rounds: how well coders agreed on the pilot units each time that a codebook was changed.

Only the pilot is looked at: figures on which a codebook was tuned are too good, so none of them is an
estimate of how well the study measures, and no unit to evaluate enters one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.gold import frozen as record
from study.gold import parts
from study.gold.deviations import changed_keys
from study.gold.options import SOURCE, gold_options, others

ROUNDS = Path("config/rounds.json")

COLUMNS = [
    "round", "date", "change", "construct", "coder", "criterion", "level", "n", "percent_agreement", "kappa",
    "pearson_r", "alpha", "changed", "sha256", "note",
]  # fmt: skip

FIGURES = ("percent_agreement", "kappa", "pearson_r", "alpha")
DIGITS = 10
"""Significant digits of a figure, as in the tables: sums may differ in the last ones between machines."""


def agreement(
    *,
    measures: pd.DataFrame,
    ratings: pd.DataFrame,
    pilot: set[str],
    levels: Mapping[str, str],
    coders: Mapping[str, Sequence[str]],
    criterion: str,
) -> list[dict[str, Any]]:
    """Return how well the coders agree on the pilot units.

    Parameters
    ----------
    measures
        The wide table of measures: unit_id, `<construct>_<coder>`, `<construct>_<coder>_label`.
    ratings
        The long table of people's codes: unit_id, construct, coder, code, value, status.
    pilot
        Ids of the pilot units.
    levels
        The level of measurement of each construct: 'nominal', 'ordinal' or 'interval'.
    coders
        The coders of each construct.
    criterion
        The human coder that the others are compared with; constructs that it does not code are left out.

    Returns
    -------
    list
        A row a construct and coder: construct, coder, criterion, level, n, percent_agreement and kappa
        (Cohen's, of the labels), pearson_r (of the scores), alpha (Krippendorff's, at the construct's level:
        only in the row of the criterion, of its raters among themselves), note (why one is missing). What
        cannot be computed is None.
    """
    units = measures[measures["unit_id"].isin(pilot)]
    rated = ratings[
        ratings["unit_id"].isin(pilot) & (ratings["coder"] == criterion) & (ratings["status"] == "ok")
    ]
    rows = []
    for construct in sorted(levels):
        if criterion not in coders[construct] or f"{construct}_{criterion}" not in units:
            continue
        key = {"construct": construct, "criterion": criterion, "level": levels[construct]}
        rows.append(
            {**key, "coder": criterion, **_among(rated[rated["construct"] == construct], levels[construct])}
        )
        for coder in sorted(set(coders[construct]) - {criterion}):
            if f"{construct}_{coder}" in units:
                rows.append({**key, "coder": coder, **_between(units, construct, coder, criterion)})
    return rows


def _among(rated: pd.DataFrame, level: str) -> dict[str, Any]:
    """Krippendorff's alpha of the raters of one construct; n counts units with two ratings or more."""
    from study.validity.reliability import krippendorff_alpha

    by_code = level == "nominal" and rated["value"].isna().all()
    value = rated["code" if by_code else "value"]
    if rated.dropna(subset=[value.name])["unit_id"].value_counts().max() < 2 or rated.empty:
        return _figures(0, {}, "no unit has two ratings")
    alpha = krippendorff_alpha(rated["unit_id"], value, level=level, resamples=0)
    note = "" if math.isfinite(alpha.value) else "undefined: the ratings do not vary"
    return _figures(alpha.n, {"alpha": alpha.value}, note)


def _between(units: pd.DataFrame, construct: str, coder: str, criterion: str) -> dict[str, Any]:
    """The agreement of one coder's labels and scores with the criterion's; n counts units with both."""
    from study.validity.correlation import pearson

    own, other = f"{construct}_{coder}", f"{construct}_{criterion}"
    scored = units[[own, other]].dropna()
    found: dict[str, float] = {"pearson_r": pearson(scored[own], scored[other], resamples=0).value}
    n = len(scored)
    if f"{own}_label" in units and f"{other}_label" in units:
        labelled = units[[f"{own}_label", f"{other}_label"]].dropna().astype(str)
        n = max(n, len(labelled))
        if len(labelled):
            found |= _of_labels(labelled.iloc[:, 0], labelled.iloc[:, 1])
    if not n:
        return _figures(0, {}, "no pilot unit has both codes")
    undefined = [name for name, value in found.items() if not math.isfinite(value)]
    note = f"undefined, since the codes do not vary: {', '.join(undefined)}" if undefined else ""
    return _figures(n, found, note)


def _of_labels(one: pd.Series, other: pd.Series) -> dict[str, float]:
    """Return the share of equal labels, and Cohen's kappa."""
    from study.validity.kappa import cohens_kappa

    kappa = cohens_kappa(one, other, resamples=0)
    return {"percent_agreement": float((one.to_numpy() == other.to_numpy()).mean()), "kappa": kappa.value}


def _figures(n: int, found: Mapping[str, float], note: str) -> dict[str, Any]:
    figures = {name: found.get(name, math.nan) for name in FIGURES}
    rounded = {
        name: float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
        for name, value in figures.items()
    }
    return {"n": int(n), **rounded, "note": note}


def new_round(
    before: Sequence[Mapping[str, Any]],
    study: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    *,
    note: str,
    now: datetime,
    pilot: set[str],
    frozen: bool,
) -> dict[str, Any]:
    """Return the next round: what the codebooks said, what in them has changed, and how well coders agreed.

    Parameters
    ----------
    before
        The earlier rounds, oldest first.
    study
        As `study.config.load` returns it.
    figures
        What `agreement` returns.
    note
        What was changed and why, in the researcher's words.
    now
        With a time zone.
    pilot
        Ids of the pilot units; their number and the sha256 of their sorted ids are kept.
    frozen
        Whether the study was frozen before.
    """
    books = record.sections(study)["codebooks"]
    last = before[-1]["codebooks"] if before else {}
    return {
        "round": len(before) + 1,
        "date": now.astimezone(UTC).isoformat(timespec="seconds"),
        "note": note,
        "frozen": frozen,
        "pilot": {"n": len(pilot), "sha256": hashlib.sha256("\n".join(sorted(pilot)).encode()).hexdigest()},
        "codebooks": {
            construct: {
                "sha256": record.sha256(book),
                "changed": changed_keys(last[construct]["codebook"], book) if construct in last else [],
                "codebook": book,
            }
            for construct, book in books.items()
        },
        "agreement": [dict(row) for row in figures],
    }


def round_table(rounds: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rounds as a table with COLUMNS: a row a round, construct and coder."""
    return pd.DataFrame([row for one in rounds for row in _rows(one, rounds[0])], columns=COLUMNS)


def _rows(one: Mapping[str, Any], first: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    notes = ["after the freeze"] if one["frozen"] else []
    if one["pilot"] != first["pilot"]:
        notes.append(f"other pilot units than in round {first['round']}")
    for row in one["agreement"]:
        book = one["codebooks"][row["construct"]]
        yield {
            **row,
            "round": one["round"],
            "date": one["date"][:10],
            "change": one["note"],
            "changed": ", ".join(book["changed"]),
            "sha256": book["sha256"],
            "note": "; ".join(part for part in [row["note"], *notes] if part),
        }


def read(file: Path) -> list[dict[str, Any]]:
    """Return the rounds of config/rounds.json, oldest first; none where there is no such file.

    Raises
    ------
    StudyError
        The file is not what `snakemake pilot_round` writes.
    """
    if not file.is_file():
        return []
    try:
        rounds = json.loads(file.read_text(encoding="utf-8"))["rounds"]
        round_table(rounds)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise StudyError(
            "This is not what 'snakemake pilot_round' has written.",
            file=file,
            found=str(error),
            hint="Take the file from git again (git checkout, with its name).",
        ) from error
    return list(rounds)


def paragraph(one: Mapping[str, Any]) -> str:
    """Return a round in a few lines to read on the terminal."""
    lines = [f"Round {one['round']} ({one['pilot']['n']} pilot units): {one['note']}"]
    for row in round_table([one]).to_dict("records"):
        shown = ", ".join(f"{name} {row[name]:.2f}" for name in FIGURES if pd.notna(row[name]))
        changed = f" (changed: {row['changed']})" if row["changed"] else ""
        said = "; ".join(part for part in (shown, row["note"]) if part)
        lines.append(f"  {row['construct']}, {row['coder']}, n = {row['n']}: {said}{changed}")
    return "\n".join(lines)


def main(
    *,
    overrides: dict,  # type: ignore[type-arg]
    sample: Path,
    measures: Path,
    ratings: Path,
    root: Path = Path(),
) -> None:
    """Append a round to config/rounds.json.

    Parameters
    ----------
    overrides
        What Snakemake was given on the command line: `note`, and what may be over the configuration's.
    """
    from study.config import load

    note = gold_options(overrides)["note"]
    if note is None:
        raise StudyError(
            "Say in a sentence what was changed since the last round, and why.",
            file=SOURCE,
            key="note",
            hint="snakemake pilot_round --config note='what was changed'",
        )
    study = load(root, others(overrides))
    pilot = parts.units_of(parts.read(sample), parts.PILOT)
    truth = study["gold"]["truth"]
    if not pilot or truth is None:
        missing = "no pilot" if truth else "nobody whose codes count as true"
        raise StudyError(
            f"The study has {missing}.",
            file="config/study.yaml",
            key="gold.draw.pilot" if truth else "gold.truth",
            hint="A pilot is a part of the gold sample that is drawn: see the keys of gold.draw.",
        )
    books = study["codebooks"]
    figures = agreement(
        measures=pd.read_parquet(measures),
        ratings=pd.read_parquet(ratings),
        pilot=pilot,
        levels={construct: book["level"] for construct, book in books.items()},
        coders={c: [name for name, keys in study["coders"].items() if c in keys["codebooks"]] for c in books},
        criterion=truth,
    )
    if not any(row["n"] for row in figures):
        raise StudyError(
            "No pilot unit has two codes, so there is no agreement to record.",
            file=sample,
            found=f"{len(pilot)} pilot units",
            hint="Code them first; their ids have the part 'pilot' there.",
        )
    before = read(root / ROUNDS)
    frozen = bool(record.read(root / record.FROZEN))
    one = new_round(before, study, figures, note=note, now=datetime.now(UTC), pilot=pilot, frozen=frozen)
    half = root / ROUNDS.with_name(f".{ROUNDS.name}.part")
    text = json.dumps({"rounds": [*before, one]}, indent=2, ensure_ascii=False) + "\n"
    half.write_text(text, encoding="utf-8")
    half.replace(root / ROUNDS)
    print(paragraph(one))


if __name__ == "__main__":
    from study.job import run

    run(main)

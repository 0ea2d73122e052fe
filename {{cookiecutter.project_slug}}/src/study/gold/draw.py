"""The gold sample: which units people code, drawn with known probabilities before anyone has looked at them.

Estimates that are corrected with gold codes (Egami et al. 2023, design-based supervised learning) weigh each
gold unit by one over its probability of being one, so this probability has to be known, and above zero for
every unit. Units on which codebook and prompts are tried out (the pilot) are no gold: a unit's probability
is that of being drawn, times that of not being in the pilot.

As in `study.sample`, a hash of the unit's id and the seed gives each unit a fixed place between 0 and 1 (a
permanent random number, Ohlsson 1995). A drawn unit's place decides also whether it is in the pilot, so a
larger gold sample keeps the pilot.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study import sample as random_sample
from study.errors import StudyError
from study.gold import parts
from study.gold.parts import COLUMNS, EVALUATE, PILOT, REST

KEYS = ("n", "by", "uncertain", "from", "pilot", "seed")
"""The settings that decide a draw."""

FLOOR = 0.2
"""What is added to the entropy (0 to 1): no unit has less than a sixth of another one's probability.

Without it, a unit of which the model is certain could not be drawn, and the weights would have no bound.
"""

_OWN_PLACE = "gold|"
"""Put before ids: the units of the sample come first in its own line, so it cannot serve a second time."""

_DIGITS = 13
"""Hexadecimal digits of a place that are its number between 0 and 1: 52 bits, exact in a float."""

NO_COVARIATES = ("unit_id", "text", "text_sha256", "start", "end")


def gold_sample(
    frame: pd.DataFrame, draw: Mapping[str, Any], uncertainty: pd.Series | None = None
) -> pd.DataFrame:
    """Draw the gold sample.

    Parameters
    ----------
    frame
        unit_id and the covariates of the units that can be drawn.
    draw
        n (units from each stratum), by (a covariate or several, whose values are the strata; None for one
        stratum), pilot (of n, how many are the pilot: that share of each stratum's drawn units) and seed.
    uncertainty
        The mean normalised entropy (0 to 1) by unit_id. Units are then drawn independently of each other
        (Poisson sampling) with a probability proportional to FLOOR plus uncertainty, so that n are expected.
        None draws exactly n, all with the same probability.

    Returns
    -------
    DataFrame
        A row for each unit of the frame, sorted by unit_id: unit_id, part ('evaluate', 'pilot', or 'rest'
        where it was not drawn), stratum, probability (of being drawn) and sampling_probability (of being
        drawn for the evaluation).

    Raises
    ------
    StudyError
        There is no unit or no such covariate, or n or pilot are no fitting numbers.
    """
    _check(frame, draw)
    n, pilot, seed = draw["n"], draw.get("pilot") or 0, draw.get("seed", 1)
    own = frame.assign(unit_id=_OWN_PLACE + frame["unit_id"])
    # Without a limit every unit is drawn: what is wanted of it here are the strata.
    line = random_sample.draw(own, {"n": len(own), "by": draw.get("by"), "seed": seed})
    line["place"] = [random_sample.place_in_line(unit, seed) for unit in line["unit_id"]]
    line["unit_id"] = line["unit_id"].str.removeprefix(_OWN_PLACE)
    line = line.sort_values(["place", "unit_id"], kind="stable", ignore_index=True)
    if uncertainty is None:
        line = _first_in_line(line, n, pilot)
    else:
        line = _by_uncertainty(line, n, pilot, line["unit_id"].map(uncertainty).to_numpy(dtype=float))
    return line[COLUMNS].sort_values("unit_id", ignore_index=True)


def inclusion_probabilities(weight: np.ndarray, n: float) -> np.ndarray:
    """Return probabilities proportional to weights, 1 at most, with the sum n (Saerndal et al. 1992, 3.6.2).

    Parameters
    ----------
    weight
        One a unit, above zero; shape (units,).
    n
        The expected number of units; where there are no more units, all have probability 1.

    Returns
    -------
    Shape (units,). Where a weight is so large that its probability would exceed 1 it is 1, and the others
    share what is left. Does not depend on the order of the units.
    """
    certain = np.zeros(len(weight), dtype=bool)
    while True:
        left = n - certain.sum()
        if left >= (~certain).sum():
            return np.ones(len(weight))
        # An exact sum, which no order of the rows can change.
        probability = np.where(certain, 1.0, weight * (left / math.fsum(weight[~certain])))
        over = ~certain & (probability >= 1)
        if not over.any():
            return probability
        certain |= over


def mean_entropy(codings: pd.DataFrame, constructs: Mapping[str, Sequence[str]]) -> pd.Series:
    """Return how uncertain a language model is of each unit.

    The entropy of its distribution over the labels divided by the entropy of equal probabilities, so between
    0 (certain) and 1 (all labels alike): the mean over repeats, then over constructs.

    Parameters
    ----------
    codings
        unit_id, construct and p_<label> of each label.
    constructs
        The labels of each construct that has some.

    Returns
    -------
    By unit_id; units without probabilities (not coded, or too long) are not in it.

    Raises
    ------
    StudyError
        There are no probabilities.
    """
    found = []
    for construct, labels in constructs.items():
        columns = [f"p_{label}" for label in labels]
        rows = codings[codings["construct"] == construct]
        if not set(columns) <= set(rows):
            continue
        p = rows[columns].dropna().astype(float)
        surprise = -np.log(p.where(p > 0, 1.0))
        entropy = (p * surprise).sum(axis=1) / math.log(len(labels))
        found.append(entropy.clip(0, 1).groupby(rows.loc[p.index, "unit_id"]).mean())
    if not sum(map(len, found)):
        raise StudyError(
            "The language model's codings hold no probabilities of labels, so its uncertainty is unknown.",
            file="config/study.yaml",
            key="gold.draw.uncertain",
            found=", ".join(sorted(codings["coder"].unique())) if "coder" in codings else None,
            hint="It has to code a construct with labels (type classify, rate or multilabel).",
        )
    return pd.concat(found).groupby(level=0).mean()


def notes(frame: pd.DataFrame, draw: Mapping[str, Any], gold: pd.DataFrame) -> Iterator[str]:
    """Yield what a researcher should know about the draw, in sentences."""
    own = frame.assign(unit_id=_OWN_PLACE + frame["unit_id"])
    for stratum, size in random_sample.small_strata(own, draw).items():
        where = "There are" if stratum == random_sample.EVERYTHING else f"Stratum '{stratum}' has"
        yield f"{where} {size} units, not {draw['n']}: all are drawn, with probability 1."
    counts = pd.crosstab(gold["stratum"], gold["part"]).reindex(columns=[EVALUATE, PILOT], fill_value=0)
    for name, row in counts.iterrows():
        stratum = str(name)
        where = "" if stratum == random_sample.EVERYTHING else f"Stratum '{stratum}': "
        yield f"{where}{row.sum()} drawn, {row[EVALUATE]} to evaluate and {row[PILOT]} for the pilot."
        if row[EVALUATE] < 2:
            yield f"{where}fewer than two units to evaluate say nothing about the uncertainty there."


def _first_in_line(line: pd.DataFrame, n: int, pilot: int) -> pd.DataFrame:
    """The first n of each stratum are drawn, and the first of these are the pilot; one is always left."""
    strata = line.groupby("stratum")["place"]
    place, size = strata.cumcount(), strata.transform("size")
    drawn = size.clip(upper=n)
    of_pilot = ((2 * pilot * drawn + n) // (2 * n)).clip(upper=drawn - 1)  # rounded to the nearest
    return line.assign(
        part=_parts(place < of_pilot, place < drawn),
        probability=drawn / size,
        sampling_probability=(drawn - of_pilot) / size,
    )


def _by_uncertainty(line: pd.DataFrame, n: int, pilot: int, uncertainty: np.ndarray) -> pd.DataFrame:
    """A unit is drawn when its place, a number from 0 to 1, is below its probability."""
    number = np.array([int(place[:_DIGITS], 16) / 16**_DIGITS for place in line["place"]])
    probability = np.ones(len(line))
    for rows in line.groupby("stratum").indices.values():
        probability[rows] = inclusion_probabilities(uncertainty[rows] + FLOOR, n)
    return line.assign(
        part=_parts(number < probability * (pilot / n), number < probability),
        probability=probability,
        sampling_probability=probability * (1 - pilot / n),
    )


def _parts(pilot: Any, drawn: Any) -> np.ndarray:
    return np.where(pilot, PILOT, np.where(drawn, EVALUATE, REST))


def _check(frame: pd.DataFrame, draw: Mapping[str, Any]) -> None:
    n, pilot, by = draw.get("n"), draw.get("pilot") or 0, draw.get("by") or []
    place = {"file": "config/study.yaml"}
    if frame.empty:
        raise StudyError("There is no unit that the gold sample could be drawn from.", **place)
    for key, value, least in (("n", n, 1), ("pilot", pilot, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise StudyError(
                "This is no number of units.",
                **place,
                key=f"gold.draw.{key}",
                found=value,
                allowed=f"a whole number from {least}",
            )
    if pilot >= draw["n"]:
        raise StudyError(
            "The pilot is a part of the units that are drawn, and others must be left.",
            **place,
            key="gold.draw.pilot",
            found=pilot,
            allowed=f"0 to {draw['n'] - 1}",
        )
    known = [column for column in frame if column not in NO_COVARIATES]
    for column in [by] if isinstance(by, str) else by:
        if column not in known:
            raise StudyError(
                "There is no such covariate to draw by.",
                **place,
                key="gold.draw.by",
                found=column,
                allowed=known,
            )


def _uncertainty(
    frame: pd.DataFrame, codings: pd.DataFrame, closed: Mapping[str, Sequence[str]]
) -> pd.Series:
    """Return the mean entropy of every unit of the frame; one without an answer counts as an average one."""
    own = codings[codings["unit_id"].isin(frame["unit_id"])]
    known = mean_entropy(own, closed)
    without = len(frame) - len(known)
    if without:
        print(
            f"{without} of {len(frame)} units have no probabilities: they count as of average uncertainty.",
            file=sys.stderr,
        )
    average = math.fsum(known) / len(known)
    return known.reindex(frame["unit_id"]).fillna(average)


def _is_a_fact(
    gold_file: Path, settings_file: Path, draw: Mapping[str, Any] | None, frame: pd.DataFrame
) -> bool:
    """Whether the units were drawn before, by what a model answered then; a draw that differs is refused."""
    if not gold_file.is_file() or not settings_file.is_file():
        return False
    before = json.loads(settings_file.read_text(encoding="utf-8"))
    if not before["draw"] or before["draw"]["uncertain"] is None:
        return False
    again = (
        f"The gold sample was drawn by what {before['draw']['uncertain']} answered then: that cannot be"
        f" repeated. To keep it, change this back; to draw anew, and lose it, delete {gold_file}."
    )
    changed = [key for key in KEYS if not draw or before["draw"][key] != draw[key]]
    if changed:
        raise StudyError(
            "The settings of the draw have changed since the gold sample was drawn.",
            file="config/study.yaml",
            key=f"gold.draw.{changed[0]}" if draw else "gold.draw",
            found=draw[changed[0]] if draw else None,
            allowed=json.dumps(before["draw"][changed[0]] if draw else before["draw"], ensure_ascii=False),
            hint=again,
        )
    new = sorted(set(frame["unit_id"]) - set(parts.read(gold_file)["unit_id"]))
    if new:
        raise StudyError(
            "There are units that could not be drawn when the gold sample was, so they have no probability.",
            file=gold_file,
            found=f"{len(new)} units, such as {new[0]}",
            hint=again,
        )
    return True


def main(
    *,
    units_file: Path,
    sample_file: Path,
    draw: dict,  # type: ignore[type-arg]
    closed: dict,  # type: ignore[type-arg]
    codings: list[Path],
    gold_file: Path,
    settings_file: Path,
) -> None:
    """Draw the gold sample, and record how; keep one that was drawn by a model's answers.

    Parameters
    ----------
    draw
        The configuration's `gold.draw`; null draws nothing.
    closed
        {construct: labels} of the coder whose uncertainty counts.
    codings
        The codings of that coder; none where nobody's uncertainty counts.
    """
    units = pd.read_parquet(units_file)
    frame = units
    if draw and draw["from"] == "sample":
        drawn_before = pd.read_csv(sample_file, dtype=str, keep_default_na=False)
        frame = units[units["unit_id"].isin(set(drawn_before["unit_id"]))]
    if _is_a_fact(gold_file, settings_file, draw, frame):
        print(
            "The gold sample was drawn before, by what the model answered then: it is kept.", file=sys.stderr
        )
        for file in (gold_file, settings_file):
            os.utime(file)
        return
    settings: dict[str, Any] = {"draw": draw}
    gold = pd.DataFrame(columns=COLUMNS)
    if draw:
        uncertainty = None
        if draw["uncertain"] is not None:
            coded = pd.concat([pd.read_parquet(file) for file in codings], ignore_index=True)
            uncertainty = _uncertainty(frame, coded, closed)
            settings["instruments"] = sorted(coded["instrument_id"].dropna().unique())
            settings["floor"] = FLOOR
        gold = gold_sample(frame, draw, uncertainty)
        counts = gold["part"].value_counts()
        settings["units"] = {part: int(counts.get(part, 0)) for part in (EVALUATE, PILOT, REST)}
        for note in notes(frame, draw, gold):
            print(note, file=sys.stderr)
    gold_file.parent.mkdir(parents=True, exist_ok=True)
    # The sample comes last and at once: without it nothing counts as drawn.
    settings_file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    half = gold_file.with_name(f"{gold_file.name}.part")
    gold.to_csv(half, index=False, lineterminator="\n")
    half.replace(gold_file)


if __name__ == "__main__":
    from study.job import run

    run(main)

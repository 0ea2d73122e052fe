"""The named sets of units that figures are computed on: a construct, a domain, and all texts or the sample.

Figures over all texts and over the sample never share a comparison, so every table names its subset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from study.errors import StudyError

POOLED = "all"
"""The name of the domain that pools all domains, and of the subset of all units with a criterion."""
SAMPLE = "sample"


@dataclass(frozen=True)
class Subset:
    """Units of one construct, domain and subset, and the measures that may be compared on them.

    Attributes
    ----------
    units
        Rows of the table of measures.
    measures
        Coders' names, without the criterion, sorted.
    """

    construct: str
    domain: str
    subset: str
    criterion: str
    units: pd.DataFrame
    measures: tuple[str, ...]

    def scores(self, coder: str) -> pd.Series:
        """Return the coder's scores of these units."""
        return self.units[f"{self.construct}_{coder}"]

    @property
    def name(self) -> str:
        """A stable name for random streams."""
        return f"{self.construct}/{self.domain}/{self.subset}"

    @property
    def key(self) -> dict[str, str]:
        """The columns with which every table begins."""
        return {"construct": self.construct, "domain": self.domain, "subset": self.subset}


def subsets(
    measures: pd.DataFrame,
    coders: Mapping[str, Mapping[str, str]],
    *,
    criterion: str | None,
    by: str | None,
) -> Iterator[Subset]:
    """Yield every subset that a table has rows for, in a stable order.

    'all' holds every unit with a criterion, and every measure that goes beyond the sample. 'sample' holds the
    sampled units with a criterion that *every* language model, dictionary and classifier has scored, so that
    all measures stand on the same units (human coders other than the criterion may cover fewer of them).
    Neither holds units of the pilot, on which the codebook was tried out.

    Parameters
    ----------
    measures
        The wide table of measures: unit_id, covariates, sample, (pilot), `<construct>_<coder>`.
    coders
        construct -> coder -> type ('llm', 'dictionary', 'supervised', 'human').
    criterion
        The coder that others are compared with; constructs that it does not code are left out. None: the
        study compares with nothing, and there are no subsets.
    by
        The covariate whose levels are the domains; None for the pooled domain alone.

    Raises
    ------
    StudyError
        No construct has the criterion, or there is no such covariate, or one of its levels is named 'all'.
    """
    if criterion is None:
        return
    constructs = [c for c in sorted(coders) if criterion in coders[c] and f"{c}_{criterion}" in measures]
    if not constructs:
        raise StudyError(
            "The criterion codes no construct.",
            file="config/study.yaml",
            key="compare.criterion",
            found=criterion,
            allowed=sorted({coder for types in coders.values() for coder in types}),
        )
    domains = _domains(measures, by)
    if "pilot" in measures:
        measures = measures[~measures["pilot"].astype(bool)]
    for construct in constructs:
        types = {c: kind for c, kind in coders[construct].items() if f"{construct}_{c}" in measures}
        others = sorted(set(types) - {criterion})
        rated = measures[_has_code(measures, construct, criterion)]
        sampled = rated["sample"].astype(bool)
        codes = pd.DataFrame({c: _has_code(rated, construct, c) for c in others}, index=rated.index)
        beyond = [c for c in others if sampled.all() or codes.loc[~sampled, c].any()]
        answered = [c for c in others if types[c] != "human" and codes.loc[sampled, c].any()]
        coded = rated[sampled & codes[answered].all(axis=1)]
        for domain, members in domains.items():
            yield Subset(construct, domain, POOLED, criterion, _within(rated, by, members), tuple(beyond))
            if sampled.any():
                yield Subset(construct, domain, SAMPLE, criterion, _within(coded, by, members), tuple(others))


def rater_scores(ratings: pd.DataFrame, construct: str, coder: str) -> pd.DataFrame:
    """Return the usable ratings of a human coder, with the mean of the unit's ratings and of the others.

    Returns
    -------
    Columns unit_id, value, mean (of all listed ratings of the unit, the own one included) and others (mean
    of the unit's other ratings; NaN where there is none).
    """
    usable = ratings[
        (ratings["construct"] == construct)
        & (ratings["coder"] == coder)
        & (ratings["status"] == "ok")
        & ratings["value"].notna()
    ]
    found = usable[["unit_id", "value"]].reset_index(drop=True)
    groups = found.groupby("unit_id", observed=True)["value"]
    total, times = groups.transform("sum"), groups.transform("count")
    found["mean"] = total / times
    found["others"] = ((total - found["value"]) / (times - 1)).where(times > 1)
    return found


def _domains(measures: pd.DataFrame, by: str | None) -> dict[str, object]:
    """Domain's name -> level of the covariate; None stands for the pooled domain."""
    if by is None:
        return {POOLED: None}
    if by not in measures:
        raise StudyError(
            "There is no such covariate to group by.",
            file="config/study.yaml",
            key="compare.by",
            found=by,
            allowed=[c for c in measures.columns if c not in ("unit_id", "document_id", "sample")],
        )
    levels = {str(level): level for level in sorted(measures[by].dropna().unique(), key=str)}
    if POOLED in levels:
        raise StudyError(
            f"A level of '{by}' is named '{POOLED}', the name of all levels together.",
            file="config/study.yaml",
            key="compare.by",
            found=POOLED,
            hint="Rename that level in the corpus.",
        )
    return levels | {POOLED: None}


def _has_code(units: pd.DataFrame, construct: str, coder: str) -> pd.Series:
    """Which units the coder has a score of; a label will do where its labels have no values at all."""
    scored = units[f"{construct}_{coder}"].notna()
    label = f"{construct}_{coder}_label"
    return units[label].notna() if label in units and not scored.any() else scored


def _within(units: pd.DataFrame, by: str | None, level: object) -> pd.DataFrame:
    return units if by is None or level is None else units[units[by] == level]

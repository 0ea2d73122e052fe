"""What should make a reader careful with an analysis, each in a plain sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from study.inference.estimators import CORRECTED, DICTIONARY, NAIVE, Analysis, Fit

COLUMNS = ["analysis", "estimator", "coder", "warning", "found", "meaning"]
FEW_GOLD = 100
"""Below so many gold units, intervals of corrected estimates may be too short."""
FEW_A_TERM = 10
FEW_CLUSTERS = 30
OTHER_SCALE = 2


def diagnostics(name: str, analysis: Analysis, fits: Sequence[Fit]) -> list[dict[str, str]]:
    """Return the warnings of one analysis with `coded`, as rows with `COLUMNS`; none where all is well."""
    scales = other_scales(analysis, dict.fromkeys(fit.coder for fit in fits if fit.coder))
    found = [
        *_gold(analysis, fits),
        *_clusters(analysis),
        *_scales(scales),
        *_not_estimated(fits),
        *_disagreement([fit for fit in fits if fit.coder not in scales or fit.estimator in CORRECTED]),
    ]
    return [dict.fromkeys(COLUMNS, "") | {"analysis": name} | row for row in found]


def _gold(analysis: Analysis, fits: Sequence[Fit]) -> Iterator[dict[str, str]]:
    gold = analysis.gold
    if gold is None:
        yield {
            "warning": "no gold codes",
            "found": "no coder's codes count as true (gold.truth)",
            "meaning": "Nothing can be corrected: the estimates describe the coders' codes, not the texts.",
        }
        return
    n = int(gold.labelled.sum())
    terms = max((len(fit.result.params) for fit in fits if fit.result is not None), default=1)
    if 0 < n < FEW_GOLD or 0 < n < FEW_A_TERM * terms:
        yield {
            "warning": "gold sample too small",
            "found": f"{n} gold units for {terms} terms",
            "meaning": f"Corrected estimates are for large samples: with fewer than {FEW_GOLD} gold units, or"
            f" {FEW_A_TERM} a term, their intervals may be too short.",
        }
    if gold.drawn is not None and n < gold.drawn:
        yield {
            "warning": "drawn units without a code",
            "found": f"{gold.drawn - n} of {gold.drawn} drawn units are not coded, or not codable",
            "meaning": "The estimates suppose that these codes are missing by chance within each stratum.",
        }
    if gold.probability is None and 0 < n < len(analysis.units):
        yield {
            "warning": "sampling probabilities missing",
            "found": f"{n} of {len(analysis.units)} units are coded by people; nothing says how they were"
            " chosen",
            "meaning": "All units are taken to have been equally likely to be chosen. If people coded, say,"
            " the easy or the early texts, corrected estimates are wrong as well (gold.probability,"
            " gold.draw).",
        }


def other_scales(analysis: Analysis, coders: Iterable[str]) -> dict[str, str]:
    """Return the coders whose numbers are of another size than people's, and what was found.

    On gold units, the standard deviations differ by more than a factor of `OTHER_SCALE`.
    """
    found: dict[str, str] = {}
    if analysis.gold is None or not analysis.gold.labelled.any():
        return found
    gold = analysis.gold.labelled
    for coder in coders:
        for construct in analysis.coded:
            own = analysis.codes_of(coder)[construct][gold]
            people = analysis.gold.codes[construct][gold]
            if own.dtype == object or own.notna().sum() < 2:
                continue
            sizes = float(own.std()), float(people.std())
            if min(sizes) > 0 and max(sizes) / min(sizes) > OTHER_SCALE:
                found[coder] = f"{construct}: standard deviation {sizes[0]:.2f}, people's {sizes[1]:.2f}"
    return found


def _scales(scales: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for coder, found in scales.items():
        yield {
            "coder": coder,
            "warning": "another scale",
            "found": found,
            "meaning": f"The uncorrected coefficients of {coder} are in its own units: their signs can be"
            " compared with the others', their sizes cannot.",
        }


def _clusters(analysis: Analysis) -> Iterator[dict[str, str]]:
    cluster = analysis.settings["cluster"]
    if cluster and analysis.units[cluster].nunique() < FEW_CLUSTERS:
        yield {
            "warning": "few clusters",
            "found": f"{analysis.units[cluster].nunique()} values of {cluster}",
            "meaning": f"Cluster-robust standard errors need some {FEW_CLUSTERS} clusters; with fewer they"
            " are too small.",
        }


def _not_estimated(fits: Sequence[Fit]) -> Iterator[dict[str, str]]:
    for fit in fits:
        if fit.problem.startswith("not estimated"):
            yield {
                "estimator": fit.estimator,
                "coder": fit.coder,
                "warning": "not estimated",
                "found": fit.problem.removeprefix("not estimated: "),
                "meaning": "The data do not support this estimate; a figure would mean nothing.",
            }


def _disagreement(fits: Sequence[Fit]) -> Iterator[dict[str, str]]:
    """Where a naive estimate lies outside of what the corrected one allows."""
    corrected = {fit.coder: fit.result for fit in fits if fit.estimator == "dsl" and fit.result is not None}
    alone = next((fit.result for fit in fits if fit.estimator == "dsl" and fit.result is not None), None)
    for fit in fits:
        reference = corrected.get(fit.coder, alone if fit.estimator == DICTIONARY else None)
        if fit.estimator not in (NAIVE, DICTIONARY) or fit.result is None or reference is None:
            continue
        bounds = reference.conf_int()
        common = [term for term in fit.result.params.index if term in bounds.index and term != "Intercept"]
        outside = [
            term
            for term in common
            if not bounds.loc[term, 0] <= fit.result.params[term] <= bounds.loc[term, 1]
        ]
        if outside:
            yield {
                "estimator": fit.estimator,
                "coder": fit.coder,
                "warning": "uncorrected estimate outside the corrected interval",
                "found": ", ".join(outside),
                "meaning": f"The errors of {fit.coder} move these coefficients: do not report them"
                " uncorrected.",
            }

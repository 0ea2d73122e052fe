"""How coders and measures are called in the report: the field's words, with the study's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.config.names import role

_RULES = {"vader": "VADER", "vader-2014": "VADER 2014"}


class Names:
    """Names of the measures of one study, for tables and for sentences.

    Parameters
    ----------
    study
        The configuration: coders and the criterion.
    """

    def __init__(self, study: Mapping[str, Any]) -> None:
        """Decide every coder's name; where two would be alike, the configuration's name tells them apart."""
        coders, criterion = study["coders"], study["compare"]["criterion"]
        short = {name: _short(name, coder) for name, coder in coders.items()}
        alone = {name: list(short.values()).count(word) == 1 for name, word in short.items()}
        self._tables = {n: word if alone[n] or word == n else f"{word} '{n}'" for n, word in short.items()}
        self._prose = {}
        for name, coder in coders.items():
            label = self._tables[name]
            kind = role(coder)
            article = kind in ("llm", "supervised") or (label == name and kind == "dictionary")
            if kind == "dictionary" and label == name:
                label = f"dictionary '{name}'"
            self._prose[name] = f"the {label}" if article else label
        if criterion is not None:
            own = self._tables.get(criterion, criterion)
            self._tables[f"{criterion}_individual"] = f"single {own}, own rating included"
            self._tables[f"{criterion}_leave_one_out"] = f"single {own}, own rating left out"

    def table(self, measure: str) -> str:
        """Return a measure's name as tables show it."""
        return self._tables.get(measure, measure)

    def prose(self, measure: str) -> str:
        """Return a measure's name as it stands in a sentence: 'the LLM', 'VADER'."""
        return self._prose.get(measure, self.table(measure))


def made_elsewhere(coder: Mapping[str, Any]) -> str:
    """Say where the codes of a coder of type given are from: 'made elsewhere (column human_mean)'."""
    columns = list(dict.fromkeys(_column(spec) for spec in coder["columns"].values()))
    return f"made elsewhere (column{'s' * (len(columns) > 1)} {', '.join(columns)})"


def _column(spec: str | Mapping[str, Any]) -> str:
    """Say where the codes of a construct are: 'human_mean', or 'value where variable is AFINN'."""
    if isinstance(spec, str):
        return spec
    rows = [
        f"{name} is {' or '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in spec["where"].items()
    ]
    return spec["column"] + (f" where {' and '.join(rows)}" if rows else "")


def _short(name: str, coder: Mapping[str, Any]) -> str:
    if role(coder) == "llm":
        return "LLM"
    if role(coder) == "supervised":
        return "supervised classifier"
    return _RULES.get(coder.get("rules") or "", name)


STATISTICS = {
    "krippendorff_alpha": "Krippendorff's alpha",
    "icc1": "ICC(1)",
    "icc1k": "ICC(1,k)",
    "icc_a1": "ICC(A,1)",
    "icc_c1": "ICC(C,1)",
    "percent_agreement": "percent agreement",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2": "Gwet's AC2",
    "fleiss_kappa": "Fleiss' kappa",
    "cohens_kappa": "Cohen's kappa",
    "cohens_kappa_linear": "Cohen's kappa, linear weights",
    "cohens_kappa_quadratic": "Cohen's kappa, quadratic weights",
}
"""Statistics of reliability as they are printed, in the order in which tables show them."""


def statistic(name: str) -> str:
    """Return a reliability statistic's name as it is printed."""
    return STATISTICS.get(name, name)


def domain(name: str) -> str:
    """Return a domain's name as tables show it: the pooled one says that it is."""
    return "all together" if name == "all" else name


CORRECTIONS = {
    "holm": "Holm (1979)",
    "bonferroni": "Bonferroni",
    "fdr_bh": "Benjamini & Hochberg (1995, false discovery rate)",
    "none": "no correction",
}
"""How a correction for multiple comparisons is printed."""

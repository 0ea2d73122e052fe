"""How coders and measures are called in the report: the field's words, with the study's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
            article = coder["type"] in ("llm", "supervised") or (
                label == name and coder["type"] == "dictionary"
            )
            if coder["type"] == "dictionary" and label == name:
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


def _short(name: str, coder: Mapping[str, Any]) -> str:
    if coder["type"] == "llm":
        return "LLM"
    if coder["type"] == "supervised":
        return "supervised classifier"
    return _RULES.get(coder.get("rules") or "", name)


def statistic(name: str) -> str:
    """Return a reliability statistic's name as it is printed."""
    known = {"krippendorff_alpha": "Krippendorff's alpha", "icc1": "ICC(1)", "icc1k": "ICC(1,k)"}
    return known.get(name, name)


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

"""One analysis under every estimator: the same regression with each coder's codes, and corrected for errors.

| estimator | what it uses |
|---|---|
| naive | the codes of a language model or classifier, as if they were true |
| dictionary | a dictionary's codes, as if they were true |
| gold_only | people's codes of the gold sample, weighted by one over the probability of being drawn |
| dsl, ppi, likelihood | codes of all units, corrected with the gold sample |
| benchmark | people's codes of all units, where there happen to be any: what the others try to find out |

What an estimator cannot do gives rows without figures and a note that says 'not available'; the note of what
the data do not support begins with 'not estimated'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.coded import codes, evidence
from study.inference.estimates import CorrectedRegression
from study.inference.formula import Formula, parse_formula
from study.inference.gold_codes import GoldCodes

NAIVE, DICTIONARY, GOLD_ONLY, BENCHMARK = "naive", "dictionary", "gold_only", "benchmark"
CORRECTED = ("dsl", "ppi", "likelihood")
PROBABILITY, WEIGHT = "_probability", "_weight"
EQUAL = 1e-9
NEARLY_ALL = 0.98


@dataclass(frozen=True)
class Fit:
    """What one estimator says with one coder's codes.

    Attributes
    ----------
    estimator, coder
        The coder is empty where no coder but the truth is used.
    result
        None where there is none.
    problem
        Why there is none; empty where there is.
    """

    estimator: str
    coder: str
    result: CorrectedRegression | None
    problem: str = ""


@dataclass(frozen=True)
class Analysis:
    """A regression, and the units that it is made on.

    Attributes
    ----------
    settings
        The entry of `analyses`: formula, family, coded, estimators, cluster, aggregate, predictors, learner,
        folds, splits, seed.
    units
        Rows of the table of measures.
    scales
        construct -> 'level' and 'values', see `coded.codes`.
    gold
        None where nobody's codes count as true.
    weight
        The column of survey weights.
    """

    settings: Mapping[str, Any]
    units: pd.DataFrame
    scales: Mapping[str, Mapping[str, Any]]
    gold: GoldCodes | None
    weight: str | None = None

    @property
    def coded(self) -> list[str]:
        """The constructs that coders' codes stand for."""
        return list(self.settings["coded"])

    @property
    def formula(self) -> Formula:
        """The regression; its variables are columns of the units and the coded constructs."""
        columns = [*self.coded, *(str(column) for column in self.units.columns)]
        return parse_formula(self.settings["formula"], columns)

    @property
    def categories(self) -> list[str]:
        """The coded constructs that the formula uses as categories."""
        factors = {factor for term in self.formula.terms for factor in term}
        return [construct for construct in self.coded if f"C({construct})" in factors]

    def fits(self, kinds: Mapping[str, str]) -> Iterator[Fit]:
        """Yield every estimator's result.

        Parameters
        ----------
        kinds
            Coder -> 'llm', 'dictionary' or 'supervised', of the coders whose codes are analysed.
        """
        wanted = self.settings["estimators"]
        if NAIVE in wanted:
            for coder, kind in kinds.items():
                if kind != DICTIONARY:
                    yield self._attempt(NAIVE, coder, partial(self._uncorrected, coder))
        if DICTIONARY in wanted:
            for coder, kind in kinds.items():
                if kind == DICTIONARY:
                    yield self._attempt(DICTIONARY, coder, partial(self._uncorrected, coder))
        if GOLD_ONLY in wanted:
            yield self._attempt(GOLD_ONLY, "", self._gold_only)
        machines = [coder for coder, kind in kinds.items() if kind != DICTIONARY] or list(kinds)
        for estimator in CORRECTED:
            if estimator in wanted:
                for coder in machines:
                    yield self._attempt(estimator, coder, partial(self._corrected, estimator, coder))
        if self.gold is not None and self._benchmark_is_known(self.gold):
            yield self._attempt(BENCHMARK, "", partial(self._plain, self._with(self.gold.everything)))

    def as_it_is(self) -> Fit:
        """Return the regression of the units' own columns, where no construct is coded."""
        return self._attempt(NAIVE, "", lambda: self._plain(self.units))

    def _attempt(self, estimator: str, coder: str, fit: Callable[[], CorrectedRegression]) -> Fit:
        try:
            return Fit(estimator, coder, fit())
        except StudyError as error:
            problem = error.problem.rstrip(".")
            if not problem[:2].isupper():  # a name such as PPI++ keeps its capitals
                problem = problem[:1].lower() + problem[1:]
            if "not available" in problem:
                return Fit(estimator, coder, None, problem)
            found = f" ({error.found})" if error.found is not None else ""
            return Fit(estimator, coder, None, f"not estimated: {problem}{found}")

    def _with(self, columns: pd.DataFrame) -> pd.DataFrame:
        """The units with these columns for the coded constructs, and with weights."""
        data = self.units.drop(columns=[c for c in columns if c in self.units])
        return pd.concat([data, columns], axis=1)

    def codes_of(self, coder: str) -> pd.DataFrame:
        """Return a coder's codes of the coded constructs, as the uncorrected regression uses them."""
        return pd.DataFrame(
            {
                construct: codes(
                    self.units,
                    construct,
                    coder,
                    self.scales[construct],
                    as_category=construct in self.categories,
                )
                for construct in self.coded
            },
            index=self.units.index,
        )

    def _uncorrected(self, coder: str) -> CorrectedRegression:
        found = self.codes_of(coder)
        constant = [name for name in found if found[name].nunique() < 2]
        if constant:
            raise StudyError(f"All codes of {constant[0]} by {coder} are the same, or missing")
        return self._plain(self._with(found))

    def _plain(self, data: pd.DataFrame, weight: str | None = None) -> CorrectedRegression:
        from study.inference.uncorrected import uncorrected

        weight, cluster = weight or self.weight, self.settings["cluster"]
        if self.settings["aggregate"]:
            from study.inference.aggregate import group_means

            # The means are of units with their weights; each group then counts once.
            data, weight, cluster = (
                group_means(self._formula_text, data, self._group, weights=weight),
                None,
                None,
            )
        return uncorrected(
            self._formula_text, data, family=self.settings["family"], weights=weight, cluster=cluster
        )

    @property
    def _formula_text(self) -> str:
        return str(self.settings["formula"])

    @property
    def _group(self) -> str:
        group = self.settings["aggregate"]
        return "document_id" if group == "document" else str(group)

    def _gold(self) -> GoldCodes:
        if self.gold is None:
            raise StudyError("Not available: no coder's codes count as true (gold.truth)")
        if not self.gold.labelled.any():
            raise StudyError("Not available: nobody has coded the gold sample yet, or its codes are sealed")
        return self.gold

    def _gold_only(self) -> CorrectedRegression:
        gold = self._gold()
        if self.settings["aggregate"]:
            pi = 1.0 if gold.probability is None else gold.probability
            own = self.units[self.weight] if self.weight else 1.0
            return self._plain(self._with(gold.codes).assign(**{WEIGHT: own / pi})[gold.labelled], WEIGHT)
        from study.inference.uncorrected import gold_only

        data, options = self._with(gold.codes), self._drawing()
        # Nothing is predicted here: people's own codes stand where a coder's codes would.
        data, predicted = self._predicted(data, {c: gold.everything[c] for c in self.coded})
        family, cluster = self.settings["family"], self.settings["cluster"]
        return gold_only(self._formula_text, data, predicted, family=family, cluster=cluster, **options)

    def _drawing(self) -> dict[str, Any]:
        """How units were drawn, and their survey weights, as arguments."""
        gold = self._gold()
        options: dict[str, Any] = {}
        if gold.probability is not None:
            options["sampling_probability"] = PROBABILITY
        if self.weight:
            options["weights"] = self.weight
        return options

    def _predicted(
        self, data: pd.DataFrame, shown: Mapping[str, pd.Series]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """The units with the codes that stand beside the gold codes, and which belong together."""
        predicted = {construct: f"_code{number}" for number, construct in enumerate(shown)}
        data = data.assign(**{predicted[construct]: shown[construct] for construct in shown})
        gold = self._gold()
        return (
            data if gold.probability is None else data.assign(**{PROBABILITY: gold.probability})
        ), predicted

    @staticmethod
    def _benchmark_is_known(gold: GoldCodes) -> bool:
        """Whether people coded nearly all units, though only a part of them counts as gold."""
        return gold.drawn is not None and bool(gold.everything.notna().all(axis=1).mean() > NEARLY_ALL)

    def _corrected(self, estimator: str, coder: str) -> CorrectedRegression:
        gold = self._gold()
        family = self.settings["family"]
        if family == "ordered":
            raise StudyError("Not available for ordered logit")
        data = self._with(gold.codes)
        if estimator == "dsl":
            return self._dsl(data, coder, family)
        for what, there in (
            ("clusters", self.settings["cluster"]),
            ("survey weights", self.weight and estimator == "likelihood"),
            ("means of groups", self.settings["aggregate"]),
        ):
            if there:
                raise StudyError(f"Not available with {what}")
        if len(self.coded) > 1:
            raise StudyError("Not available for several coded variables")
        construct = self.coded[0]
        if estimator == "likelihood":
            from study.inference.misclassification import misclassification_mle

            code = codes(self.units, construct, coder, self.scales[construct], as_category=True)
            return misclassification_mle(
                self._formula_text, data.assign(_code=code), {construct: "_code"}, family=family
            )
        pi = gold.probability
        if pi is not None and np.ptp(pi) > EQUAL:
            raise StudyError("Not available where units were drawn with different probabilities")
        from study.inference.prediction_powered import ppi

        code = evidence(self.units, construct, coder, self.scales[construct])
        known = code.notna()
        return ppi(
            self._formula_text,
            data.assign(_code=code)[known],
            {construct: "_code"},
            family="mean" if family == "linear" and not self.formula.terms else family,
            weights=self.weight,
        )

    def _dsl(self, data: pd.DataFrame, coder: str, family: str) -> CorrectedRegression:
        from study.inference.design_based import dsl

        shown = {c: evidence(self.units, c, coder, self.scales[c]) for c in self.coded}
        data, predicted = self._predicted(data, shown)
        options, cluster = self._drawing(), self.settings["cluster"]
        if self.settings["aggregate"]:
            from study.inference.aggregate import weighted_units

            found = weighted_units(
                self._formula_text, data, self._group, predicted=list(predicted), weights=self.weight
            )
            data, options["weights"], cluster = found.data, found.weights, found.cluster
        return dsl(
            self._formula_text,
            data,
            predicted,
            family=family,
            cluster=cluster,
            covariates=self.settings["predictors"],
            learner=_learner(self.settings["learner"]),
            folds=self.settings["folds"],
            splits=self.settings["splits"],
            seed=self.settings["seed"],
            **options,
        )


def _learner(name: str) -> Any:
    if name == "boosting":
        return None
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def effective_n(fits: Sequence[Fit]) -> dict[int, pd.Series[float]]:
    """Return, for each fit that is corrected, how many gold units alone would be as precise, by term.

    The number of gold units times the square of gold_only's standard error over the corrected one's.
    """
    alone = next((fit.result for fit in fits if fit.estimator == GOLD_ONLY and fit.result is not None), None)
    if alone is None:
        return {}
    found = {}
    for number, fit in enumerate(fits):
        if fit.result is not None and fit.estimator in (GOLD_ONLY, *CORRECTED):
            known = (alone.bse > 0) & (fit.result.bse > 0)
            found[number] = (alone.nobs * (alone.bse / fit.result.bse) ** 2).where(known)
    return found

"""What a regression says, corrected or not: coefficients, their covariance, and the units they rest on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from study.validity.bootstrap import Array


@dataclass(frozen=True)
class HandCoding:
    """How much of a regression's variance is due to which units were drawn for hand coding.

    Attributes
    ----------
    probability
        With which each unit was drawn, units.
    drawn
        Which were.
    covariances
        Of the coefficients, draws of the folds x terms x terms (one draw without folds).
    between
        How far the draws' coefficients are from the medians: draws of the folds x terms.
    influence
        What each drawn unit's hand code does to the coefficients: draws of the folds x drawn units x terms.
    """

    probability: Array
    drawn: Array
    covariances: Array
    between: Array
    influence: Array


@dataclass(frozen=True)
class CorrectedRegression:
    """Coefficients of a regression, corrected for the errors of an LLM's codes or not.

    Tests and intervals of corrections use the normal distribution: they hold for large samples.

    Attributes
    ----------
    estimator
        'DSL', 'PPI++', 'likelihood', 'gold_only' or 'naive'.
    family
        'mean', 'linear', 'logit', 'poisson' or 'ordered'. Coefficients are in units of the outcome (mean,
        linear), in log-odds (logit, ordered) or in logs of the expected count (poisson).
    params
        One coefficient a term; the names are those of statsmodels.
    covariance
        Of the coefficients, terms x terms; NaN where a term's variance cannot be told (see `uncorrected`).
    nobs
        The units used: those that lack nothing but hand codes.
    n_labelled
        Those of them that were hand-coded; 0 in a naive regression, which does not ask.
    covariance_type
        'HC3', 'sandwich', 'CR1' (clusters), 'sandwich of clusters' or 'observed information'.
    df
        Degrees of freedom of the t distribution of tests and intervals; infinite where it is the normal.
    power_tuning
        The weight of the codes in PPI++, from 0 (not used) to 1; NaN with other estimators.
    hand_coding
        What `planning` needs; None where it cannot plan.
    """

    estimator: str
    family: str
    params: pd.Series[float]
    covariance: pd.DataFrame = field(repr=False)
    nobs: int
    n_labelled: int
    covariance_type: str = "sandwich"
    df: float = math.inf
    power_tuning: float = float("nan")
    hand_coding: HandCoding | None = field(default=None, repr=False, compare=False)

    @property
    def reference(self) -> str:
        """The distribution of the statistic where a coefficient is zero: 'normal', or such as 't(796)'."""
        return "normal" if math.isinf(self.df) else f"t({self.df:.0f})"

    @property
    def bse(self) -> pd.Series[float]:
        """The standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), self.params.index)

    @property
    def tvalues(self) -> pd.Series[float]:
        """The coefficients divided by their standard errors."""
        return self.params / self.bse

    @property
    def pvalues(self) -> pd.Series[float]:
        """Two-sided p-values of the hypotheses that a coefficient is zero."""
        from scipy.stats import t

        return pd.Series(2 * t.sf(self.tvalues.abs(), self.df), self.params.index)

    def cov_params(self) -> pd.DataFrame:
        """Return the covariance of the coefficients, terms x terms."""
        return self.covariance

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return intervals of level 1 - `alpha`: a row a term, columns 0 (low) and 1 (high)."""
        from scipy.stats import t

        reach = t.isf(alpha / 2, self.df) * self.bse
        return pd.DataFrame({0: self.params - reach, 1: self.params + reach})

    def summary(self) -> pd.DataFrame:
        """Return a row a term: estimate, std_error, statistic, p_value and the 95% interval."""
        bounds = self.conf_int()
        return pd.DataFrame(
            {
                "estimate": self.params,
                "std_error": self.bse,
                "statistic": self.tvalues,
                "p_value": self.pvalues,
                "ci_low": bounds[0],
                "ci_high": bounds[1],
            }
        )

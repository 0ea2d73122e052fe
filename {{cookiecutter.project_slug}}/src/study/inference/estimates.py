"""What a corrected regression says: coefficients, their covariance, and the units they rest on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class CorrectedRegression:
    """Coefficients of a regression that was corrected for the errors of an LLM's codes.

    Tests and intervals use the normal distribution: every correction holds for large samples.

    Attributes
    ----------
    estimator
        'DSL', 'PPI++' or 'likelihood'.
    family
        'mean', 'linear', 'logit' or 'poisson'. Coefficients are in units of the outcome (mean, linear), in
        log-odds (logit) or in logs of the expected count (poisson).
    params
        One coefficient a term; the names are those of statsmodels.
    covariance
        Of the coefficients, terms x terms.
    nobs
        The units used: those that lack nothing but hand codes.
    n_labelled
        Those of them that were hand-coded.
    power_tuning
        The weight of the codes in PPI++, from 0 (not used) to 1; NaN with other estimators.
    """

    estimator: str
    family: str
    params: pd.Series[float]
    covariance: pd.DataFrame = field(repr=False)
    nobs: int
    n_labelled: int
    power_tuning: float = float("nan")

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
        from scipy.stats import norm

        return pd.Series(2 * norm.sf(self.tvalues.abs()), self.params.index)

    def cov_params(self) -> pd.DataFrame:
        """Return the covariance of the coefficients, terms x terms."""
        return self.covariance

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return intervals of level 1 - `alpha`: a row a term, columns 0 (low) and 1 (high)."""
        from scipy.stats import norm

        reach = norm.isf(alpha / 2) * self.bse
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

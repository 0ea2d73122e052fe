"""Calibrate label probabilities by what the model answers when there is nothing to read.

A model prefers some labels whatever the text. Contextual calibration divides by its answer to content-free
texts (Zhao et al. 2021, arXiv 2102.09690), batch calibration by its mean answer to a set of texts (Zhou et
al. 2023, arXiv 2309.17249). That set is fixed in the codebook: were it the corpus that is being coded, each
code would depend on the other texts.
"""

from __future__ import annotations

import numpy as np


def calibrated(log_p: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Divide label probabilities by their mean over reference texts.

    Parameters
    ----------
    log_p
        Natural logarithms of label probabilities, shape (texts, labels).
    reference
        The same of the reference texts, shape (reference texts, labels); at least one.

    Returns
    -------
    array
        Natural logarithms, shape (texts, labels); each row's probabilities sum to 1.
    """
    shares = normalised(reference)
    return normalised(normalised(log_p) - (log_sum(shares, axis=0) - np.log(len(shares))))


def normalised(log_p: np.ndarray) -> np.ndarray:
    """Renormalise over the labels; shape (texts, labels)."""
    return np.asarray(log_p - log_sum(log_p, axis=1))


def log_sum(log_p: np.ndarray, axis: int) -> np.ndarray:
    """Return the logarithm of summed probabilities, also where no float can hold the probabilities."""
    largest = log_p.max(axis=axis, keepdims=True)
    return np.asarray(largest + np.log(np.exp(log_p - largest).sum(axis=axis, keepdims=True)))

"""Into how many jobs coding is best divided: many end sooner, and each begins with loading the model."""

from __future__ import annotations

import math

SHARE = 0.1
"""The most of a job's time that may go into starting it."""

SNAKEMAKE = 10.0
"""Seconds until Snakemake has started a job's program: twice of what was measured under Slurm on a local
disk, as the file systems of clusters are slower."""

SPARE = 2.0
"""A job asks for so many times what it is expected to take: nodes and texts differ."""


def propose(coding: float, start: float, most: int) -> int:
    """Return the largest number of jobs in which starting takes at most `SHARE` of the time.

    Parameters
    ----------
    coding
        Seconds that all texts together take.
    start
        Seconds that each job takes until it asks for the first text.
    most
        No more jobs than this are useful: the texts, or what the cluster runs at once.
    """
    if start <= 0:
        return max(1, most)
    # start <= SHARE * (start + coding / n), solved for n; the sum of floats decides about the last one.
    n = max(1, min(most, math.floor(SHARE * coding / ((1 - SHARE) * start)) + 1))
    while n > 1 and start > SHARE * (start + coding / n):
        n -= 1
    return n


def minutes(coding: float, start: float, shards: int) -> int:
    """Return the whole minutes that each of so many jobs had better ask for, with `SPARE`."""
    return max(1, math.ceil(SPARE * (start + coding / shards) / 60))

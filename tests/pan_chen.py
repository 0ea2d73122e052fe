"""The complaints of Pan & Chen (2018) as coded by hand and by an LLM: data that DSL's authors publish.

Egami et al. (2023) give them with their R package `dsl`, data/PanChen.rdata. They are not copied here: a
mirror folder (environment variable STUDY_MIRROR) holds the file. A test that needs it and cannot have it
fails with a sentence; it is never skipped.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import pandas as pd
import pyreadr

FILE = "PanChen.rdata"
SHA256 = "72eb527e56dc0726e9264ef09bb2b2bfe4561dd60fbba4c79b4d7226d7eb6c6c"
FORMULA = "SendOrNot ~ countyWrong + prefecWrong + connect2b + prevalence + regionj + groupIssue"
PREDICTED = {"countyWrong": "pred_countyWrong"}


@functools.cache
def _read() -> pd.DataFrame:
    mirror = os.environ.get("STUDY_MIRROR")
    path = Path(mirror or ".") / FILE
    if not path.is_file():
        raise AssertionError(
            f"These tests need {FILE}, of the R package dsl (github.com/naoki-egami/dsl, folder data), in the"
            f" mirror folder (STUDY_MIRROR is {mirror or 'not set'})."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == SHA256, f"{path} is not the expected file: its sha256 is {found}, not {SHA256}."
    return pyreadr.read_r(str(path))["PanChen"]


def pan_chen() -> pd.DataFrame:
    """Return 1,412 complaints; `countyWrong` is hand-coded in 500, `pred_countyWrong` is the LLM's code."""
    return _read().copy()

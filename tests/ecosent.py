"""The headlines of van Atteveldt, van der Velden & Boukes (2021), with every method's stored codes.

'The validity of sentiment analysis', Communication Methods and Measures 15(2); the files are those of their
compendium (github.com/vanatteveldt/ecosent, data/intermediate and data/raw, MIT). They are not copied here: a
mirror folder (environment variable STUDY_MIRROR) holds them in `ecosent`. A test that needs them and cannot
have them fails with a sentence; it is never skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd


def _read(name: str) -> pd.DataFrame:
    mirror = os.environ.get("STUDY_MIRROR")
    path = Path(mirror or ".") / "ecosent" / name
    if not path.is_file():
        raise AssertionError(
            f"These tests need {name} of vanatteveldt/ecosent (GitHub) in the folder ecosent of the mirror"
            f" (STUDY_MIRROR is {mirror or 'not set'})."
        )
    return pd.read_csv(path)


def gold() -> pd.Series:
    """Return the gold code (-1, 0 or 1) of 284 headlines, by id."""
    return _read("gold_en.csv").set_index("id")["value"]


def predictions(variable: str) -> pd.DataFrame:
    """Return the codes of one method: id, value, and repetition (missing where there is only one)."""
    rows = _read("combined_predictions.csv")
    return rows.loc[rows["variable"] == variable, ["id", "value", "repetition"]]

"""Sentences of British manifestos, coded by experts and by crowd workers: data of Benoit et al. (2016, APSR).

They are published with the paper (github.com/kbenoit/CSTA-APSR). They are not copied here: a mirror folder
(environment variable STUDY_MIRROR) holds the file. A test that needs it and cannot have it fails with a
sentence; it is never skipped.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pandas as pd

FILE = "csta_coding_all_wide.zip"
MEMBER = "coding_all_wide_2014-03-14.dta"
SHA256 = "b19a325248edc3e59c2cc1c3e8597cea40ea9b35b42ee4f178cae2077e3bee57"


@functools.cache
def archive() -> Path:
    """Return the archive with the codings, checked by hash."""
    mirror = os.environ.get("STUDY_MIRROR")
    path = Path(mirror or ".") / FILE
    if not path.is_file():
        raise AssertionError(
            f"These tests need {FILE}, the codings of Benoit et al. (2016), in the mirror folder"
            f" (STUDY_MIRROR is {mirror or 'not set'})."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == SHA256, f"{path} is not the expected file: its sha256 is {found}, not {SHA256}."
    return path


@functools.cache
def _read() -> pd.DataFrame:
    with zipfile.ZipFile(archive()) as opened:
        return pd.read_stata(io.BytesIO(opened.read(MEMBER)))


def manifesto_sentences() -> pd.DataFrame:
    """Return a table of measures: one row a sentence, economic_ and social_ by `experts` and `crowd`."""
    codes = _read()
    codes = codes[codes["manifestoid"] != "screener"]
    units = codes.drop_duplicates("sentenceid").set_index("sentenceid")
    found = pd.DataFrame({"document_id": units["manifestoid"].astype(str), "year": units["year"]})
    for scale in ("Economic", "Social"):
        own = codes[codes["scale"] == scale].set_index("sentenceid")
        for coder in ("Experts", "Crowd"):
            found[f"{scale.lower()}_{coder.lower()}"] = own[f"code{coder}"].astype(float)
    found.index = found.index.astype(str)
    return found.assign(sample=False).rename_axis("unit_id").reset_index()

"""A data frame of an R file (.RData, .rda, .rds), with the names of its rows as a column.

pyreadr reads the file, and nothing in it is run. Objects that are no data frame (vectors, lists, models) are
passed over. An .RData file may hold several data frames, of which one must be named.
"""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import math
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from study.archives import LARGEST
from study.errors import StudyError

ROW_NAMES = "rownames"
"""The column with the names of the rows; where R has only numbers for them, they are counted from 1."""

_PACKED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
}
"""How files that R has compressed begin."""


def data_frame(
    data: bytes, label: str, name: str | None = None, encoding: str | None = None
) -> dict[str, list[Any]]:
    """Read one data frame.

    Parameters
    ----------
    data
        The file, compressed or not.
    label
        What an error calls it.
    name
        The data frame to read; None where there is only one.
    encoding
        Of text whose encoding the file does not say; None takes the one that it says for all.

    Returns
    -------
    dict
        {column: its cells}: str, int, float, bool, date, datetime, None for NA; a factor's cells are its
        levels. First comes the column `rownames`, unless the data frame has one of this name.

    Raises
    ------
    StudyError
        It is no file of R or a damaged one, unpacks to too much, has no (such) data frame, or several and
        none is named.
    """
    import pyreadr

    data = _unpacked(data, label)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is nothing to read is said below
            objects = pyreadr.list_objects(io.BytesIO(data))
            frames = {one["object_name"]: one["columns"] for one in objects if one["columns"]}
            chosen = _chosen(frames, name, label)
            # An .rds file holds one object, which has no name.
            wanted = None if chosen is None else [chosen]
            table = pyreadr.read_r(io.BytesIO(data), use_objects=wanted, encoding=_iconv(encoding))[chosen]
            return _cells(table, frames[chosen], label)
    except StudyError:
        raise
    except UnicodeDecodeError as error:
        raise StudyError(
            f"Text in this file is not in the encoding that the file says ({error}).",
            file=label,
            key="encoding",
            found=encoding or "nothing",
            hint="Name the encoding, such as latin-1 or cp1252.",
        ) from error
    except Exception as error:  # whatever pyreadr makes of a damaged file
        raise StudyError(
            f"This is no readable file of R ({error}).",
            file=label,
            hint="In R, load it and save the data frame anew: with save(), saveRDS() or write.csv().",
        ) from error


def _iconv(encoding: str | None) -> str | None:
    """Return an encoding's name as the reader knows it: Python calls Latin-1 and EUC-KR otherwise."""
    return encoding and codecs.lookup(encoding).name.replace("_", "-")


def _unpacked(data: bytes, label: str) -> bytes:
    begin = next((begin for begin in _PACKED if data.startswith(begin)), None)
    if begin is None:
        return data
    try:
        unpacked = _PACKED[begin]().decompress(data, LARGEST + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise StudyError(f"The compressed file cannot be unpacked ({error}).", file=label) from error
    if len(unpacked) > LARGEST:
        raise StudyError(f"The file unpacks to more than {LARGEST // 1024**3} GB.", file=label)
    return unpacked


def _chosen(frames: dict[str | None, list[str]], name: str | None, label: str) -> str | None:
    if not frames:
        raise StudyError("The file holds no data frame.", file=label)
    if name is None and len(frames) == 1:
        return next(iter(frames))
    if name is None or name not in frames:
        raise StudyError(
            "The file holds several data frames." if name is None else "There is no such data frame.",
            file=label,
            key="member",
            found=name,
            allowed=[str(one) for one in frames if one is not None],
            hint="Say which one is meant with the key `member`." if name is None else None,
        )
    return name


def _cells(table: pd.DataFrame, columns: list[str], label: str) -> dict[str, list[Any]]:
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if table.index.name == ROW_NAMES and ROW_NAMES in columns:
        twice = ROW_NAMES
    if twice is not None:
        raise StudyError(
            "Two columns have one name (that of the rows' own names counts too).",
            file=label,
            found=twice,
            hint="Rename one in R, and save the data frame anew.",
        )
    named = table.index.name == ROW_NAMES
    names = list(table.index) if named else [str(number) for number in range(1, len(table) + 1)]
    cells = {column: [_native(cell) for cell in table[column].astype(object)] for column in columns}
    return cells if ROW_NAMES in columns else {ROW_NAMES: names, **cells}


def _native(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell)) else cell

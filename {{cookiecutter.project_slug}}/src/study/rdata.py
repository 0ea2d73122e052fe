"""A data frame of an R file (.RData, .rda, .rds), with the names of its rows as a column.

Objects that are no data frame (vectors, lists, models, functions) are passed over, and nothing in the file is
run. An .RData file may hold several data frames, of which one must be named.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from study.archives import LARGEST
from study.errors import StudyError
from study.r_serialization import NA_INTEGER, DamagedError, Objects, Text, Vector, read_objects

ROW_NAMES = "rownames"
"""The column with the names of the rows; where R has none, they are counted from 1."""

_NA_INTEGER64 = -(2**63)
_DAYS_FROM = date(1970, 1, 1)
_SECONDS_FROM = datetime(1970, 1, 1)

_PACKED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
}
"""How files that R has compressed begin."""


@dataclass
class Frame:
    """A data frame.

    Attributes
    ----------
    cells
        {column: its cells}: str, int, float, bool, date, datetime (in UTC, without a time zone), None for NA
        and NaN; a factor's cells are its levels. First comes the column `rownames`, unless the data frame has
        one of this name.
    passed_over
        Columns whose cells are none of these: lists, tables in the table, complex numbers.
    """

    cells: dict[str, list[Any]]
    passed_over: list[str] = field(default_factory=list)


def data_frame(data: bytes, label: str, name: str | None = None, encoding: str | None = None) -> Frame:
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
        Of text that has no mark of its own; None takes the one that the file says for all, else UTF-8.

    Raises
    ------
    StudyError
        It is no file of R or a damaged one, unpacks to too much, has no (such) data frame, or several and
        none is named.
    """
    try:
        objects = read_objects(_unpacked(data, label))
        frames = {key: found for key, found in objects.named.items() if _is_data_frame(found)}
        chosen = _chosen(frames, name, label)
        decode = _Decoder(objects, encoding)
        return _frame(frames[chosen], decode, label)
    except DamagedError as error:
        raise StudyError(
            f"This is no readable file of R: {error}.",
            file=label,
            hint="In R, load it and save the data frame anew: with save(), saveRDS() or write.csv().",
        ) from error
    except UnicodeError as error:
        who = "you name" if encoding else "it says"
        raise StudyError(
            f"Text in this file is not in the encoding that {who} ({error}).",
            file=label,
            key="encoding",
            found=decode.encoding,
            hint="Name the encoding, such as latin-1 or cp1252.",
        ) from error


class _Decoder:
    """Decodes text that has no mark of its encoding."""

    def __init__(self, objects: Objects, encoding: str | None) -> None:
        self.encoding = encoding or "utf-8"
        if encoding is None and objects.encoding:
            try:
                codecs.lookup(objects.encoding)
                " ".encode(objects.encoding)  # base64 and the like are known, and are no encodings of text
                self.encoding = objects.encoding
            except (LookupError, ValueError):  # a name that R's machine has, and Python does not
                pass

    def __call__(self, text: Text) -> str | None:
        return text.decode(self.encoding) if isinstance(text, bytes) else text


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


def _is_data_frame(found: Any) -> bool:
    return isinstance(found, Vector) and "data.frame" in found.text_attribute("class") and len(found) > 0


def _chosen(frames: dict[str | None, Vector], name: str | None, label: str) -> str | None:
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


def _frame(frame: Vector, decode: _Decoder, label: str) -> Frame:
    if frame.kind != "list" or len(frame.text_attribute("names")) != len(frame):
        raise DamagedError("its data frame has not one name for each column")
    columns = [decode(name) or "NA" for name in frame.text_attribute("names")]
    row_names = frame.attributes.get("row.names")
    if not isinstance(row_names, Vector):
        raise DamagedError("its data frame does not say how many rows it has")
    named = row_names.kind == "strings"  # numbers are R's own, left over from a larger table
    _refuse_one_name_twice([*columns, ROW_NAMES] if named else columns, label)
    rows = abs(int(row_names.values[1])) if _is_count(row_names) else len(row_names)
    read: dict[str, list[Any]] = {}
    for column, vector in zip(columns, frame.values, strict=True):
        if not isinstance(vector, Vector) or vector.kind not in ("strings", "logical", "integer", "real"):
            continue
        if len(vector) == rows:
            read[column] = _cells(vector, column, decode)
        elif "dim" not in vector.attributes:  # a matrix as a column may have more
            raise DamagedError(f"its column {column} has {len(vector)} rows, and the data frame has {rows}")
    if not read:
        raise StudyError("The data frame has no column of text, numbers or dates.", file=label)
    cells = read if ROW_NAMES in columns else {ROW_NAMES: _row_names(row_names, rows, decode), **read}
    return Frame(cells, [column for column in columns if column not in read])


def _refuse_one_name_twice(columns: list[str], label: str) -> None:
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise StudyError(
            "Two columns have one name (that of the rows' own names counts too).",
            file=label,
            found=twice,
            hint="Rename one in R, and save the data frame anew.",
        )


def _is_count(names: Vector) -> bool:
    """Tell whether R has written how many rows there are (NA and the number) instead of their names."""
    return names.kind == "integer" and len(names) == 2 and names.values[0] == NA_INTEGER


def _row_names(names: Vector, rows: int, decode: _Decoder) -> list[str | None]:
    if names.kind == "strings":
        return [decode(name) for name in names.values]
    if names.kind == "integer" and not _is_count(names):
        return [str(number) for number in names.values.tolist()]
    return [str(number) for number in range(1, rows + 1)]


def _cells(vector: Vector, column: str, decode: _Decoder) -> list[Any]:
    classes = vector.text_attribute("class")
    if vector.kind == "strings":
        return [decode(text) for text in vector.values]
    if vector.kind == "real" and "integer64" in classes:  # of the package bit64, and so of fread()
        whole = np.ascontiguousarray(vector.values).view(">i8").tolist()
        return [None if number == _NA_INTEGER64 else number for number in whole]
    numbers = vector.values.tolist()
    if vector.kind == "real":
        cells = [None if math.isnan(number) else number for number in numbers]
    else:
        cells = [None if number == NA_INTEGER else number for number in numbers]
    if vector.kind == "logical":
        return [None if cell is None else bool(cell) for cell in cells]
    if "factor" in classes:
        return _levels(cells, [decode(level) for level in vector.text_attribute("levels")], column)
    if "Date" in classes or "POSIXct" in classes:
        return [None if cell is None else _moment(cell, column, "Date" in classes) for cell in cells]
    return cells


def _levels(codes: Iterable[Any], levels: list[str | None], column: str) -> list[str | None]:
    try:
        found = dict(enumerate(levels, start=1))
        return [None if code is None else found[code] for code in codes]
    except KeyError as error:
        raise DamagedError(f"its factor {column} has a level that it does not name") from error


def _moment(number: float, column: str, is_date: bool) -> date | datetime | None:
    """Return the day, or the second in UTC; R counts both from the beginning of 1970."""
    try:
        if is_date:
            return _DAYS_FROM + timedelta(days=math.floor(number))
        return _SECONDS_FROM + timedelta(seconds=number)
    except OverflowError as error:
        raise DamagedError(
            f"its column {column} has a date that is infinite or not in the years 1 to 9999, {number}"
        ) from error

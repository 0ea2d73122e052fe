"""Files of R, written byte by byte as R serialises them (R Internals, section 1.8): no R is needed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

NIL = 0xFE
LIST, SYMBOL, CHARACTERS, LOGICAL, INTEGER, REAL, STRINGS, VECTOR = 2, 1, 9, 10, 13, 14, 16, 19
HAS_OBJECT, HAS_ATTRIBUTES, HAS_TAG = 0x100, 0x200, 0x400
UTF8 = 0x8000
"""In the flags of characters: their encoding is UTF-8; without a mark it is not known."""
NA_INTEGER = -(2**31)
NA_REAL = struct.pack(">II", 0x7FF00000, 1954)

Cell = str | bytes | int | float | bool | None


def _ints(*numbers: int) -> bytes:
    return b"".join(struct.pack(">I", number % 2**32) for number in numbers)


def characters(text: str | bytes | None) -> bytes:
    """Return one string: UTF-8, or bytes without a mark of their encoding."""
    if text is None:
        return _ints(CHARACTERS, -1)
    data = text.encode() if isinstance(text, str) else text
    return _ints(CHARACTERS | (UTF8 if isinstance(text, str) else 0), len(data)) + data


def _tagged(name: str, value: bytes) -> bytes:
    return _ints(LIST | HAS_TAG, SYMBOL) + characters(name) + value


def _attributes(values: Mapping[str, bytes]) -> bytes:
    return b"".join(_tagged(name, value) for name, value in values.items()) + _ints(NIL)


def strings(values: Sequence[str | bytes | None]) -> bytes:
    return _ints(STRINGS, len(values)) + b"".join(map(characters, values))


def integers(values: Sequence[int | None]) -> bytes:
    return _ints(INTEGER, len(values)) + _ints(*[NA_INTEGER if v is None else v for v in values])


def vector(values: Sequence[Cell]) -> bytes:
    """Return a vector of the type that its values have; None is NA."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        numbers = [NA_INTEGER if value is None else int(bool(value)) for value in values]
        return _ints(LOGICAL, len(values)) + _ints(*numbers)
    if kinds == {int}:
        return integers(values)  # type: ignore[arg-type]
    if kinds == {float}:
        cells = [NA_REAL if value is None else struct.pack(">d", value) for value in values]
        return _ints(REAL, len(values)) + b"".join(cells)
    return strings(values)  # type: ignore[arg-type]


def factor(codes: Sequence[int | None], levels: Sequence[str]) -> bytes:
    flags = INTEGER | HAS_OBJECT | HAS_ATTRIBUTES
    body = _ints(flags, len(codes)) + _ints(*[NA_INTEGER if code is None else code for code in codes])
    return body + _attributes({"levels": strings(levels), "class": strings(["factor"])})


def data_frame(
    columns: Mapping[str, bytes] | Sequence[tuple[str, bytes]], row_names: Sequence[str | int] | int
) -> bytes:
    """Return a data frame; `row_names` are names, numbers, or how many rows without names there are."""
    listed = list(columns.items()) if isinstance(columns, Mapping) else list(columns)
    names = integers([None, -row_names]) if isinstance(row_names, int) else vector(list(row_names))
    flags = VECTOR | HAS_OBJECT | HAS_ATTRIBUTES
    body = _ints(flags, len(listed)) + b"".join(column for _, column in listed)
    return body + _attributes(
        {"names": strings([name for name, _ in listed]), "class": strings(["data.frame"]), "row.names": names}
    )


_VERSION = b"X\n" + _ints(2, 0x00030500, 0x00020300)


def rdata(objects: Mapping[str, bytes]) -> bytes:
    """Return an .RData file, not compressed."""
    return b"RDX2\n" + _VERSION + _attributes(objects)


def rds(value: bytes) -> bytes:
    """Return an .rds file, not compressed."""
    return _VERSION + value

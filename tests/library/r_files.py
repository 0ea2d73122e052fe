"""Files of R, written byte by byte as R serialises them (R Internals, section 1.8): no R is needed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

NIL, REFERENCE, ALTERNATIVE = 0xFE, 0xFF, 0xEE
SYMBOL, LIST, ENVIRONMENT, CALL, CHARACTERS, LOGICAL, INTEGER, REAL = 1, 2, 4, 6, 9, 10, 13, 14
COMPLEX, STRINGS, VECTOR, BYTECODE, RAW = 15, 16, 19, 21, 24
HAS_OBJECT, HAS_ATTRIBUTES, HAS_TAG = 0x100, 0x200, 0x400
LATIN1, UTF8 = 0x4000, 0x8000
"""In the flags of characters: their encoding; without a mark it is not known."""
NA_INTEGER = -(2**31)
NA_REAL = struct.pack(">II", 0x7FF00000, 1954)

Cell = str | bytes | int | float | bool | None


def ints(*numbers: int) -> bytes:
    """Return the four bytes of each number, of which every object's flags and lengths are made too."""
    return b"".join(struct.pack(">I", number % 2**32) for number in numbers)


def characters(text: str | bytes | None, mark: int = 0) -> bytes:
    """Return one string: text in UTF-8 and marked so, or bytes with the mark or without one."""
    if text is None:
        return ints(CHARACTERS, -1)
    data = text.encode() if isinstance(text, str) else text
    given = UTF8 if isinstance(text, str) else mark
    return ints(CHARACTERS | given, len(data)) + data


def _tagged(name: str, value: bytes) -> bytes:
    return ints(LIST | HAS_TAG, SYMBOL) + characters(name) + value


def pairs(values: Mapping[str, bytes]) -> bytes:
    """Return a list of named objects: what a file is, and what attributes are."""
    return b"".join(_tagged(name, value) for name, value in values.items()) + ints(NIL)


def strings(values: Sequence[str | bytes | None]) -> bytes:
    return ints(STRINGS, len(values)) + b"".join(map(characters, values))


def integers(values: Sequence[int | None]) -> bytes:
    return ints(INTEGER, len(values)) + ints(*[NA_INTEGER if v is None else v for v in values])


def vector(values: Sequence[Cell]) -> bytes:
    """Return a vector of the type that its values have; None is NA."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        numbers = [NA_INTEGER if value is None else int(bool(value)) for value in values]
        return ints(LOGICAL, len(values)) + ints(*numbers)
    if kinds == {int}:
        return integers(values)  # type: ignore[arg-type]
    if kinds == {float}:
        cells = [NA_REAL if value is None else struct.pack(">d", value) for value in values]
        return ints(REAL, len(values)) + b"".join(cells)
    return strings(values)  # type: ignore[arg-type]


def factor(codes: Sequence[int | None], levels: Sequence[str]) -> bytes:
    flags = INTEGER | HAS_OBJECT | HAS_ATTRIBUTES
    body = ints(flags, len(codes)) + ints(*[NA_INTEGER if code is None else code for code in codes])
    return body + pairs({"levels": strings(levels), "class": strings(["factor"])})


def with_attributes(value: bytes, attributes: Mapping[str, bytes]) -> bytes:
    """Return a vector that had no attributes with some."""
    flags = struct.unpack_from(">I", value)[0] | HAS_OBJECT | HAS_ATTRIBUTES
    return ints(flags) + value[4:] + pairs(attributes)


def of_class(value: bytes, *names: str) -> bytes:
    """Return a vector of a class."""
    return with_attributes(value, {"class": strings(names)})


def listed(*values: bytes) -> bytes:
    """Return a list of objects."""
    return ints(VECTOR, len(values)) + b"".join(values)


def alternative(name: str, state: bytes, attributes: bytes = ints(NIL)) -> bytes:
    """Return a vector in another form, as R has them since 3.5 (ALTREP)."""
    described = b"".join(ints(LIST, SYMBOL) + characters(part) for part in (name, "base"))
    return ints(ALTERNATIVE) + described + ints(LIST) + vector([13]) + ints(NIL) + state + attributes


def sequence(count: float, first: float, step: float) -> bytes:
    """Return whole numbers, abbreviated."""
    return alternative("compact_intseq", vector([float(count), float(first), float(step)]))


def data_frame(
    columns: Mapping[str, bytes] | Sequence[tuple[str, bytes]], row_names: Sequence[str | int] | int
) -> bytes:
    """Return a data frame; `row_names` are names, numbers, or how many rows without names there are."""
    listed = list(columns.items()) if isinstance(columns, Mapping) else list(columns)
    names = integers([None, -row_names]) if isinstance(row_names, int) else vector(list(row_names))
    flags = VECTOR | HAS_OBJECT | HAS_ATTRIBUTES
    body = ints(flags, len(listed)) + b"".join(column for _, column in listed)
    return body + pairs(
        {"names": strings([name for name, _ in listed]), "class": strings(["data.frame"]), "row.names": names}
    )


def _header(encoding: str | None) -> bytes:
    """Return the beginning in version 2 or, with an encoding for text without a mark, in version 3."""
    if encoding is None:
        return b"X\n" + ints(2, 0x00030500, 0x00020300)
    return b"X\n" + ints(3, 0x00040000, 0x00030500, len(encoding)) + encoding.encode()


def rdata(objects: Mapping[str, bytes], encoding: str | None = None) -> bytes:
    """Return an .RData file, not compressed."""
    return (b"RDX2\n" if encoding is None else b"RDX3\n") + _header(encoding) + pairs(objects)


def rds(value: bytes, encoding: str | None = None) -> bytes:
    """Return an .rds file, not compressed."""
    return _header(encoding) + value

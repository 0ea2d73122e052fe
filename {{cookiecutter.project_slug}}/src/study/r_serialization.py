"""The objects of an .RData or .rds file: R's serialization, in versions 2 and 3, in its binary form (XDR).

The format is that of R Internals, section 1.8 (Serialization Formats). Vectors, lists and their attributes
are kept. Everything else (functions, calls, environments, formulas, pointers) is only measured, to find what
comes after it. Nothing is run.

A file can declare any length and nest anything. So no length is believed that the rest of the file could not
hold, no nesting takes the program's own stack, and sequences that a file abbreviates (1 to a billion in a
few bytes) may together have no more numbers than the file has bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

NA_INTEGER = -(2**31)
"""How NA is written in integers and logicals."""
NA_REAL = 1954
"""The low half of the NaN that is NA; any other NaN is NaN."""

LARGEST_SEQUENCE = 10**6
"""So many numbers a file may abbreviate, however small it is."""
DEEPEST = 20_000
"""Levels of nesting; R itself evaluates no more than 5,000."""
MOST_OBJECTS = 10**7
"""So many vectors and named values are kept: each takes more memory here than in a file."""

_HAS_ATTRIBUTES, _HAS_TAG = 0x200, 0x400
_LATIN1, _UTF8 = 0x4000, 0x8000

_SYMBOL, _LIST, _CLOSURE, _ENVIRONMENT, _PROMISE, _CALL, _SPECIAL, _BUILTIN, _CHARACTERS = range(1, 10)
_LOGICAL, _INTEGER, _REAL, _COMPLEX, _STRINGS, _DOTS, _VECTOR, _EXPRESSION = 10, 13, 14, 15, 16, 17, 19, 20
_BYTECODE, _POINTER, _WEAK_REFERENCE, _RAW, _S4 = 21, 22, 23, 24, 25
_ALTERNATIVE, _LIST_WITH_ATTRIBUTES, _CALL_WITH_ATTRIBUTES = 238, 239, 240
_REPEATED, _REPEATED_LATER, _PERSISTENT, _PACKAGE, _NAMESPACE, _REFERENCE = 243, 244, 247, 248, 249, 255

_PAIRS = {_LIST, _CALL, _CLOSURE, _PROMISE, _DOTS}
_NOTHING = {0, 241, 242, 250, 251, 252, 253, 254}
"""NULL, the base, empty and global environments, and the missing and unbound value."""
_NUMBERS = {
    _LOGICAL: ("logical", ">i4"),
    _INTEGER: ("integer", ">i4"),
    _REAL: ("real", ">f8"),
    _COMPLEX: ("complex", ">c16"),
    _RAW: ("raw", "u1"),
}

_INT = struct.Struct(">i")
_TWO_INTS = struct.Struct(">ii")
_LONG_LENGTH = struct.Struct(">II")

Text = str | bytes | None
"""A string; bytes where the file does not say the encoding of what is not ASCII; None for NA."""


class DamagedError(Exception):
    """The file is none of R, or what it declares cannot be: the message says which, without a full stop."""


@dataclass(slots=True)
class Vector:
    """A vector of R.

    Attributes
    ----------
    kind
        logical, integer, real, complex, raw, strings or list.
    values
        An array of numbers (NA as R writes it), a list of `Text`, or a list of objects.
    attributes
        Such as names, class, levels, row.names.
    """

    kind: str
    values: Any
    attributes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many values it has."""
        return len(self.values)

    def text_attribute(self, name: str) -> list[Text]:
        """Return an attribute that is a vector of strings; an empty list where there is none."""
        found = self.attributes.get(name)
        return found.values if isinstance(found, Vector) and found.kind == "strings" else []


@dataclass
class Objects:
    """What a file holds.

    Attributes
    ----------
    named
        The objects by their names; an .rds file has one object, whose name is None. An object that is no
        vector is None.
    encoding
        Of text without a mark of its own; None where the file does not say it (version 2).
    """

    named: dict[str | None, Any]
    encoding: str | None


def read_objects(data: bytes) -> Objects:
    """Read an .RData or .rds file, not compressed.

    Raises
    ------
    DamagedError
        It is no such file, or it ends too early, contradicts itself or is nested too deeply.
    """
    saved = data[:5] in (b"RDX2\n", b"RDX3\n")
    reader = _Reader(data, 5 if saved else 0)
    encoding = reader.header()
    whole = reader.object()
    if not saved:
        return Objects({None: whole}, encoding)
    if whole is not None and not isinstance(whole, list):
        raise DamagedError("it has no list of objects")
    return Objects({name: value for name, value in whole or [] if name is not None}, encoding)


_Step = Generator["_Step", Any, Any]
"""Reads one object; yields the reader of each object inside it, and is sent what that one has read."""


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.references: list[str | None] = []
        self.abbreviated = max(LARGEST_SEQUENCE, len(data))
        self.kept = 0

    def header(self) -> str | None:
        """Read the form, the version and, in version 3, the encoding of text without a mark."""
        form = self.take(2)
        if form in (b"A\n", b"B\n"):
            raise DamagedError("it is saved as text or in a machine's own byte order, not in R's usual form")
        if form != b"X\n":
            raise DamagedError("it does not begin like one")
        version = self.number()
        if version not in (2, 3):
            raise DamagedError(f"it has version {version} of R's format, and 2 and 3 are known")
        self.take(8)  # which R wrote it, and which can read it
        return self.take(self.number()).decode("ascii", "replace") if version == 3 else None

    def object(self) -> Any:
        """Read one object with all that is in it, by a stack of our own: Python's is not deep."""
        stack, found = [self.item()], None
        while stack:
            try:
                inner = stack[-1].send(found)
            except StopIteration as done:
                stack.pop()
                found = done.value
                continue
            if len(stack) == DEEPEST:
                raise DamagedError("it is nested too deeply")
            stack.append(inner)
            found = None
        return found

    def keep(self) -> None:
        """Count one more object that is kept."""
        self.kept += 1
        if self.kept > MOST_OBJECTS:
            raise DamagedError(f"it holds more than {MOST_OBJECTS:,} objects")

    def number(self) -> int:
        if self.at + 4 > len(self.data):
            raise DamagedError("it ends too early")
        (number,) = _INT.unpack_from(self.data, self.at)
        self.at += 4
        return int(number)

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise DamagedError("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def length(self, size: int) -> int:
        """Return how many elements follow, of at least `size` bytes each."""
        length = self.number()
        if length == -1:
            high, low = _LONG_LENGTH.unpack(self.take(8))
            length = (high << 32) + low
        if not 0 <= length <= (len(self.data) - self.at) // size:
            raise DamagedError("it ends too early")
        return length

    def characters(self) -> Text:
        """Read one string with its flags."""
        if self.at + 8 > len(self.data):
            raise DamagedError("it ends too early")
        flags, length = _TWO_INTS.unpack_from(self.data, self.at)
        if flags & 0xFF != _CHARACTERS or flags & _HAS_ATTRIBUTES:
            raise DamagedError("it has something else where text should be")
        self.at += 8
        if length == -1:
            return None
        raw = self.take(length)
        if raw.isascii():
            return raw.decode("ascii")
        try:
            if flags & _UTF8:
                return raw.decode("utf-8")
            if flags & _LATIN1:
                return _latin1(raw)
        except UnicodeDecodeError:  # the mark is wrong: the encoding is not known
            pass
        return raw

    def strings(self) -> list[Text]:
        return [self.characters() for _ in range(self.length(8))]

    def item(self, flags: int | None = None) -> _Step:
        """Read one object; None for whatever is not kept."""
        flags = self.number() if flags is None else flags
        kind = flags & 0xFF
        if kind in _NOTHING:
            return None
        if kind in _FLAT:
            found = _FLAT[kind](self, flags)
        elif kind in _NESTED:
            found = yield from _NESTED[kind](self, flags)
        else:
            raise DamagedError(f"it has an object of an unknown type, {kind}")
        if kind in _ATTRIBUTES_LAST and flags & _HAS_ATTRIBUTES:
            attributes = yield self.item()
            if isinstance(found, Vector):
                found.attributes = _attributes(attributes)
        return found

    def referred(self, flags: int) -> str | None:
        number = flags >> 8 or self.number()
        if not 0 < number <= len(self.references):
            raise DamagedError("it refers to what it does not hold")
        return self.references[number - 1]

    def symbol(self, _: int) -> str:
        text = self.characters()
        name = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or "NA"
        self.references.append(name)
        return name

    def package(self, _: int) -> None:
        self.number()
        self.strings()
        self.references.append(None)

    def string(self, _: int) -> Text:
        self.at -= 4  # its flags are read again
        return self.characters()

    def numbers(self, flags: int) -> Vector:
        self.keep()
        kind, code = _NUMBERS[flags & 0xFF]
        size = np.dtype(code).itemsize
        return Vector(kind, np.frombuffer(self.take(self.length(size) * size), code))

    def texts(self, _: int) -> Vector:
        self.keep()
        return Vector("strings", self.strings())

    def own_function(self, _: int) -> None:
        self.take(self.number())

    def weak_reference(self, _: int) -> None:
        self.references.append(None)

    def environment(self, _: int) -> _Step:
        self.references.append(None)
        self.number()
        for _ in range(4):  # what encloses it, its values (written in two ways), its attributes
            yield self.item()

    def pointer(self, _: int) -> _Step:
        self.references.append(None)
        yield self.item()
        yield self.item()

    def vector(self, flags: int) -> _Step:
        self.keep()
        items = []
        for _ in range(self.length(4)):
            items.append((yield self.item()))
        return Vector("list", items) if flags & 0xFF == _VECTOR else None

    def alternative(self, _: int) -> _Step:
        """Read a vector that R has written in another form ("ALTREP", since R 3.5)."""
        described, state, attributes = (yield self.item()), (yield self.item()), (yield self.item())
        name = _first(described)
        inner = state  # other packages' forms write the plain vector
        if name in ("compact_intseq", "compact_realseq"):
            inner = self.sequence(state, whole=name == "compact_intseq")
        elif name == "deferred_string":
            inner = _numbers_as_text(state)
        elif isinstance(name, str) and name.startswith("wrap_"):
            inner = _first(state)
        if not isinstance(inner, Vector):
            return None
        return Vector(inner.kind, inner.values, _attributes(attributes))

    def sequence(self, state: Any, *, whole: bool) -> Vector:
        if not isinstance(state, Vector) or state.kind != "real" or len(state) != 3:
            raise DamagedError("it has a sequence without a length")
        count, first, step = (float(value) for value in state.values)
        if not 0 <= count <= self.abbreviated or abs(step) != 1 or not abs(first) < 2**53:
            raise DamagedError("it has a sequence that cannot be or is too long for a file of this size")
        self.abbreviated -= int(count)
        values = first + step * np.arange(int(count))
        return Vector("integer", values.astype(np.int64)) if whole else Vector("real", values)

    def pairs(self, flags: int) -> _Step:
        """Read a list of pairs, in which attributes stand too; of a call or function nothing is kept."""
        kept: list[tuple[str | None, Any]] | None = [] if flags & 0xFF == _LIST else None
        while flags & 0xFF in _PAIRS:
            if flags & _HAS_ATTRIBUTES:
                yield self.item()
            tag = (yield self.item()) if flags & _HAS_TAG else None
            value = yield self.item()
            if kept is not None:
                self.keep()
                kept.append((tag if isinstance(tag, str) else None, value))
            flags = self.number()
        last = yield self.item(flags)
        if kept is not None and last is not None:
            kept.append((None, last))
        return kept

    def bytecode(self, _: int) -> _Step:
        """Read over a compiled function."""
        self.number()  # how many of its constants are repeated
        yield from self.code()

    def code(self) -> _Step:
        """Read over compiled code and its constants."""
        yield self.item()
        for _ in range(self.length(4)):
            kind = self.number()
            yield self.code() if kind == _BYTECODE else self.constant(kind)

    def constant(self, kind: int) -> _Step:
        """Read over a constant: a call, part of one, or any other object."""
        while True:
            if kind == _REPEATED:
                self.number()
                return
            if kind == _REPEATED_LATER:
                self.number()
                kind = self.number()
            if kind not in (_CALL, _LIST, _CALL_WITH_ATTRIBUTES, _LIST_WITH_ATTRIBUTES):
                yield self.item()
                return
            if kind in (_CALL_WITH_ATTRIBUTES, _LIST_WITH_ATTRIBUTES):
                yield self.item()
            yield self.item()
            yield self.constant(self.number())
            kind = self.number()


_FLAT: dict[int, Callable[[_Reader, int], Any]] = {
    _REFERENCE: _Reader.referred,
    _SYMBOL: _Reader.symbol,
    _PERSISTENT: _Reader.package,
    _PACKAGE: _Reader.package,
    _NAMESPACE: _Reader.package,
    _CHARACTERS: _Reader.string,
    **dict.fromkeys(_NUMBERS, _Reader.numbers),
    _STRINGS: _Reader.texts,
    _SPECIAL: _Reader.own_function,
    _BUILTIN: _Reader.own_function,
    _WEAK_REFERENCE: _Reader.weak_reference,
    _S4: lambda reader, flags: None,
}
"""How to read what has no objects in it but its attributes."""
_NESTED: dict[int, Callable[[_Reader, int], _Step]] = {
    **dict.fromkeys(_PAIRS, _Reader.pairs),
    _ENVIRONMENT: _Reader.environment,
    _VECTOR: _Reader.vector,
    _EXPRESSION: _Reader.vector,
    _BYTECODE: _Reader.bytecode,
    _POINTER: _Reader.pointer,
    _ALTERNATIVE: _Reader.alternative,
}
"""How to read what has objects in it."""
_ATTRIBUTES_LAST = {
    *_NUMBERS,
    *(_STRINGS, _VECTOR, _EXPRESSION, _SPECIAL, _BUILTIN, _BYTECODE, _POINTER, _WEAK_REFERENCE, _S4),
}
"""After these come their attributes, if they have any."""


def _attributes(pairs: Any) -> dict[str, Any]:
    return {tag: value for tag, value in pairs if tag is not None} if isinstance(pairs, list) else {}


def _latin1(raw: bytes) -> str:
    """R marks text as Latin-1 that is Windows' code page 1252, which has quotation marks and dashes too."""
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _first(pairs: Any) -> Any:
    return pairs[0][1] if isinstance(pairs, list) and pairs else None


def _numbers_as_text(state: Any) -> Vector | None:
    """Numbers that R has been asked to write as text, and has not written yet."""
    numbers = _first(state)
    if not isinstance(numbers, Vector):
        return None
    if numbers.kind == "integer":
        return Vector("strings", [None if n == NA_INTEGER else str(n) for n in numbers.values.tolist()])
    if numbers.kind == "real":
        scipen = _first(state[1:])
        return Vector("strings", [*_real_as_text(numbers.values, _whole(scipen))])
    return None


def _whole(found: Any) -> int:
    return int(found.values[0]) if isinstance(found, Vector) and found.kind == "integer" and len(found) else 0


def _real_as_text(values: np.ndarray, scipen: int) -> Iterator[str | None]:
    """Write numbers as R's as.character: 15 digits, in the shorter of the two notations."""
    for value, missing in zip(values.tolist(), is_na(values), strict=True):
        if missing:
            yield None
        elif not math.isfinite(value):
            yield "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
        else:
            digits, _, exponent = f"{value:.14e}".partition("e")
            digits = digits.rstrip("0").rstrip(".")
            scientific = f"{digits}e{exponent}"
            fixed = f"{Decimal(scientific):f}"
            yield fixed if len(fixed) <= len(scientific) + scipen else scientific


def is_na(values: np.ndarray) -> np.ndarray:
    """Tell which real numbers (shape (n,)) are NA, which is one of the NaN."""
    bits: np.ndarray = np.ascontiguousarray(values, ">f8").view(">u8")
    return np.asarray(np.isnan(values) & (bits & np.uint64(0xFFFFFFFF) == NA_REAL))

"""Objects that R has written are read to their last byte; what no R writes is refused, in little memory.

The package rdata brings the files: each object in versions 2 and 3 of the format. Version 2 has no
alternative forms of vectors, so that R itself has written there what version 3 abbreviates.
"""

from __future__ import annotations

import gzip
import importlib.util
import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from library import r_files
from study import r_serialization
from study.r_serialization import NA_INTEGER, DamagedError, Vector, is_na, read_objects

NIL = r_files.ints(r_files.NIL)


def _folder() -> Path:
    found = importlib.util.find_spec("rdata")
    assert found is not None, "the package rdata is not installed"
    assert found.origin is not None
    return Path(found.origin).parent / "tests" / "data" / "generated"


FILES = sorted(path.name for path in _folder().glob("*__xdr__*"))
NAMES = sorted({name.partition("__")[0] for name in FILES})


def _bytes(name: str) -> bytes:
    data = (_folder() / name).read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _object(name: str, version: int, ending: str = "rds") -> Any:
    found = read_objects(_bytes(f"{name}__xdr__version_{version}.{ending}")).named
    return found[None if ending == "rds" else name]


def _plain(found: Any) -> Any:
    """Return a vector as lists, so that two can be compared; NaN and NA are told apart."""
    if not isinstance(found, Vector):
        return found
    values = [_plain(value) if found.kind == "list" else repr(value) for value in _values(found)]
    if found.kind == "real":
        values = ["NA" if na else v for v, na in zip(values, is_na(found.values), strict=True)]
    attributes = {name: _plain(value) for name, value in found.attributes.items()}
    return found.kind, values, attributes


def _values(found: Any) -> list[Any]:
    assert isinstance(found, Vector)
    return list(found.values.tolist() if isinstance(found.values, np.ndarray) else found.values)


def test_the_files_of_r_are_there() -> None:
    assert len(NAMES) > 50
    assert {"test_function", "test_altrep_deferred_string", "test_s4", "test_namespace"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_r_writes_is_read_to_its_end(name: str) -> None:
    for version in (2, 3):
        data = _bytes(f"{name}__xdr__version_{version}.rds")
        begin = data.index(b"UTF-8") + 5 if version == 3 else 14
        # What comes after it is found only if it ends where R has ended it.
        followed = data[:begin] + r_files.listed(data[begin:], r_files.vector(["after"]))
        both = read_objects(followed).named[None]
        assert _values(both.values[1]) == ["after"]
        with pytest.raises(DamagedError, match="ends too early"):
            read_objects(data[:-1])


@pytest.mark.parametrize("name", [name for name in NAMES if "function" not in name])
def test_both_versions_and_both_kinds_of_file_hold_the_same(name: str) -> None:
    first = _plain(_object(name, 2))
    assert _plain(_object(name, 3)) == first
    assert _plain(_object(name, 2, "rda")) == first
    assert _plain(_object(name, 3, "rda")) == first


def test_values_are_those_that_r_was_given() -> None:
    assert _values(_object("test_vector", 3)) == [1.0, 2.0, 3.0]
    assert _values(_object("test_nullable_int", 3)) == [313, -12, NA_INTEGER]
    assert _values(_object("test_altrep_compact_intseq", 3)) == list(range(1000))
    assert _values(_object("test_altrep_compact_intseq_asymmetric", 3)) == list(range(-5, 6))
    assert _values(_object("test_altrep_wrap_string", 3)) == ["Hello"]
    factor = _object("test_factor", 3)
    assert _values(factor) == [1, 2, 2]
    assert factor.text_attribute("levels") == ["a", "b"]
    assert factor.text_attribute("names") == []
    numbers = _object("test_dataframe_float_with_na_nan", 3).values[0].values
    assert is_na(numbers).tolist() == [False, False, False, True, False, False, False]
    assert np.isnan(numbers).tolist() == [False, False, False, True, True, False, False]


def test_text_is_decoded_where_its_encoding_is_known() -> None:
    assert _values(_object("test_encoding_utf8", 2)) == ["eĥoŝanĝo ĉiuĵaŭde"]
    assert _values(_object("test_encoding_latin1", 2)) == ["cañón"]
    assert _values(_object("test_encoding_unknown", 3)) == ["Íñigo".encode()]
    assert _values(_object("test_encoding_bytes", 3)) == [b"reba\xf1o"]
    assert _values(_object("test_na_string", 3)) == [None]
    assert read_objects(_bytes("test_vector__xdr__version_3.rds")).encoding == "UTF-8"
    assert read_objects(_bytes("test_vector__xdr__version_2.rds")).encoding is None
    # What R on Windows marks as Latin-1 has quotation marks and dashes; a wrong mark is none.
    for raw, mark, text in (
        (b"\x93a\x94 \x96", r_files.LATIN1, "“a” –"),
        (b"a\x81", r_files.LATIN1, "a\x81"),
        (b"a\xeb", r_files.UTF8, b"a\xeb"),
    ):
        marked = r_files.ints(r_files.STRINGS, 1) + r_files.characters(raw, mark)
        assert _values(read_objects(r_files.rds(marked)).named[None]) == [text]


@pytest.mark.parametrize(
    ("numbers", "scipen", "texts"),
    [
        ([1, None, -20], 0, ["1", None, "-20"]),
        (
            [1e5, 123456.0, 1e15, 0.1 + 0.2, 1 / 3],
            0,
            ["1e+05", "123456", "1e+15", "0.3", "0.333333333333333"],
        ),
        ([1e5, 1e-5, -1e300], 5, ["100000", "0.00001", "-1e+300"]),
        ([None, math.nan, math.inf, -math.inf, 0.0], 0, [None, "NaN", "Inf", "-Inf", "0"]),
    ],
)
def test_numbers_that_r_has_still_to_write_are_written_as_it_writes_them(
    numbers: list[Any], scipen: int, texts: list[str | None]
) -> None:
    state = r_files.ints(r_files.LIST) + r_files.vector(numbers) + r_files.vector([scipen])
    data = r_files.rds(r_files.alternative("deferred_string", state), "UTF-8")
    assert _values(read_objects(data).named[None]) == texts


def test_a_file_of_many_objects_is_read_whatever_the_stack_of_python() -> None:
    data = r_files.rdata({f"object {n}": r_files.vector([n]) for n in range(5000)})
    found = read_objects(data).named
    assert len(found) == 5000
    assert _values(found["object 4999"]) == [4999]


def _impossible() -> Iterator[tuple[str, bytes, str]]:
    call = r_files.ints(r_files.CALL)
    one = r_files.ints(r_files.VECTOR, 1)
    yield "lists in lists", one * 10**6 + NIL, "nested too deeply"
    yield "calls in calls", call * 10**6, "nested too deeply"
    yield "pairs in pairs", r_files.ints(r_files.LIST) * 10**6, "nested too deeply"
    yield "environments", r_files.ints(r_files.ENVIRONMENT, 0) * 10**6, "nested too deeply"
    yield "bytecode", r_files.ints(r_files.BYTECODE, 0) * 10**6, "nested too deeply"
    for kind in (r_files.INTEGER, r_files.REAL, r_files.STRINGS, r_files.VECTOR, r_files.RAW):
        for length in ((2**31 - 1,), (-1, 2**20, 0), (-2,)):
            yield f"{length} of type {kind}", r_files.ints(kind, *length) + bytes(100), "ends too early"
    yield (
        "long text",
        r_files.ints(r_files.STRINGS, 1, r_files.CHARACTERS, 2**30) + bytes(99),
        "ends too early",
    )
    yield "text of length -7", r_files.ints(r_files.STRINGS, 1, r_files.CHARACTERS, -7), "ends too early"
    yield "no text", r_files.ints(r_files.STRINGS, 1) + r_files.vector([1, 2]), "something else"
    yield "reference", r_files.ints(r_files.REFERENCE | 9 << 8), "refers to"
    yield "reference 0", r_files.ints(r_files.REFERENCE, 0), "refers to"
    yield "unknown type", r_files.ints(77), "unknown type, 77"
    for sequence in (
        (10.0**9, 1.0, 1.0),
        (-1.0, 1.0, 1.0),
        (5.0, 1.0, 0.0),
        (5.0, math.inf, 1.0),
        (5.0, math.nan, 1.0),
        (math.nan, 1.0, 1.0),
        (math.inf, 1.0, 1.0),
    ):
        yield f"sequence {sequence}", r_files.sequence(*sequence), "sequence that cannot be"
    yield "many sequences", r_files.listed(*[r_files.sequence(10**6, 1, 1)] * 500), "too long"
    yield "sequence of text", r_files.alternative("compact_intseq", r_files.vector(["a"])), "without a length"


@pytest.mark.parametrize(
    ("body", "words"), [one[1:] for one in _impossible()], ids=[one[0] for one in _impossible()]
)
def test_what_cannot_be_is_refused_in_little_memory(body: bytes, words: str) -> None:
    data = r_files.rds(body, "UTF-8")
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError, match=words):
            read_objects(data)
        assert tracemalloc.get_traced_memory()[1] < 50 * 10**6
    finally:
        tracemalloc.stop()


def test_objects_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_serialization, "MOST_OBJECTS", 100)
    empty = r_files.ints(r_files.VECTOR, 0)
    assert len(_values(read_objects(r_files.rds(r_files.listed(*[empty] * 99))).named[None])) == 99
    with pytest.raises(DamagedError, match="more than 100 objects"):
        read_objects(r_files.rds(r_files.listed(*[empty] * 100)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RDA3\nA\n3\n", "does not begin like one"),
        (b"A\n3\n262657\n", "saved as text"),
        (b"RDX3\nB\n\3\0\0\0", "machine's own byte order"),
        (b"X\n" + r_files.ints(4, 0, 0), "version 4"),
        (b"RDX2\n" + r_files.rds(r_files.vector([1])), "no list of objects"),
        (b"X\n" + r_files.ints(3, 0, 0, 10**9), "ends too early"),
        (b"X", "ends too early"),
    ],
)
def test_another_form_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DamagedError, match=words):
        read_objects(data)

"""What a server says is shown in one line, short, and without the key."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.server.words import QUOTED, READ, Said, quoted, read_error

KEY = "sk-proj-Zx81/+TqW7pLm3Vn"


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        KEY.upper(),
        "sk-proj-Zx81%2F%2BTqW7pLm3Vn",
        hashlib.sha256(KEY.encode()).hexdigest(),
        KEY[:10],
        KEY[-9:],
        KEY[4:15],
        "sk-proj-********************3Vn",
        "sk-p...m3Vn",
        "sk-…3Vn",
        "**********m3Vn",
        "sk-****",
        "sk-xxxxxxxxVn",
        "sk-\u200bproj-Zx81/+TqW7pLm3Vn",
        KEY[:12] + "\n" + KEY[12:],
    ],
)
def test_the_key_is_not_shown(echo: str) -> None:
    line = quoted(f"Incorrect API key provided: {echo}. See your account.", KEY)
    assert line.startswith("Incorrect API key provided: [key]")
    assert line.endswith("See your account.")
    assert not any(KEY[i : i + 8].casefold() in line.casefold() for i in range(len(KEY) - 7))
    assert "Vn" not in line


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 15), st.integers(8, 24))
def test_no_part_of_the_key_is_shown(before: str, after: str, start: int, length: int) -> None:
    line = quoted(before + KEY[start : start + length] + after, KEY)
    assert not any(KEY[i : i + 8].casefold() in line.casefold() for i in range(len(KEY) - 7))


@pytest.mark.parametrize("echo", ["abc-7X", "ABC-7X", "abc-7x"])
def test_a_short_key_is_not_shown(echo: str) -> None:
    assert quoted(f"No such key: {echo}!", "abc-7X") == "No such key: [key]!"


@given(st.text(max_size=2000))
def test_a_quotation_is_one_short_line(words: str) -> None:
    line = quoted(words, KEY)
    assert len(line) <= QUOTED
    assert line.isprintable()
    assert line == line.strip()


@pytest.mark.parametrize(
    "words", ["Wait... then ask again", "**Error**: the key is needed", "xxxx is no model"]
)
def test_other_words_stay(words: str) -> None:
    assert quoted(words, KEY) == words


def test_what_could_rewrite_a_terminal_goes() -> None:
    assert quoted("a\x1b[2Jb\r\n\tc\u202ed\x00", None) == "a[2Jb cd"
    assert quoted("w" * 500, None) == "w" * (QUOTED - 3) + "..."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"error": {"message": "No", "type": "a_type", "code": "A_code", "param": "logprobs"}},
            Said("No", frozenset({"a_type", "a_code"}), "logprobs"),
        ),
        ({"error": "model 'x' not found"}, Said("model 'x' not found")),
        (
            {"object": "error", "message": "No", "type": "BadRequestError", "code": 400},
            Said("No", frozenset({"badrequesterror"})),
        ),
        (
            [{"error": {"code": 429, "message": "No", "status": "RESOURCE_EXHAUSTED"}}],
            Said("No", frozenset({"resource_exhausted"})),
        ),
        (
            {"error": {"message": "No", "code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            Said("No", frozenset({"x", "responsibleaipolicyviolation"})),
        ),
        ({"detail": "Invalid API key"}, Said("Invalid API key")),
        (
            {
                "detail": [
                    {"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": "my text"}
                ]
            },
            Said("seed: Extra inputs are not permitted", frozenset(), "seed"),
        ),
        (
            {"error": {"message": "1 error: {'loc': ('body', 'logprobs'), 'msg': 'No'}", "type": None}},
            Said("1 error: {'loc': ('body', 'logprobs'), 'msg': 'No'}", frozenset(), "logprobs"),
        ),
        ({"error": "No", "message": "Really no"}, Said("Really no")),
        ("No", Said("No")),
        ({}, Said()),
        ([], Said()),
        (7, Said()),
        ({"error": None, "detail": [], "message": 3}, Said()),
    ],
)
def test_faults_come_in_many_shapes(body: object, said: Said) -> None:
    assert read_error(json.dumps(body).encode()) == said


def test_pages_of_gateways_are_read_too() -> None:
    page = b"<html><style>p {}</style><h1>502 Bad&nbsp;Gateway</h1><hr>nginx</html>"
    assert read_error(page) == Said("502 Bad Gateway nginx")
    assert read_error(b"\xff\xfe upstream timed out").words.endswith("upstream timed out")
    assert read_error(b"") == Said()


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(body: bytes) -> None:
    read_error(body, KEY)


@pytest.mark.parametrize("body", [b"[" * 900_000, b"<script" * 100_000, b"a" * 3_000_000, b"*a" * 500_000])
def test_hostile_bodies_are_read_to_a_bound(body: bytes) -> None:
    assert len(read_error(body, KEY).words) <= READ

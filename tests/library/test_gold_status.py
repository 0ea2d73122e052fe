"""The status of a codebook file is one line of it; all the others stay as the researcher wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.config import yaml_file
from study.gold.status import freeze_status, with_status

BOOK = """\
# The construct of the study.
construct: wrong   # as in the formula
question: "Is it: wrong?"
type: classify

categories:
  "yes": {value: 1}   # not status
  "no": {value: 0}
"""


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("status: pilot", "status: frozen"),
        ("status:   pilot   # not yet", "status: frozen   # not yet"),
        ("status: 'pilot'", "status: frozen"),
        ('"status": pilot', '"status": frozen'),
        ("status: frozen", "status: frozen"),
        ("status : pilot", "status : frozen"),
    ],
)
def test_the_line_is_rewritten_wherever_it_stands(line: str, after: str) -> None:
    for text in (f"{BOOK}{line}\n", f"{line}\n{BOOK}", f"{BOOK}{line}"):
        changed = with_status(text, "wrong.yaml")
        assert changed == text.replace(line, after)
        assert yaml_file.parse(changed, "wrong.yaml").value["status"] == "frozen"


def test_a_file_without_status_gets_a_line_below_the_construct() -> None:
    expected = BOOK.replace("formula\n", "formula\nstatus: frozen\n")
    assert with_status(BOOK, "wrong.yaml") == expected


@pytest.mark.parametrize(
    "text",
    [
        "{construct: wrong, status: pilot, type: classify}\n",
        "{construct: wrong, type: classify}\n",
        "construct: >\n  wrong\ntype: classify\n",
        "construct:\n  wrong\ntype: classify\n",
        "construct: wrong\nstatus: >-\n  pilot\n",
        "construct: wrong\nstatus:\n  pilot\n",
        "? construct\n: wrong\n",
        "construct: wrong\nold: &s pilot\nstatus: *s\nagain: *s\n",
        "construct: wrong\nstatus: &s pilot\nagain: *s\n",
    ],
)
def test_what_takes_more_than_a_line_is_left_to_the_researcher(text: str) -> None:
    changed = with_status(text, "wrong.yaml")
    # An alias may be replaced; an anchor that others use may not.
    assert changed is None or changed == text.replace("status: *s", "status: frozen")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_byte_order_mark_are_kept(tmp_path: Path, mark: bytes, end: str) -> None:
    file = tmp_path / "wrong.yaml"
    text = f"{BOOK}status: pilot\n".replace("\n", end)
    file.write_bytes(mark + text.encode())
    assert freeze_status(file, "wrong.yaml")
    assert file.read_bytes() == mark + text.replace("status: pilot", "status: frozen").encode()
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


@settings(deadline=None)  # a busy machine is no error
@given(
    question=st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=30
    ),
    status=st.sampled_from(["", "status: pilot\n", "status: pilot # x\n"]),
)
def test_nothing_but_the_status_ever_differs(question: str, status: str) -> None:
    quoted = question.replace("'", "''")
    text = f"construct: wrong\n{status}question: '{quoted}'\ntype: rate\n"
    changed = with_status(text, "wrong.yaml")
    assert changed is not None
    before, after = (yaml_file.parse(one, "wrong.yaml").value for one in (text, changed))
    assert after.pop("status") == "frozen"
    before.pop("status", None)
    assert after == before

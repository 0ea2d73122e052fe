"""A passage is found however a file quotes it, and nothing else is."""

from __future__ import annotations

import csv
import html
import io
import json
import shlex

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from study.sharing.passages import LENGTH, PORTION, find

TEXT = 'The lift was out of order on Monday, and "nobody" at the desk\nknew when it\'d be repaired – 20 €?'
LONG = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=120)


def as_csv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(["n1", text, 3])
    return out.getvalue()


QUOTED = {
    "as it is": TEXT,
    "in other white space": TEXT.replace(" ", "\n  "),
    "in capitals": TEXT.upper(),
    "CSV": as_csv(TEXT),
    "JSON": json.dumps({"a": [TEXT]}),
    "JSON in JSON": json.dumps({"a": json.dumps([TEXT])}),
    "JSON in a command in JSON": json.dumps({"command": f"x --books {shlex.quote(json.dumps(TEXT))}"}),
    "HTML": f"<td>{html.escape(TEXT)}</td>",
    "YAML": yaml.safe_dump({"text": TEXT}),
    "YAML in ASCII, folded": yaml.safe_dump({"text": TEXT}, allow_unicode=False, width=40, default_style='"'),
}


@pytest.mark.parametrize("file", QUOTED.values(), ids=QUOTED)
def test_quotation_hides_nothing(file: str) -> None:
    assert set(find([TEXT], {"file": [file]})) == {"file"}


def test_thirty_characters_are_a_passage_and_fewer_are_none() -> None:
    text = "abcdefghijklmnopqrstuvwxyz 0123456789 and more of it"
    assert LENGTH == 30
    for start in range(len(text) - LENGTH + 1):
        passage = text[start : start + LENGTH]
        assert find([text], {"file": [f"~~~{passage}~~~"]}) == {"file": passage}
    assert find([text], {"file": [f"~~~{text[: LENGTH - 1]}~~~{text[LENGTH:]}"]}) == {}


def test_each_file_is_told_from_the_others() -> None:
    texts = [f"The text with the number {n} is about something else." for n in range(50)]
    files = {"none": ["Nothing."], "one": ["x", texts[7]], "other": [texts[49][10:45]], "empty": []}
    found = find(texts, files)
    assert set(found) == {"one", "other"}
    assert found["one"] in texts[7].casefold()
    assert find([], files) == find(["short"], files) == {}


def test_no_passage_goes_from_one_text_into_the_next() -> None:
    first, second = "a text that ends with this", "and another that begins so"
    assert find([first, second], {"file": [f"{first} {second}", f"{first}\0{second}"]}) == {}


def test_many_texts_go_past_in_portions() -> None:
    filler = "x" * (PORTION // 4)
    texts = [filler + str(n) for n in range(9)] + ["This is the only one that anybody has quoted."]
    file = "... the only one that anybody has quoted"
    assert find(texts, {"file": [file]}) == {"file": file[3 : 3 + LENGTH]}


@given(LONG, LONG, LONG)
@settings(deadline=None)
def test_found_exactly_when_a_passage_is_shared(before: str, text: str, after: str) -> None:
    # `in` of Python's strings is the oracle, for text in the one form that is compared.
    plain = " ".join(text.split()).casefold()
    file = " ".join((before + text[5:] + after).split()).casefold()
    shared = any(plain[i : i + LENGTH] in file for i in range(len(plain) - LENGTH + 1))
    found = find([text], {"file": [file]})
    if shared:
        assert found
    if found:  # what is escaped in the file counts too
        assert found["file"] in plain

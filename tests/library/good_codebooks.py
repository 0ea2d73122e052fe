"""A good codebook of every type, as text; and what is said when one of them is changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from study.config.codebooks import CodebookFile, read_file
from study.errors import StudyError

GOOD: dict[str, str] = {
    "county_wrong": """\
construct: county_wrong
question: Does the text accuse the county?
type: classify
level: nominal
categories:
  "yes": {value: 1, define: A misdeed.}
  "no": {value: 0}
not_codable: {label: cannot tell}
prompt: {label_order: random, seed: 7, rationale: before, rationale_tokens: 40}
reason: {before: Why so}
examples:
  - {text: The chief took bribes., label: "yes", rationale: Bribes are a misdeed.}
  - {text: Rain., label: cannot tell, rationale: It is about the weather.}
calibration:
  method: batch
  texts: [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9]
""",
    "anger": """\
construct: anger
question: How angry is the writer?
type: rate
level: interval
scale: {low: 0, high: 10, anchors: {0: calm, 10: furious}}
not_codable: {}
prompt: {label_order: rotated}
examples:
  - {text: Enough!, label: 9}
  - {text: Sigh., label: "2"}
  - {text: X, label: not codable}
calibration: {method: contextual}
wording:
  main: "{examples}\\n{text}\\n{question} Between {low} and {high}: {labels}."
""",
    "hurt": """\
construct: hurt
question: How many people were hurt?
type: count
scale: {low: 0, high: 10000}
answer: There are {label}.
examples:
  - {text: A woman and her two sons., label: 3}
""",
    "distance": """\
construct: distance
question: How many kilometres is it?
type: number
scale: {low: -0.5, high: 500, decimals: 1}
examples:
  - {text: Two miles., label: 3.2}
  - {text: There., label: 0}
""",
    "demands": """\
construct: demands
question: What does the writer demand?
type: extract
spans: {most: 2, none: nothing}
examples:
  - {text: We want roads and a school., label: [roads, a school]}
  - {text: Thank you., label: []}
""",
    "politeness": """\
construct: politeness
question: Which text is more polite?
type: compare
pairs: {rounds: 3, seed: 2, first: A, second: B, tie: neither}
answer: It is {label}.
examples:
  - {first: Please., second: Now!, label: A}
wording:
  main: "{first}\\n{second}\\n{question} {labels}"
""",
    "topics": """\
construct: topics
question: Is the text about {category}? I mean {category}.
type: multilabel
categories:
  Health & care: {define: Doctors., example: The clinic is shut.}
  schools:
not_codable: {label: unclear}
examples:
  - text: The school nurse left.
    label: [Health & care, schools]
    rationale: {Health & care: A nurse., schools: A school.}
  - {text: Hello., label: [], rationale: A greeting.}
  - {text: "?", label: unclear, rationale: No words.}
prompt: {rationale: after}
calibration: {method: contextual, texts: ["", "-"]}
""",
    "speech": """\
construct: speech
type: record
status: frozen
system: You code speeches.
answer: It is {label}.
fields:
  tone:
    question: How friendly is the speaker?
    type: rate
    level: ordinal
    scale: {low: 1, high: 5}
    answer: "{label}"
  genre:
    question: What is it?
    type: classify
    level: nominal
    categories: {toast: , sermon: }
    not_codable: {label: neither}
  promises:
    question: How many promises are made?
    type: count
    scale: {low: 0, high: 50}
    examples:
      - {text: I promise nothing., label: 0}
  minutes:
    question: How long did it take?
    type: number
    scale: {low: 0, high: 600, decimals: 2}
  thanks:
    question: Whom does the speaker thank?
    type: extract
prompt: {label_order: rotated}
examples:
  - text: Friends, thank you; you will have your road.
    label: {tone: 5, genre: toast, promises: 1, minutes: 0.25, thanks: [Friends]}
calibration: {method: contextual}
revisions:
  - {date: 2025-03-31, change: Fewer fields.}
""",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """`old` in the codebook `stem` becomes `new`; the message contains every one of `words`."""

    name: str
    stem: str
    old: str
    new: str
    words: tuple[str, ...]


def read(folder: Path, stem: str, old: str = "", new: str = "") -> CodebookFile:
    """Write a codebook, changed, and read it."""
    text = GOOD[stem]
    assert old in text
    path = folder / f"{stem}.yaml"
    path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return read_file(path)


def check_explained(folder: Path, change: Change) -> None:
    """The changed codebook is refused, with the file, the line, and the words of the change."""
    with pytest.raises(StudyError) as caught:
        read(folder, change.stem, change.old, change.new)
    message = str(caught.value)
    for word in change.words:
        assert word in message
    assert f"config/codebooks/{change.stem}.yaml" in message
    paragraphs = message.split("\n\n")
    assert len(paragraphs) <= 2
    assert all("\n" not in paragraph and len(paragraph) < 900 for paragraph in paragraphs)

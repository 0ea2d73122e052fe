"""Label Studio: the tasks and the labeling configuration that it imports, and the JSON that it exports.

As its manual describes them: labelstud.io/guide/task_format, labelstud.io/tags (Choices, Number, TextArea).
Export with `JSON`, not `JSON-MIN`, which does not say who annotated and what was skipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from study.codebook import Codebook, asked_together
from study.errors import StudyError
from study.gold.sheets import COMMENT, TEXT, TEXT_NUMBER, cells
from study.gold.sheets.codes import allowed, bounds, fold, is_whole, meaning
from study.gold.sheets.entries import Entries, Entry
from study.gold.sheets.sheet import Unit, place
from study.gold.sheets.text_numbers import text_number

NONE_APPLIES = "none of these"
"""The choice that says that no category of a multilabel codebook applies, apart from not having answered."""

MOST_SHOWN = 12
"""More choices are put into a list that opens."""

WORD_JOINER = "\u2060"
"""An invisible character: '$price' would be taken for a field of the task, '$' and this one are not."""

ANSWERS = {"choices": "choices", "number": "number", "rating": "rating", "textarea": "text"}
"""{type of a result: the name of its value}."""


def tasks(units: Sequence[Unit]) -> str:
    """Return the tasks as JSON: text number and text, in an order that says nothing."""
    lined_up = sorted(units, key=lambda unit: place("order", "label studio", unit[0]))
    listed = [
        {"data": {TEXT_NUMBER: text_number(unit_id, digest), TEXT: cells.shown(text)}}
        for unit_id, text, digest in lined_up
    ]
    return json.dumps(listed, ensure_ascii=True, indent=1) + "\n"


def configuration(books: Sequence[Codebook]) -> str:
    """Return the labeling configuration as XML.

    A construct with labels is a single choice; the categories of a multilabel codebook are one multiple
    choice with 'none of these'; everything else is a number.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Text", {"name": TEXT, "value": f"${TEXT}", "valueType": "text"})
    for group in _groups(books):
        _add(view, "Header", value=group[0].question if len(group) == 1 else _common_question(group))
        for code, define, _ in _meanings(group):
            if define:
                _add(view, "Header", value=f"{code}: {define}", size="6")
        if len(group) > 1:
            choices = _add(view, "Choices", name=group[0].asked_in, toName=TEXT, choice="multiple")
            labels = _labels_of(group)
        elif group[0].type in ("classify", "rate"):
            labels = group[0].labels
            layout = {"layout": "select"} if len(labels) > MOST_SHOWN else {}
            choices = _add(
                view, "Choices", name=group[0].construct, toName=TEXT, choice="single-radio", **layout
            )
        else:
            _add(view, "Header", value=allowed(group[0]), size="6")
            _add(view, "Number", name=group[0].construct, toName=TEXT, **_limits(group[0]))
            continue
        for label in labels:
            _add(choices, "Choice", value=label)
    _add(view, "Header", value="Comment", size="6")
    _add(view, "TextArea", name=COMMENT, toName=TEXT, rows="2", editable="true", maxSubmissions="1")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def read_export(data: bytes, label: str, books: Sequence[Codebook]) -> tuple[Entries, int]:
    """Read an export; predictions and drafts are no codes, nor is an annotation that was skipped.

    Parameters
    ----------
    data
        The file.
    label
        What errors call it.

    Returns
    -------
    entries, skipped
        An annotator is called label_studio_ and the number of their account. A construct that an annotation
        does not answer has an empty entry.

    Raises
    ------
    StudyError
        It is no export in the format JSON.
    """
    found = Entries([], 0, [])
    skipped = 0
    groups = _groups(books)
    for at, task in enumerate(_tasks(data, label), start=1):
        where = f"task {task.get('id', at)}"
        shown = task["data"] if isinstance(task.get("data"), dict) else {}
        number = str(shown.get(TEXT_NUMBER) or "")
        if not number:
            found.problems.append(
                StudyError(
                    f"The task has no '{TEXT_NUMBER}'.",
                    file=f"{label}, {where}",
                    hint="Import the tasks that 'snakemake sheets' makes.",
                )
            )
            continue
        found.rows += 1
        text = str(shown.get(TEXT) or "")
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                skipped += 1
                continue
            rater = f"label_studio_{_who(annotation)}"
            answers = dict(_answers(annotation, groups, found.problems, f"{label}, {where}"))
            found.found += [
                Entry(label, where, rater, number, text, book.construct, answers.get(book.construct))
                for book in books
            ]
    return found, skipped


def _tasks(data: bytes, label: str) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"This is not JSON that can be read ({error}).", file=label) from error
    listed = tasks if isinstance(tasks, list) else [tasks]
    for task in listed:
        annotations = task.get("annotations") if isinstance(task, dict) else None
        if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
            raise StudyError(
                "This is no export of Label Studio in the format JSON: a task has no list of annotations.",
                file=label,
                found=", ".join(task) if isinstance(task, dict) else task,
                hint="In Label Studio choose Export, and there JSON (not JSON-MIN or CSV).",
            )
    return listed


def _who(annotation: Mapping[str, Any]) -> str:
    who = annotation.get("completed_by")
    return str((who.get("id") if isinstance(who, dict) else who) or "unknown")


def _answers(
    annotation: Mapping[str, Any],
    groups: Sequence[Sequence[Codebook]],
    problems: list[StudyError],
    where: str,
) -> Iterator[tuple[str, object]]:
    """Yield construct and code of every answer; what is no answer goes to `problems`."""
    by_name = {_name_of(group): group for group in groups}
    seen: set[str] = set()
    for result in annotation.get("result") or ():
        name = result.get("from_name")
        if name == COMMENT or "from_name" not in result:
            continue
        group = by_name.get(name)
        value = (result.get("value") or {}).get(ANSWERS.get(result.get("type"), ""))
        if group is None or value is None or name in seen:
            said = "answered twice" if name in seen else "no question of this study"
            problems.append(
                StudyError(
                    f"The annotation has a result (of type {result.get('type')}) that is {said}.",
                    file=where,
                    found=name,
                    allowed=sorted(by_name),
                    hint="Keep the names of the labeling configuration.",
                )
            )
            continue
        seen.add(name)
        given = [str(one).replace(WORD_JOINER, "") for one in value] if isinstance(value, list) else [value]
        if len(group) > 1:
            yield from _of_categories(given, group, problems, where)
        elif len(given) > 1:
            problems.append(
                StudyError("There are several answers to one question.", file=where, key=name, found=given)
            )
        elif given:
            yield name, given[0]


def _of_categories(
    given: Sequence[str], group: Sequence[Codebook], problems: list[StudyError], where: str
) -> Iterator[tuple[str, object]]:
    chosen = {fold(label) for label in given}
    known = {fold(label): label for label in _labels_of(group)}
    refused = group[0].not_codable
    alone = {fold(label) for label in (_none_label(group), refused or "") if label}
    wrong = [label for label in given if fold(label) not in known]
    if wrong or (len(chosen) > 1 and chosen & alone):
        problems.append(
            StudyError(
                "These choices are not there." if wrong else "These choices exclude each other.",
                file=where,
                key=group[0].asked_in,
                found=wrong or list(given),
                allowed=list(known.values()),
            )
        )
        return
    for book in group if chosen else ():
        applies, not_ = (label for label in book.labels if label != refused)
        if refused and fold(refused) in chosen:
            yield book.construct, refused
        else:
            yield book.construct, applies if fold(book.category or "") in chosen else not_


def _groups(books: Sequence[Codebook]) -> list[list[Codebook]]:
    """Return the constructs that one question asks for: the categories of a multilabel codebook together."""
    by_name = {book.construct: book for book in books}
    groups: list[list[Codebook]] = []
    for names in asked_together(books).values():
        together = [by_name[name] for name in names if by_name[name].category is not None]
        groups += [together] if len(together) > 1 else [[book] for book in together]
        groups += [[by_name[name]] for name in names if by_name[name].category is None]
    return groups


def _name_of(group: Sequence[Codebook]) -> str:
    return group[0].asked_in if len(group) > 1 else group[0].construct


def _labels_of(group: Sequence[Codebook]) -> list[str]:
    refused = group[0].not_codable
    return [
        *(book.category or "" for book in group),
        _none_label(group),
        *([refused] if refused else []),
    ]


def _none_label(group: Sequence[Codebook]) -> str:
    """Return what says that no category applies; a category may have that very name."""
    label = NONE_APPLIES
    taken = {fold(book.category or "") for book in group} | {fold(group[0].not_codable or "")}
    while fold(label) in taken:
        label = f"({label})"
    return label


def _common_question(group: Sequence[Codebook]) -> str:
    """Return what is asked of all categories: the question where it names none, else all of them."""
    questions = list(dict.fromkeys(book.question for book in group))
    return questions[0] if len(questions) == 1 else f"Which of these apply? ({group[0].asked_in})"


def _meanings(group: Sequence[Codebook]) -> Iterator[tuple[str, str, str]]:
    if len(group) == 1:
        yield from meaning(group[0])
        return
    for book in group:
        yield book.category or "", book.categories[0].define or "", ""
    refused = [c for c in group[0].categories if c.label == group[0].not_codable]
    yield from ((c.label, c.define or "", "") for c in refused)


def _limits(book: Codebook) -> dict[str, str]:
    low, high = bounds(book)
    step = "1" if is_whole(book) or not book.decimals else f"{10.0**-book.decimals:.{book.decimals}f}"
    highest = {"max": f"{high:.15g}"} if high < math.inf else {}
    return {"min": f"{low:.15g}", **highest, "step": step}


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    shown = {name: cells.shown(text).replace("$", f"${WORD_JOINER}") for name, text in attributes.items()}
    return ElementTree.SubElement(parent, tag, shown)

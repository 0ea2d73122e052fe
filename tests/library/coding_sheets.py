"""Sheets, and people who fill them in as they do with a spreadsheet program."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from study.codebook import Codebook
from study.config.expand import expand
from study.digest import text_sha256
from study.gold.sheets import cells
from study.gold.sheets.sheet import Unit, coding_sheet, write_csv
from study.gold.sheets.text_numbers import text_number
from study.gold.sheets.workbook import write_workbook

BOOKS = {
    book["construct"]: Codebook.from_dict(book)
    for book in (
        {
            "construct": "tone",
            "question": "How does the writer judge the library?",
            "type": "classify",
            "level": "ordinal",
            "categories": {
                "Positive": {"value": 1, "define": "Praises or thanks.", "example": "Good books!"},
                "neutral": {"value": 0},
                "negative": {"value": -1, "define": "=complains"},
            },
            "not_codable": {"label": "not codable", "define": "Not in English."},
        },
        {
            "construct": "anger",
            "question": "How angry is the writer?",
            "type": "rate",
            "level": "interval",
            "scale": {"low": 0, "high": 10, "anchors": {"0": "calm", "10": "furious"}},
            "not_codable": {"label": "cannot tell"},
        },
        {"construct": "hurt", "question": "?", "type": "count", "scale": {"low": 0, "high": 5000}},
        {
            "construct": "km",
            "question": "?",
            "type": "number",
            "scale": {"low": -1, "high": 1.5, "decimals": 2},
        },
        {"construct": "demands", "question": "Which demands are there?", "type": "extract"},
    )
}
COMPARISON = Codebook.from_dict({"construct": "polite", "question": "?", "type": "compare"})

_TOPICS: dict[str, Any] = {
    "construct": "topics",
    "question": "Is it about {category}?",
    "type": "multilabel",
    "level": None,
    "status": "pilot",
    "categories": {"Health & care": {"define": "Doctors."}, "none of these": None, "=tax": None},
    "binary": None,
    "scale": None,
    "spans": None,
    "pairs": None,
    "not_codable": {"label": "unclear"},
    "system": "",
    "prompt": {"label_order": "fixed"},
    "wording": None,
    "answer": "{label}",
    "reason": {},
    "examples": [],
    "calibration": None,
    "revisions": [],
}
TOPICS = {construct: Codebook.from_dict(book) for construct, book in expand(_TOPICS).items()}

TEXTS = {
    "nyt-1": "Good books, but the heating was broken.",
    "nyt-2": '=HYPERLINK("http://example.org")',
    "tweet-3": "-5 degrees in the reading room",
    "tweet-4": "Thank you, 'dear' library!\r\nA reader",
}


def units_of(texts: Mapping[str, str]) -> list[Unit]:
    return [(unit, text, text_sha256(text)) for unit, text in texts.items()]


def table_of(texts: Mapping[str, str] = TEXTS) -> pd.DataFrame:
    return pd.DataFrame(units_of(texts), columns=["unit_id", "text", "text_sha256"])


def number(unit: str, texts: Mapping[str, str] = TEXTS) -> str:
    return text_number(unit, text_sha256(texts[unit]))


def write(
    folder: Path,
    rater: str,
    *,
    books: Mapping[str, Codebook] = BOOKS,
    texts: Mapping[str, str] = TEXTS,
    name: str | None = None,
) -> None:
    """Write a rater's blank sheet, both files."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet = coding_sheet(name or rater, rater, list(books.values()), units_of(texts))
    write_workbook(sheet, folder / f"{sheet.name}.xlsx")
    write_csv(sheet, folder / f"{sheet.name}.csv")


def fill_workbook(
    file: Path, codes: Mapping[str, Mapping[str, object]], texts: Mapping[str, str] = TEXTS
) -> None:
    """Write codes, {unit: {column: code}}, into a workbook and save it."""
    book = openpyxl.load_workbook(file)
    page = book["Texts"]
    columns = {cell.value: cell.column for cell in page[1]}
    rows = {page.cell(row, columns["text_number"]).value: row for row in range(2, page.max_row + 1)}
    for unit, given in codes.items():
        for column, code in given.items():
            cell = page.cell(rows[number(unit, texts)], columns[column])
            cell.value = code
            if isinstance(code, str):
                cell.data_type = "s"
    book.save(file)


def edit_workbook(file: Path, change: Callable[[Any], None]) -> None:
    """Change the sheet of texts by hand."""
    book = openpyxl.load_workbook(file)
    change(book["Texts"])
    book.save(file)


def fill_csv(
    file: Path,
    codes: Mapping[str, Mapping[str, object]],
    texts: Mapping[str, str] = TEXTS,
    *,
    separator: str = ",",
    encoding: str = "utf-8-sig",
) -> None:
    """Write codes into a CSV file and save it as a program of another country would."""
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
    by_number = {row["text_number"]: row for row in rows}
    for unit, given in codes.items():
        by_number[number(unit, texts)].update({column: str(code) for column, code in given.items()})
    with file.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)


def task(
    unit: str,
    *annotations: tuple[object, list[dict[str, Any]]],
    cancelled: bool = False,
    texts: Mapping[str, str] = TEXTS,
) -> dict[str, Any]:
    """Return a task as Label Studio exports it (labelstud.io/guide/task_format), written by hand after it."""
    return {
        "id": list(texts).index(unit) + 101,
        "created_at": "2025-03-09T21:52:49.513742Z",
        "updated_at": "2025-03-09T22:16:08.746926Z",
        "project": 83,
        "data": {"text_number": number(unit, texts), "text": cells.shown(texts[unit])},
        "annotations": [
            {
                "id": 1001 + position,
                "completed_by": who,
                "result": result,
                "was_cancelled": cancelled,
                "ground_truth": False,
                "created_at": "2025-03-09T22:16:08.728353Z",
                "updated_at": "2025-03-09T22:16:08.728378Z",
                "lead_time": 4.288,
                "result_count": len(result),
                "task": 101,
            }
            for position, (who, result) in enumerate(annotations)
        ],
        "drafts": [],
        "predictions": [{"model_version": "x", "result": [choices("tone", "negative")]}],
    }


def choices(name: str, *labels: str) -> dict[str, Any]:
    return _result(name, "choices", {"choices": list(labels)})


def numeric(name: str, value: float) -> dict[str, Any]:
    return _result(name, "number", {"number": value})


def _result(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "Dx_aB91ISN",
        "from_name": name,
        "to_name": "text",
        "type": kind,
        "origin": "manual",
        "value": value,
    }

"""Texts in cells of a sheet: any text is shown as text, executes nothing, and is recognised when it returns.

A spreadsheet program takes what begins with '=', '+', '-' or '@' for a formula. In a workbook such a text is
stored as text. CSV has no types, so there it begins with an apostrophe, as in what OWASP advises against 'CSV
injection'; the apostrophe is taken off when the sheet is read.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 32_767
"""Characters (of UTF-16) that a cell of a workbook can hold."""

CUT = "\n[This cell can hold no more. The whole text is in the .csv file.]"

_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def shown(text: str) -> str:
    """Return a text as a sheet shows it: U+FFFD for what no file of that kind can hold, lines end alike."""
    return _UNSHOWABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def for_workbook(text: str) -> str:
    """Return what is stored in a workbook's cell (as text); a text that is too long is cut, and says so."""
    cell = shown(text)
    if len(cell.encode("utf-16-le")) > 2 * LONGEST:
        left = LONGEST - len(CUT)
        cell = cell.encode("utf-16-le")[: 2 * left].decode("utf-16-le", errors="ignore") + CUT
    # '_x0041_' in a workbook stands for 'A'.
    return _ESCAPE.sub("_x005F_", cell)


def from_workbook(cell: str) -> str:
    """Undo what `for_workbook` has done, but for a cut."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), cell)


def for_csv(text: str) -> str:
    """Return what is written into a CSV file's cell."""
    cell = shown(text)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def from_csv(cell: str) -> str:
    """Undo what `for_csv` has done."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def is_of(cell: str, text: str) -> bool:
    """Whether a cell that has come back shows this text; white space and invisible characters apart."""
    seen, expected = _compared(shown(cell)), _compared(shown(text))
    cut = _compared(CUT)
    if seen.endswith(cut):
        return expected.startswith(seen.removesuffix(cut))
    return seen == expected


def _compared(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if not c.isspace() and unicodedata.category(c) != "Cf").lstrip("'")

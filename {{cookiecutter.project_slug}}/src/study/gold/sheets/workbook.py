"""A sheet as an Excel workbook: the codebook first, then the texts with cells that accept only codes.

Texts are stored as text whatever they begin with. Cells that are filled in are checked by the spreadsheet
program as they are typed, and once more when the sheet is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.codebook import Codebook
from study.gold.sheets import CODER, COMMENT, CONSTRUCT, TEXT, TEXT_NUMBER, TEXTS, cells
from study.gold.sheets.codes import allowed, bounds, is_whole, meaning
from study.gold.sheets.sheet import Sheet

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.datavalidation import DataValidation

CODEBOOK, LISTS = "Codebook", "Lists"
"""The workbook's other sheets; the second one, which is hidden, holds the labels that cells offer."""

WIDTHS = {TEXT_NUMBER: 23, TEXT: 70, COMMENT: 30, CODER: 12, CONSTRUCT: 18}
CODED, NARROWEST = 4, 13
AS_TEXT = "@"
MOST_IN_MESSAGE = 255
"""Characters of the message with which a spreadsheet program refuses a value."""


def write_workbook(sheet: Sheet, file: Path) -> None:
    """Write a sheet as .xlsx."""
    from openpyxl import Workbook

    book = Workbook()
    book.properties.creator = ""
    _write_codebook(book, sheet)
    _write_texts(book, sheet)
    part = file.with_name(f"{file.name}.part")
    book.save(part)
    part.replace(file)


def _write_codebook(book: Workbook, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    page = book.active
    assert page is not None
    page.title = CODEBOOK
    for letter, width in zip("ABC", (26, 70, 50), strict=True):
        page.column_dimensions[letter].width = width
    wrapped = Alignment(wrap_text=True, vertical="top")
    bold, shaded = Font(bold=True), PatternFill("solid", fgColor="EDEDED")
    row = 0

    def write(*found: str, font: Any = None, fill: Any = None) -> None:
        nonlocal row
        row += 1
        for column, text in enumerate(found, start=1):
            if text:
                _put(page, row, column, text, alignment=wrapped, font=font, fill=fill)

    write("How to fill in", font=Font(bold=True, size=14))
    for number, paragraph in enumerate(sheet.guide, start=1):
        write(str(number), paragraph)
    for construct in sheet.books:
        row += 1
        write(construct.construct, construct.question, font=Font(bold=True, size=12))
        write("Code", "When it applies", "Example", font=bold, fill=shaded)
        for line in meaning(construct):
            write(*line)
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True


def _write_texts(book: Workbook, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(TEXTS)
    lists = book.create_sheet(LISTS)
    lists.sheet_state = "hidden"
    top = Alignment(wrap_text=True, vertical="top")
    line = Side(style="thin", color="BFBFBF")
    coloured, border = PatternFill("solid", fgColor="FFF6DD"), Border(line, line, line, line)
    for column, name in enumerate(sheet.columns, start=1):
        head = PatternFill("solid", fgColor="EDEDED")
        _put(page, 1, column, name, alignment=top, font=Font(bold=True), fill=head)
        width = WIDTHS.get(name, max(NARROWEST, len(name) + CODED))
        page.column_dimensions[get_column_letter(column)].width = width
    for number, texts in enumerate(sheet.rows, start=2):
        for column, (name, text) in enumerate(zip(sheet.columns, texts, strict=True), start=1):
            cell = _put(page, number, column, text, alignment=top)
            cell.border = border
            if name in sheet.filled_in:
                cell.fill = coloured
            if name not in sheet.filled_in or name == COMMENT:
                cell.number_format = AS_TEXT
    for number, codes in enumerate(sheet.codes, start=1):
        letter = get_column_letter(sheet.columns.index(codes.column) + 1)
        if codes.book.type == "classify":
            for row, label in enumerate(codes.book.labels, start=1):
                _put(lists, row, number, label, alignment=top).number_format = AS_TEXT
            for row in range(codes.first, codes.last + 1):
                page[f"{letter}{row + 2}"].number_format = AS_TEXT
        rule = _validation(codes.book, f"{letter}{codes.first + 2}", get_column_letter(number))
        rule.add(f"{letter}{codes.first + 2}:{letter}{codes.last + 2}")
        page.add_data_validation(rule)
    page.freeze_panes = page.cell(2, sheet.columns.index(TEXT) + 2)
    page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{len(sheet.rows) + 1}"
    page.print_title_rows = "1:1"
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    book.active = 0


def _validation(book: Codebook, first_cell: str, list_column: str) -> DataValidation:
    """Return what a cell accepts; an empty one is always right."""
    from openpyxl.worksheet.datavalidation import DataValidation

    said = f"Please write: {allowed(book)}. Or leave the cell empty."
    rule = DataValidation(
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="This is no code",
        error=said if len(said) <= MOST_IN_MESSAGE else "Please write a code of the codebook, or nothing.",
    )
    if book.type == "classify":
        rule.type = "list"
        rule.formula1 = f"{LISTS}!${list_column}$1:${list_column}${len(book.labels)}"
        return rule
    low, high = bounds(book)
    number = "whole" if is_whole(book) else "decimal"
    if book.not_codable:
        word = book.not_codable.replace('"', '""')
        rule.type = "custom"
        rule.formula1 = (
            f"IF(ISNUMBER({first_cell}),AND({first_cell}>={_plain(low)},{first_cell}<={_plain(high)},"
            f'{first_cell}=INT({first_cell})),TRIM({first_cell})="{word}")'
        )
    elif high == float("inf"):
        rule.type, rule.operator, rule.formula1 = number, "greaterThanOrEqual", _plain(low)
    else:
        rule.type, rule.operator = number, "between"
        rule.formula1, rule.formula2 = _plain(low), _plain(high)
    return rule


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _put(
    page: Any, row: int, column: int, text: str, *, alignment: Any, font: Any = None, fill: Any = None
) -> Any:
    """Write a text as text: openpyxl, like a spreadsheet program, would make a formula of '=1'."""
    cell = page.cell(row, column)
    if text:
        cell.value = cells.for_workbook(text)
        cell.data_type = "s"
    cell.alignment = alignment
    if font:
        cell.font = font
    if fill:
        cell.fill = fill
    return cell

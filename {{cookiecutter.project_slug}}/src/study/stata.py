"""A table of a file of Stata (.dta), whatever version wrote it.

A number with a label is read as the label (1 as 'Conservatives'), since labels say what a code means whoever
gave the numbers; a number without a label in such a column stays a number. Where one label stands for several
numbers, the column keeps its numbers, so that nothing is lost. Stata's missing values (., .a to .z) are empty
cells, labelled or not.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.errors import StudyError

UTF8_SINCE = 118
"""The format of Stata 14, the first whose text is UTF-8."""
OLDER = "latin-1"
"""What text of older files is read as where the researcher names no encoding."""

_RELEASE = re.compile(rb"<stata_dta><header><release>([0-9]{3})</release>")


def table(data: bytes, label: str, encoding: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Read a file of Stata.

    Parameters
    ----------
    data
        Its bytes.
    label
        What an error calls it.
    encoding
        Of text in files that are older than Stata 14, such as cp1252; None takes Latin-1.

    Returns
    -------
    rows, notes
        Cells of dtype object: str, int, float, datetime, or None where there is none. The notes say which
        columns kept their numbers because one label stands for several of them.

    Raises
    ------
    StudyError
        It is no file of Stata, is damaged, or an encoding is named for one that says its own.
    """
    release = _release(data)
    if encoding is not None and release >= UTF8_SINCE:
        raise StudyError(
            "Files of Stata 14 and later are UTF-8, whatever else is named.",
            file=label,
            key="encoding",
            found=encoding,
            hint="Take `encoding` away.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fragmented frames, and of text that is no UTF-8
            return _read(data, encoding if release < UTF8_SINCE else None)
    except UnicodeError as error:
        if encoding is None:
            raise _unreadable(label, error) from error
        raise StudyError(
            f"Text in this file is not in the encoding that you name ({error}).",
            file=label,
            key="encoding",
            found=encoding,
        ) from error
    except Exception as error:  # whatever pandas makes of a damaged file
        raise _unreadable(label, error) from error


def _unreadable(label: str, error: Exception) -> StudyError:
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return StudyError(
        f"This is no readable file of Stata ({told}).",
        file=label,
        hint="Open it in Stata and save it anew, or export it as CSV (UTF-8).",
    )


def _release(data: bytes) -> int:
    """Return the number of the format; 0 where the file does not begin as one of Stata does."""
    found = _RELEASE.match(data)
    return int(found.group(1)) if found else data[0] if 102 <= data[0] <= 115 else 0


def _read(data: bytes, encoding: str | None) -> tuple[pd.DataFrame, list[str]]:
    opened: Any = pd.read_stata(io.BytesIO(data), convert_categoricals=False, iterator=True)
    with opened as reader:
        frame = reader.read()
        labels_of = reader.value_labels()
        set_of = _label_sets(reader)
    cells: dict[str, list[object]] = {}
    notes: list[str] = []
    for name in frame.columns:
        column = [_native(cell, encoding) for cell in frame[name].astype(object)]
        meaning: dict[object, str] = {
            int(number): _decoded(text, encoding) for number, text in labels_of.get(set_of[name], {}).items()
        }
        numbers = {cell for cell in set(column) if _whole(cell) and cell in meaning}
        if len({meaning[number] for number in numbers}) < len(numbers):
            notes.append(f"the column {name} keeps its numbers: one label stands for several of them")
        elif meaning:
            column = [meaning[cell] if cell in numbers else cell for cell in column]
        cells[str(name)] = column
    return pd.DataFrame(cells, dtype=object, columns=list(cells)), notes


def _label_sets(reader: Any) -> Mapping[str, str]:
    """Return {column: the name of its set of labels}, empty where it has none.

    Public is only which labels a set has. With pandas' own conversion a column whose labels are not unique
    would make the whole file unreadable.
    """
    return dict(zip(reader.variable_labels(), reader._lbllist, strict=True))


def _whole(cell: object) -> bool:
    return isinstance(cell, int) or (isinstance(cell, float) and cell.is_integer())


def _native(cell: Any, encoding: str | None) -> object:
    if cell is None or (not isinstance(cell, str) and pd.isna(cell)):
        return None
    if isinstance(cell, str):
        return _decoded(cell, encoding)
    return cell.item() if hasattr(cell, "item") else cell


def _decoded(text: str, encoding: str | None) -> str:
    """Read text of an older file, which pandas takes for Latin-1, in the encoding that is named."""
    return text if encoding in (None, OLDER) else text.encode(OLDER).decode(encoding)  # type: ignore[arg-type]

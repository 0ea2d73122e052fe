"""Labels: what is written is what is seen, and no two look the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from study.config.document import Document, KeyPath
from study.config.names import fold
from study.config.yaml_values import INVISIBLE, JOINERS
from study.errors import StudyError


def check_labels(document: Document, places: Sequence[tuple[KeyPath, str]]) -> Iterator[StudyError]:
    """Yield what is wrong with the labels of one question; `places` are where each stands, in their order."""
    first: dict[str, tuple[KeyPath, str]] = {}
    for path, label in places:
        yield from check_label(document, path, label)
        other_path, other = first.setdefault(fold(label), (path, label))
        if other_path == path:
            continue
        if other == label and path[-2:] == ("not_codable", "label") and "categories" in other_path:
            yield document.error(path, f"The label '{label}' is also one of the categories.", found=label)
        elif other == label:
            yield document.error(
                path, f"The label '{label}' is there twice.", found=label, hint="Use different words."
            )
        else:
            yield document.error(
                path,
                f"The labels '{other}' and '{label}' differ only in case, white space or the way in which"
                " their characters are stored.",
                # Two ways to store an accent look the same: show what is stored.
                found=ascii(label)[1:-1] if _composed(label) == _composed(other) else label,
                hint="Make them different words, or remove one.",
            )


def check_label(document: Document, path: KeyPath, label: str) -> Iterator[StudyError]:
    """Yield what is wrong with one label: YAML reads it as no text, or it holds what nobody sees."""
    written = (document.written_keys if path[-2] == "categories" else document.written).get(path)
    if written:
        yield document.error(
            path,
            f"YAML reads the unquoted label {written[1]} as a {written[0]}.",
            found=label,
            hint=f'Write "{written[1]}" with quotes.',
        )
    elif not label.strip():
        yield document.error(path, "The label is empty.", found=label)
    elif label != label.strip():
        yield document.error(
            path, "The label begins or ends with white space.", found=label, hint=f"Write '{label.strip()}'."
        )
    else:
        hidden = next((c for c in label if c in INVISIBLE or not (c.isprintable() or c in JOINERS)), None)
        if hidden:
            what = (
                "a line break"
                if hidden in "\r\n\x85\u2028\u2029"
                else f"the invisible character U+{ord(hidden):04X}"
            )
            yield document.error(
                path, f"The label contains {what}.", found=label, hint="Type the label anew."
            )


def _composed(label: str) -> str:
    return unicodedata.normalize("NFC", label)

"""Set the status of a codebook file to frozen, and leave everything else in it as the researcher wrote it."""

from __future__ import annotations

import re
from pathlib import Path

from study.config import yaml_file
from study.errors import StudyError

STATUS = "frozen"

_LINE = re.compile(
    r"(?P<key>(?:status|'status'|\"status\")[ \t]*:[ \t]*)(?P<value>[^#\r\n]*?)(?P<rest>[ \t]*(?:#.*)?)"
)
_CONSTRUCT = re.compile(r"construct[ \t]*:[ \t]*[^\s#|>&*!{\[][^\r\n]*")


def with_status(text: str, name: str) -> str | None:
    """Return the text of a codebook file with the status 'frozen'; None where that takes more than a line.

    The line of the key `status` is rewritten, or one is added below the key `construct`. What comes of it is
    read again: nothing but the status may differ.

    Parameters
    ----------
    name
        What messages call the file.
    """
    before = yaml_file.parse(text, name)
    if before.value.get("status") == STATUS:
        return text
    lines = text.splitlines(keepends=True)
    if "status" in before.value:
        at = before.lines[("status",)] - 1
        body, end = _divided(lines[at])
        match = _LINE.fullmatch(body)
        if match is None:
            return None
        lines[at] = f"{match['key'].rstrip()} {STATUS}{match['rest']}{end}"
    else:
        at = before.lines[("construct",)] - 1
        body, end = _divided(lines[at])
        if _CONSTRUCT.fullmatch(body) is None:
            return None
        end = end or "\n"
        lines[at] = f"{body}{end}status: {STATUS}{end}"
    changed = "".join(lines)
    try:
        after = yaml_file.parse(changed, name)
    except StudyError:
        return None
    return changed if after.value == {**before.value, "status": STATUS} else None


def freeze_status(file: Path, name: str) -> bool:
    """Set the status in a file, keeping its line ends and its byte order mark; whether that was possible."""
    content = file.read_bytes()
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    text = content.removeprefix(mark).decode("utf-8")
    changed = with_status(text, name)
    if changed is None:
        return False
    if changed != text:
        half = file.with_name(f".{file.name}.part")
        half.write_bytes(mark + changed.encode("utf-8"))
        half.replace(file)
    return True


def _divided(line: str) -> tuple[str, str]:
    body = line.rstrip("\r\n")
    return body, line[len(body) :]

"""The gallery in the documentation: a page a study, made of what lies in the starter's folder."""

from __future__ import annotations

import os
from pathlib import Path

from gallery.studies import PAGE, VERDICTS, studies
from gallery.verdicts import counted, read


def write(folder: Path) -> None:
    """Write the page of every study into the documentation; a page that is right stays untouched."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for study in studies():
        place = Path(os.path.relpath(study.folder, folder)).as_posix()
        text = (study.folder / PAGE).read_text(encoding="utf-8").rstrip()
        claims = read(study.folder)
        if claims:
            text += (
                "\n\n## Every published figure\n\n"
                f"At full size: {counted(claims)}. `make gallery` writes this table.\n\n"
                f"```{{csv-table}}\n:file: {place}/{VERDICTS}\n:header-rows: 1\n:class: verdicts\n```"
            )
        wanted[f"{study.name}.md"] = text + "\n"
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")

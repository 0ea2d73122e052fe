"""A study without texts whose codes were made elsewhere, as configuration and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

STUDY = """\
title: Complaints
question: Do officials conceal complaints about their own county?
corpus:
  description: Complaints, without their texts.
  file: data/corpus/complaints.csv
  language: zh
  licence: CC0-1.0
  share: true
  text: null
  covariates: [sent, expert, machine, urban]
coders:
  gpt4: {type: given, of: llm, columns: {county_wrong: machine}}
  experts: {type: given, of: human, columns: {county_wrong: expert}}
compare: {criterion: experts, bootstrap: 200}
"""
BOOK = """\
construct: county_wrong
question: Does the complaint accuse officials of the county?
type: classify
level: nominal
status: frozen
categories:
  "yes": {value: 1, define: It accuses officials of the county.}
  "no": {value: 0, define: It does not.}
"""


def rows(n: int = 120) -> list[list[object]]:
    """Return unit_id, sent, expert (of every third complaint), machine (right in five of six) and urban."""
    found: list[list[object]] = []
    for i in range(n):
        accuses = int(i % 4 == 0)
        machine = accuses if i % 6 else 1 - accuses
        found.append([f"c{i:03d}", int(i % 5 < 2), accuses if i % 3 == 0 else "", machine, i % 2])
    return found


def write(folder: Path, changed: dict[str, Any] | None = None) -> Path:
    """Write configuration and corpus; `changed` are sections that are laid over those of the study."""
    study = yaml.safe_load(STUDY)
    for section, keys in (changed or {}).items():
        study[section] = {**study.get(section, {}), **keys} if isinstance(keys, dict) else keys
    lines = ["unit_id,sent,expert,machine,urban", *(",".join(map(str, row)) for row in rows())]
    files = {
        "config/study.yaml": yaml.safe_dump(study, sort_keys=False),
        "config/codebooks/county_wrong.yaml": BOOK,
        "data/corpus/complaints.csv": "\n".join(lines) + "\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder

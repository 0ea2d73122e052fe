"""A small study for a cluster: forty-five texts in three shards, coded by the real embedded model."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from end_to_end.studies import generate, settings, write_settings

TEXTS, SHARDS = 45, 3
ROOMS = ("reading room", "children's corner", "newspaper hall", "courtyard", "lecture theatre")
MOODS = ("quiet and bright", "loud and cold", "neither warm nor cold")


def make(folder: Path) -> Path:
    """Generate the study; its model runs as it is, which is slow enough to be interrupted."""
    study = generate(folder, "blank")
    rows = [
        {
            "unit_id": f"note-{n}",
            "text": f"On day {n} the staff found {n % 7} of the {n % 7 + n % 3} books that I had asked for,"
            f" and the {ROOMS[n % 5]} was {MOODS[n % 3]}. My neighbours, with whom I came, knew it.",
            "branch": ("north", "south")[n % 2],
            "year": 2020 + n % 4,
        }
        for n in range(TEXTS)
    ]
    _write(study / "config/example/texts.csv", rows)
    codes = [
        {
            "unit_id": row["unit_id"],
            "rater": rater,
            "rating": ("satisfied", "dissatisfied")[(n + late) % 3 == 0],
        }
        for n, row in enumerate(rows)
        for late, rater in enumerate(("anna", "ben"))
    ]
    _write(study / "config/example/codes.csv", codes)
    changed = settings(study)
    changed["coding"] = {"threads": 1, "shards": SHARDS}
    for model in changed["models"].values():
        del model["quantisation"]
    write_settings(study, changed)
    return study


def _write(file: Path, rows: list[dict[str, object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def copied(study: Path, folder: Path) -> Path:
    """Return a copy of a study that has not been run."""
    return Path(shutil.copytree(study, folder / "study", symlinks=True))


def journals(study: Path) -> dict[str, int]:
    """Return how many responses are in the journal of each job that is writing one."""
    return {
        file.stem: file.read_bytes().count(b"\n")
        for file in (study / "data/responses/journals").glob("*.journal")
    }


def keys(study: Path) -> list[str]:
    """Return the key of every response that is kept, as often as it is there."""
    segments = sorted((study / "data/responses/segments").glob("*.jsonl"))
    return [json.loads(line)["key"] for file in segments for line in file.read_bytes().splitlines()]

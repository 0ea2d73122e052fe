"""Freeze a study: write down what was decided before the gold codes are looked at.

A dated record in git is no preregistration, but it makes the difference visible between what was planned and
what was tried: whatever changes afterwards is listed as a deviation (`study.gold.deviations`).
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from study.config import load
from study.config.codebooks import CODEBOOKS
from study.errors import StudyError
from study.gold import frozen as record
from study.gold import parts
from study.gold.options import SOURCE, gold_options, others
from study.gold.status import freeze_status

OTHER = "other"
"""Units that are not drawn."""


def entry(
    study: Mapping[str, Any],
    *,
    now: datetime,
    reason: str | None,
    git: Mapping[str, Any],
    coded: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Return what is recorded: when, in which version, how far people had coded, and what was decided.

    Parameters
    ----------
    study
        As `study.config.load` returns it.
    now
        With a time zone.
    reason
        Why it is frozen again; None the first time.
    git, coded
        See `version` and `coded_units`.
    """
    decided = record.sections(study)
    return {
        "date": now.astimezone(UTC).isoformat(timespec="seconds"),
        "reason": reason,
        "git": dict(git),
        "coded_units": {coder: dict(counts) for coder, counts in coded.items()},
        "sha256": record.fingerprints(decided),
        "sections": decided,
    }


def version(root: Path) -> dict[str, Any]:
    """Return git's `commit` and whether the folder was `clean`, both None where there is no git."""
    try:
        commit = _git(root, "rev-parse", "--verify", "HEAD")
        clean = not _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}
    return {"commit": commit, "clean": clean}


def coded_units(codings: Mapping[str, pd.DataFrame], sample: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return how many units each human coder has coded, of each part of the gold sample and of the others.

    Parameters
    ----------
    codings
        The codings of each human coder. Sealed units count: they are coded.
    sample
        unit_id and part.
    """
    part_of = dict(zip(sample["unit_id"], sample["part"], strict=True))
    found = {}
    for coder, table in codings.items():
        coded = table["status"] != "failed"
        if "n_ratings" in table:
            coded |= table["n_ratings"] > 0  # raters who disagree have coded
        counts = Counter(part_of.get(unit, parts.REST) for unit in table.loc[coded, "unit_id"].unique())
        found[coder] = {
            parts.EVALUATE: counts[parts.EVALUATE],
            parts.PILOT: counts[parts.PILOT],
            OTHER: counts[parts.REST],
        }
    return found


def freeze(root: Path, new: Mapping[str, Any], *, again: bool) -> str:
    """Write the entry into config/frozen.json; return what was done, and what is left to do, in sentences.

    Raises
    ------
    StudyError
        The study is frozen already and is not to be frozen again, or the other way round.
    """
    file = root / record.FROZEN
    entries = record.read(file)
    if entries and not again:
        raise StudyError(
            f"The study is frozen already, since {entries[-1]['date'][:10]}.",
            file=record.FROZEN,
            hint="What has changed since is in results/tables/deviations.csv. To freeze it again, say why:"
            " snakemake freeze --config again='the reason'. What was frozen first stays on record.",
        )
    if again and not entries:
        raise StudyError(
            "The study has not been frozen yet, so it cannot be frozen again.",
            file=SOURCE,
            key="again",
            hint="Run 'snakemake freeze'.",
        )
    half = file.with_name(f".{file.name}.part")
    text = json.dumps({"entries": [*entries, new]}, indent=2, ensure_ascii=False) + "\n"
    half.write_text(text, encoding="utf-8")
    half.replace(file)
    files = sorted({book["asked_in"] for book in new["sections"]["codebooks"].values()})
    by_hand = [
        f"{CODEBOOKS}/{name}.yaml"
        for name in files
        if not freeze_status(root / CODEBOOKS / f"{name}.yaml", f"{CODEBOOKS}/{name}.yaml")
    ]
    return " ".join(_said(new, by_hand))


def _said(new: Mapping[str, Any], by_hand: Sequence[str]) -> Iterable[str]:
    frozen = new["sections"]
    names = [
        f"{len(frozen[section])} {one if len(frozen[section]) == 1 else many}"
        for section, one, many in (
            ("codebooks", "codebook", "codebooks"),
            ("hypotheses", "hypothesis", "hypotheses"),
            ("analyses", "analysis", "analyses"),
        )
    ]
    yield f"Frozen in {record.FROZEN}: {', '.join(names)}."
    seen = sum(counts[parts.EVALUATE] for counts in new["coded_units"].values())
    if seen and not frozen["gold"].get("seal"):
        yield (f"{seen} units to evaluate were coded and not sealed: their codes could have been looked at.")
    if new["git"]["clean"] is False:
        yield "Git has changes that are not committed: the commit on record is the one before them."
    if by_hand:
        yield f"Set 'status: frozen' yourself in {', '.join(by_hand)}: the line could not be found."
    yield "Next: git add config, and git commit, which dates it; then 'snakemake'."


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main(
    *,
    overrides: dict,  # type: ignore[type-arg]
    sample: Path,
    codings: list[Path],
    root: Path = Path(),
) -> None:
    """Freeze the study in `root`.

    Parameters
    ----------
    overrides
        What Snakemake was given on the command line: `again` (why it is frozen again) and nothing else.
    codings
        Those of the human coders, named after them.
    """
    if changed := others(overrides):
        raise StudyError(
            "What is frozen is what the files say: the command line cannot change it.",
            file=SOURCE,
            key=next(iter(changed)),
            found=str(next(iter(changed.values()))),
            hint="Write it into config/study.yaml first.",
        )
    reason = gold_options(overrides)["again"]
    counts = coded_units({file.stem: pd.read_parquet(file) for file in codings}, parts.read(sample))
    new = entry(load(root), now=datetime.now(UTC), reason=reason, git=version(root), coded=counts)
    print(freeze(root, new, again=reason is not None))


if __name__ == "__main__":
    from study.job import run

    run(main)

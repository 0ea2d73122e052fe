"""What `corpus.share: false` keeps back, from the archive and from `dvc push`, and what may go in its place.

Kept back are, with their hash:

- the texts: all of `data/corpus` but the list of the sample;
- what a model wrote about them: segments of responses with rationales, or with a passage in what a server
  answered instead of a code. Codings quote nothing where texts may not be shared
  (`study.codings.without_texts`); those of an earlier time, with rationales or passages, are kept back;
- every other file of data and results in which a passage of a text is found (`study.sharing.passages`), as
  in a column that was carried along, or a coding sheet that shows what is to be coded; and a file beside the
  data that cannot be searched.

A table without its text and a segment without its rationales and errors are still of use. They go into the
folder `redacted`, under the same path: a file under its own path is always the file that the study was made
with.

What git tracks cannot be kept back, since `git push` would send it: a passage in it is an error.

DVC pushes a folder as a whole or not at all. A folder with a file that is kept back has `push: false` in its
pointer.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from study import sources
from study.encoding import decode
from study.errors import StudyError
from study.imported import FOLDER
from study.provenance.hashes import sha256
from study.provenance.pointers import TRACKED, files_below, pointer_of

if TYPE_CHECKING:
    import pandas as pd

LIST = "WITHHELD.csv"
"""What is kept back, in the archive."""
REDACTED = "redacted"
"""The archive's folder of files without their texts."""

CORPUS, SAMPLE, UNITS = "data/corpus", "data/corpus/sample.csv", "data/corpus/units.parquet"
SEGMENTS = "data/responses/segments"
INDEXES = ("results/index", "data/responses/index")

PICTURES = (".png", ".pdf")
"""Figures show scores, and no texts."""
TABLES = (".parquet", ".csv")
"""Kinds of tables that are redacted."""
TEXT = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".txt", ".md", ".html", ".yaml", ".yml", ".svg")

TEMPLATE = ("src", "workflow", "tests", "licences")
TEMPLATE_FILES = ("LICENSE", "LICENSE-data", "environment.py", "pyproject.toml", "config/README.md")
"""Code and licences, which are alike in all studies, and in which nobody puts a text."""

DESCRIPTION = "Not pushed, since corpus.share is false."
"""In a pointer: who has set `push: false`, so that nobody else's is taken back."""

TEXTS, RATIONALES = "holds the texts", "holds rationales, in which a model quotes texts"
EXTRACTS = "holds passages that were extracted from the texts"
PASSAGES = "holds a passage of a text"
UNSEARCHED = "cannot be searched for passages of texts"
UNTRACKED = "is not under git"


@dataclass(frozen=True)
class Withheld:
    """A file that is kept back.

    Attributes
    ----------
    path, sha256, size
        In the study; the size in bytes.
    reason
        The end of a sentence that begins with the path.
    redacted
        The path of the file without its texts, empty where there is none.
    """

    path: str
    sha256: str
    size: int
    reason: str
    redacted: str = ""


def select(root: Path, study: Mapping[str, Any], files: Iterable[str]) -> list[Withheld]:
    """Return which of some files of a study are kept back, by path.

    Raises
    ------
    StudyError
        A file that git tracks holds texts.
    """
    if study["corpus"]["share"]:
        return []
    reasons = _reasons(root, study, files)
    for path in sorted(reasons, key=lambda path: (not path.startswith("config/"), path)):
        if not _by_dvc(path):
            raise _in_git(path, reasons[path])
    redacted = {path for path in reasons if _can_be_redacted(path)}
    return [
        Withheld(
            path,
            sha256(root / path),
            (root / path).stat().st_size,
            reason.partition(":")[0],
            f"{REDACTED}/{path}" if path in redacted else "",
        )
        for path, reason in sorted(reasons.items())
    ]


def folders(study: Mapping[str, Any], root: Path = Path()) -> tuple[str, ...]:
    """Return the folders that DVC versions and must not push: those with a file that is kept back."""
    if study["corpus"]["share"]:
        return ()
    files = [f"{folder}/{name}" for folder in TRACKED for name in files_below(root / folder)]
    kept = _reasons(root, study, files)
    return tuple(
        folder
        for folder in TRACKED
        if folder == CORPUS or any(path.startswith(f"{folder}/") for path in kept)
    )


def protect(root: Path, study: Mapping[str, Any]) -> tuple[str, ...]:
    """Let DVC's pointers say which folders are not pushed, and return these; call it after each `dvc add`.

    Idempotent: `dvc add` leaves the mark alone. Where the texts may be shared again, only the own mark goes.
    """
    protected = folders(study, root)
    changed = []
    for folder in TRACKED:
        pointer = pointer_of(root, folder)
        if not pointer.is_file():
            continue
        content = yaml.safe_load(pointer.read_text(encoding="utf-8"))
        out = content["outs"][0]
        marked = out.get("push") is False
        if folder in protected and not marked:
            out |= {"push": False, "desc": DESCRIPTION}
        elif folder not in protected and marked and out.get("desc") == DESCRIPTION:
            del out["push"], out["desc"]
        else:
            continue
        part = pointer.with_name(f"{pointer.name}.part")
        part.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        part.replace(pointer)
        changed.append(pointer.relative_to(root).as_posix())
    if changed and (root / ".git").exists():
        # `dvc add` has put the pointers without their mark into git's index.
        command = ["git", "add", "--", *changed]
        subprocess.run(command, cwd=root, capture_output=True, check=False)
    return protected


def redact(root: Path, study: Mapping[str, Any], kept: Sequence[Withheld]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of what goes in the place of files that are kept back."""
    from study.codings import places
    from study.sharing import passages

    tables: dict[str, pd.DataFrame] = {}
    for one in kept:
        if one.redacted and one.path.startswith(SEGMENTS):
            yield one.redacted, _without_words((root / one.path).read_bytes())
        elif one.redacted:
            tables[one.path] = _read_table(root / one.path)
    columns = {
        f"{path}\0{column}": list(_strings(table[[column]]))
        for path, table in tables.items()
        for column in table
        if column != "spans"
    }
    hits = passages.find(_texts(root, study), columns)
    for one in kept:
        if one.path not in tables:
            continue
        table = tables[one.path]
        gone = [c for c in table if c in ("text", "rationale") or f"{one.path}\0{c}" in hits]
        table = table.drop(columns=gone)
        if "spans" in table:
            table["spans"] = table["spans"].map(places, na_action="ignore")
        buffer = io.BytesIO()
        if one.path.endswith(".parquet"):
            table.to_parquet(buffer, index=False)
        else:
            table.to_csv(buffer, index=False, lineterminator="\n")
        yield one.redacted, buffer.getvalue()


def write_list(kept: Iterable[Withheld]) -> bytes:
    """Return the list of what is kept back, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(Withheld)])
    writer.writerows(astuple(one) for one in kept)
    return out.getvalue().encode("utf-8")


def absent(root: Path) -> list[Withheld]:
    """Return what an archive, unpacked in `root`, lacks: what its list names and nobody has put back."""
    try:
        text = (root / LIST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    rows = csv.DictReader(io.StringIO(text))
    listed = [Withheld(**{**row, "size": int(row["size"])}) for row in rows]  # type: ignore[arg-type]
    return [one for one in listed if not (root / one.path).exists()]


def _reasons(root: Path, study: Mapping[str, Any], files: Iterable[str]) -> dict[str, str]:
    """Return {path: why it is kept back}."""
    # NumPy is slow to load, and Snakemake reads this file at every start.
    from study.sharing import passages

    reasons: dict[str, str] = {}
    searched: dict[str, Iterable[str]] = {}
    origins = _origins(root, study)
    for path in sorted(files):
        reason = _by_kind(root, path, origins)
        if reason:
            reasons[path] = reason
        elif path.startswith(f"{SEGMENTS}/"):
            searched[path] = _errors(root / path)
        elif _is_searched(path):
            searched[path] = _pieces(root / path)
    for path, passage in passages.find(_texts(root, study), searched).items():
        reasons[path] = f"{PASSAGES}: {passage}"
    return reasons


def _by_kind(root: Path, path: str, origins: Collection[str]) -> str | None:
    """Return why a file is kept back whatever the texts are."""
    if path in origins or (path.startswith(f"{CORPUS}/") and path != SAMPLE):
        return TEXTS
    if path.startswith(f"{SEGMENTS}/"):
        return RATIONALES if _has_rationales(root / path) else None
    if path.startswith("results/codings/") and path.endswith(".parquet"):
        return _of_codings(root / path)
    beside_data = path.startswith("data/") and _by_dvc(path)
    return UNSEARCHED if beside_data and not _is_searched(path) and not path.startswith(INDEXES) else None


def _of_codings(path: Path) -> str | None:
    import pyarrow.parquet

    columns = pyarrow.parquet.read_schema(path).names
    if "rationale" in columns:
        return RATIONALES
    if "spans" not in columns:
        return None
    written = pyarrow.parquet.read_table(path, columns=["spans"])["spans"].to_pylist()
    return (
        EXTRACTS if any("text" in span for spans in written if spans for span in json.loads(spans)) else None
    )


def _has_rationales(segment: Path) -> bool:
    # Inside a string a quotation mark has a backslash: this is the name of a member.
    with segment.open("rb") as file:
        return any(b'"rationale":' in line for line in file)


def _errors(segment: Path) -> Iterator[str]:
    """Yield why responses have failed: a server's answer that is no code is quoted there."""
    with segment.open("rb") as file:
        for line in file:
            if b'"error":' in line:
                yield str(json.loads(line).get("error", ""))


def _origins(root: Path, study: Mapping[str, Any]) -> set[str]:
    """Return the files that the texts are read from, wherever they are."""
    found: set[str] = set()
    for source in sources.listed(study["corpus"]):
        place = sources.location(source)
        inside = sorted((root / place).rglob("*")) if source.get("folder") else []
        found |= {place.as_posix(), *(path.relative_to(root).as_posix() for path in inside)}
    return found


def _by_dvc(path: str) -> bool:
    return path.startswith(tuple(f"{folder}/" for folder in (*TRACKED, FOLDER.as_posix())))


def _is_searched(path: str) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    if _by_dvc(path):
        return suffix in (*TEXT, ".parquet", ".xlsx") and not path.startswith((SEGMENTS, *INDEXES))
    first = PurePosixPath(path).parts[0]
    template = first in TEMPLATE or first.startswith("requirements") or path in TEMPLATE_FILES
    return not template and suffix not in PICTURES


def _can_be_redacted(path: str) -> bool:
    if path.startswith(f"{SEGMENTS}/"):
        return True
    made = path == UNITS or path.startswith("results/")
    return made and path.endswith(TABLES)


def _texts(root: Path, study: Mapping[str, Any]) -> Iterator[str]:
    import pandas as pd

    if (root / UNITS).is_file():
        beside = {coder.get("text") for coder in study["coders"].values() if coder["type"] == "llm"} - {None}
        for column in ("text", *sorted(beside)):
            found = pd.read_parquet(root / UNITS, columns=[column])[column].dropna().unique()
            yield from map(str, found)


def _pieces(path: Path) -> Iterator[str]:
    """Yield what stands in a file, as text."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _strings(_read_table(path))
    elif suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            for name in book.namelist():
                if name.endswith(".xml"):
                    yield book.read(name).decode("utf-8", errors="replace")
    else:
        data = path.read_bytes()
        try:
            yield decode(data, encoding=None, label=path.name).text
        except StudyError:
            yield data.decode("utf-8", errors="replace")


def _strings(table: pd.DataFrame) -> Iterator[str]:
    """Yield the different texts in each column of a table, as one."""
    import pandas as pd

    for name in table:
        column = table[name].dropna()
        if not pd.api.types.is_numeric_dtype(column):
            yield "\n".join(map(str, column.unique()))


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _without_words(segment: bytes) -> bytes:
    """Leave out of responses what a model wrote in its own words."""
    lines = []
    for line in segment.splitlines():
        response = json.loads(line)
        for answer in response["answers"] or []:
            answer.pop("rationale", None)
        response.pop("error", None)
        lines.append(json.dumps(response, sort_keys=True, separators=(",", ":")))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _in_git(path: str, reason: str) -> StudyError:
    _, _, passage = reason.partition(": ")
    if not passage:
        return StudyError(
            "The texts are read from a file that git tracks, and corpus.share is false: 'git push' would"
            " send them.",
            file=path,
            key="corpus.share",
            hint=f"Move the file to {CORPUS}/, name it there in config/study.yaml, and take it out of git "
            "with 'git rm --cached' (earlier commits still hold it).",
        )
    return StudyError(
        "This file, which git tracks, holds a passage of a text, and corpus.share is false.",
        file=path,
        found=passage,
        hint="Put an example of your own in its place, or set corpus.share to true if the texts may travel.",
    )

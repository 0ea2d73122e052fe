"""A study's folders with a handful of files, and what people do with them: DVC and git."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from sharing.dvc_process import run, succeeds
from template.making import git

FOLDERS = ("data/corpus", "data/gold", "data/responses", "results")
TEXTS = 20_000
"""Lines of the corpus: its file is larger than what a connection that is cut half-way lets through."""


def dvc(study: Path, *arguments: str) -> str:
    """Run one DVC command that must succeed, and return what it said."""
    return succeeds(study, arguments)


def fails(study: Path, *arguments: str, largest_file: int | None = None) -> str:
    """Run one DVC command that must fail, and return what it said."""
    said = run(study, arguments, largest_file=largest_file)
    assert said.status != 0, f"dvc {arguments} succeeded:\n{said.out}\n{said.error}"
    return said.out + said.error


def fill(study: Path) -> None:
    """Write the files, some in a folder of a folder, and version them."""
    draw = random.Random(1)
    texts = "".join(f"{number},{draw.getrandbits(64):x}\n" for number in range(TEXTS))
    files = {
        "data/corpus/texts.csv": texts,
        "data/corpus/raw/2024/interviews.txt": "Nobody asked me.\n",
        "data/gold/codes.csv": "id,coder,sentiment\n1,ada,positive\n",
        "data/responses/segments/a.jsonl": '{"text": 1, "answer": "positive"}\n',
        "data/responses/segments/b.jsonl": '{"text": 2, "answer": "negative"}\n',
        "results/tables/agreement.csv": "coder,alpha\nada,0.81\n",
        "results/figures/agreement.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    }
    for name, content in files.items():
        file = study / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    version(study, "Data")


def version(study: Path, message: str) -> None:
    """Record the folders as they are now, in DVC and in git."""
    dvc(study, "add", "--quiet", *FOLDERS)
    git(study, "add", "--all")
    git(study, "commit", "--quiet", "--message", message)


def clone(study: Path, target: Path) -> Path:
    """Clone the study, without the files that DVC keeps."""
    git(study.parent, "clone", "--quiet", str(study), str(target))
    return target


def contents(study: Path) -> dict[str, bytes]:
    """Return the bytes of every file in the folders that DVC versions."""
    return {
        path.relative_to(study).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in sorted((study / folder).rglob("*"))
        if path.is_file()
    }


def cached(study: Path) -> dict[str, bytes]:
    """Return the bytes of every object in the study's own cache."""
    cache = study / ".dvc" / "cache" / "files" / "md5"
    return {
        path.parent.name + path.name: path.read_bytes() for path in sorted(cache.rglob("*")) if path.is_file()
    }


def damaged(objects: dict[str, bytes]) -> set[str]:
    """Return the names of objects whose bytes have another hash; rests of uploads are no objects."""
    return {
        name
        for name, content in objects.items()
        if not name.endswith(".tmp") and hashlib.md5(content).hexdigest() != name.removesuffix(".dir")
    }


def named(study: Path, file: str) -> str:
    """Return the name under which DVC stores a file of the study."""
    content = (study / file).read_bytes()
    (name,) = [name for name, known in cached(study).items() if known == content]
    return name

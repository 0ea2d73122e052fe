"""The codebooks of a study: their files, the constructs in them, and who codes which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.config import schema, yaml_file
from study.config.check_codebook import check_codebook
from study.config.document import Document, KeyPath
from study.config.expand import expand, names
from study.errors import StudyError, raise_all

CODEBOOKS = "config/codebooks"


@dataclass(frozen=True)
class CodebookFile:
    """One file that was read and checked.

    Attributes
    ----------
    document
        The file.
    constructs
        {construct: its codebook with a value for every key}, in the order of the file.
    places
        Where each construct stands in the file.
    """

    document: Document
    constructs: dict[str, dict[str, Any]]
    places: dict[str, KeyPath]


def read_file(path: Path) -> CodebookFile:
    """Read and check one codebook file."""
    path = Path(path)
    document = yaml_file.read(path, f"{CODEBOOKS}/{path.name}")
    raise_all(schema.problems("codebook", document))
    book = schema.complete("codebook", document.value)
    raise_all(list(check_codebook(document, book, path.stem)))
    holder = {"multilabel": "categories", "record": "fields"}.get(book["type"])
    places: dict[str, KeyPath] = {
        construct: (holder, part) if holder else ("construct",) for construct, part in names(book).items()
    }
    return CodebookFile(document, expand(book), places)


def read_codebook(path: Path) -> dict[str, Any]:
    """Read and check the file of one construct; return its codebook with a value for every key."""
    file = read_file(path)
    if len(file.constructs) > 1:
        raise file.document.error(
            ("type",),
            "The file holds several constructs, and one is wanted here.",
            found=list(file.constructs),
        )
    return next(iter(file.constructs.values()))


class Codebooks:
    """The codebook files of a study, each read when a coder uses it.

    Parameters
    ----------
    root
        The study's folder.
    """

    def __init__(self, root: Path) -> None:
        """List the files."""
        self._folder = folder = root / CODEBOOKS
        self._read: dict[str, CodebookFile] = {}
        listed = folder.glob("*") if folder.is_dir() else ()
        files = sorted(path.name for path in listed if not path.name.startswith("."))
        for name in files:
            if name.endswith((".yml", ".YAML", ".YML")):
                raise StudyError(
                    "A codebook's file name ends in .yaml.",
                    file=f"{CODEBOOKS}/{name}",
                    hint=f"Rename it to {Path(name).stem}.yaml.",
                )
        self.there = [name.removesuffix(".yaml") for name in files if name.endswith(".yaml")]

    def of_coders(
        self, document: Document, coders: dict[str, dict[str, Any]]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
        """Return {construct: codebook} of what coders code, sorted, and {coder: its constructs}.

        Parameters
        ----------
        document
            config/study.yaml.
        coders
            That section with defaults: `codebooks` names files or single constructs of them; None means all.
            A language model answers the questions of a file together, so it codes all of its constructs.

        Raises
        ------
        StudyError
            There is no such codebook or construct, two constructs have one name, or a file is wrong.
        """
        problems = list(self._unknown(document, coders))
        raise_all(problems)
        found: dict[str, list[str]] = {}
        for coder, keys in coders.items():
            if keys["codebooks"] is not None:
                together = keys["type"] == "llm"
                coded = [c for name in keys["codebooks"] for c in self._constructs(name, together=together)]
                found[coder] = list(dict.fromkeys(coded))
            elif keys["type"] == "given":
                # What is no construct is explained where the columns are checked.
                named = [name for name in keys["columns"] if self._is_there(name)]
                found[coder] = sorted({c for name in named for c in self._constructs(name, together=False)})
            else:
                found[coder] = sorted({c for name in self.there for c in self._file(name).constructs})
        raise_all(list(self._distinct()))
        used = sorted({construct for constructs in found.values() for construct in constructs})
        if not used:
            raise StudyError(
                "There is no codebook.",
                file=CODEBOOKS,
                hint="Write one file for each construct; config/README.md shows how.",
            )
        everything = {c: book for file in self._read.values() for c, book in file.constructs.items()}
        return {construct: everything[construct] for construct in used}, found

    def _file(self, name: str) -> CodebookFile:
        if name not in self._read:
            self._read[name] = read_file(self._folder / f"{name}.yaml")
        return self._read[name]

    def _holders(self, name: str) -> list[str]:
        """Return the files that could hold a construct of this name: those whose name it begins with."""
        return [stem for stem in self.there if name.startswith(f"{stem}_")]

    def _is_there(self, name: str) -> bool:
        return name in self.there or any(name in f.constructs for f in map(self._file, self._holders(name)))

    def _constructs(self, name: str, *, together: bool) -> list[str]:
        if name in self.there:
            return list(self._file(name).constructs)
        file = next(f for f in map(self._file, self._holders(name)) if name in f.constructs)
        return list(file.constructs) if together else [name]

    def _unknown(self, document: Document, coders: dict[str, dict[str, Any]]) -> Iterator[StudyError]:
        for coder, keys in coders.items():
            for i, name in enumerate(keys["codebooks"] or []):
                if name in self.there:
                    continue
                held = [c for stem in self._holders(name) for c in self._file(stem).constructs]
                if name not in held:
                    yield document.error(
                        ("coders", coder, "codebooks", i),
                        f"There is no codebook {CODEBOOKS}/{name}.yaml"
                        + (f", nor a construct '{name}' in another one." if held else "."),
                        found=name,
                        allowed=[*self.there, *(c for c in held if c not in self.there)],
                    )

    def _distinct(self) -> Iterator[StudyError]:
        """A construct has a name of its own, which no other construct and no other file has."""
        first: dict[str, str] = {}
        for stem, file in sorted(self._read.items()):
            for construct, place in file.places.items():
                other = construct if construct in self.there else first.setdefault(construct, stem)
                if other != stem:
                    yield file.document.error(
                        place,
                        f"This becomes the construct '{construct}', and {CODEBOOKS}/{other}.yaml has one of"
                        " that name too.",
                        found=place[-1],
                        hint="Rename one of them.",
                    )

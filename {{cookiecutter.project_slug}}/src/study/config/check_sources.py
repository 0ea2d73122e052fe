"""Where texts, codes and word lists come from: one origin each, inside the study or pinned by a hash."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from study.config.document import Document, KeyPath
from study.config.names import holders, listed_sources
from study.config.yaml_values import JOINERS
from study.errors import StudyError

ORIGINS = ("file", "folder", "url", "pypi")
LONGEST_NAME = 255
"""Bytes in the name of a file, on the file systems in use."""

WITH_OWN_COLUMNS = ("jsonl", "parquet", "txt", "rdata", "rda", "rds", "dta")
ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "cp1251", "gb18030", "big5", "shift_jis", "euc-kr")

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def check_sources(document: Document, config: dict[str, Any], root: Path) -> Iterator[StudyError]:
    """Yield what is wrong with the sources and paths of the study.

    Parameters
    ----------
    document
        config/study.yaml.
    config
        Its values with defaults.
    root
        The study's folder.
    """
    for holder in holders(config):
        if _on_sheets(config, holder):
            yield from _inside(document, (*holder, "folder"), config["coders"][holder[1]]["folder"], root)
        elif _has_tables(document, holder):
            yield from _one_form(document, holder)
    for place, source in listed_sources(config):
        yield from _source(document, place, source, root)
    for name, coder in config["coders"].items():
        if coder["type"] == "dictionary":
            yield from _inside(document, ("coders", name, "file"), coder["file"], root)
    for name, model in config["models"].items():
        yield from _model(document, ("models", name), model)


def _on_sheets(config: dict[str, Any], place: KeyPath) -> bool:
    """Whether codes come back on coding sheets, which are no sources: any number of files in a folder."""
    return place[0] == "coders" and config["coders"][place[1]].get("layout") == "sheets"


def _has_tables(document: Document, place: KeyPath) -> bool:
    """Whether something is read: codes that were made elsewhere may be columns of the corpus instead."""
    written: Any = document.value
    for part in place:
        written = written[part]
    return written.get("type") != "given" or bool(written.get("file")) or bool(written.get("sources"))


def _one_form(document: Document, place: KeyPath) -> Iterator[StudyError]:
    written: Any = document.value
    for part in place:
        written = written[part]
    if written.get("file") and written.get("sources"):
        yield document.error(
            (*place, "sources"), "Give either 'file' or 'sources', not both.", hint="Remove one of them."
        )
    if not written.get("file") and not written.get("sources"):
        example = "data/corpus/texts.csv" if place == ("corpus",) else "data/gold/codes.csv"
        yield document.error(
            (*place, "file"),
            "Nothing says where the table is.",
            hint=f"Write, say, file: {example} (or sources).",
        )


def _source(document: Document, place: KeyPath, source: dict[str, Any], root: Path) -> Iterator[StudyError]:
    given = [key for key in ORIGINS if source[key] is not None]
    if len(given) != 1:
        yield document.error(
            place,
            "A source has exactly one of the keys file, folder, url and pypi.",
            found=given or None,
        )
        return
    origin = given[0]
    if origin in ("url", "pypi") and source["sha256"] is None:
        yield document.error(
            (*place, "sha256"),
            f"A source with '{origin}' needs its sha256, so that it stays the same.",
            allowed="64 hexadecimal digits",
            hint="Download it once, check that it is what you want, and run 'sha256sum' on it.",
        )
    if origin in ("file", "folder"):
        yield from _inside(document, (*place, origin), source[origin], root)
    if origin == "url":
        yield from _address(document, (*place, "url"), source["url"])
    if not source["prefix"].isprintable():
        yield document.error(
            (*place, "prefix"), "The prefix of ids has an invisible character.", found=source["prefix"]
        )
    if origin == "folder":
        yield from _folder(document, place, source)
    members = [source["member"]] if isinstance(source["member"], str) else source["member"] or []
    for member in members:
        if member.startswith("/") or "\\" in member or ".." in member.split("/"):
            yield document.error(
                (*place, "member"),
                "This is no path inside an archive.",
                found=member,
                allowed="folders and a file with '/' between them, without '..'",
            )
    yield from _encoding(document, (*place, "encoding"), source["encoding"])
    own = _format(source)
    if source["columns"] is not None and own in WITH_OWN_COLUMNS:
        yield document.error(
            (*place, "columns"),
            f"A {own} file names its own columns.",
            found=source["columns"],
            hint="Remove the key.",
        )
    twice = sorted(set(source["add"]) & set(source["columns"] or []))
    if twice:
        yield document.error(
            (*place, "add", twice[0]), "The source already has a column of this name.", found=twice[0]
        )
    for column in source["where"]:
        if source["columns"] and column not in source["columns"]:
            yield document.error(
                (*place, "where", column),
                "The source has no such column.",
                found=column,
                allowed=source["columns"],
            )


def _folder(document: Document, place: KeyPath, source: dict[str, Any]) -> Iterator[StudyError]:
    for key in ("sha256", "member", "columns", "where"):
        if source[key]:
            yield document.error(
                (*place, key), f"A folder of .txt files has no '{key}'.", hint="Remove the key."
            )
    if source["format"] not in (None, "txt"):
        yield document.error(
            (*place, "format"), "A folder holds .txt files.", found=source["format"], allowed="txt or null"
        )


def _address(document: Document, path: KeyPath, url: str) -> Iterator[StudyError]:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named:
        yield document.error(path, "This is no address of a machine.", found=url)
    elif parts.password is not None:
        yield document.error(
            path,
            "The address holds a password, which everybody who gets the study could read.",
            hint="Download the file yourself, and put it into the study or into the mirror folder.",
        )


def _format(source: dict[str, Any]) -> str:
    member = source["member"]
    last = (member[-1] if isinstance(member, list) else member) or source["file"] or source["url"] or ""
    return str(source["format"] or last.rpartition(".")[2].lower())


def _encoding(document: Document, path: KeyPath, encoding: str | None) -> Iterator[StudyError]:
    if encoding is None:
        return
    try:
        known = codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError):
        known = False
    if not known:
        yield document.error(path, "There is no such encoding.", found=encoding, allowed=ENCODINGS)


def _inside(document: Document, path: KeyPath, text: str | None, root: Path) -> Iterator[StudyError]:
    if text is None:
        return
    problem = _outside(text, root)
    if problem:
        yield document.error(
            path,
            problem,
            found=text,
            allowed="a path inside the study, such as data/corpus/texts.csv",
            hint="Copy the file into the study, so that it travels with it."
            if not re.match(_ADDRESS, text)
            else "Use the key 'url' for an address.",
        )


def _outside(text: str, root: Path) -> str | None:
    problem = None
    if re.match(_ADDRESS, text):
        problem = "This is an address, not a path."
    elif text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        problem = "The path is absolute, so it would not be found on another machine."
    elif "\\" in text:
        problem = "The path has a backslash; write '/' between folders, also on Windows."
    elif ".." in text.split("/"):
        problem = "The path leads out of the study."
    elif text != text.strip() or not all(c.isprintable() or c in JOINERS for c in text):
        problem = "The path has white space around it, or a character in it that nobody can see."
    elif set(text) & set("{}"):
        problem = "The path has a brace, which Snakemake takes for a wildcard."
    elif any(len(part.encode()) > LONGEST_NAME for part in text.split("/")):
        problem = "This cannot be a path: a name in it is too long."
    return problem or _through_link(text, root)


def _through_link(text: str, root: Path) -> str | None:
    try:
        inside = (root / text).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return "The path cannot be followed: its symbolic links form a loop."
    return None if inside else "The path leads out of the study, through a symbolic link."


def _model(document: Document, place: KeyPath, model: dict[str, Any]) -> Iterator[StudyError]:
    packaged = model["package"] is not None or model["file"] is not None
    if model["server"] is not None:
        if given := [key for key in ("package", "file", "path", "sha256") if model[key] is not None]:
            yield document.error(
                (*place, given[0]),
                "A model behind a server has no file here.",
                found=given,
                hint="Remove it.",
            )
        return
    if packaged == (model["path"] is not None) or (packaged and None in (model["package"], model["file"])):
        given = [key for key in ("package", "file", "path") if model[key] is not None]
        yield document.error(
            place,
            "A model needs either 'package' and 'file', or 'path', or 'server'.",
            found=given or None,
        )
    elif packaged and (
        model["file"].startswith("/") or "\\" in model["file"] or ".." in model["file"].split("/")
    ):
        yield document.error(
            (*place, "file"),
            "This is no file of the package.",
            found=model["file"],
            allowed="the file's name",
        )

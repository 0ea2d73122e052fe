"""Coders against everything else: codebooks, models, languages, and each other's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.codebook import WITH_CATEGORIES
from study.config.document import Document, KeyPath
from study.config.names import UNIT_COLUMNS, companions, covariates, measures, role, rows_of_raters
from study.errors import StudyError

ENGLISH = "en"
READERS = {"llm": "A language model", "dictionary": "A dictionary", "supervised": "A classifier"}
"""Types of coders that read texts."""


def check_coders(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the coders; `config` is the study with defaults and its codebooks."""
    for name, coder in config["coders"].items():
        place = ("coders", name)
        if config["corpus"]["text"] is None:
            yield from _without_texts(document, name, coder)
        if coder["type"] == "llm":
            yield from _llm(document, place, coder, config)
        elif coder["type"] == "dictionary":
            yield from _dictionary(document, place, coder, config["corpus"]["language"])
        elif coder["type"] == "supervised":
            yield from _supervised(document, place, coder, config)
        elif coder["type"] == "given":
            yield from _given(document, place, coder, config)
        else:
            yield from _human(document, place, coder, config)
    yield from _distinct(document, config)


def _without_texts(document: Document, name: str, coder: dict[str, Any]) -> Iterator[StudyError]:
    """Where the texts are not at hand, nobody can read them."""
    sheets = coder["type"] == "human" and coder["layout"] == "sheets"
    reader = "A coding sheet" if sheets else READERS.get(coder["type"])
    if reader is not None:
        yield document.error(
            ("corpus", "text"),
            f"{reader} needs the texts, and the study has none: the coder '{name}' cannot code.",
            hint="Name the column of the texts. Codes that were made elsewhere are a coder of type given.",
        )


def _given(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    known = covariates(config)
    if config["gold"]["seal"] and config["gold"]["truth"] == place[1]:
        yield document.error(
            ("gold", "seal"),
            f"The codes of '{place[1]}' were made elsewhere, so nothing can keep them out of sight.",
            found=True,
            allowed=False,
        )
    for construct in coder["codebooks"]:
        if construct not in coder["columns"]:
            yield document.error(
                (*place, "columns"),
                f"No column is named for the codes of '{construct}'.",
                found=list(coder["columns"]),
                hint="Name it, or list under 'codebooks' the constructs that were coded.",
            )
    for construct, column in coder["columns"].items():
        if construct not in coder["codebooks"]:
            yield document.error(
                (*place, "columns", construct),
                "The coder codes no such construct.",
                found=construct,
                allowed=coder["codebooks"] or list(config["codebooks"]),
            )
        elif coder["sources"]:
            yield from _own_column(document, (*place, "columns", construct), column, coder)
        elif not isinstance(column, str):
            yield document.error(
                (*place, "columns", construct),
                "The codes are a column of the corpus, which has one row a text.",
                found=column,
                hint="Name the column alone, or the table of the codes with 'file' or 'sources'.",
            )
        elif known is not None and column not in known:
            kept = config["corpus"]["covariates"] is not None
            yield document.error(
                (*place, "columns", construct),
                "There is no such column among the covariates of the corpus.",
                found=column,
                allowed=known,
                hint="Columns to keep are listed in corpus.covariates." if kept else None,
            )
    written = document.value["coders"][place[1]]
    for key in ("id", "repeat") if not coder["sources"] else ():
        if written.get(key) is not None:
            yield document.error(
                (*place, key),
                f"The codes are columns of the corpus, so '{key}' has no meaning.",
                found=written[key],
                hint="Remove it, or name the table of the codes with 'file' or 'sources'.",
            )
    for key in ("id", "repeat") if coder["sources"] else ():
        if coder[key] is not None:
            yield from _in_every_source(document, (*place, key), coder[key], coder)


def _own_column(
    document: Document, place: KeyPath, spec: str | dict[str, Any], coder: dict[str, Any]
) -> Iterator[StudyError]:
    """The columns that a construct's codes, and the rows that hold them, are read from."""
    if isinstance(spec, str):
        yield from _in_every_source(document, place, spec, coder)
        return
    yield from _in_every_source(document, (*place, "column"), spec["column"], coder)
    for column in spec["where"]:
        yield from _in_every_source(document, (*place, "where", column), column, coder, added=False)


def _in_every_source(
    document: Document, place: KeyPath, column: str, coder: dict[str, Any], *, added: bool = True
) -> Iterator[StudyError]:
    for source in coder["sources"]:
        there = [*(source["columns"] or []), *(source["add"] if added else ())]
        if source["columns"] and column not in there:
            yield document.error(
                place, "A source of these codes has no such column.", found=column, allowed=there
            )
            return


def _llm(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    if coder["model"] not in config["models"]:
        yield document.error(
            (*place, "model"),
            "There is no such model under 'models'.",
            found=coder["model"],
            allowed=config["models"],
        )
    known = covariates(config)
    if coder["text"] is not None and known is not None and coder["text"] not in known:
        yield document.error(
            (*place, "text"),
            "There is no such column among the covariates of the corpus.",
            found=coder["text"],
            allowed=known,
        )
    if coder["text"] is not None and config["units"]["segment"] != "none":
        yield document.error(
            (*place, "text"),
            "Texts are divided into segments, and another column of them is not.",
            found=coder["text"],
            hint="Set units.segment to none.",
        )
    if coder["repeats"] > 1 and coder["temperature"] == 0:
        yield document.error(
            (*place, "repeats"),
            "At temperature 0 the model gives the same answer every time, so nothing can be repeated.",
            found=coder["repeats"],
            allowed=1,
            hint="Set a temperature above 0, or leave out 'repeats'.",
        )
    calibrated = [name for name in coder["codebooks"] if config["codebooks"][name]["calibration"]]
    if calibrated and coder["temperature"] > 0:
        yield document.error(
            (*place, "temperature"),
            f"The labels of '{calibrated[0]}' are calibrated, which changes their probabilities; draws are"
            " made without it.",
            found=coder["temperature"],
            allowed=0,
            hint="Leave out 'temperature', or the codebook's 'calibration'.",
        )


def _dictionary(
    document: Document, place: KeyPath, coder: dict[str, Any], language: str
) -> Iterator[StudyError]:
    if _primary(coder["language"]) != _primary(language):
        yield document.error(
            (*place, "language"),
            f"The dictionary is for another language than the corpus ('{language}').",
            found=coder["language"],
            allowed=language,
        )
    elif coder["rules"] is not None and _primary(language) != ENGLISH:
        yield document.error(
            (*place, "rules"),
            "VADER's words are English.",
            found=coder["rules"],
            hint="Give a word list as 'file'.",
        )
    rules = coder["rules"]
    given = [key for key in ("file", "source") if coder[key] is not None]
    if rules == "vader" and given:
        yield document.error(
            (*place, given[0]),
            f"With 'rules: vader' the installed lexicon is used, and no '{given[0]}'.",
            hint=f"Remove '{given[0]}', or 'rules' to use your own list.",
        )
    if rules == "vader-2014" and given != ["source"]:
        yield document.error(
            (*place, "source"),
            "With 'rules: vader-2014' the archive of 2014 is needed as 'source'.",
            found=given or None,
        )
    if rules is None and len(given) != 1:
        yield document.error(
            place,
            "A dictionary needs exactly one of 'rules', 'file' and 'source'.",
            found=given or None,
        )
    yield from _categories(document, place, coder)


def _categories(document: Document, place: KeyPath, coder: dict[str, Any]) -> Iterator[StudyError]:
    """Categories belong to LIWC's format alone."""
    in_liwc_format = coder["rules"] is None and _file_name(coder).lower().endswith(".dic")
    for key in ("category", "negative"):
        if coder[key] is not None and not in_liwc_format:
            yield document.error(
                (*place, key),
                f"Only a word list in LIWC's .dic format has a '{key}'.",
                found=_file_name(coder) or None,
            )
    if in_liwc_format and coder["category"] is None:
        yield document.error(
            (*place, "category"),
            "A .dic file has several categories: name the one that counts.",
            found=_file_name(coder),
        )
    if coder["category"] is not None and coder["category"] == coder["negative"]:
        yield document.error(
            (*place, "negative"), "The same category counts for and against.", found=coder["negative"]
        )


def _file_name(coder: dict[str, Any]) -> str:
    if coder["file"] is not None:
        return str(coder["file"])
    source = coder["source"] or {}
    member = source.get("member")
    return str(
        (member[-1] if isinstance(member, list) else member) or source.get("file") or source.get("url") or ""
    )


def _supervised(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    criterion = config["coders"].get(config["compare"]["criterion"])
    if criterion is None:
        humans = [other for other in config["coders"].values() if role(other) == "human"]
        if config["compare"]["criterion"] is None and not humans:
            yield document.error(
                place,
                "A supervised coder learns from the criterion, and there is none.",
                hint="Add a human coder and name it in compare.criterion.",
            )
        return
    for construct in coder["codebooks"]:
        if construct not in criterion["codebooks"]:
            yield document.error(
                (*place, "codebooks"),
                f"The criterion does not code '{construct}', so nothing can be learned.",
                found=construct,
                allowed=criterion["codebooks"],
            )
        elif coder["learner"] == "logistic" and config["codebooks"][construct]["type"] not in WITH_CATEGORIES:
            yield document.error(
                (*place, "learner"),
                f"The codes of '{construct}' are numbers, so there is no label to predict.",
                found="logistic",
                allowed="ridge",
            )
        elif coder["learner"] == "ridge" and not _has_values(config["codebooks"][construct]):
            yield document.error(
                (*place, "learner"),
                f"The labels of '{construct}' have no values, so there is no score to predict.",
                found="ridge",
                allowed="logistic",
            )


def _human(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    several = len(coder["codebooks"]) > 1
    if coder["layout"] == "sheets":
        yield from _sheets(document, place, coder, config)
    elif coder["folder"] is not None:
        yield document.error(
            (*place, "folder"),
            f"The layout {coder['layout']} has no folder of coding sheets.",
            found=coder["folder"],
            hint="Set layout to sheets, or name the table as 'file'.",
        )
    if coder["score"] == "adjudicated" and coder["layout"] != "sheets":
        yield document.error(
            (*place, "score"),
            "Only codes that come back on coding sheets are adjudicated.",
            found="adjudicated",
            allowed="mean, median, majority or a column; with layout sheets adjudicated too",
        )
    if several and coder["layout"] == "wide":
        yield document.error(
            (*place, "layout"),
            "The layout wide holds the codes of one construct.",
            found=coder["codebooks"],
            hint="Name one codebook here, and add a human coder for each other one.",
        )
    if several and "rating" in document.value["coders"][place[1]]:
        yield document.error(
            (*place, "rating"),
            "With several codebooks the columns of codes have the names of the constructs.",
            found=coder["rating"],
            allowed=", ".join(coder["codebooks"]),
            hint="Remove the key, or name the one codebook that these people used: codebooks: [...].",
        )
    if coder["layout"] == "wide" and coder["raters"] is None:
        yield document.error(
            (*place, "raters"),
            "The layout wide needs the columns of the raters.",
            hint="Write raters: [anna, ben].",
        )
    if coder["layout"] != "wide" and coder["raters"] is not None:
        yield document.error(
            (*place, "raters"),
            f"The layout {coder['layout']} has no 'raters'.",
            hint="Remove it, or set layout to wide.",
        )
    yield from _columns_of_codes(document, place, coder)
    score = coder["score"]
    if isinstance(score, dict) and several:
        yield document.error(
            (*place, "score"),
            "One column holds the values of one construct.",
            found=coder["codebooks"],
            hint="Name one codebook here, and add a human coder for each other one.",
        )
    elif isinstance(score, dict):
        known = covariates(config)
        if known is not None and score["column"] not in known:
            yield document.error(
                (*place, "score", "column"),
                "There is no such column among the covariates of the corpus.",
                found=score["column"],
                allowed=known,
            )
    elif score not in ("majority", "adjudicated") and not any(
        _has_values(config["codebooks"][c]) for c in coder["codebooks"]
    ):
        # Beside constructs with values the rule is theirs, and the others have the majority.
        for construct in coder["codebooks"]:
            yield document.error(
                (*place, "score"),
                f"The labels of '{construct}' have no values, so they have no {score}.",
                found=score,
                allowed="majority",
            )


def _sheets(
    document: Document, place: KeyPath, coder: dict[str, Any], config: dict[str, Any]
) -> Iterator[StudyError]:
    if coder["folder"] is None:
        yield document.error(
            (*place, "folder"),
            "Nothing says where coding sheets come back to.",
            hint="Write, say, folder: data/gold/coded.",
        )
    for key in ("file", "sources", "id", "rater", "rating", "identified"):
        if key in document.value["coders"][place[1]]:
            yield document.error(
                (*place, key),
                f"Coding sheets have columns of their own, so there is no '{key}'.",
                hint="Remove it, or choose the layout that your table has.",
            )
    for construct in coder["codebooks"]:
        if config["codebooks"][construct]["type"] == "compare":
            yield document.error(
                (*place, "codebooks"),
                f"The construct '{construct}' compares texts, and a coding sheet shows one text a row.",
                found=coder["codebooks"],
                hint="List the other codebooks here.",
            )


def _columns_of_codes(document: Document, place: KeyPath, coder: dict[str, Any]) -> Iterator[StudyError]:
    """Where the columns of a file are listed, those that are read must be among them."""
    read = {"long": ("id", "rater", "rating"), "wide": ("id", "raters"), "list": ("id", "rating")}
    for key in read.get(coder["layout"], ()):
        if key == "rater" and not coder["identified"]:
            continue
        names = [coder[key]] if isinstance(coder[key], str) else coder[key] or []
        if key == "rating" and len(coder["codebooks"]) > 1:
            names = coder["codebooks"]
        for source in coder["sources"]:
            there = [*(source["columns"] or []), *source["add"]]
            absent = [name for name in names if source["columns"] and name not in there]
            if absent:
                yield document.error(
                    (*place, key),
                    "A source of these codes has no such column.",
                    found=absent[0],
                    allowed=there,
                )
                break


def _distinct(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Each column of the table of measures has one meaning."""
    taken: dict[str, str] = dict.fromkeys(UNIT_COLUMNS, "a column that every study has")
    for name in covariates(config) or []:
        taken.setdefault(name, "a column of the corpus")
    everything = [*measures(config).items(), *companions(config).items()]
    seen: dict[str, tuple[str, str]] = {}
    for column, (construct, name) in everything:
        other = seen.setdefault(column, (construct, name))
        if other != (construct, name) or column in taken:
            meaning = (
                taken.get(column) or f"the column of the coder '{other[1]}' and the construct '{other[0]}'"
            )
            yield document.error(
                ("coders", name),
                f"The coder '{name}' needs the column '{column}' for '{construct}', and it is {meaning}.",
                found=column,
                hint="Rename the coder.",
            )
    for name in rows_of_raters(config):
        if name in config["coders"]:
            yield document.error(
                ("coders", name),
                "Tables use this name for the single ratings of the humans.",
                found=name,
                hint="Rename the coder.",
            )


def _has_values(book: dict[str, Any]) -> bool:
    if book["type"] != "classify":
        return True
    return all((keys or {}).get("value") is not None for keys in book["categories"].values())


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()

"""Part 15: failures, data and model hashes, versions, methods in a paragraph, and how to rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.flow import examples
from study.report import served, words
from study.report.blocks import Block, Heading, Missing, Notice, Page, Pairs, Table, Text, Verbatim
from study.report.material import Material
from study.report.methods import REFERENCES, paragraph
from study.report.names import Names

REBUILD = """git clone <the address of this repository> study
cd study
python3 environment.py            # the exact packages; add --llm to be able to ask the model again
. .venv/bin/activate
dvc pull                          # texts, ratings, the model's responses, results
snakemake                         # says that there is nothing to be done, or redoes exactly what changed
snakemake --report report.html"""


_NOT_ASKED = {
    False: "the study uses no language model",
    True: "the study asks no language model: the codes of one were made elsewhere",
}


def page(material: Material) -> Page:
    """Show what another person needs to judge and to repeat the study."""
    failed = _failed(material)
    blocks: list[Block] = [
        Heading("Methods"),
        *[Text(part) for part in paragraph(material)],
        _references(),
        Heading("Failures"),
        _failures(failed, material),
        Heading("Data"),
        _sources(material),
        *_imports(material),
        Heading("Models"),
        *_models(material),
        Heading("Software"),
        Pairs(list(material.versions.items())),
        Heading("How to rebuild"),
        Verbatim("In a terminal", [("plain", REBUILD)]),
    ]
    return Page(15, "Appendix", _point(material, failed), blocks)


def _point(material: Material, failed: pd.DataFrame) -> str:
    coded = words.plural(sum(len(codings) for codings in material.codings.values()), "code")
    missing = (
        f"{words.count(len(failed))} of {coded} are missing" if len(failed) else f"none of {coded} is missing"
    )
    if not material.instruments:
        return words.sentence(f"{missing}; {_NOT_ASKED[bool(material.given('llm'))]}")
    files = len({i.model["sha256"] for i in material.instruments if not served.of(i)})
    hashed = [words.plural(files, "model file")] if files else []
    hashed.append(words.plural(len(material.instruments), "instrument"))
    of = "the hash of" if files + len(material.instruments) == 1 else "the hashes of"
    said = [f"{missing}; what was asked is identified by {of} {words.listed(hashed)}"]
    if behind := len(served.models(material)):
        whose = "and for the model" if behind == 1 else f"and for {words.count(behind)} models"
        said.append(f"{whose} behind a server by what the server said of itself")
    return words.sentence(", ".join(said))


def _failed(material: Material) -> pd.DataFrame:
    columns = ["coder", "construct", "status", "unit_id"]
    parts = [table.loc[table["status"] != "ok", columns] for table in material.codings.values() if len(table)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _failures(failed: pd.DataFrame, material: Material) -> Table | Text:
    if failed.empty:
        return Text("None: every text that was given to a coder has a usable code.")
    names = Names(material.study)
    rows = [
        [
            names.table(str(coder)),
            str(construct),
            str(status),
            words.count(own["unit_id"].nunique()),
            examples(own["unit_id"].unique()),
        ]
        for (coder, construct, status), own in failed.groupby(["coder", "construct", "status"])
    ]
    return Table.of(
        "Texts without a usable code", ["Coder", "Construct", "Status", "n", "Units"], rows, "lllrl"
    )


def _sources(material: Material) -> Table | Missing:
    flow = material.tables["flow"]
    read = flow[(flow["step"] == "read") & (flow["note"] != "")]
    if read.empty:
        return Missing("Sources", "The flow records no file that was read.")
    rows = [[row["group"], words.count(row["n"]), row["note"]] for _, row in read.iterrows()]
    return Table.of(
        "Files that were read: where, encoding, format and sha256", ["Group", "Rows", "File"], rows, "lrl"
    )


def _imports(material: Material) -> list[Table]:
    if not material.imports:
        return []
    rows = [
        [one["path"], f"{one['source']} of {one['url']}", one["revision"], one["md5"]]
        for one in material.imports
    ]
    note = "Responses among them count as the study's own where instrument and text are the same."
    head = ["Here", "There", "Revision", "md5"]
    return [Table.of("What was imported from other studies", head, rows, "llll", note)]


def _models(material: Material) -> list[Block]:
    if not material.instruments:
        return [Missing("Models", words.sentence(_NOT_ASKED[bool(material.given("llm"))]))]
    models = {i.model["sha256"]: i.model for i in material.instruments if not served.of(i)}
    blocks: list[Block] = [Pairs(_file(digest, model)) for digest, model in sorted(models.items())]
    blocks += [Pairs(served.facts(one.model)) for _, one in sorted(served.models(material).items())]
    blocks += [Notice("Not the same for ever.", said)] if (said := served.warning(material)) else []
    rows = [[i.coder, i.name, i.instrument_id] for i in material.instruments]
    note = (
        "An instrument is everything but the text that decides an answer; its id changes with any of it. Part"
        " 3 shows the prompts."
    )
    blocks.append(Table.of("Instruments", ["Coder", "Codebook", "Instrument"], rows, "lll", note))
    return [*blocks, *([cost] if (cost := served.cost_table(material)) else [])]


def _file(digest: str, model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known of a model's file."""
    engine = model.get("engine") or {}
    return [
        ("Model", f"{model.get('name', '')} ({model.get('title') or 'no title in the file'})"),
        ("File", str(model.get("file", ""))),
        ("sha256", digest),
        ("Weights", _weights(model)),
        ("Size", words.plural(int(model.get("size") or 0), "byte")),
        ("Architecture", str(model.get("architecture") or "not stated")),
        ("Licence", str(model.get("licence") or "not stated in the file")),
        (
            "Engine that coded",
            words.listed([f"{name} {version}" for name, version in sorted(engine.items())]),
        ),
    ]


def _weights(model: Mapping[str, Any]) -> str:
    source = model.get("source") or {}
    if not model.get("quantisation"):
        return f"{model.get('file_type') or 'not stated'}, as in the file"
    sparse = ""
    if model.get("sparsity"):
        sparse = f"the smallest {model['sparsity']:.0%} of each linear layer's weights set to zero, "
    return (
        f"{model['quantisation']}, {sparse}made by llama.cpp from {source.get('file')}, sha256"
        f" {source.get('sha256')}"
    )


def _references() -> Table:
    return Table.of(
        "Methods and where they are from", ["Method", "Source"], [list(pair) for pair in REFERENCES], "ll"
    )

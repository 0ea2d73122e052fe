"""Read the configuration of a study, check it, explain what is wrong, and fill in defaults.

`load` is called whenever Snakemake reads the Snakefile, so nothing here imports a heavy library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.config import schema, yaml_file
from study.config.check_analyses import check_analyses
from study.config.check_claims import check_claims
from study.config.check_coders import check_coders
from study.config.check_corpus import check_corpus
from study.config.check_experiments import check_experiments
from study.config.check_gold import check_gold
from study.config.check_multiverse import check_multiverse, complete_multiverse
from study.config.check_servers import check_servers
from study.config.check_sources import check_sources
from study.config.check_study import check_study
from study.config.codebooks import Codebooks, read_codebook
from study.config.document import Document
from study.config.experiments import write_out
from study.config.names import fit_to_analyse, role
from study.config.overrides import override
from study.errors import raise_all

__all__ = ["load", "read_codebook"]

STUDY = "config/study.yaml"
CLAIMS = "config/claims.yaml"

ID_IN_FOLDER = "id"
"""What the column with the names of a folder's texts is called."""


def load(root: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole configuration of the study in `root`.

    Parameters
    ----------
    root
        The study's folder.
    overrides
        Values that replace those of config/study.yaml, mapping by mapping: Snakemake's `config`.

    Returns
    -------
    dict
        The sections of config/study.yaml with a value for every key, `codebooks` ({construct: codebook},
        those that coders use) and `claims` (a list); plain JSON types. Short forms are written out: `sources`
        lists every source, `codebooks` of a coder every construct. A file of several constructs is a codebook
        for each, which names the file as `asked_in`.

    Raises
    ------
    StudyError
        Names file, line, key, what was found and what is allowed; a ProblemsError holds several.
    """
    root = Path(root)
    document = override(yaml_file.read(root / STUDY, STUDY), overrides or {})
    _drop_empty_sections(document)
    raise_all(schema.problems("study", document))
    config = schema.complete("study", document.value)
    books, coded = Codebooks(root).of_coders(document, config["coders"])
    if "id" not in document.value["corpus"] and _all_folders(config["corpus"]["sources"]):
        config["corpus"]["id"] = ID_IN_FOLDER
    config = _written_out(config, coded)
    config["codebooks"] = books
    write_out(config, document)
    complete_multiverse(config)
    for check in (
        check_sources(document, config, root),
        check_corpus(document, config),
        check_coders(document, config),
        check_study(document, config),
        check_gold(document, config),
        check_analyses(document, config),
        check_experiments(document, config),
        check_multiverse(document, config),
        check_servers(document, config),
    ):
        raise_all(list(check))
    config["serving"] = _serving(config["models"])
    config["claims"] = _claims(root, config)
    return config


def _serving(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Take out of the models what changes no code (limits, prices, budgets), and return it by model."""
    found = {}
    for name, model in models.items():
        server = model.pop("server")
        if server is not None:
            found[name] = {key: server.pop(key) for key in ("limits", "price", "budget")}
            model["server"] = {"name": name, **server}
    return found


def _drop_empty_sections(document: Document) -> None:
    """A section whose lines are all commented out is one that is not there."""
    optional = {
        key
        for key, part in schema.read_schema("study")["properties"].items()
        if part.get("default") in ({}, [])
    }
    for key in optional & set(document.value):
        if document.value[key] is None:
            del document.value[key]


def _all_folders(sources: list[dict[str, Any]]) -> bool:
    return bool(sources) and all(source["folder"] is not None for source in sources)


def _written_out(config: dict[str, Any], coded: dict[str, list[str]]) -> dict[str, Any]:
    """Replace short forms by what they stand for."""
    corpus, coders = config["corpus"], config["coders"]
    for holder in (corpus, *(coder for coder in coders.values() if coder["type"] in ("human", "given"))):
        if holder["file"] is not None and not holder["sources"]:
            holder["sources"] = [schema.source({"file": holder["file"]})]
        for source in holder["sources"]:
            _lower_sha256(source)
    for name, coder in coders.items():
        coder["codebooks"] = coded[name]
        if coder["type"] in ("human", "given") and coder["id"] is None:
            coder["id"] = corpus["id"]
        if coder["type"] == "dictionary":
            _lower_sha256(coder)
            _lower_sha256(coder["source"] or {})
    for model in config["models"].values():
        _lower_sha256(model)
    humans = [name for name, coder in coders.items() if role(coder) == "human"]
    if config["compare"]["criterion"] is None and len(humans) == 1:
        config["compare"]["criterion"] = humans[0]
    if config["gold"]["truth"] is None:
        config["gold"]["truth"] = config["compare"]["criterion"]
    if config["compare"]["error_by"] is None:
        roles = [name for name in ("person", "year") if config["units"][name] is not None]
        config["compare"]["error_by"] = [by for by in [config["compare"]["by"]] if by] + roles
    for analysis in config["analyses"].values():
        if analysis["coded"] and analysis["coders"] is None:
            analysis["coders"] = fit_to_analyse(config, analysis["coded"])
    return config


def _lower_sha256(holder: dict[str, Any]) -> None:
    if holder.get("sha256"):
        holder["sha256"] = holder["sha256"].lower()


def _claims(root: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    path = root / CLAIMS
    if not path.exists() and not path.is_symlink():
        return []
    document = yaml_file.read(path, CLAIMS)
    if document.value.get("claims", ()) is None:
        document.value["claims"] = []
    raise_all(schema.problems("claims", document))
    claims: list[dict[str, Any]] = schema.complete("claims", document.value)["claims"]
    raise_all(list(check_claims(document, claims, config)))
    return claims

"""The RO-Crate: what the public validator wants, and every job with what went in and came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from study.provenance.crate import (
    METADATA,
    Content,
    Licences,
    cards,
    describe,
    licences,
    packages,
    to_json,
)
from study.provenance.hashes import sha256
from study.provenance.records import Job
from validating import crate_issues

STUDY: dict[str, Any] = {
    "title": "Complaints about counties",
    "question": "Do officials conceal complaints?",
    "authors": [
        {"name": "Ada Lovelace", "email": "ada@example.org", "orcid": "0000-0002-1825-0097"},
        {"name": "Charles Babbage", "email": None, "orcid": None},
    ],
    "corpus": {"licence": "CC-BY-4.0"},
}
MODEL: dict[str, Any] = {
    "name": "small.v1",
    "title": "A small model",
    "file": "a.F16.gguf",
    "file_type": "F16",
    "licence": "apache-2.0",
    "quantisation": "F16",
    "sha256": "a" * 64,
    "size": 200,
    "engine": {"guidance": "0.3.1", "llama-cpp-python": "0.3.36"},
    "source": {"file": "a.Q4_1.gguf", "sha256": "b" * 64, "size": 100},
}
CORPUS, UNITS, INDEX = (
    "data/corpus/notes.csv",
    "data/corpus/units.parquet",
    "results/index/small.v1.0-of-1.csv",
)
PAGE = "results/report/a b ü#1%.html"
CODE = {
    "corpus": "src/study/corpus.py",
    "ask": "src/study/llm/coding.py",
    "pages": "src/study/report/__main__.py",
}
FILES = (
    "README.md", "LICENSE", "LICENSE-data", "workflow/Snakefile", *CODE.values(), "src/study/errors.py",
    CORPUS, UNITS, INDEX, PAGE, "provenance/corpus.json", "provenance/ask/small.v1.0-of-1.json",
)  # fmt: skip
VERSIONS = {"snakemake": "9.27.1", "guidance": "0.3.1"}


def job(name: str, program: str, inputs: list[str], output: str, *, at: float) -> Job:
    digests = {path: f"{number:064x}" for number, path in enumerate(FILES)}
    rule, command = name.partition("/")[0], f"python -m {program} --x &> {{log}}"
    return Job(
        name, rule, {output: digests[output]}, {path: digests[path] for path in [*inputs, CODE[rule]]}, [],
        command, command, [f"logs/{name}.log"], at, at + 1.5, "", 6,
    )  # fmt: skip


JOBS = [
    job("pages", "study.report", [UNITS], PAGE, at=2_000_000_030),
    job("corpus", "study.corpus", [CORPUS, "src/study/errors.py"], UNITS, at=2_000_000_000),
    job("ask/small.v1.0-of-1", "study.llm.coding", [UNITS], INDEX, at=2_000_000_010),
]


def crate(
    folder: Path, study: dict[str, Any] = STUDY, *, kept: tuple[str, ...] = (), **other: Any
) -> dict[str, Any]:
    """Write the files and the crate, and return its entities by id."""
    files = {}
    for path in FILES:
        if path in kept:
            files[path] = Content("c" * 64, 7, "Not in the archive, since it holds the texts.")
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path, encoding="utf-8")
        files[path] = Content(sha256(folder / path), len(path.encode()))
    given: dict[str, Any] = {
        "chosen": Licences("MIT", "CC-BY-4.0", study["corpus"]["licence"]),
        "models": [MODEL],
        "versions": VERSIONS,
    }
    data = to_json(describe(study, JOBS, files, **{**given, **other}))
    (folder / METADATA).write_bytes(data)
    graph = json.loads(data)["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    return entities


def ids(value: Any) -> list[str]:
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def test_the_validator_finds_everything_that_the_profile_requires(tmp_path: Path) -> None:
    crate(tmp_path / "crate")
    assert crate_issues(tmp_path / "crate", tmp_path / "scratch") == []


def test_the_validator_would_find_what_is_missing(tmp_path: Path) -> None:
    entities = crate(tmp_path / "crate")
    entities["workflow/Snakefile"].pop("hasPart")
    entities["./"].pop("license")
    text = json.dumps({"@context": json.loads((tmp_path / "crate" / METADATA).read_text())["@context"],
                       "@graph": list(entities.values())})  # fmt: skip
    (tmp_path / "crate" / METADATA).write_text(text, encoding="utf-8")
    said = {issue["message"] for issue in crate_issues(tmp_path / "crate", tmp_path / "scratch")}
    assert any("hasPart" in message for message in said)
    assert any("license" in message for message in said)


RECOMMENDED_AND_NOT_KNOWN = {
    "The author SHOULD have an organizational affiliation.",
    "The author SHOULD have a Contextual Entity which specifies the organizational `affiliation`.",
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    # A package is named by its package URL, and a program by its file and hash.
    "The Application SHOULD have a url",
    "The SoftwareSourceCode or ComputationalWorkflow SHOULD have a version",
    "The SoftwareApplication id SHOULD be an absolute URI",
}


def test_of_what_is_recommended_only_what_a_study_does_not_know_is_missing(tmp_path: Path) -> None:
    crate(tmp_path / "crate")
    found = {
        issue["message"] for issue in crate_issues(tmp_path / "crate", tmp_path / "scratch", "recommended")
    }
    assert not found - RECOMMENDED_AND_NOT_KNOWN


@pytest.mark.parametrize("case", ["strange", "bare", "withheld"])
def test_any_study_is_valid(case: str, tmp_path: Path) -> None:
    study, kept, other = STUDY, (), {}
    if case == "strange":
        study = STUDY | {
            "title": "\"It's\" <b>: 'a' \\ & {x} – 中文 😀",
            "question": "@id: #1?",
            "authors": [{"name": "O'Brien, <A> 中文", "email": "a@b.example", "orcid": None}],
            "corpus": {"licence": "Only within the university (see contract 7/3)"},
        }
    elif case == "bare":
        study = STUDY | {"authors": [], "corpus": {"licence": None}}
        other = {"chosen": Licences(None, None, None), "models": [], "versions": {}}
    else:
        kept = ("data/corpus/notes.csv", "data/corpus/units.parquet")
    entities = crate(tmp_path / "crate", study, kept=kept, **other)
    assert entities["./"]["name"] == study["title"]
    assert crate_issues(tmp_path / "crate", tmp_path / "scratch") == []


def test_every_job_says_what_it_made_of_what(tmp_path: Path) -> None:
    entities = crate(tmp_path)
    ask = entities["#job/ask/small.v1.0-of-1"]
    assert ask["@type"] == "CreateAction"
    assert ids(ask["instrument"]) == ["src/study/llm/coding.py"]
    assert ids(ask["object"]) == ["data/corpus/units.parquet", "src/study/llm/coding.py", "#model-small.v1"]
    assert ids(ask["result"]) == ["results/index/small.v1.0-of-1.csv"]
    assert ids(ask["agent"]) == ["https://orcid.org/0000-0002-1825-0097", "#author-2"]
    assert (ask["startTime"], ask["endTime"]) == ("2033-05-18T03:33:30+00:00", "2033-05-18T03:33:31+00:00")
    assert ids(ask["subjectOf"]) == ["provenance/ask/small.v1.0-of-1.json"]
    assert ids(entities["#job/pages"]["instrument"]) == ["src/study/report/__main__.py"]
    assert "subjectOf" not in entities["#job/pages"]  # has no record here

    run = entities["#run"]
    assert ids(run["instrument"]) == ["workflow/Snakefile"]
    assert {"data/corpus/notes.csv", "src/study/errors.py"} < set(ids(run["object"]))
    assert "data/corpus/units.parquet" not in ids(run["object"])
    assert len(ids(run["result"])) == 3
    organize = entities["#organize"]
    assert [ids(entities[each]["object"]) for each in ids(organize["object"])] == [
        ["#job/corpus"], ["#job/ask/small.v1.0-of-1"], ["#job/pages"],
    ]  # fmt: skip
    steps = [entities[each] for each in ids(entities["workflow/Snakefile"]["step"])]
    assert [(step["name"], step["position"]) for step in steps] == [
        ("Rule corpus", "1"), ("Rule ask", "2"), ("Rule pages", "3"),
    ]  # fmt: skip


def test_every_file_is_described_with_its_hash(tmp_path: Path) -> None:
    entities = crate(tmp_path)
    parts = ids(entities["./"]["hasPart"])
    assert {unquote(part) for part in parts} == set(FILES)
    for part in parts:
        assert entities[part]["sha256"] == sha256(tmp_path / unquote(part))
        assert entities[part]["contentSize"] == str((tmp_path / unquote(part)).stat().st_size)
    assert ids(entities["src/study/corpus.py"]["license"]) == ["https://spdx.org/licenses/MIT"]
    assert ids(entities["data/corpus/notes.csv"]["license"]) == ["https://spdx.org/licenses/CC-BY-4.0"]
    assert entities["./"]["datePublished"] == "2033-05-18"


def test_what_is_kept_back_is_described_and_is_no_part(tmp_path: Path) -> None:
    entities = crate(tmp_path, kept=("data/corpus/units.parquet",))
    assert "data/corpus/units.parquet" not in entities
    absent = entities["#withheld/data/corpus/units.parquet"]
    assert absent["sha256"] == "c" * 64
    assert absent["description"] == "Not in the archive, since it holds the texts."
    assert absent["@id"] not in ids(entities["./"]["hasPart"])
    assert ids(entities["#job/corpus"]["result"]) == [absent["@id"]]


def test_the_model_and_the_software_are_named(tmp_path: Path) -> None:
    entities = crate(tmp_path)
    model = entities["#model-small.v1"]
    assert (model["name"], model["sha256"], model["contentSize"]) == ("A small model", "a" * 64, "200")
    assert ids(model["license"]) == ["https://spdx.org/licenses/Apache-2.0"]
    assert "F16, made by llama.cpp from a.Q4_1.gguf" in model["description"]
    assert "llama-cpp-python 0.3.36" in model["description"]
    assert entities[ids(model["isBasedOn"])[0]]["sha256"] == "b" * 64
    language = entities[ids(entities["workflow/Snakefile"]["programmingLanguage"])[0]]
    assert (language["name"], language["version"]) == ("Snakemake", "9.27.1")
    assert entities["pkg:pypi/guidance@0.3.1"]["softwareVersion"] == "0.3.1"


SERVER: dict[str, Any] = {
    "name": "small.v1",
    "server": {
        "url": "https://models.example.org/v1", "model": "small", "constraint": "json_schema",
        "probabilities": "deciding", "options": {},
    },
    "reported": {"model": "small-2026", "system_fingerprint": "fp-1", "date": "2026-01-02"},
}  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"model": None, "system_fingerprint": None}])
def test_a_model_behind_a_server_is_a_service_without_a_hash(said: dict[str, Any], tmp_path: Path) -> None:
    card = {**SERVER, "reported": {**SERVER["reported"], **said}}
    entities = crate(tmp_path / "crate", models=[card])
    model = entities["#model-small.v1"]
    assert model["@type"] == ["SoftwareApplication", "WebAPI"]
    assert (model["name"], model["alternateName"]) == ("small", "small.v1")
    assert model["url"] == "https://models.example.org/v1"
    version = "as of 2026-01-02" if said else "small-2026, fingerprint fp-1, as of 2026-01-02"
    assert model["softwareVersion"] == version
    assert "may change under its name" in model["description"]
    assert not {"sha256", "contentSize", "license"} & model.keys()
    assert "#model-small.v1" in ids(entities["#job/ask/small.v1.0-of-1"]["object"])
    assert crate_issues(tmp_path / "crate", tmp_path / "scratch") == []
    recommended = crate_issues(tmp_path / "crate", tmp_path / "scratch", "recommended")
    assert "#model-small.v1" not in {
        str(one.get("violatingEntity")).rpartition("/")[2] for one in recommended
    }


def test_licences_are_read_where_the_researcher_chose_them(tmp_path: Path) -> None:
    study = {"corpus": {"licence": "CC0-1.0"}}
    assert licences(tmp_path, study) == Licences(None, None, "CC0-1.0")
    (tmp_path / "CITATION.cff").write_text("title: x\nlicense: Apache-2.0\n", encoding="utf-8")
    (tmp_path / "LICENSE-data").write_text(
        "Copyright (c) 2026 A (B).\n\n    Creative Commons Attribution (CC-BY-SA-4.0)\n", encoding="utf-8"
    )
    assert licences(tmp_path, study) == Licences("Apache-2.0", "CC-BY-SA-4.0", "CC0-1.0")


def test_cards_and_versions_are_read_from_the_study(tmp_path: Path) -> None:
    assert cards(tmp_path) == []
    assert packages(tmp_path) == {}
    (tmp_path / "data/responses/models").mkdir(parents=True)
    (tmp_path / "data/responses/models/small.v1.json").write_text(json.dumps(MODEL), encoding="utf-8")
    assert cards(tmp_path) == [MODEL]
    (tmp_path / "requirements.in").write_text("# x\nsnakemake>=9\ndvc[s3]>=3\nPyYAML\n", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text(
        "dvc[s3,ssh]==3.67.1 \\\n    --hash=sha256:00\nidna==3.20 \\\npyyaml==6.0 \\\nsnakemake==9.27.1 \\\n",
        encoding="utf-8",
    )
    assert packages(tmp_path) == {"dvc": "3.67.1", "pyyaml": "6.0", "snakemake": "9.27.1"}


def test_what_was_imported_names_its_origin_and_stays_valid(tmp_path: Path) -> None:
    origin = {
        "path": "data/imported/other",
        "url": "https://example.org/other.git",
        "source": "data/responses",
        "revision": "a" * 40,
        "md5": "b" * 32 + ".dir",
    }
    entities = crate(tmp_path / "crate", origins=[origin])
    based = entities["./"]["isBasedOn"]
    found = entities[ids(based)[0]]
    assert found["url"] == origin["url"]
    assert found["version"] == origin["revision"]
    assert "data/imported/other" in found["name"]
    assert crate_issues(tmp_path / "crate", tmp_path / "scratch") == []

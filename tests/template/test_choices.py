"""Every choice makes a study with exactly its files, which parse to what was typed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import configobj
import pytest
import yaml

from study.config import load
from template.making import ROOT, STUDY, TEMPLATE, Bake, commit, git

CHOICES = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

ASKED = [name for name in CHOICES if not name.startswith("_")]

VERBATIM = ("workflow", "src", "tests")
"""Folders that are copied as they are."""

FILES = {
    ".cruft.json",
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".gitattributes",
    ".gitignore",
    "CITATION.cff",
    "LICENSE",
    "LICENSE-data",
    "README.md",
    "config/README.md",
    "config/study.yaml",
    "data/.gitignore",
    "data/README.md",
    "dvc.yaml",
    "environment.py",
    "pyproject.toml",
    "requirements-llm.in",
    "requirements-llm.lock",
    "requirements.in",
    "requirements.lock",
}
"""What every study has beside them."""

STARTERS = {
    "hutto-gilbert-2014": {"config/claims.yaml", "config/codebooks/sentiment.yaml"},
    "blank": {
        "config/codebooks/satisfaction.yaml",
        "config/dictionaries/satisfaction.csv",
        "config/example/codes.csv",
        "config/example/texts.csv",
    },
    "pan-chen-2018": {"config/claims.yaml", "config/codebooks/county_wrong.yaml"},
    "benoit-2016": {
        "config/claims.yaml",
        "config/codebooks/economic.yaml",
        "config/codebooks/social.yaml",
    },
    "van-atteveldt-2021": {"config/claims.yaml", "config/codebooks/tone.yaml"},
    "llm-laboratory": {"config/claims.yaml", "config/codebooks/sentiment.yaml"},
}

# sha256 of the texts as their authors publish them, without the line of the copyright where there is one.
LICENCES = {
    "MIT": "c9b7c49cdeb4ccab2f2cb69e67f3405518e4bcf611bd3b01de101b070659d11d",
    "BSD-3-Clause": "358810aacba004cd9d0e1fca170b17bc1dda00761f0b2be146e710535191a2e6",
    "Apache-2.0": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "GPL-3.0-or-later": "3972dc9744f6499f0f9b2dbf76696f2ae7ad8af9b23dde66d6af86c9dfb36986",
}

DATA_LICENCES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}

TYPED = {
    "project_name": "Letters of Zoë's sister: 'a \"study\"'",
    "project_slug": "letters",
    "question": "Who wrote & who answered? #1",
    "author_name": "Ana María O'Neil",
    "author_email": "ana.maria+study@example.org",
    "orcid": "0000-0002-1694-233X",
}


def files_of(study: Path) -> set[str]:
    """Return the files of a study, without git's own."""
    found = {path.relative_to(study) for path in study.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if path.parts[0] != ".git"}


def templates_files(*folders: str) -> set[str]:
    """Return the files in folders of the template, without caches."""
    found = {path for folder in folders for path in (TEMPLATE / folder).rglob("*") if path.is_file()}
    return {path.relative_to(TEMPLATE).as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.mark.parametrize(
    ("code_licence", "data_licence", "starter"),
    [
        (code, data, CHOICES["starter"][number % len(CHOICES["starter"])])
        for number, (code, data) in enumerate(
            zip(CHOICES["code_licence"], CHOICES["data_licence"], strict=True)
        )
    ],
)
def test_every_choice(bake: Bake, code_licence: str, data_licence: str, starter: str) -> None:
    study = bake(**TYPED, code_licence=code_licence, data_licence=data_licence, starter=starter)

    assert files_of(study) == FILES | STARTERS[starter] | templates_files(*VERBATIM)
    for name in [*templates_files(*VERBATIM), "environment.py", "pyproject.toml", "requirements.lock"]:
        assert (study / name).read_bytes() == (TEMPLATE / name).read_bytes(), name
    for name in FILES | STARTERS[starter]:
        text = (study / name).read_text(encoding="utf-8")
        assert not re.search(r"\{\{|\}\}|\{%|%\}|cookiecutter\.(?!readthedocs)", text), name

    config = load(study)
    author = {"name": TYPED["author_name"], "email": TYPED["author_email"], "orcid": TYPED["orcid"]}
    assert config["title"] == TYPED["project_name"]
    assert config["question"] == TYPED["question"]
    assert config["authors"] == [author]

    citation = yaml.safe_load((study / "CITATION.cff").read_text(encoding="utf-8"))
    check_citation(citation)
    assert citation["title"] == TYPED["project_name"]
    assert citation.get("license", "none") == code_licence
    assert citation["authors"] == [
        {
            "family-names": "O'Neil",
            "given-names": "Ana María",
            "email": TYPED["author_email"],
            "orcid": f"https://orcid.org/{TYPED['orcid']}",
        }
    ]
    answers = json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["context"]["cookiecutter"]
    assert answers.items() >= {**TYPED, "starter": starter, "dvc_remote": ""}.items()

    check_licence((study / "LICENSE").read_text(encoding="utf-8"), code_licence)
    check_data_licence((study / "LICENSE-data").read_text(encoding="utf-8"), data_licence)
    readme = (study / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(
        "# Letters of Zoë's sister: 'a \"study\"'\n\n**Who wrote &amp; who answered? \\#1**\n"
    )
    assert (f"under {code_licence} " in readme) == (code_licence != "none")
    assert (f"under {data_licence} " in readme) == (data_licence != "none")

    assert git(study, "status", "--porcelain") == ""
    assert git(study, "log", "--format=%s") == "Start the study"
    assert git(study, "branch", "--show-current") == "main"
    assert (study / "data" / "corpus").is_dir()


def check_licence(text: str, licence: str) -> None:
    """The text is the licence's own; only the line of the copyright is the study's."""
    own = [line for line in text.splitlines() if TYPED["author_name"] in line]
    if licence == "none":
        assert "All rights reserved" in own[0]
        return
    published = text
    if licence in ("MIT", "BSD-3-Clause"):
        assert len(own) == 1
        assert re.fullmatch(rf"Copyright \(c\) 20\d\d,? {TYPED['author_name']}", own[0])
        published = text.replace(own[0] + "\n", "")
    assert hashlib.sha256(published.encode()).hexdigest() == LICENCES[licence]


def check_data_licence(text: str, licence: str) -> None:
    """The text names the licence and its address, and leaves others their own."""
    assert TYPED["author_name"] in text
    assert "keep their own licences" in text
    for name, address in DATA_LICENCES.items():
        assert (address in text) == (name == licence)
        assert (f"({name})" in text) == (name == licence)
    assert ("All rights reserved" in text) == (licence == "none")


def check_citation(citation: dict[str, Any]) -> None:
    """What the schema of the Citation File Format 1.2.0 asks of the keys that are used here.

    Required: cff-version, message, title, authors (at least one; a person has no required key). No other key
    than those of the schema may stand there; e-mail, ORCID and licence have a pattern or a list of values.
    """
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert set(citation) <= {"cff-version", "message", "type", "title", "abstract", "authors", "license"}
    for key in ("message", "title", "abstract"):
        assert isinstance(citation[key], str)
        assert citation[key].strip()
    assert citation["authors"]
    for author in citation["authors"]:
        assert set(author) <= {"family-names", "given-names", "email", "orcid"}
        assert all(isinstance(value, str) and value for value in author.values())
        assert re.fullmatch(r"[\S]+@[\S]+\.[\S]{2,}", author["email"])
        if "orcid" in author:
            assert re.fullmatch(
                r"https://orcid\.org/[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]", author["orcid"]
            )
    assert citation.get("license", "MIT") in LICENCES


def test_one_word_is_a_family_name(bake: Bake) -> None:
    study = bake(author_name="Voltaire")
    citation = yaml.safe_load((study / "CITATION.cff").read_text(encoding="utf-8"))
    check_citation(citation)
    assert citation["authors"] == [{"family-names": "Voltaire", "email": "name@example.org"}]


def test_every_question_and_choice_is_explained() -> None:
    assert sorted(CHOICES["starter"]) == sorted(path.name for path in (TEMPLATE / "starters").iterdir())
    assert sorted(CHOICES["code_licence"]) == sorted(path.name for path in (TEMPLATE / "licences").iterdir())
    for name in ("starter", "code_licence", "data_licence"):
        assert {*CHOICES[name], "__prompt__"} == set(CHOICES["__prompts__"][name])
    assert set(ASKED) == set(CHOICES["__prompts__"])


def test_a_starter_is_a_folder_and_a_line(bake: Bake, template: Path) -> None:
    starters = template / STUDY / "starters"
    shutil.copytree(starters / "blank", starters / "letters")
    (starters / "letters" / "config" / "letters.txt").write_text("Dear Ada\n")
    questions = template / "cookiecutter.json"
    line = '"starter": ["hutto-gilbert-2014", "blank"'
    questions.write_text(questions.read_text(encoding="utf-8").replace(line, f'{line}, "letters"'))
    commit(template)
    place = ASKED.index("starter")
    typed = "\n" * place + "3\n" + "\n" * (len(ASKED) - place - 1)
    command = [sys.executable, "-m", "cookiecutter", str(template), "--output-dir", str(template.parent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=typed)
    assert done.returncode == 0, done.stderr
    study = template.parent / "my-study"
    assert files_of(study) == files_of(bake(starter="blank")) | {"config/letters.txt"}
    assert load(study)["title"] == "My study"


def test_a_study_without_a_question_of_its_own_asks_that_of_its_starter(bake: Bake) -> None:
    questions = {
        starter: load(bake(starter=starter, project_slug=starter))["question"] for starter in STARTERS
    }
    assert questions["pan-chen-2018"] == "Do officials conceal complaints about their own county?"
    assert questions["blank"] == questions["hutto-gilbert-2014"]
    assert len(set(questions.values())) == len(STARTERS) - 1
    assert load(bake(starter="pan-chen-2018", question="And here?"))["question"] == "And here?"


@pytest.mark.parametrize("starter", CHOICES["starter"])
def test_a_new_study_passes_its_own_checks(bake: Bake, starter: str) -> None:
    study = bake(starter=starter, **TYPED)
    for name in files_of(study):
        text = (study / name).read_text(encoding="utf-8")
        if name.endswith((".yaml", ".cff")):
            assert yaml.safe_load(text), name
    checks = (
        ["study.config"],
        ["unittest", "discover", "tests"],
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--check", "--no-cache"],
    )
    for command in checks:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=study,
            env={"PYTHONPATH": "src"},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert git(study, "status", "--porcelain") == ""


def test_the_studys_linters_ask_what_the_templates_ask() -> None:
    ours, studys = (
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
        for folder in (ROOT, TEMPLATE)
    )
    for key in ("select", "ignore", "isort"):
        assert studys["lint"][key] == ours["lint"][key]
    assert studys["line-length"] == ours["line-length"]


@pytest.mark.parametrize(
    ("typed", "url", "jobs"),
    [
        ("", None, None),
        ("/srv/data of ours, 50%", "/srv/data of ours, 50%", None),
        ("~/data", "~/data", None),
        ("../store#1", "../../store#1", None),
        ("s3://bucket/letters", "s3://bucket/letters", None),
        ("ssh://ada@example.org/srv/dvc", "ssh://ada@example.org/srv/dvc", "4"),
        ("webdavs://example.org/dav/it's", "webdavs://example.org/dav/it's", "4"),
    ],
)
def test_remote(bake: Bake, typed: str, url: str | None, jobs: str | None) -> None:
    study = bake(dvc_remote=typed)
    config = configobj.ConfigObj(str(study / ".dvc" / "config")).dict()
    assert config["cache"] == {"type": "reflink,copy"}
    assert config["core"].items() >= {"autostage": "true", "analytics": "false"}.items()
    assert config["core"].get("remote") == (None if url is None else "storage")
    remote = config.get("'remote \"storage\"'") or config.get('remote "storage"') or {}
    assert (remote.get("url"), remote.get("jobs")) == (url, jobs)
    assert ("dvc remote add" in (study / "README.md").read_text(encoding="utf-8")) == (url is None)

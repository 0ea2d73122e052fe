"""`snakemake archive`: one zip that stands for the study by itself, and holds no text that may not travel."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from end_to_end.studies import (
    BIN,
    TEMPLATE,
    contents,
    edit,
    environment,
    generate,
    planned,
    run,
    settings,
    snakemake,
    write_settings,
)
from library.every_type import CODEBOOKS
from study.provenance.records import jobs
from study.sharing.withheld import LIST
from validating import citation_problem, crate_issues

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
SECRET = "hunter2-planted-secret"


def archive(study: Path) -> Path:
    """Archive a study, and return the zip."""
    done = snakemake(study, "archive")
    found = re.findall(r"^(archive/\S+\.zip): ", done.stdout + done.stderr, re.M)
    assert len(found) == 1, done.stdout + done.stderr
    return study / found[0]


def unpack(zipped: Path, folder: Path) -> Path:
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder


def members(zipped: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(zipped) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def commit(study: Path) -> None:
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "What I did")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A path of programs on which there is no git."""
    folder = tmp_path_factory.mktemp("bin")
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if not program.name.startswith("git"):
                (folder / program.name).unlink(missing_ok=True)
                (folder / program.name).symlink_to(program)
    assert shutil.which("git", path=str(folder)) is None
    return f"{BIN}{os.pathsep}{folder}"


def without_git(study: Path, path: str, *targets: str) -> str:
    done = subprocess.run(
        ["snakemake", "--cores", "2", *targets],
        cwd=study, env=environment() | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blank study, archived before anything of it was run, with secrets where machines keep them."""
    folder = generate(tmp_path_factory.mktemp("archive"), "blank")
    (folder / ".dvc/config.local").write_text(
        f"['remote \"s\"']\n    password = {SECRET}\n", encoding="utf-8"
    )
    (folder / "notes.txt").write_text(SECRET, encoding="utf-8")
    (folder / "data/responses/journals").mkdir(parents=True)
    (folder / "data/responses/journals/0.journal").write_text(SECRET, encoding="utf-8")
    archive(folder)
    (folder / "data/responses/journals").mkdir(exist_ok=True)
    (folder / "data/responses/journals/0.part").write_text(SECRET, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def zipped(study: Path) -> Path:
    """The archive of the study as it was committed."""
    commit(study)
    return archive(study)


def test_two_archives_of_one_state_are_the_same_to_the_last_bit(study: Path, zipped: Path) -> None:
    before = zipped.read_bytes()
    head = run(study, "git", "rev-parse", "--short", "HEAD").stdout.strip()
    assert zipped.name == f"study-{head}.zip"
    assert archive(study) == zipped
    assert zipped.read_bytes() == before
    assert list(zipped.parent.glob("*.part")) == []


def test_git_and_dvc_know_nothing_of_it(study: Path, zipped: Path) -> None:
    assert run(study, "git", "status", "--porcelain", "archive").stdout == ""
    assert run(study, "git", "ls-files", "archive").stdout == ""
    assert not (study / "archive.dvc").exists()


def test_it_holds_code_data_results_and_provenance(study: Path, zipped: Path) -> None:
    held = members(zipped)
    tracked = set(run(study, "git", "ls-files").stdout.splitlines()) - {".cruft.json", "notes.txt"}
    pointers = {name for name in tracked if name.endswith(".dvc")}
    assert pointers <= tracked
    assert tracked - pointers <= held.keys()
    for folder in ("data/corpus", "results", "provenance"):
        for name, data in contents(study / folder).items():
            assert held[f"{folder}/{name}"] == data
    assert any(name.startswith("data/responses/segments/") for name in held)
    assert LIST not in held


def test_it_holds_no_secret_of_this_machine(study: Path, zipped: Path) -> None:
    held = members(zipped)
    del held["notes.txt"]  # which has been committed
    assert not [name for name, data in held.items() if SECRET.encode() in data]
    assert not [
        name for name in held if re.match(r"\.git/|\.snakemake|\.dvc/(tmp|cache)|logs/|archive/", name)
    ]


def test_alone_and_without_git_it_is_complete(zipped: Path, alone: str, tmp_path: Path) -> None:
    folder = unpack(zipped, tmp_path / "unpacked")
    before = contents(folder)
    assert NOTHING in without_git(folder, alone)
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    said = without_git(folder, alone, "archive")
    again = next((folder / "archive").glob("*.zip"))
    assert again.name.startswith("unpacked-20"), said
    assert again.read_bytes() == zipped.read_bytes()


def test_alone_and_without_git_it_is_verified(zipped: Path, alone: str, tmp_path: Path) -> None:
    folder = unpack(zipped, tmp_path / "unpacked")
    without_git(folder, alone, "verify")


def test_the_public_validator_finds_nothing_missing_in_the_crate(zipped: Path, tmp_path: Path) -> None:
    assert crate_issues(unpack(zipped, tmp_path / "crate"), tmp_path / "scratch") == []


def test_the_crate_describes_every_job_and_every_file(study: Path, zipped: Path) -> None:
    held = members(zipped)
    graph = json.loads(held["ro-crate-metadata.json"])["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    actions = {entity["name"]: entity for entity in graph if entity["@type"] == "CreateAction"}
    recorded = jobs(study)
    assert len(recorded) > 15
    for job in recorded:
        made = actions[job.name]["result"]
        paths = {one["@id"] for one in (made if isinstance(made, list) else [made])}
        assert {entities[path]["sha256"] for path in paths} == set(job.outputs.values())
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == held.keys() - {"ro-crate-metadata.json"}
    for part in parts:
        assert entities[part]["sha256"] == hashlib.sha256(held[part]).hexdigest()
    card = json.loads(held["data/responses/models/smollm2-135m.json"])
    assert entities["#model-smollm2-135m"]["sha256"] == card["sha256"]
    assert "#model-smollm2-135m" in str(actions["ask/smollm2-135m.0-of-1"]["object"])
    assert entities["#author-1"]["name"] == "Ada Lovelace"


def test_what_has_changed_is_made_before_it_is_archived(study: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(study, tmp_path / "study", symlinks=True)
    edit(copy / "config/study.yaml", "criterion: humans", "criterion: humans\n  bootstrap: 300")
    assert "agreement" in planned(copy)
    held = members(archive(copy))
    table = "results/tables/agreement.csv"
    assert held[table] == (copy / table).read_bytes()
    record = json.loads(held["provenance/agreement.json"])
    assert record["outputs"][table] == hashlib.sha256(held[table]).hexdigest()
    assert '"bootstrap": 300' in " ".join(record["params"])


def test_a_password_in_what_git_pushes_stops_it(study: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(study, tmp_path / "study", symlinks=True)
    run(copy, "dvc", "remote", "add", "s", f"webdavs://ada:{SECRET}@example.org/x")
    done = snakemake(copy, "archive", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Error: .dvc/config" in said
    assert SECRET not in said
    assert "Traceback" not in said


# A study that may not share its texts.

TEXTS = {
    "n1": "Marigold lanterns flickered beside the seventeenth stairwell while Ottoline hummed a tune.",
    "n2": 'Nobody had told the "visitors" that the copper lift & its twin stop at noon, so we walked.',
    "n3": "Die Heizung im Lesesaal war drei Wochen kaputt – trotzdem kamen jeden Morgen vierzig Leute.",
    "n4": "Seven borrowed atlases came back wet, and the lady at the desk dried them on the radiator.",
    "n5": "It was fine.",
}
PASSAGE = 30


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with texts of others: rationales, passages, a carried headline."""
    folder = generate(tmp_path_factory.mktemp("private"), "blank")
    run(folder, "git", "rm", "-r", "--quiet", "config/example", "config/codebooks")
    (folder / "config/codebooks").mkdir()
    for name in ("mood", "wishes", "things"):
        (folder / f"config/codebooks/{name}.yaml").write_text(CODEBOOKS[name], encoding="utf-8")
    rows = [[unit, text, f"On: {text[:45]}", 2020 + n] for n, (unit, text) in enumerate(TEXTS.items())]
    write(folder / "data/corpus/notes.csv", ["unit_id", "text", "headline", "year"], rows)
    codes = [[unit, rater, n % 3] for n, unit in enumerate(TEXTS) for rater in ("anna", "ben")]
    write(folder / "data/gold/codes.csv", ["unit_id", "rater", "things"], codes)
    pd.DataFrame({"text": TEXTS.values()}).to_excel(folder / "data/corpus/sheet.xlsx")
    changed = settings(folder)
    changed["corpus"] |= {"file": "data/corpus/notes.csv", "covariates": ["headline", "year"], "share": False}
    humans = {
        key: value for key, value in changed["coders"]["humans"].items() if key not in ("rating", "score")
    }
    changed["coders"] = {
        "llm": changed["coders"]["llm"] | {"code": "all"},
        "humans": humans | {"file": "data/gold/codes.csv", "codebooks": ["things"], "rating": "things"},
    }
    changed["compare"]["bootstrap"] = 200
    changed["analyses"] = {}
    changed["coding"] = {"threads": 1, "context": 512}
    write_settings(folder, changed)
    run(folder, "dvc", "remote", "add", "--default", "store", str(folder.parent / "store"))
    commit(folder)
    snakemake(folder)
    commit(folder)
    run(folder, "dvc", "push")
    return folder


def write(file: Path, columns: list[str], rows: list[list[Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


def leaks(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return {file: a passage of a text that it holds}, with tables and spreadsheets opened."""
    passages = [text[i : i + PASSAGE] for text in TEXTS.values() for i in range(len(text) - PASSAGE + 1)]
    found = {}
    for name, data in files.items():
        readings = list(said_in(data))
        hit = next((passage for passage in passages if any(passage in one for one in readings)), None)
        if hit:
            found[name] = hit
    return found


def said_in(data: bytes) -> Iterator[str]:
    if data.startswith(b"PAR1"):
        table = pd.read_parquet(io.BytesIO(data))
        pieces = ["\n".join(map(str, table[column])) for column in table]
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            pieces = [book.read(name).decode("utf-8", errors="replace") for name in book.namelist()]
    else:
        pieces = [data.decode("utf-8", errors="replace")]
    for piece in pieces:
        yield piece
        yield html.unescape(piece)
        yield re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), piece).replace('\\"', '"')


def test_the_search_for_leaks_finds_them_where_they_are(private: Path) -> None:
    found = leaks(contents(private / "data") | contents(private / "results"))
    assert {"corpus/notes.csv", "corpus/units.parquet", "corpus/sheet.xlsx"} <= set(found)
    assert {"measures.parquet", "corpus/written/llm.parquet"} <= set(found)
    assert "codings/llm.parquet" not in found


def test_no_text_and_no_passage_is_in_the_archive(private: Path) -> None:
    held = members(archive(private))
    assert leaks(held) == {}
    assert not [name for name, data in held.items() if TEXTS["n5"].encode() in data]  # shorter than a passage
    rationales = pd.read_parquet(private / "data/corpus/written/llm.parquet")["rationale"].dropna()
    written = [one for one in rationales if len(one) > 12]
    assert written
    said = "".join(one for name, data in held.items() if not name.startswith("src") for one in said_in(data))
    assert not [one for one in written if one in said]


def test_no_text_and_no_passage_was_pushed(private: Path) -> None:
    store = contents(private.parent / "store")
    assert leaks(store) == {}
    assert (private / "data/gold/codes.csv").read_bytes() in store.values()  # what may be shared
    tracked = {
        name: (private / name).read_bytes() for name in run(private, "git", "ls-files").stdout.splitlines()
    }
    assert leaks(tracked) == {}


def test_what_is_kept_back_leaves_its_hash_and_what_may_be_shared(private: Path) -> None:
    held = members(archive(private))
    listed = list(csv.DictReader(io.StringIO(held[LIST].decode("utf-8"))))
    paths = {row["path"] for row in listed}
    assert paths >= {
        "data/corpus/notes.csv", "data/corpus/units.parquet", "data/corpus/sheet.xlsx",
        "data/corpus/written/llm.parquet", "results/measures.parquet",
    }  # fmt: skip
    for row in listed:
        data = (private / row["path"]).read_bytes()
        assert (row["sha256"], row["size"]) == (hashlib.sha256(data).hexdigest(), str(len(data)))
        assert row["path"] not in held
        assert (row["redacted"] in held) == (row["redacted"] != "")
    assert {
        "data/gold/codes.csv",
        "data/gold/ratings.parquet",
        "data/corpus/sample.csv",
        "results/tables/agreement.csv",
    } <= held.keys()
    codings = pd.read_parquet(io.BytesIO(held["results/codings/llm.parquet"]))
    assert "rationale" not in codings
    places = [place for spans in codings["spans"].dropna() for place in json.loads(spans)]
    assert places
    assert all(set(place) == {"start", "end"} for place in places)
    written = pd.read_parquet(private / "data/corpus/written/llm.parquet")
    passages = [place["text"] for spans in written["spans"].dropna() for place in json.loads(spans)]
    assert len(passages) == len(places)
    assert written["unit_id"].equals(codings["unit_id"])
    measures = pd.read_parquet(io.BytesIO(held["redacted/results/measures.parquet"]))
    assert {"year", "mood_llm", "things_humans"} <= set(measures)
    assert "headline" not in measures


def test_the_archive_without_texts_is_valid_and_current(private: Path, alone: str, tmp_path: Path) -> None:
    zipped = archive(private)
    folder = unpack(zipped, tmp_path / "unpacked")
    assert crate_issues(folder, tmp_path / "scratch") == []
    assert NOTHING in without_git(folder, alone)
    without_git(folder, alone, "archive")
    assert next((folder / "archive").glob("*.zip")).read_bytes() == zipped.read_bytes()


def test_an_example_from_the_texts_stops_the_archive(private: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(private, tmp_path / "study", symlinks=True)
    book = copy / "config/codebooks/things.yaml"
    example = json.dumps(TEXTS["n3"])
    book.write_text(
        f"{book.read_text(encoding='utf-8')}examples:\n  - {{text: {example}, label: 2}}\n", encoding="utf-8"
    )
    done = snakemake(copy, "archive", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Error: config/codebooks/things.yaml" in said
    assert "Traceback" not in said
    assert not (copy / "archive").exists() or not list((copy / "archive").glob("*.part"))


AWKWARD = {
    "plain": {},
    "quoted": {"project_name": "it's \"quoted\" and '''thrice'''", "author_name": "Conor O'Brien"},
    "yaml": {
        "project_name": "- yes: [no, *x, &y, !!z] | > # % @ ~",
        "question": "null",
        "author_name": "null",
    },
    "one name": {"author_name": "Sukarno", "orcid": "0000-0002-1825-0097"},
    "scripts": {"project_name": "ünï 中文 العربية 👩‍🔬", "author_name": "Đặng Thị Ngọc Thịnh"},
    "nothing granted": {"code_licence": "none", "data_licence": "none"},
    "number": {"project_name": "2024", "question": "1e3", "author_name": "007 12"},
}


@pytest.mark.parametrize("answers", AWKWARD.values(), ids=AWKWARD)
def test_the_citation_is_valid_whatever_was_typed(answers: dict[str, str], tmp_path: Path) -> None:
    given = {"project_slug": "study", "starter": "blank"} | answers
    arguments = [f"{key}={value}" for key, value in given.items()]
    run(tmp_path, "cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", str(tmp_path), *arguments)
    assert citation_problem(tmp_path / "study") is None


def test_an_invalid_citation_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\ntitle: x\n", encoding="utf-8")
    assert citation_problem(tmp_path) is not None

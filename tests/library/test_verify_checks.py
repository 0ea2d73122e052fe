"""What each check finds in small studies, and what it does not hold against them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study.digest import text_sha256
from study.errors import StudyError
from study.instrument import Instrument, Question
from study.prompt import Prompt
from study.provenance.records import Job
from study.provenance.records import _write as write_record
from study.store import ResponseStore, response_key
from study.verify import recorded
from study.verify.check_claims import check_claims
from study.verify.check_hashes import check_hashes
from study.verify.check_remote import check_remote
from study.verify.check_responses import check_responses
from study.verify.check_tables import check_tables
from study.verify.checks import QUESTIONS, all_checks
from study.verify.page import Report, as_html, as_json, as_text
from study.verify.rebuild import Rebuilt, missing_sources, scratch_folder
from study.verify.subject import Subject
from study.verify.verdicts import FAILED, NOT_APPLICABLE, NOTE, PASSED, Check, Item

ASKED = {"llm": {"which": "all", "repeats": 1, "designs": {}, "references": {}}}
CARD = {"source": {"sha256": "a" * 64}, "quantisation": None, "engine": {"guidance": "0"}}
ABSENT = {"package": "no-such-package", "file": "model.gguf", "sha256": "a" * 64}
OWN = "data/corpus/texts.csv"


def config(**changed: Any) -> dict[str, Any]:
    return {
        "title": "A study",
        "corpus": {"share": True, "sources": [{"file": OWN}]},
        "coders": {"llm": {"type": "llm", "model": "m"}},
        "models": {"m": ABSENT},
        "claims": [],
    } | changed


def put(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def md5(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout


def pointer(root: Path, folder: str, files: Mapping[str, str], **more: Any) -> None:
    """Write a pointer of DVC, and what it stands for into DVC's cache."""
    listing = json.dumps([{"md5": md5(content), "relpath": name} for name, content in sorted(files.items())])
    name = f"{md5(listing)}.dir"
    cache = {f"{md5(content)}": content for content in files.values()} | {name: listing}
    put(root, {f".dvc/cache/files/md5/{key[:2]}/{key[2:]}": content for key, content in cache.items()})
    out = {"md5": name, "hash": "md5", "nfiles": len(files), "path": Path(folder).name} | more
    put(root, {f"{folder}.dvc": yaml.safe_dump({"outs": [out]})})


def commit(root: Path) -> str:
    put(
        root,
        {"config/study.yaml": "title: A study\n", ".gitignore": "/results/\n/data/*\n!*.dvc\n.dvc/cache\n"},
    )
    if not (root / ".git").exists():
        git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A run")
    return git(root, "rev-parse", "HEAD").strip()


def rebuilt(folder: Path, files: Mapping[str, str | bytes], *problems: str) -> Rebuilt:
    return Rebuilt(put(folder / "scratch", files), not problems, list(problems), "")


def subject(root: Path, again: Rebuilt | str = "Not here.", **changed: Any) -> Subject:
    asked = changed.pop("asked", {})
    return Subject(root, config(**changed), recorded.read(root), again, asked)


def found(check: Check) -> dict[str, tuple[str, str]]:
    return {item.what: (item.verdict, item.said) for item in check.items}


# What is recorded


def test_the_commit_counts_and_not_what_lies_in_the_folder(tmp_path: Path) -> None:
    pointer(tmp_path, "results", {"t.csv": "n\n1\n"})
    head = commit(tmp_path)
    pointer(tmp_path, "results", {"t.csv": "n\n2\n"})
    put(tmp_path, {"results/t.csv": "n\n2\n"})
    known = recorded.read(tmp_path)
    assert (known.commit, known.origin) == (head, f"commit {head[:10]}")
    assert known.files == {"results/t.csv": md5("n\n1\n")}
    assert known.changed == ["results.dvc"]
    content = known.content("results/t.csv")
    assert content is not None
    assert content.read_text() == "n\n1\n"


def test_in_an_archive_with_an_import_the_files_are_the_record(tmp_path: Path) -> None:
    pointer = f"deps:\n- repo: {{url: x, rev_lock: y}}\nouts:\n- md5: {'a' * 32}.dir\n  path: other\n"
    files = {".dvc/config": "[core]\n", "data/imported/other.dvc": pointer}
    put(tmp_path, files | {"results/t.csv": "1\n", "data/imported/other/segments/a.jsonl": "{}\n"})
    known = recorded.read(tmp_path)
    assert known.algorithm == ""
    assert {"results/t.csv", "data/imported/other/segments/a.jsonl"} <= set(known.files)


def test_the_folders_own_file_serves_where_the_cache_is_gone(tmp_path: Path) -> None:
    pointer(tmp_path, "results", {"t.csv": "n\n1\n"})
    commit(tmp_path)
    put(tmp_path, {"results/t.csv": "n\n1\n"})
    shutil.rmtree(tmp_path / ".dvc/cache/files/md5" / md5("n\n1\n")[:2])
    known = recorded.read(tmp_path)
    assert known.content("results/t.csv") == tmp_path / "results/t.csv"
    put(tmp_path, {"results/t.csv": "n\n2\n"})
    assert known.content("results/t.csv") is None


def test_before_the_first_commit_the_pointers_in_the_folder_count(tmp_path: Path) -> None:
    commit(tmp_path)
    pointer(tmp_path, "results", {"t.csv": "n\n1\n"})
    known = recorded.read(tmp_path)
    assert known.origin == "the pointers in the folder, which no commit holds yet"
    assert list(known.files) == ["results/t.csv"]


def test_outside_git_the_files_themselves_are_the_record(tmp_path: Path) -> None:
    put(tmp_path, {"results/t.csv": "n\n1\n", "data/corpus/x.csv": "a\n", "src/a.py": ""})
    known = recorded.read(tmp_path)
    assert known.commit is None
    assert sorted(known.files) == ["data/corpus/x.csv", "results/t.csv"]
    assert known.content("results/t.csv") == tmp_path / "results/t.csv"


def test_a_study_inside_the_repository_of_something_else_is_outside_git(tmp_path: Path) -> None:
    commit(tmp_path)
    inside = put(tmp_path / "unpacked", {"config/study.yaml": "title: B\n", "results/t.csv": "n\n1\n"})
    assert recorded.read(inside).commit is None


def test_another_repository_in_the_environment_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = commit(tmp_path / "own")
    put(tmp_path / "other", {"config/study.yaml": "title: C\n", "x": ""})
    commit(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert recorded.read(tmp_path / "own").commit == head


def test_code_is_what_git_would_track_and_outside_git_what_may_be_code(tmp_path: Path) -> None:
    files = {
        "src/study/a.py": "",
        "new.py": "",
        "results/t.csv": "",
        "data/corpus/x.csv": "",
        "data/corpus.dvc": "",
        "data/imported/other.dvc": "",
        "provenance/a.json": "",
        ".venv/bin/python": "",
        "src/study/__pycache__/a.pyc": "",
        ".snakemake/log": "",
    }
    put(tmp_path, files)
    expected = ["data/imported/other.dvc", "new.py", "src/study/a.py"]
    assert sorted(recorded.files_of_the_code(tmp_path)) == expected
    commit(tmp_path)
    put(tmp_path, {"later.py": "", "results/u.csv": ""})
    git(tmp_path, "add", "--force", "data/imported/other.dvc")
    tracked = {".gitignore", "config/study.yaml", "later.py", *expected}
    assert set(recorded.files_of_the_code(tmp_path)) == tracked


# 1 Claims


def claim(published: str, **more: Any) -> dict[str, Any]:
    where = {"r": {"table": "agreement", "column": None, "measure": "vader"}}
    return {
        "id": "c",
        "source": "S",
        "statement": "T",
        "values": {"r": published},
        "where": where,
        "attempt": True,
        "reason": None,
        "tolerance": None,
        "alternative": None,
    } | more


@pytest.mark.parametrize(
    ("published", "more", "verdict"),
    [
        (".881", {}, PASSED),
        (".8806", {}, FAILED),
        (".89", {}, FAILED),
        (".89", {"reason": "Another lexicon."}, NOTE),
        (".89", {"reason": "Rounded twice.", "tolerance": {"r": 0.01}}, PASSED),
        (".99", {"reason": "Rounded twice.", "tolerance": {"r": 0.01}}, FAILED),
        (".89", {"attempt": False, "reason": "No data."}, NOT_APPLICABLE),
    ],
)
def test_a_claim(tmp_path: Path, published: str, more: dict[str, Any], verdict: str) -> None:
    again = rebuilt(tmp_path, {"results/tables/agreement.csv": "measure,r\nvader,0.88125\n"})
    check = check_claims(subject(tmp_path, again, claims=[claim(published, **more)]))
    assert [item.verdict for item in check.items] == [verdict]
    assert check.verdict == (PASSED if verdict == NOTE else verdict)


def test_a_reason_does_not_excuse_a_cell_that_is_not_there(tmp_path: Path) -> None:
    again = rebuilt(tmp_path, {"results/tables/agreement.csv": "measure,r\nother,0.88\n"})
    check = check_claims(subject(tmp_path, again, claims=[claim(".88", reason="Another lexicon.")]))
    assert check.verdict == FAILED
    assert "no such row" in check.items[0].said


def test_claims_are_judged_by_the_recorded_tables_where_nothing_can_be_computed(tmp_path: Path) -> None:
    put(tmp_path, {"results/tables/agreement.csv": "measure,r\nvader,0.88125\n"})
    assert check_claims(subject(tmp_path, claims=[claim(".881")])).verdict == PASSED
    assert check_claims(subject(tmp_path, claims=[claim(".882")])).verdict == FAILED


def test_claims_without_their_table_or_without_claims(tmp_path: Path) -> None:
    check = check_claims(subject(tmp_path, claims=[claim(".881")]))
    assert check.verdict == FAILED
    assert "agreement" in check.reason
    assert check_claims(subject(tmp_path)).verdict == NOT_APPLICABLE


# 2 Tables


def test_tables(tmp_path: Path) -> None:
    files = {"same.csv": "n\n1\n", "other.csv": "n\n1\n", "gone.csv": "n\n1\n"}
    pointer(tmp_path, "results", files)
    pointer(tmp_path, "data/corpus", {"sample.csv": "a\n1\n", "source.csv": "x\n"})
    commit(tmp_path)
    made = {"results/same.csv": "n\n1\n", "results/other.csv": "n\n2\n", "results/new.csv": "n\n1\n"}
    check = check_tables(subject(tmp_path, rebuilt(tmp_path, made | {"data/corpus/sample.csv": "a\n2\n"})))
    assert check.verdict == FAILED
    assert check.reason.startswith("Not as recorded: 4 of 5 files")
    items = found(check)
    assert items["results/same.csv"] == (PASSED, "")
    assert items["results/other.csv"] == (FAILED, "row 1, column n: recorded '1', now '2'.")
    assert "not recorded" in items["results/new.csv"][1]
    assert "nothing in the study makes it" in items["results/gone.csv"][1]
    assert items["data/corpus/sample.csv"][0] == FAILED
    assert "data/corpus/source.csv" not in items


def test_what_a_rule_outside_a_whole_run_made_is_not_compared(tmp_path: Path) -> None:
    pointer(tmp_path, "results", {"t.csv": "n\n1\n", "extra.csv": "n\n1\n"})
    commit(tmp_path)
    record(tmp_path, "extra", {"results/extra.csv": "n\n1\n"})
    check = check_tables(subject(tmp_path, rebuilt(tmp_path, {"results/t.csv": "n\n1\n"})))
    assert check.verdict == PASSED
    assert found(check)["results/extra.csv"] == (
        NOTE,
        "Not compared: the rule 'extra' is no part of a whole run.",
    )
    # A rule that did run, and did not make the file: it is left over from other settings.
    again = rebuilt(tmp_path, {"results/t.csv": "n\n1\n"})
    record(again.folder, "extra", {"results/t.csv": "n\n1\n"})
    assert check_tables(subject(tmp_path, again)).verdict == FAILED


def record(root: Path, rule: str, outputs: Mapping[str, str]) -> None:
    hashes = {path: hashlib.sha256(content.encode()).hexdigest() for path, content in outputs.items()}
    write_record(root, Job(rule, rule, hashes, {}, [], "", "", [], 0.0, 1.0, "", 6))


def test_a_rebuild_that_stopped_says_why(tmp_path: Path) -> None:
    pointer(tmp_path, "results", {"t.csv": "n\n1\n", "u.csv": "n\n1\n"})
    commit(tmp_path)
    check = check_tables(subject(tmp_path, rebuilt(tmp_path, {"results/t.csv": "n\n1\n"}, "No such column.")))
    assert check.verdict == FAILED
    assert "No such column." in check.reason
    assert found(check)["results/t.csv"] == (PASSED, "")
    assert found(check)["results/u.csv"][0] == FAILED


def test_nothing_recorded_is_a_fault_and_nothing_to_compute_from_is_not(tmp_path: Path) -> None:
    commit(tmp_path)
    check = check_tables(subject(tmp_path, rebuilt(tmp_path, {"results/t.csv": "n\n1\n"})))
    assert (check.verdict, check.reason[:23]) == (FAILED, "No results are recorded")
    check = check_tables(subject(tmp_path, "The texts are not here."))
    assert (check.verdict, check.reason) == (NOT_APPLICABLE, "The texts are not here.")


def test_recorded_content_that_was_never_pulled(tmp_path: Path) -> None:
    pointer(tmp_path, "results", {"t.csv": "n\n1\n"})
    commit(tmp_path)
    shutil.rmtree(tmp_path / ".dvc/cache/files/md5" / md5("n\n1\n")[:2])
    check = check_tables(subject(tmp_path, rebuilt(tmp_path, {"results/t.csv": "n\n1\n"})))
    assert "dvc pull" in found(check)["results/t.csv"][1]


# 3 Responses


def instrument(wording: str = "Tone: ") -> Instrument:
    question = Question("tone", "choice", Prompt(wording, "?"), ("yes", "no"), ("yes", "no"))
    model = {"name": "m", "sha256": "0" * 64, "engine": {}}
    return Instrument("tone", "llm", (question,), "<end>", model, {"context": 64, "temperature": 0.0})


def answered(root: Path, of: Instrument, *texts: str) -> list[str]:
    """Put responses into the study's store, and the index of them into its results; return their keys."""
    keys = [response_key(of.instrument_id, text_sha256(text), 1) for text in texts]
    with ResponseStore(root / "data/responses").write() as journal:
        for key in keys:
            journal.add({"key": key, "instrument_id": of.instrument_id, "status": "ok", "answers": []})
    rows = [f"{key},segment" for key in keys]
    put(
        root,
        {
            "results/index/m.0-of-1.csv": "\n".join(["key,segment", *rows, ""]),
            "results/instruments/llm.tone.json": of.to_json(),
        },
    )
    return keys


def asks(folder: Path, of: Instrument, *texts: str) -> Rebuilt:
    """Return a scratch folder in which these texts are to be coded."""
    units = pd.DataFrame({"unit_id": list(texts), "text_sha256": [text_sha256(text) for text in texts]})
    again = rebuilt(
        folder, {"results/instruments/llm.tone.json": of.to_json(), "data/corpus/sample.csv": "unit_id\n"}
    )
    units.to_parquet(again.folder / "data/corpus/units.parquet")
    return again


def test_responses_that_fit(tmp_path: Path) -> None:
    answered(tmp_path, instrument(), "a", "b")
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a", "b"), asked=ASKED))
    assert (check.verdict, check.reason) == (PASSED, "Asked for 2: all are there, and none is out of date.")
    assert [item.what for item in check.items] == ["all instruments", "instrument llm.tone"]


def test_another_wording_makes_responses_stale(tmp_path: Path) -> None:
    answered(tmp_path, instrument(), "a", "b")
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument("Mood: "), "a", "b"), asked=ASKED))
    assert check.verdict == FAILED
    assert check.reason == (
        "Missing, so that the model would have to be asked: 2 responses."
        " Used by the tables, and out of date: 2 responses."
    )
    said = found(check)["instrument llm.tone"][1]
    assert "questions[1].prompt.before: recorded 'Tone: ', now 'Mood: '" in said
    assert found(check)["unused responses"] == (
        NOTE,
        "Stored, and not asked for any more: 2 responses of an instrument that is not known here"
        f" ({instrument().instrument_id[:10]}). They stay.",
    )


def test_a_text_more_a_text_less_and_an_answer_that_is_not_used(tmp_path: Path) -> None:
    answered(tmp_path, instrument(), "a", "b")
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a", "b", "c"), asked=ASKED))
    assert check.reason == "Missing, so that the model would have to be asked: 1 response."
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a"), asked=ASKED))
    assert check.reason == "Used by the tables, and out of date: 1 response."
    put(tmp_path, {"results/index/m.0-of-1.csv": "key,segment\n"})
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a", "b"), asked=ASKED))
    assert check.reason == "In the store, and not used by the tables: 2 responses."


def test_old_responses_are_named_and_no_fault(tmp_path: Path) -> None:
    old = instrument("Mood: ")
    answered(tmp_path, old, "a", "b", "c")
    put(tmp_path, {f"data/responses/instruments/{old.instrument_id}.json": old.to_json()})
    answered(tmp_path, instrument(), "a")
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a"), asked=ASKED))
    assert check.verdict == PASSED
    assert found(check)["unused responses"] == (
        NOTE,
        f"Stored, and not asked for any more: 3 responses of llm.tone ({old.instrument_id[:10]}). They stay.",
    )


def test_the_index_of_an_older_study_is_among_its_responses(tmp_path: Path) -> None:
    answered(tmp_path, instrument(), "a")
    index = tmp_path / "results/index"
    index.rename(tmp_path / "data/responses/index")
    check = check_responses(subject(tmp_path, asks(tmp_path, instrument(), "a"), asked=ASKED))
    assert check.verdict == PASSED


def test_edited_responses_are_said_to_be_and_none_is_used(tmp_path: Path) -> None:
    answered(tmp_path, instrument(), "a")
    (segment,) = (tmp_path / "data/responses/segments").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b'"ok"', b'"OK"'))
    study = subject(tmp_path, asks(tmp_path, instrument(), "a"), asked=ASKED)
    assert "changed after it was written" in check_responses(study).reason
    assert found(check_hashes(study))["data/responses/segments"][0] == FAILED


def test_without_language_models_or_without_a_rebuild_there_is_nothing_to_ask(tmp_path: Path) -> None:
    assert check_responses(subject(tmp_path)).verdict == NOT_APPLICABLE
    assert check_responses(subject(tmp_path, "No texts.", asked=ASKED)).reason == "No texts."
    stopped = rebuilt(tmp_path, {}, "The corpus has no column 'text'.")
    check = check_responses(subject(tmp_path, stopped, asked=ASKED))
    assert check.verdict == FAILED
    assert "no column 'text'" in check.reason


# 4 Hashes


def with_card(root: Path, **changed: Any) -> Path:
    put(root, {OWN: "x\n", "data/responses/models/m.json": json.dumps(CARD | changed)})
    return root


def test_files_on_disk(tmp_path: Path) -> None:
    pointer(tmp_path, "data/corpus", {"texts.csv": "x\n", "b.csv": "b\n", "c.csv": "c\n"})
    commit(tmp_path)
    put(tmp_path, {OWN: "x\n", "data/corpus/b.csv": "other\n"})
    check = check_hashes(subject(tmp_path))
    assert check.verdict == FAILED
    assert found(check)["data/corpus.dvc"] == (
        FAILED,
        "Not on disk: 1 of 3 files, data/corpus/c.csv."
        " Not the recorded content: 1 of 3 files, data/corpus/b.csv.",
    )
    put(tmp_path, {"data/corpus/b.csv": "b\n", "data/corpus/c.csv": "c\n"})
    assert check_hashes(subject(tmp_path)).verdict == PASSED


def test_a_file_is_read_whatever_its_time_says(tmp_path: Path) -> None:
    pointer(tmp_path, "data/corpus", {"texts.csv": "x\n"})
    commit(tmp_path)
    put(tmp_path, {OWN: "x\n"})
    before = (tmp_path / OWN).stat()
    assert check_hashes(subject(tmp_path)).verdict == PASSED
    put(tmp_path, {OWN: "y\n"})
    os.utime(tmp_path / OWN, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert check_hashes(subject(tmp_path)).verdict == FAILED


def test_a_pointer_whose_list_was_never_pulled(tmp_path: Path) -> None:
    pointer(tmp_path, "data/corpus", {"texts.csv": "x\n"})
    commit(tmp_path)
    put(tmp_path, {OWN: "x\n"})
    shutil.rmtree(tmp_path / ".dvc/cache")
    assert "dvc pull" in found(check_hashes(subject(tmp_path)))["data/corpus.dvc"][1]


def test_texts_that_may_not_be_shared_need_not_be_here(tmp_path: Path) -> None:
    pointer(tmp_path, "data/corpus", {"texts.csv": "x\n"}, push=False)
    pointer(tmp_path, "results", {"t.csv": "n\n1\n"})
    commit(tmp_path)
    put(tmp_path, {"results/t.csv": "n\n1\n"})
    check = check_hashes(subject(tmp_path))
    assert check.verdict == PASSED
    assert found(check)["data/corpus.dvc"][0] == NOT_APPLICABLE
    assert found(check)[OWN][0] == NOT_APPLICABLE
    put(tmp_path, {OWN: "changed\n"})
    assert check_hashes(subject(tmp_path)).verdict == FAILED


def test_an_archive_says_itself_what_it_lacks(tmp_path: Path) -> None:
    rows = f"path,sha256,size,reason,redacted\n{OWN},{'0' * 64},2,holds the texts,\n"
    put(tmp_path, {"WITHHELD.csv": rows, "results/t.csv": "n\n1\n"})
    record(tmp_path, "t", {"results/t.csv": "n\n1\n"})
    check = check_hashes(subject(tmp_path))
    assert check.verdict == PASSED
    assert found(check) == {
        OWN: (NOT_APPLICABLE, "It holds texts that may not be shared, and is not here."),
        "provenance": (PASSED, "As recorded when made: 1 file."),
    }


def test_a_file_that_is_not_the_one_that_a_job_made(tmp_path: Path) -> None:
    put(tmp_path, {OWN: "x\n", "results/t.csv": "n\n2\n"})
    record(tmp_path, "t", {"results/t.csv": "n\n1\n"})
    check = check_hashes(subject(tmp_path))
    assert check.verdict == FAILED
    assert check.reason == "provenance: Not the content that was made: 1 of 1 file, results/t.csv."


def test_sources_with_a_hash_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, {OWN: "x\n"})
    digest = hashlib.sha256(b"x\n").hexdigest()

    def verdict(sha256: str) -> str:
        corpus = {"share": True, "sources": [{"file": OWN, "sha256": sha256}]}
        return found(check_hashes(subject(tmp_path, corpus=corpus)))[OWN][0]

    assert verdict(digest) == verdict(digest.upper()) == PASSED
    assert verdict("0" * 64) == FAILED
    (tmp_path / OWN).unlink()
    assert verdict(digest) == FAILED


def test_models(tmp_path: Path) -> None:
    def said(**changed: Any) -> tuple[str, str]:
        return found(check_hashes(subject(with_card(tmp_path), asked=ASKED, **changed)))["model m"]

    assert said() == (NOTE, f"It is not installed here; its recorded sha256 is {'a' * 64}.")
    other = {"m": ABSENT | {"sha256": "b" * 64}}
    assert said(models=other)[0] == FAILED
    put(tmp_path, {"model.gguf": "weights"})
    here = {"m": {"path": "model.gguf"}}
    assert said(models=here)[0] == FAILED
    with_card(tmp_path, source={"sha256": hashlib.sha256(b"weights").hexdigest()})
    check = check_hashes(subject(tmp_path, asked=ASKED, models=here))
    assert [item.verdict for item in check.items if item.what == "model m"] == [NOTE, PASSED]
    put(tmp_path, {"data/responses/models/m.json": "{}"})
    check = check_hashes(subject(tmp_path, asked=ASKED, models=here))
    assert "no card" in found(check)["model m"][1]


def test_of_a_server_the_record_is_said_and_the_configuration_compared(tmp_path: Path) -> None:
    asked = {
        "url": "https://models.example.org/v1", "model": "m", "constraint": "json_schema",
        "probabilities": "deciding", "options": {},
    }  # fmt: skip
    reported = {"model": "m-2026", "system_fingerprint": "fp-1", "date": "2026-01-02"}
    card = {"name": "m", "server": asked, "reported": reported}
    put(tmp_path, {OWN: "x\n", "data/responses/models/m.json": json.dumps(card)})

    def said(**changed: Any) -> tuple[str, str]:
        configured = {"name": "m", "key": "MODEL_KEY", **asked, **changed}
        return found(check_hashes(subject(tmp_path, asked=ASKED, models={"m": {"server": configured}})))[
            "model m"
        ]

    verdict, sentence = said()
    assert verdict == NOTE
    assert "no hash can be taken" in sentence
    assert "model 'm-2026', fingerprint fp-1, on 2026-01-02" in sentence
    assert said(key=None)[0] == NOTE  # a key decides no answer
    verdict, sentence = said(probabilities="none", url="http://127.0.0.1:1/v1")
    assert verdict == FAILED
    assert 'probabilities: "none", where what coded has "deciding"' in sentence
    assert 'url: "http://127.0.0.1:1/v1"' in sentence
    put(tmp_path, {"data/responses/models/m.json": json.dumps(CARD)})  # of a file
    assert said() == (FAILED, "There is no card of the server that coded: data/responses/models/m.json.")
    put(tmp_path, {"data/responses/models/m.json": json.dumps(card)})
    check = check_hashes(subject(tmp_path, asked=ASKED))  # the configuration has a file
    assert "no card" in found(check)["model m"][1]


# 5 Remote


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A repository of git and DVC with results that were pushed to a folder."""
    root = tmp_path / "study"
    put(
        root,
        {"config/study.yaml": "title: A study\n", "results/a.csv": "1\n", "results/b.csv": "2\n", OWN: "x\n"},
    )
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    dvc(root, "add", "--quiet", "results", "data/corpus")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A run")
    dvc(root, "push", "--quiet")
    return root


def test_a_remote_with_everything_and_one_without_a_file(shared: Path, tmp_path: Path) -> None:
    assert check_remote(subject(shared)).verdict == PASSED
    (tmp_path / "remote/files/md5" / md5("2\n")[:2] / md5("2\n")[2:]).unlink()
    check = check_remote(subject(shared))
    assert check.verdict == FAILED
    assert check.reason == "The remote 'storage' lacks 1 file: results/b.csv. Run 'dvc push'."
    assert [item.what for item in check.items] == ["results/b.csv"]


def test_a_remote_that_is_not_there(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "remote").rename(tmp_path / "elsewhere")
    check = check_remote(subject(shared))
    assert check.verdict == FAILED
    assert check.reason == "The remote 'storage' is empty or cannot be reached: it lacks all 3 files."
    dvc(shared, "remote", "modify", "storage", "url", "ssh://127.0.0.1:9/nowhere")
    check = check_remote(subject(shared))
    assert check.verdict == FAILED
    assert check.reason.startswith("The remote 'storage' cannot be read: ")


def test_without_a_remote_and_outside_git_there_is_nothing_to_pull_from(shared: Path, tmp_path: Path) -> None:
    dvc(shared, "remote", "remove", "storage")
    check = check_remote(subject(shared))
    assert check.verdict == NOT_APPLICABLE
    assert "dvc remote add" in check.reason
    assert check_remote(subject(tmp_path)).verdict == NOT_APPLICABLE


def test_a_remote_need_not_have_texts_that_may_not_be_shared(shared: Path, tmp_path: Path) -> None:
    content = yaml.safe_load((shared / "data/corpus.dvc").read_text())
    content["outs"][0]["push"] = False
    put(shared, {"data/corpus.dvc": yaml.safe_dump(content)})
    git(shared, "commit", "--quiet", "--all", "--message", "Keep the texts")
    (tmp_path / "remote/files/md5" / md5("x\n")[:2] / md5("x\n")[2:]).unlink()
    assert check_remote(subject(shared)).verdict == PASSED


def test_what_was_imported_is_pulled_from_where_it_is_from(shared: Path, tmp_path: Path) -> None:
    (shared / "data/imported").mkdir()
    other = tmp_path / "other"
    put(other, {"config/study.yaml": "title: B\n", "responses/r.jsonl": "{}\n"})
    git(other, "init", "--quiet")
    dvc(other, "init", "--quiet")
    dvc(other, "add", "--quiet", "responses")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "A run")
    dvc(shared, "import", "--quiet", str(other), "responses", "--out", "data/imported/other")
    git(shared, "add", "--all")
    git(shared, "commit", "--quiet", "--message", "Import")
    study = subject(shared)
    assert study.recorded.pointers["data/imported/other.dvc"].imported
    assert check_remote(study).verdict == PASSED


# All of it


def test_what_keeps_a_check_from_being_made_fails_that_check(tmp_path: Path) -> None:
    put(tmp_path, {"results/tables/agreement.csv": "measure,r\nvader,0.88125\n", OWN: "x\n"})
    study = subject(tmp_path, claims=[claim(".881")])
    broken = replace(
        study, config=study.config | {"corpus": {"share": True, "sources": [{"file": "a", "url": "b"}]}}
    )
    verdicts = {question.name: check.verdict for question, check in all_checks(broken)}
    assert verdicts == {
        "Claims": PASSED,
        "Tables": NOT_APPLICABLE,
        "Responses": NOT_APPLICABLE,
        "Hashes": FAILED,
        "Remote": NOT_APPLICABLE,
    }


def test_sources_that_are_missing(tmp_path: Path) -> None:
    assert missing_sources(config(), tmp_path) == [OWN]
    put(tmp_path, {OWN: "x\n"})
    assert missing_sources(config(), tmp_path) == []


def test_the_scratch_folder_is_outside_the_study_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "study/tmp"))
    (tmp_path / "study/tmp").mkdir(parents=True)
    with pytest.raises(StudyError, match="TMPDIR"), scratch_folder(tmp_path / "study"):
        pass
    with scratch_folder(tmp_path / "another") as folder:
        put(folder, {"a/b": "c"})
    assert not folder.exists()
    with scratch_folder(tmp_path / "another", keep=True) as folder:
        pass
    assert folder.is_dir()


# What a reader sees


def report(*checks: Check, changed: list[str] | None = None) -> Report:
    answers = list(zip(QUESTIONS, checks, strict=False))
    return Report(
        "A <b>study</b>", answers, "commit 1234567890", "1234567890", changed or [], {"Python": "3"}, "now"
    )


BAD = Check(
    FAILED, "Two differ.", [Item("a.csv", FAILED, "row 1"), *(Item("x", NOT_APPLICABLE, "why") for _ in "12")]
)
GOOD = Check(PASSED, "All well.", [Item("a/r", PASSED, "", {"Published": ".88"})])
NEITHER = Check(NOT_APPLICABLE, "No remote.")


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    assert report(GOOD, GOOD).verdict == PASSED
    assert report(GOOD, NEITHER).verdict == PASSED
    assert report(GOOD, BAD, NEITHER).verdict == FAILED
    assert report(GOOD, BAD).point() == "The study does not give what it records: tables failed."
    html = as_html(report(GOOD, BAD, NEITHER))
    assert html.index("does not give what it records") < html.index("All well.") < html.index("a.csv")
    assert "A &lt;b&gt;study" in html
    assert "://" not in html
    assert "<script" not in html
    assert "x and x" in html  # what is not applicable for one reason stands in one row


def test_the_record_has_everything() -> None:
    known = json.loads(as_json(report(GOOD, BAD, changed=["config/study.yaml"])))
    assert known["verdict"] == FAILED
    assert [check["check"] for check in known["checks"]] == ["Claims", "Tables"]
    assert known["checks"][0]["items"] == [
        {"what": "a/r", "verdict": PASSED, "found": "", "figures": {"Published": ".88"}}
    ]
    assert len(known["checks"][1]["items"]) == 3
    assert {"versions", "commit", "date", "changed", "compared_with"} <= known.keys()


def test_the_terminal_has_a_line_a_check() -> None:
    lines = as_text(report(GOOD, BAD, NEITHER), Path("verification/report.html")).splitlines()
    assert lines[1:4] == [
        "  1 Claims           passed          All well.",
        "  2 Tables           failed          Two differ.",
        "  3 Responses        not applicable  No remote.",
    ]
    assert lines[-1] == "FAILED. The report: verification/report.html"
    assert not any("Mind" in line for line in lines)
    assert "Mind: Not as in the commit: 1 file, a.py." in as_text(report(GOOD, changed=["a.py"]), Path("x"))

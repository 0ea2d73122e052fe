"""What `corpus.share: false` keeps back: every text and what quotes it, and nothing else."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study.digest import text_sha256
from study.errors import StudyError
from study.provenance.hashes import sha256
from study.provenance.pointers import TRACKED, files_below
from study.sharing import withheld

TEXTS = [
    "The lift was out of order, and nobody at the desk knew when it would be repaired.",
    "Es war ruhig und warm, vielen Dank – auch für die Hilfe mit dem Drucker gestern.",
    "Short.",
]
ID = "0249dcf79a27"


def settings(*, share: bool = False, file: str = "data/corpus/notes.csv") -> dict[str, Any]:
    return {"corpus": {"share": share, "sources": [{"file": file}]}, "coders": {}}


def responses(**extra: Any) -> str:
    answer = {"log_p": [[-1.5, -0.3]], **extra}
    rows = [{"answers": [answer], "key": f"k{n}", "status": "ok", "unit_id": f"n{n}"} for n in range(3)]
    rows.append({"answers": None, "key": "k3", "status": "too_long", "unit_id": "n3"})
    return "".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A study's data and results, as its rules write them."""
    for folder in (
        "data/corpus/source", "data/gold", "data/responses/segments", "results/codings", "results/tables",
        "results/report", "results/figures", "results/index", "config/codebooks", "provenance",
    ):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
    units = pd.DataFrame({"unit_id": ["n0", "n1", "n2"], "text": TEXTS, "year": [2001, 2002, 2003]})
    units["text_sha256"] = [text_sha256(text) for text in TEXTS]
    units.to_parquet(tmp_path / withheld.UNITS, index=False)
    coded = pd.DataFrame({"unit_id": units["unit_id"], "construct": "mood", "score": [1.0, 0.0, 1.0]})
    spans = [json.dumps([{"start": 4, "end": 8, "text": text[4:8]}]) for text in TEXTS[:2]]
    coded.to_parquet(tmp_path / "results/codings/words.parquet", index=False)
    coded.assign(spans=[*spans, None]).to_parquet(tmp_path / "results/codings/spans.parquet", index=False)
    places = ['[{"start": 4, "end": 8}]', "[]", None]
    coded.assign(spans=places).to_parquet(tmp_path / "results/codings/places.parquet", index=False)
    coded.assign(rationale="It says so.", spans=[*spans, None]).to_parquet(
        tmp_path / "results/codings/llm.parquet", index=False
    )
    units.drop(columns="text").to_parquet(tmp_path / "results/measures.parquet", index=False)
    for name, content in {
        "data/corpus/notes.csv": units.to_csv(index=False),
        "data/corpus/sample.csv": "unit_id,stratum\nn0,all\n",
        "data/corpus/source/corpus.tar.gz": "packed",
        "data/gold/codes.csv": "unit_id,rater,mood\nn0,anna,pleased\n",
        "data/responses/segments/plain.jsonl": responses(),
        "data/responses/segments/reasons.jsonl": responses(rationale="Since the lift is out of order."),
        "data/responses/instruments.json": '{"before": "How does the writer feel?"}',
        "results/tables/agreement.csv": "measure,pearson_r\nmood_llm,0.5\n",
        "results/report/04_corpus.html": "<p>Three texts</p>",
        "results/figures/scatter.png": "a picture",
        "results/index/m.csv": "key,segment\nk0,plain\n",
        "config/study.yaml": "title: x\n",
        "config/codebooks/mood.yaml": "construct: mood\n",
        "provenance/corpus.json": "{}",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


STRUCTURE = {
    "data/corpus/notes.csv": withheld.TEXTS,
    "data/corpus/source/corpus.tar.gz": withheld.TEXTS,
    "data/corpus/units.parquet": withheld.TEXTS,
    "data/responses/segments/reasons.jsonl": withheld.RATIONALES,
    "results/codings/llm.parquet": withheld.RATIONALES,
    "results/codings/spans.parquet": withheld.EXTRACTS,
}
"""What is kept back of the study above, whatever the texts are."""


def every_file(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def select(root: Path, study: dict[str, Any] | None = None) -> dict[str, str]:
    found = withheld.select(root, study or settings(), every_file(root))
    for one in found:
        assert one.sha256 == sha256(root / one.path)
        assert one.size == (root / one.path).stat().st_size
    return {one.path: one.reason for one in found}


def test_the_texts_and_what_a_model_wrote_about_them_are_kept_back(root: Path) -> None:
    assert select(root) == STRUCTURE
    assert select(root, settings(share=True)) == {}


def save_xlsx(path: Path) -> None:
    pd.DataFrame({"unit_id": ["n0"], "text": [TEXTS[0]]}).to_excel(path, index=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/gold/sheet.csv", f"unit_id,text,mood\nn0,\"{TEXTS[0]}\",pleased\n"),
        ("data/gold/utf16.csv", f"unit_id,text\nn1,{TEXTS[1]}\n".encode("utf-16")),
        ("data/gold/latin.csv", f"unit_id,text\nn1,{TEXTS[1]}\n".replace("–", "-").encode("latin-1")),
        ("data/gold/sheet.xlsx", save_xlsx),
        ("results/tables/odd.csv", f"a,b\n1,{TEXTS[1][10:45]}\n"),
        ("results/report/99_own.html", f"<td>{TEXTS[0][:40]}</td>"),
        ("results/recode.json", json.dumps({"said": TEXTS[1]})),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)  # fmt: skip
def test_a_passage_in_any_file_keeps_it_back(name: str, content: Any, root: Path) -> None:
    path = root / name
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    assert select(root) == STRUCTURE | {name: withheld.PASSAGES}


def test_a_column_that_was_carried_along_is_noticed_and_left_out(root: Path) -> None:
    path = root / "results/measures.parquet"
    table = pd.read_parquet(path).assign(headline=["none", TEXTS[0][:35], "none"])
    table.to_parquet(path, index=False)
    kept = withheld.select(root, settings(), every_file(root))
    instead = dict(withheld.redact(root, settings(), kept))
    left = pd.read_parquet(io.BytesIO(instead["redacted/results/measures.parquet"]))
    pd.testing.assert_frame_equal(left, table.drop(columns="headline"))


def test_texts_in_another_column_are_kept_back_too(root: Path) -> None:
    units = pd.read_parquet(root / withheld.UNITS)
    translated = ["The lift did not run and no one at the counter could say until when.", None, "Brief."]
    units.assign(english=translated).to_parquet(root / withheld.UNITS, index=False)
    (root / "results/tables/notes.csv").write_text(f"unit_id,note\nn0,{translated[0]}\n")
    study = settings() | {
        "coders": {"llm": {"type": "llm", "text": "english"}, "words": {"type": "dictionary"}}
    }
    assert "results/tables/notes.csv" not in {
        one.path for one in withheld.select(root, settings(), every_file(root))
    }
    kept = withheld.select(root, study, every_file(root))
    assert "results/tables/notes.csv" in {one.path for one in kept}
    instead = dict(withheld.redact(root, study, kept))
    left = pd.read_parquet(io.BytesIO(instead[f"redacted/{withheld.UNITS}"]))
    assert not {"text", "english"} & set(left)


def test_what_cannot_be_searched_is_kept_back_beside_the_data_only(root: Path) -> None:
    (root / "data/gold/sheets.zip").write_bytes(b"PK")
    (root / "results/figures/map.pdf").write_bytes(b"%PDF")
    assert select(root) == STRUCTURE | {"data/gold/sheets.zip": withheld.UNSEARCHED}


def test_what_goes_in_its_place_holds_all_but_the_texts(root: Path) -> None:
    kept = withheld.select(root, settings(), every_file(root))
    instead = dict(withheld.redact(root, settings(), kept))
    assert set(instead) == {one.redacted for one in kept if one.redacted}
    assert set(instead) == {
        f"redacted/{path}" for path in STRUCTURE if path.endswith((".parquet", "reasons.jsonl"))
    }

    def table(path: str) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(instead[f"redacted/{path}"]))

    units = pd.read_parquet(root / withheld.UNITS)
    pd.testing.assert_frame_equal(table(withheld.UNITS), units.drop(columns="text"))
    coded = table("results/codings/llm.parquet")
    assert list(coded) == ["unit_id", "construct", "score", "spans"]
    assert list(coded["score"]) == [1.0, 0.0, 1.0]
    assert json.loads(coded["spans"][0]) == [{"start": 4, "end": 8}]
    assert pd.isna(coded["spans"][2])
    # A segment without its rationales is the one that would have been written without them.
    assert instead["redacted/data/responses/segments/reasons.jsonl"].decode() == responses()


def test_an_answer_that_is_no_code_may_quote_a_text(root: Path) -> None:
    """What a server answered instead of a code is kept as the reason of a failure."""
    path = "data/responses/segments/failed.jsonl"
    failed = {"answers": None, "key": "k9", "server": {"requests": 1}, "status": "failed", "unit_id": "n0"}
    errors = ["It is no JSON. Found: '{'", f"It is no JSON. Found: {TEXTS[0]!r}"]
    for error in errors:
        (root / path).write_text(json.dumps(failed | {"error": error}) + "\n", encoding="utf-8")
        quoted = error == errors[1]
        assert select(root) == STRUCTURE | ({path: withheld.PASSAGES} if quoted else {})
    kept = withheld.select(root, settings(), every_file(root))
    instead = dict(withheld.redact(root, settings(), kept))[f"redacted/{path}"]
    assert json.loads(instead) == failed


@pytest.mark.parametrize("name", ["config/codebooks/mood.yaml", "provenance/corpus.json", "README.md"])
def test_a_passage_in_what_git_tracks_is_an_error(name: str, root: Path) -> None:
    (root / name).write_text(yaml.safe_dump({"example": TEXTS[1]}), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        select(root)
    assert caught.value.file == name
    assert str(caught.value.found) in TEXTS[1].casefold()
    assert select(root, settings(share=True)) == {}


def test_the_codebook_is_named_before_what_was_made_of_it(root: Path) -> None:
    for name in ("config/codebooks/mood.yaml", ".hidden/a.json", "provenance/corpus.json"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(json.dumps(TEXTS), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        select(root)
    assert caught.value.file == "config/codebooks/mood.yaml"


def test_texts_in_a_file_that_git_tracks_are_an_error(root: Path) -> None:
    (root / "config/texts.csv").write_text("unit_id,text\nn0,Short.\n", encoding="utf-8")
    with pytest.raises(StudyError, match="git push") as caught:
        select(root, settings(file="config/texts.csv"))
    assert caught.value.file == "config/texts.csv"


def test_code_and_licences_are_not_searched(root: Path) -> None:
    for name in ("src/study/x.py", "LICENSE", "requirements.lock", "workflow/Snakefile"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(TEXTS[0], encoding="utf-8")
    assert select(root) == STRUCTURE


def test_the_list_is_read_as_it_was_written(root: Path) -> None:
    kept = withheld.select(root, settings(), every_file(root))
    (root / withheld.LIST).write_bytes(withheld.write_list(kept))
    assert withheld.absent(root) == []  # all is here
    (root / "data/corpus/notes.csv").unlink()
    (root / "results/codings/llm.parquet").unlink()
    assert withheld.absent(root) == [one for one in kept if one.path.endswith(("notes.csv", "llm.parquet"))]
    assert withheld.absent(root / "data") == []


def test_a_folder_with_something_kept_back_is_not_pushed(root: Path) -> None:
    study = settings()
    assert withheld.folders(study, root) == ("data/corpus", "data/responses", "results")
    (root / "data/responses/segments/reasons.jsonl").unlink()
    for name in ("llm", "spans"):
        (root / f"results/codings/{name}.parquet").unlink()
    assert withheld.folders(study, root) == ("data/corpus",)
    (root / "data/gold/sheet.csv").write_text(f"text\n{TEXTS[1]}\n", encoding="utf-8")
    assert withheld.folders(study, root) == ("data/corpus", "data/gold")
    assert withheld.folders(settings(share=True), root) == ()


def run(folder: Path, *command: str, ok: bool = True) -> str:
    dvc = [sys.executable, "-m", "dvc"] if command[0] == "dvc" else [command[0]]
    identity = [
        f"GIT_{who}_{what}=a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    ]
    done = subprocess.run(
        ["env", *identity, *dvc, *command[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def pointer(root: Path, folder: str) -> dict[str, Any]:
    return dict(yaml.safe_load((root / f"{folder}.dvc").read_text(encoding="utf-8"))["outs"][0])


def in_store(store: Path) -> str:
    return "".join(
        path.read_text(encoding="utf-8", errors="replace") for path in store.rglob("*") if path.is_file()
    )


@pytest.fixture
def versioned(root: Path) -> Path:
    """The study under git and DVC, with a remote beside it; its pointers are made."""
    run(root, "git", "init", "--quiet")
    run(root, "dvc", "init", "--quiet")
    run(root, "dvc", "config", "core.autostage", "true")
    run(root, "dvc", "remote", "add", "--default", "store", str(root.parent / "store"))
    run(root, "dvc", "add", "--quiet", *TRACKED)
    return root


def test_dvc_pushes_what_is_shared_and_nothing_else(versioned: Path) -> None:
    root, store = versioned, versioned.parent / "store"
    study = settings()
    assert withheld.protect(root, study) == ("data/corpus", "data/responses", "results")
    before = {folder: pointer(root, folder) for folder in TRACKED}
    assert [before[folder].get("push") for folder in TRACKED] == [False, None, False, False]
    # What git commits is marked too, although `dvc add` had staged the pointers before.
    assert "push: false" in run(root, "git", "show", ":data/corpus.dvc")

    # A second time changes nothing; and `dvc add` leaves the mark, whatever is new.
    assert withheld.protect(root, study) == ("data/corpus", "data/responses", "results")
    (root / "data/corpus/more.csv").write_text("unit_id,text\nn9,More.\n", encoding="utf-8")
    run(root, "dvc", "add", "--quiet", *TRACKED)
    after = pointer(root, "data/corpus")
    assert after["push"] is False
    assert after["md5"] != before["data/corpus"]["md5"]
    assert {folder: pointer(root, folder) for folder in TRACKED[1:]} == {
        folder: before[folder] for folder in TRACKED[1:]
    }

    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", "x")
    run(root, "dvc", "push")
    run(root, "dvc", "push", "data/corpus.dvc")
    run(root, "dvc", "push", "--all-commits")
    assert "anna,pleased" in in_store(store)
    assert not any(text[:25] in in_store(store) for text in TEXTS[:2])
    assert "Not in remote" not in run(root, "dvc", "data", "status", "--not-in-remote")

    clone = root.parent / "clone"
    run(root.parent, "git", "clone", "--quiet", str(root), str(clone))
    assert "data/corpus" in run(clone, "dvc", "pull", ok=False)
    assert list(files_below(clone / "data/gold")) == ["codes.csv"]
    assert not (clone / "data/corpus").exists()


def test_the_mark_goes_when_the_texts_may_travel_and_only_the_own_mark(versioned: Path) -> None:
    root = versioned
    withheld.protect(root, settings())
    by_hand = yaml.safe_load((root / "data/gold.dvc").read_text(encoding="utf-8"))
    by_hand["outs"][0]["push"] = False
    (root / "data/gold.dvc").write_text(yaml.safe_dump(by_hand, sort_keys=False), encoding="utf-8")
    assert withheld.protect(root, settings(share=True)) == ()
    assert [pointer(root, folder).get("push") for folder in TRACKED] == [None, False, None, None]
    run(root, "dvc", "push")
    assert TEXTS[0] in in_store(root.parent / "store")


def test_a_spreadsheet_is_searched_as_what_it_is(root: Path) -> None:
    path = root / "data/gold/sheet.xlsx"
    save_xlsx(path)
    assert TEXTS[0].encode() not in path.read_bytes()
    with zipfile.ZipFile(path) as book:
        assert any(TEXTS[0].encode() in book.read(name) for name in book.namelist())
    assert withheld.PASSAGES in select(root).values()

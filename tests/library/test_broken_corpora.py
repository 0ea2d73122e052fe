"""Whatever is wrong with a corpus, the rule's program says it in one paragraph and writes nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study import corpus, sample, sources
from study.job import run

GOOD = b"id,text,weight\n1,one,1\n2,two,0.5\n"
Case = tuple[Callable[[], dict[str, Any]], list[str]]


def table(
    data: bytes, corpus_settings: dict[str, Any] | None = None, file_name: str = "x.csv", **source: Any
) -> Callable:
    """Return a function that writes the file and returns the settings `corpus` and `units`."""

    def make() -> dict[str, Any]:
        Path(file_name).write_bytes(data)
        settings = dict(corpus_settings or {})
        units = settings.pop("units", {})
        listed = [{"file": file_name, **source}]
        return {
            "corpus": {"id": "id", "text": "text", "language": "en", "sources": listed, **settings},
            "units": units,
        }

    return make


CASES: dict[str, Case] = {
    "the id of two rows": (table(b"id,text\n1,a\n2,b\n1,c\n"), ["x.csv, line 4", "'1'", "duplicate_ids"]),
    "the id of rows of two sources": (
        table(GOOD, {"sources": [{"file": "x.csv"}, {"file": "x.csv"}]}),
        ["one id", "`prefix`"],
    ),
    "no id": (table(b"id,text\n1,a\n ,b\n"), ["x.csv, line 3", "no id"]),
    "a line break in an id": (table(b'id,text\n"1\n2",a\n'), ["invisible character"]),
    "an empty file": (table(b""), ["x.csv", "is empty"]),
    "an empty workbook": (table(b"", file_name="x.xlsx"), ["x.xlsx", "is empty"]),
    "a header only": (table(b"id,text\n"), ["no rows"]),
    "rows without text only": (table(b"id,text\n1,\n2, \n"), ["No row of the corpus has a text"]),
    "a missing text that is refused": (
        table(b"id,text\n1,a\n2,\n", {"empty": "refuse"}),
        ["x.csv, line 3", "no text"],
    ),
    "a misspelt column": (table(GOOD, {"text": "texts"}), ["'texts'", "Did you mean 'text'", "corpus.text"]),
    "a missing id column": (table(GOOD, {"id": "unit_id"}), ["corpus.id", "id, text, weight"]),
    "a missing covariate": (table(GOOD, {"covariates": ["domain"]}), ["corpus.covariates", "'domain'"]),
    "a reserved covariate": (table(b"id,text,sample\n1,a,b\n"), ["cannot be called 'sample'"]),
    "a constant column that the table has": (table(GOOD, add={"weight": 2}), ["`add`"]),
    "a ragged row": (table(b"id,text\n1,a\n2,b,c\n"), ["x.csv, line 3", "3 cells"]),
    "quotation marks": (table(b'id,text\n1,"a\n2,b\n'), ["x.csv, line 2", "quotation marks"]),
    "a zero byte": (table(b"id,text\n1,a\n2,b\0\n"), ["x.csv, line 3", "zero byte"]),
    "an unreadable encoding": (
        table(b"id,text\n1,caf\xe9\n", encoding="utf-8"),
        ["x.csv, line 2", "0xe9", "`encoding`"],
    ),
    "an unknown encoding": (table(GOOD, encoding="utf-7b"), ["no such encoding", "Did you mean"]),
    "bytes that are no text": (table(bytes((i * 97 + 13) % 256 for i in range(5000))), ["not text"]),
    "an unknown format": (table(GOOD, file_name="x.dat"), ["`format`", "csv"]),
    "a workbook that is none": (table(GOOD, file_name="x.xlsx"), ["no readable .xlsx"]),
    "a Parquet file that is none": (table(GOOD, file_name="x.parquet"), ["no readable Parquet"]),
    "broken JSON": (
        table(b'{"id": 1, "text": "a"}\n{"id": 2,\n', file_name="x.jsonl"),
        ["x.jsonl, line 2", "not JSON"],
    ),
    "too few names of columns": (table(b"1,a,b\n", columns=["id", "text"]), ["3 cells", "2 columns"]),
    "another sha256": (table(GOOD, sha256="0" * 64), ["sha256", "0" * 64]),
    "no such file": (
        lambda: {"corpus": {"file": "gone.csv", "language": "en"}, "units": {}},
        ["gone.csv", "no such file"],
    ),
    "no such folder": (
        lambda: {"corpus": {"sources": [{"folder": "gone"}], "language": "en"}, "units": {}},
        ["no such folder"],
    ),
    "no sources": (lambda: {"corpus": {"sources": [], "language": "en"}, "units": {}}, ["names no source"]),
    "an archive without member": (
        table(gzip.compress(b"0" * 257 + b"ustar" + b"0" * 250), file_name="x.csv.gz"),
        ["`member`"],
    ),
    "a member of what is no archive": (table(GOOD, member="y.csv"), ["no zip or tar archive"]),
    "a weight that is negative": (
        table(b"id,text,weight\n1,a,1\n2,b,-1\n", {"units": {"weight": "weight"}}),
        ["units.weight", "unit 2", "-1"],
    ),
    "a weight that is missing": (
        table(b"id,text,weight\n1,a,1\n2,b,\n", {"units": {"weight": "weight"}}),
        ["units.weight", "unit 2"],
    ),
    "a weight that is no number": (
        table(b"id,text,weight\n1,a,1\n2,b,high\n", {"units": {"weight": "weight"}}),
        ["units.weight", "unit 2", "high"],
    ),
    "a column of documents that is not there": (
        table(GOOD, {"units": {"document": "speech"}}),
        ["units.document", "'speech'"],
    ),
    "windows of a language without spaces": (
        table(GOOD, {"language": "zh", "units": {"segment": "window", "window": 5}}),
        ["units.segment", "no spaces"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_corpus(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = CASES[case]
    settings = make()
    before = sorted(path.name for path in Path().iterdir())
    arguments = ["--corpus", json.dumps(settings["corpus"]), "--units", json.dumps(settings["units"])]
    with pytest.raises(SystemExit) as ended:
        run(corpus.main, [*arguments, "--units-file", "units.parquet", "--flow-file", "flow.csv"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert [word for word in words if word not in said] == []
    assert sorted(path.name for path in Path().iterdir()) == before


def test_the_good_corpus_of_these_cases_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = table(GOOD, {"units": {"weight": "weight"}})()
    corpus.main(**settings, units_file=Path("units.parquet"), flow_file=Path("flow.csv"))
    assert Path("units.parquet").is_file()


def test_a_download_with_another_sha256(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "x.csv").write_bytes(GOOD)
    monkeypatch.setenv(sources.MIRROR, str(tmp_path / "mirror"))
    source = {"url": "http://127.0.0.1:9/x.csv", "sha256": "0" * 64}
    with pytest.raises(SystemExit):
        run(sources.main, ["--source", json.dumps(source), "--output", str(tmp_path / "source" / "x.csv")])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "could not be downloaded" in said
    assert list((tmp_path / "source").iterdir()) == []


def test_a_sample_by_a_covariate_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus.main(**table(GOOD)(), units_file=Path("units.parquet"), flow_file=Path("flow.csv"))
    rule = json.dumps({"n": 2, "by": "weigth", "seed": 1})
    with pytest.raises(SystemExit):
        run(sample.main, ["--units-file", "units.parquet", "--sample-file", "sample.csv", "--sample", rule])
    assert "Did you mean 'weight'" in capsys.readouterr().err
    assert not Path("sample.csv").exists()

"""The table of units: texts to the character, prefixed ids, and a count of all that is left out."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.corpus import main, text_sha256, typed
from study.errors import StudyError
from study.sources import MIRROR, fetch, name
from study_data import SHA256, hutto_gilbert_units, vader_source_distribution

CORPUS = {"id": "id", "text": "text", "language": "en"}
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def build(corpus: dict[str, Any], units: dict[str, Any] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    main(
        corpus={**CORPUS, **corpus},
        units=units or {},
        units_file=Path("units.parquet"),
        flow_file=Path("flow.csv"),
    )
    return pd.read_parquet("units.parquet"), pd.read_csv("flow.csv", keep_default_na=False)


def write(file_name: str, text: str) -> dict[str, str]:
    Path(file_name).write_text(text, encoding="utf-8", newline="")
    return {"file": file_name}


def count(flow: pd.DataFrame, step: str, group: str | None = None) -> int:
    rows = flow[(flow["step"] == step) & ((flow["group"] == group) if group else True)]
    assert len(rows), f"no step {step}"
    return int(rows["n"].sum())


def test_without_texts_every_text_is_empty_and_no_row_is_left_out() -> None:
    units, flow = build(
        {**write("x.csv", "id,expert,sent\n1,yes,0\n2,,1\n3,no,0\n"), "text": None}, {"document": "sent"}
    )
    assert list(units.columns) == ["unit_id", "document_id", "text", "text_sha256", "expert"]
    assert units["unit_id"].tolist() == ["1", "2", "3"]
    assert set(units["text"]) == {""}
    assert set(units["text_sha256"]) == {hashlib.sha256(b"").hexdigest()}
    # Texts that are not there are neither missing nor the same.
    assert set(flow["step"]) == {"read", "left out: duplicate id", "units"}
    assert count(flow, "units") == 3
    with pytest.raises(StudyError, match="Two rows have one id"):
        build({**write("y.csv", "id,expert\n1,yes\n1,no\n"), "text": None})


def test_the_table_of_units() -> None:
    units, flow = build(write("x.csv", "id,text,year,party\n001,NA,2001,NA\n002, two ,,B\n"))
    assert list(units.columns) == ["unit_id", "document_id", "text", "text_sha256", "year", "party"]
    assert units["unit_id"].tolist() == units["document_id"].tolist() == ["001", "002"]
    assert units["text"].tolist() == ["NA", " two "]
    assert units["text_sha256"][0] == hashlib.sha256(b"NA").hexdigest()
    assert units["year"].dtype == "float64"
    assert units["party"].tolist() == ["NA", "B"]
    read = flow.iloc[0]
    assert (read["step"], read["group"], read["n"]) == ("read", "x.csv", 2)
    assert "encoding utf-8" in read["note"]
    assert hashlib.sha256(Path("x.csv").read_bytes()).hexdigest() in read["note"]


def test_sources_are_put_together_with_prefixes_and_constant_columns() -> None:
    first = {
        **write("a.csv", "id,text,score\n1,one,0.5\n2,two,1\n"),
        "prefix": "a-",
        "add": {"domain": "news"},
    }
    second = {
        **write("b.tsv", "1\tuno\t2\n"),
        "columns": ["id", "text", "score"],
        "prefix": "b-",
        "add": {"domain": "ads"},
    }
    units, flow = build({"sources": [first, second], "covariates": ["domain", "score"]})
    assert units["unit_id"].tolist() == ["a-1", "a-2", "b-1"]
    assert units["domain"].tolist() == ["news", "news", "ads"]
    assert units["score"].tolist() == [0.5, 1.0, 2.0]
    assert flow[flow["step"] == "read"]["group"].tolist() == ["news", "ads"]


def test_rows_that_are_not_meant_are_no_texts() -> None:
    source = write("x.csv", "id,text,kind\n1,one,title\n2,two,body\n2,again,title\n")
    units, flow = build({"sources": [{**source, "where": {"kind": "title"}, "prefix": "a-"}]})
    assert units["unit_id"].tolist() == ["a-1", "a-2"]
    assert units["text"].tolist() == ["one", "again"]
    assert count(flow, "read") == 2
    assert "2 of 3 rows: kind title" in flow["note"].iloc[0]
    with pytest.raises(StudyError, match="No row has this value in the column 'kind'"):
        build({"sources": [{**source, "where": {"kind": "lead"}}]})


def test_the_order_of_rows_makes_no_difference() -> None:
    rows = [f"{n},text {n}\n" for n in range(50)]
    first, _ = build(write("x.csv", "id,text\n" + "".join(rows)))
    once = Path("units.parquet").read_bytes()
    random.Random(1).shuffle(rows)
    second, _ = build(write("x.csv", "id,text\n" + "".join(rows)))
    pd.testing.assert_frame_equal(first, second)
    assert Path("units.parquet").read_bytes() == once


def test_texts_that_are_left_out_are_counted() -> None:
    rows = "id,text\n1,one\n2,\n3, \u200b\n4,one\n1,again\n5,five\n"
    corpus = {**write("x.csv", rows), "duplicate_ids": "first", "duplicate_texts": "first"}
    units, flow = build(corpus)
    assert units["unit_id"].tolist() == ["1", "5"]
    assert count(flow, "read") == 6
    assert count(flow, "left out: no text") == 2
    assert count(flow, "left out: duplicate id") == 1
    assert count(flow, "left out: duplicate text") == 1
    assert count(flow, "units") == 2
    assert flow.set_index("step")["note"]["left out: no text"] == "2, 3"


def test_identical_texts_are_kept_and_counted_unless_told_otherwise() -> None:
    units, flow = build(write("x.csv", "id,text\n1,one\n2,one\n"))
    assert len(units) == 2
    assert count(flow, "kept: duplicate text") == 1


def test_half_a_character_is_reported() -> None:
    units, flow = build(write("x.jsonl", '{"id": 1, "text": "a\\ud83db"}\n'))
    assert units["text"][0] == "a\ufffdb"
    assert "half characters replaced by U+FFFD in 1 cells" in flow["note"][0]


def test_sentences_with_their_places() -> None:
    text = "Dr. Smith is here. And  you? "
    units, flow = build(
        {**write("x.csv", f'id,text,speaker\nd1,"{text}",A\nd2,Short.,B\n'), "language": "en"},
        {"segment": "sentence"},
    )
    assert units["unit_id"].tolist() == ["d1#0001", "d1#0002", "d2#0001"]
    assert units["document_id"].tolist() == ["d1", "d1", "d2"]
    assert units["speaker"].tolist() == ["A", "A", "B"]
    places = units[units["document_id"] == "d1"]
    assert [text[s:e] for s, e in zip(places["start"], places["end"], strict=True)] == places["text"].tolist()
    assert units["text_sha256"].tolist() == [text_sha256(part) for part in units["text"]]
    assert count(flow, "units") == 3


def test_documents_persons_years_and_weights() -> None:
    data = "id,text,speech,who,when,w\n1,a,s1,007,1999,0\n2,b,s1,12,2001,2.5\n"
    roles = {"document": "speech", "person": "who", "year": "when", "weight": "w"}
    units, _ = build({**write("x.csv", data), "prefix": ""}, roles)
    assert units["document_id"].tolist() == ["s1", "s1"]
    assert units["person"].tolist() == ["007", "12"]
    assert units["year"].tolist() == [1999, 2001]
    assert units["weight"].tolist() == [0.0, 2.5]
    assert "who" not in units


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "2"], "int64"),
        (["1", "-2.5", "1e3"], "float64"),
        (["1", "", "NA"], "float64"),
        (["01001", "6075"], "str"),
        (["0", "0.5"], "float64"),
        (["1234567890123456789", "2"], "str"),
        (["1", "x"], "str"),
        (["1,5", "2"], "str"),
        (["inf", "1"], "str"),
        (["", ""], "str"),
        (["true", "false"], "str"),
    ],
)
def test_covariates_are_numbers_where_every_cell_is_one(cells: list[str], dtype: str) -> None:
    assert str(typed([(cells, True)]).dtype) == dtype


def test_text_that_looks_like_a_number_stays_text_where_the_format_has_types() -> None:
    assert typed([(["1", "2"], False)]).tolist() == ["1", "2"]
    assert typed([([1, 2.5, None], False)]).tolist()[:2] == [1.0, 2.5]
    assert typed([([True, False], False)]).tolist() == ["true", "false"]
    assert typed([([2**63 - 1, 1], False)]).tolist() == [2**63 - 1, 1]
    assert typed([([2**63, 1.5], False)]).tolist() == ["9223372036854775808", "1.5"]  # a code, to the digit
    assert typed([([10**400, 1.5], False)]).tolist() == ["1" + "0" * 400, "1.5"]
    assert typed([(["1"], True), ([2], False)]).tolist() == [1, 2]
    assert typed([(["x"], True), ([2], False)]).tolist() == ["x", "2"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: any(c.isalnum() for c in text)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_texts_are_kept_to_the_character(texts: list[str]) -> None:
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    units, _ = build(write("x.jsonl", lines))
    assert units["text"].tolist() == texts
    assert units["text_sha256"].tolist() == [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_the_texts_of_hutto_and_gilbert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, str(vader_source_distribution().parent))
    files = {
        "tweets": "tweets",
        "amazon": "amazonReviewSnippets",
        "movies": "movieReviewSnippets",
        "nyt": "nytEditorialSnippets",
    }
    listed = [
        {
            "pypi": "vaderSentiment==3.3.2",
            "sha256": SHA256,
            "member": [ARCHIVE, f"hutto_ICWSM_2014/{file}_GroundTruth.txt"],
            "format": "tsv",
            "columns": ["id", "human_mean", "text"],
            "prefix": f"{domain}-",
            "add": {"domain": domain},
        }
        for domain, file in files.items()
    ]
    fetch(listed[0], Path("data/corpus/source") / name(listed[0]))
    units, flow = build({"sources": listed, "covariates": ["domain", "human_mean"]})
    assert units["domain"].value_counts().to_dict() == {
        "movies": 10605,
        "nyt": 5190,
        "tweets": 4200,
        "amazon": 3708,
    }
    assert count(flow, "left out: no text") == 0
    assert count(flow, "kept: duplicate text", "amazon") == 11
    expected = hutto_gilbert_units().sort_values("unit_id", ignore_index=True)
    columns = ["unit_id", "document_id", "domain", "text", "human_mean"]
    pd.testing.assert_frame_equal(units[columns], expected[columns], check_dtype=False)


def test_texts_are_found_by_line_when_an_id_repeats() -> None:
    with pytest.raises(StudyError) as caught:
        build(write("x.csv", 'id,text\n1,"a\nb"\n2,c\n1,d\n'))
    assert "x.csv, line 5" in str(caught.value)
    assert "the first is x.csv, line 2" in str(caught.value)

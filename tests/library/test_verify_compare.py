"""What counts as the same file: labels, counts, ids, texts exactly, decimal numbers within the tolerance."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from study.validity.table import write_table
from study.verify.compare import MOST, compare
from study.verify.values import FLOOR, RELATIVE, close

TABLE = pd.DataFrame(
    {
        "unit_id": ["a", "b", "c"],
        "label": ["good", "bad", "good"],
        "n": [10, 20, 30],
        "r": [0.5, -0.25, np.nan],
    }
)
AGAIN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def differ(folder: Path, recorded: object, now: object, name: str = "table.csv") -> list[str]:
    """Return what differs, in words, in two files with these contents."""
    paths = []
    for place, content in (("recorded", recorded), ("now", now)):
        path = folder / place / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, pd.DataFrame) and name.endswith(".parquet"):
            content.to_parquet(path, index=False)
        elif isinstance(content, pd.DataFrame):
            write_table(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        paths.append(path)
    return [str(each) for each in compare(paths[0], paths[1], name)]


def with_cell(column: str, row: int, value: object) -> pd.DataFrame:
    changed = TABLE.astype({column: object})
    changed.loc[row, column] = value
    return changed.infer_objects()


# Numbers


@pytest.mark.parametrize(
    ("recorded", "now", "same"),
    [
        (0.1234567890, 0.1234567891, True),  # the last of ten digits
        (1.0, 1.000000001, True),
        (1.0, 1.00000001, False),
        (12345.67890, 12345.67891, True),
        (12345.67890, 12345.67895, False),
        (0.0, 9e-11, True),
        (0.0, 2e-10, False),
        (1e-15, 3e-15, True),
        (1.0, -1.0, False),
        (np.nan, np.nan, True),
        (np.nan, 0.0, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (np.inf, 1e300, False),
    ],
)
def test_numbers(recorded: float, now: float, same: bool) -> None:
    assert close(recorded, now) is same
    assert close(now, recorded) is same


# Tables


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (("label", 1, "good"), ["row 2, column label: recorded 'bad', now 'good'"]),
        (("label", 1, None), ["row 2, column label: recorded 'bad', now nothing"]),
        (("n", 2, 31), ["row 3, column n: recorded 30, now 31"]),
        (("r", 0, 0.5000001), ["row 1, column r: recorded 0.5, now 0.5000001"]),
        (("r", 2, 0.0), ["row 3, column r: recorded nothing, now 0"]),
        (("r", 1, np.nan), ["row 2, column r: recorded -0.25, now nothing"]),
        (("r", 0, 0.5000000001), []),
    ],
)
def test_one_changed_cell(tmp_path: Path, name: str, cell: tuple[str, int, object], said: list[str]) -> None:
    found = differ(tmp_path, TABLE, with_cell(*cell), name)
    assert [each.replace("'30'", "30").replace("'31'", "31") for each in found] == said


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_rows_and_columns(tmp_path: Path, name: str) -> None:
    assert differ(tmp_path, TABLE, TABLE.head(2), name) == ["recorded 3 rows, now 2 rows"]
    assert differ(tmp_path, TABLE, TABLE.drop(columns="n"), name) == [
        "column n: recorded a column, now nothing"
    ]
    assert differ(tmp_path, TABLE.drop(columns="n"), TABLE, name) == [
        "column n: recorded nothing, now a column"
    ]
    (moved,) = differ(tmp_path, TABLE, TABLE[["label", "unit_id", "n", "r"]], name)
    assert moved.startswith("order of the columns")
    assert differ(tmp_path, TABLE.head(0), TABLE.head(0), name) == []
    assert differ(tmp_path, TABLE.head(0), TABLE, name)[0] == "recorded 0 rows, now 3 rows"


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_rows_in_another_order_are_one_difference_and_are_still_compared(tmp_path: Path, name: str) -> None:
    turned = TABLE.iloc[[2, 0, 1]]
    (order,) = differ(tmp_path, TABLE, turned, name)
    assert order.startswith("order of the rows")
    changed = turned.assign(r=[np.nan, 0.75, -0.25])
    order, cell = differ(tmp_path, TABLE, changed, name)
    assert cell == "row 1, column r: recorded 0.5, now 0.75"


def test_a_count_that_became_a_decimal_number(tmp_path: Path) -> None:
    said = "column n: recorded whole numbers, now decimal numbers"
    assert differ(tmp_path, "n\n3\n4\n", "n\n3.0\n4.0\n") == [said]
    decimal = TABLE.assign(n=TABLE["n"].astype(float))
    assert differ(tmp_path, TABLE, decimal, "t.parquet") == ["column n: recorded int64, now double"]


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("id\n007\n008\n", "id\n7\n8\n"),
        ("version\n1.10\n1.5\n", "version\n1.1\n1.5\n"),
        ("published\n0.880\n0.5\n", "published\n0.88\n0.5\n"),
        ("id\n12345678901234567\n", "id\n12345678901234568\n"),
        ("key\n1e5\n", "key\n100000\n"),
        ("text\nr = 0.5\n", "text\nr = 0.5000000001\n"),
    ],
)
def test_what_only_looks_like_a_number_is_text(tmp_path: Path, recorded: str, now: str) -> None:
    assert differ(tmp_path, recorded, now)


def test_a_whole_number_among_decimals_may_be_one_by_rounding(tmp_path: Path) -> None:
    assert differ(tmp_path, "r\n1\n0.25\n", "r\n0.9999999999\n0.25\n") == []
    assert differ(tmp_path, "r\n1\n0.25\n", "r\n2\n0.25\n") == ["row 1, column r: recorded 1, now 2"]


def test_a_text_may_be_a_book_and_hold_line_breaks(tmp_path: Path) -> None:
    book = "Call me Ishmael.\n" * 20_000
    one = pd.DataFrame({"text": [book], "r": [0.5]})
    other = pd.DataFrame({"text": [book], "r": [0.50000000001]})
    assert one["r"][0] != other["r"][0]
    assert differ(tmp_path, one, other, "t.csv") == []
    assert differ(tmp_path, one, one.assign(text=book + "x"), "t.csv")


def test_lists_and_mappings_in_cells(tmp_path: Path) -> None:
    one = pd.DataFrame({"spans": [[{"start": 1, "p": 0.5}], []], "shares": [[0.1, 0.2], None]})
    near = pd.DataFrame(
        {"spans": [[{"start": 1, "p": 0.5 + 1e-12}], []], "shares": [[0.1, 0.2 - 1e-12], None]}
    )
    far = one.assign(spans=[[{"start": 2, "p": 0.5}], []])
    assert differ(tmp_path, one, near, "t.parquet") == []
    (said,) = differ(tmp_path, one, far, "t.parquet")
    assert said.startswith("row 1, column spans: ")


def test_categories_are_what_they_stand_for(tmp_path: Path) -> None:
    one = pd.DataFrame({"label": pd.Categorical(["a", "b"], ["a", "b"])})
    other = pd.DataFrame({"label": pd.Categorical(["a", "b"], ["b", "a"])})
    assert differ(tmp_path, one, other, "t.parquet") == []
    assert differ(tmp_path, one, one.iloc[::-1], "t.parquet")


def test_a_damaged_file_is_a_difference_and_no_crash(tmp_path: Path) -> None:
    for name in ("t.parquet", "t.csv", "t.json", "t.html", "t.png", "t.pdf"):
        good = b'{"a": 1}' if name == "t.json" else b"a,b\n1,2\n"
        (said,) = differ(tmp_path, good, b"\xff\xfe,\n1\n", name)
        assert said, name


def test_differences_are_counted_to_a_limit(tmp_path: Path) -> None:
    one = pd.DataFrame({"n": range(2 * MOST)})
    assert len(differ(tmp_path, one, one + 1)) == MOST


NUMBERS = st.floats(-1e6, 1e6) | st.just(np.nan)
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)
ROWS = st.lists(st.tuples(LABELS, st.integers(-(2**53), 2**53), NUMBERS), min_size=1, max_size=6)


def frame(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "n", "r"]).assign(unit_id=range(len(rows)))


@AGAIN
@given(rows=ROWS, share=st.floats(-0.9, 0.9), name=st.sampled_from(["t.csv", "t.parquet"]))
def test_any_table_equals_itself_with_noise(
    tmp_path: Path, rows: list[tuple[str, int, float]], share: float, name: str
) -> None:
    table = frame(rows)
    # Tables of text are written with ten digits: the noise and the rounding together are within.
    noise = share * 0.4 * np.maximum(RELATIVE * table["r"].abs(), FLOOR)
    assert differ(tmp_path, table, table.assign(r=table["r"] + noise), name) == []


@AGAIN
@given(rows=ROWS, data=st.data(), name=st.sampled_from(["t.csv", "t.parquet"]))
def test_any_changed_label_count_or_id_is_found(
    tmp_path: Path, rows: list[tuple[str, int, float]], data: st.DataObject, name: str
) -> None:
    table = frame(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["label", "n", "unit_id"]))
    old = table[column].iloc[row]
    new = data.draw(LABELS if column == "label" else st.integers(-(2**53), 2**53))
    changed = table.astype({column: object})
    changed.loc[row, column] = new
    changed = changed.astype({column: table[column].dtype})
    assert bool(differ(tmp_path, table, changed, name)) == (new != old)


# Records


def test_records(tmp_path: Path) -> None:
    def said(one: object, other: object) -> list[str]:
        return differ(tmp_path, json.dumps(one), json.dumps(other), "record.json")

    assert said({"a": 1, "b": 0.5}, {"b": 0.5 + 1e-12, "a": 1}) == []
    assert said({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}) == ["a.b[2]: recorded 2, now 3"]
    assert said({"a": 1}, {"a": 1, "b": 2}) == ["b: recorded nothing, now 2"]
    assert said({"a": 1}, {"a": 1.0}) == ["a: recorded 1, now 1.0"]
    assert said({"a": True}, {"a": 1}) == ["a: recorded True, now 1"]
    assert said([1], [1, 2]) == ["recorded 1 entries, now 2 entries"]
    assert differ(tmp_path, '{"a": 1}\n{"a": 2}\n', '{"a": 1}\n{"a": 3}\n', "r.jsonl") == [
        "[2].a: recorded 2, now 3"
    ]


def test_other_files_are_compared_byte_by_byte(tmp_path: Path) -> None:
    assert differ(tmp_path, "r = 0.5", "r = 0.5", "notes.txt") == []
    assert differ(tmp_path, "r = 0.5", "r = 0.50000000001", "notes.txt")


# Pages


def page(body: str) -> str:
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body>{body}</body></html>'


def pages_differ(folder: Path, one: str, other: str) -> list[str]:
    return differ(folder, page(one), page(other), "page.html")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>r = .62, n = 200</p>", "<p>r = .63, n = 200</p>"),
        ("<p>[−.05, 1.00]</p>", "<p>[−.06, 1.00]</p>"),
        ("<td>1,234.5</td>", "<td>1,234.6</td>"),
        ("<p>two  words</p>", "<p>two\nwords</p>"),
    ],
)
def test_the_last_digit_of_a_printed_number_may_differ(tmp_path: Path, one: str, other: str) -> None:
    assert pages_differ(tmp_path, one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("<p>r = .62</p>", "<p>r = .64</p>", "recorded 'r = .62', now 'r = .64'"),
        ("<p>n = 200</p>", "<p>n = 201</p>", "recorded 'n = 200', now 'n = 201'"),
        ("<p>r = .62</p>", "<p>r = .620</p>", "recorded 'r = .62', now 'r = .620'"),
        ("<p>r = .05</p>", "<p>r = −.05</p>", "recorded 'r = .05', now 'r = −.05'"),
        ("<p>sha a1.5</p>", "<p>sha a1.6</p>", "recorded 'sha a1.5', now 'sha a1.6'"),
        ("<p>good</p>", "<p>bad</p>", "recorded 'good', now 'bad'"),
        ("<p>a</p><p>b</p>", "<p>a</p>", "after 'a': recorded '<p>', now '</body>'"),
        ('<p class="x">a</p>', '<p class="y">a</p>', "recorded '<p class=\"x\">', now '<p class=\"y\">'"),
    ],
)
def test_what_pages_may_not_differ_in(tmp_path: Path, one: str, other: str, said: str) -> None:
    assert pages_differ(tmp_path, one, other) == [said]


def test_the_software_of_a_machine_is_no_result(tmp_path: Path) -> None:
    paths = []
    for place, version in (("recorded", "3.11.2"), ("now", "3.11.9")):
        path = tmp_path / place
        path.write_text(
            page(f"<dl><div><dt>Python</dt><dd>{version}</dd></div><div><dt>n</dt><dd>5</dd></div></dl>")
        )
        paths.append(path)
    (found,) = compare(paths[0], paths[1], "page.html")
    assert found.environment
    assert str(found) == "'Python': recorded '3.11.2', now '3.11.9'"
    paths[1].write_text(paths[1].read_text().replace("<dd>5</dd>", "<dd>6</dd>"))
    assert [each.environment for each in compare(paths[0], paths[1], "page.html")] == [True, False]


# Figures


def png(*, width: int = 200, line: float | None = 0.5, shade: int = 0) -> bytes:
    pixels = np.full((100, width, 3), 255, dtype=np.uint8)
    if line is not None:
        at = int(line * 90)
        pixels[at : at + 5] = shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def test_pictures(tmp_path: Path) -> None:
    def said(one: bytes, other: bytes) -> list[str]:
        return differ(tmp_path, one, other, "figure.png")

    assert said(png(), png()) == []
    assert said(png(), png(shade=40)) == []
    assert said(png(), png(width=201)) == ["size in pixels: recorded 200 x 100, now 201 x 100"]
    assert said(png(), png(line=None)) == ["picture: recorded a figure, now a blank one"]
    assert said(png(line=None), png(line=None)) == ["picture: recorded a blank one, now a blank one"]
    (other,) = said(png(), png(line=0.9))
    assert other == "picture: recorded a figure, now one that differs visibly in 10% of its area"


def test_pictures_in_pages(tmp_path: Path) -> None:
    def body(picture: bytes) -> str:
        return f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}" alt="r"><p>a</p>'

    assert pages_differ(tmp_path, body(png()), body(png(shade=40))) == []
    (said,) = pages_differ(tmp_path, body(png()), body(png(line=None)))
    assert "now a blank one" in said


def pdf(width: float = 4, bar: float = 1) -> bytes:
    figure = Figure(figsize=(width, 3))
    figure.subplots().bar(["a", "b"], [bar, 2])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf")
    return buffer.getvalue()


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    assert differ(tmp_path, pdf(), pdf(bar=1.5), "f.pdf") == []
    (said,) = differ(tmp_path, pdf(), pdf(width=5), "f.pdf")
    assert said == "pages: recorded 1 of size 0.0 0.0 288.0 216.0, now 1 of size 0.0 0.0 360.0 216.0"


def test_pages_of_a_pdf_whose_objects_are_packed(tmp_path: Path) -> None:
    def packed(*boxes: str) -> bytes:
        pages = "".join(f"<</Type /Page /MediaBox [0 0 {box}]>>" for box in boxes)
        stream = zlib.compress(f"<</Type /Pages>> {pages}".encode())
        return b"%PDF-1.5\n1 0 obj <</Type /ObjStm>> stream\n" + stream + b"\nendstream endobj\n%%EOF"

    assert differ(tmp_path, packed("10 20"), packed("10.01 20"), "f.pdf") == []
    assert differ(tmp_path, packed("10 20"), packed("10 20", "10 20"), "f.pdf")
    assert differ(tmp_path, packed("10 20"), packed("10 21"), "f.pdf")


def test_the_tolerance_is_one_for_all_kinds_of_tables(tmp_path: Path) -> None:
    writers: dict[str, Callable[[pd.DataFrame], object]] = {
        "t.csv": lambda table: table.to_csv(index=False),
        "t.tsv": lambda table: table.to_csv(index=False, sep="\t"),
        "t.parquet": lambda table: table,
        "t.json": lambda table: json.dumps(table.to_dict("list")),
    }
    one = pd.DataFrame({"r": [0.3, 1e5 + 0.5]})
    for name, write in writers.items():
        inside, outside = one * (1 + RELATIVE / 2), one * (1 + RELATIVE * 2)
        assert differ(tmp_path, write(one), write(inside), name) == [], name
        assert differ(tmp_path, write(one), write(outside), name), name

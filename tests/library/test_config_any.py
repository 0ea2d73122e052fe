"""Whatever stands in a file, the answer is a configuration or a StudyError."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library import good_codebooks
from library.broken_studies import BOOK, CLAIMS, SCALE, STUDY
from study.codebook import Codebook
from study.config import load
from study.config.codebooks import read_file
from study.errors import StudyError

GOOD = Path(__file__).parent / "good_study"
SHA = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-20, 20)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(["sentiment", "humans", "domain", "llm", "all", "../x", "{text}", "a ~ b", SHA, "0.1"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "file", "value", "n", "table", "column"]) | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
EVERY_FILE = (STUDY, BOOK, SCALE, CLAIMS)
quietly = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load_or_explain(study: Path) -> None:
    with contextlib.suppress(StudyError):
        load(study)


@quietly
@given(
    text=st.text(
        st.characters(codec="utf-8") | st.sampled_from("\n\n\n  ::--[]{}&*!|>'\"#%@?,\t"), max_size=120
    )
)
def test_any_text_is_read_or_explained(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    study = tmp_path_factory.getbasetemp() / "any"
    shutil.copytree(GOOD, study, dirs_exist_ok=True)
    for file in EVERY_FILE:
        (study / file).write_text(text, encoding="utf-8")
        load_or_explain(study)
        shutil.copy(GOOD / file, study / file)


@quietly
@given(content=st.binary(max_size=60))
def test_any_bytes_are_read_or_explained(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    study = tmp_path_factory.getbasetemp() / "bytes"
    shutil.copytree(GOOD, study, dirs_exist_ok=True)
    (study / STUDY).write_bytes(content)
    load_or_explain(study)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def spoilt(content: Any, data: st.DataObject) -> Any:
    """Put any value into any place."""
    path = data.draw(st.sampled_from(places(content)))
    value = data.draw(ANYTHING)
    if path:
        holder = content
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = value
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder[data.draw(st.text(max_size=5))] = value
    else:
        content = value
    return content


@settings(quietly, max_examples=300)
@given(data=st.data())
def test_any_value_anywhere_is_read_or_explained(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    study = tmp_path_factory.getbasetemp() / "values"
    shutil.copytree(GOOD, study, dirs_exist_ok=True)
    file = data.draw(st.sampled_from(EVERY_FILE))
    content = yaml.safe_load((GOOD / file).read_text(encoding="utf-8"))
    content = spoilt(content, data)
    (study / file).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace")
    load_or_explain(study)


@settings(quietly, max_examples=500)
@given(data=st.data())
def test_any_value_anywhere_in_a_codebook_is_read_or_explained(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stem = data.draw(st.sampled_from(sorted(good_codebooks.GOOD)))
    path = tmp_path_factory.getbasetemp() / f"{stem}.yaml"
    content = spoilt(yaml.safe_load(good_codebooks.GOOD[stem]), data)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace")
    with contextlib.suppress(StudyError):
        for book in read_file(path).constructs.values():
            assert Codebook.from_dict(book).construct.startswith(stem)

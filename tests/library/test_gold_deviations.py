"""Deviations name what was changed after freezing, from what to what."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from library.test_gold_frozen import STUDY, changed
from study.config import load
from study.gold.deviations import COLUMNS, LONGEST, changed_keys, deviations, differences, main
from study.gold.freeze import entry, freeze
from study.gold.frozen import fingerprints, sections

GOOD = Path(__file__).parent / "good_study"


def frozen(study: dict[str, Any], date: str = "2026-01-02", reason: str | None = None) -> dict[str, Any]:
    decided = sections(study)
    return {"date": date, "reason": reason, "sections": decided, "sha256": fingerprints(decided)}


def rows(study: dict[str, Any]) -> list[tuple[str, ...]]:
    return [tuple(row.values())[:5] for row in deviations([frozen(STUDY)], study)]


def test_nothing_has_changed_or_nothing_is_frozen() -> None:
    assert deviations([frozen(STUDY)], STUDY) == []
    assert deviations([], changed("codebooks", "wrong", "question", to="Other?")) == []


@pytest.mark.parametrize(
    ("path", "to", "row"),
    [
        (("codebooks", "wrong", "question"), "Why?", ("codebook", "wrong", "question", "Is it?", "Why?")),
        (
            ("codebooks", "wrong", "categories", "yes", "define"),
            "Names a misdeed.",
            ("codebook", "wrong", "categories.yes.define", "null", "Names a misdeed."),
        ),
        (
            ("hypotheses", "H1", "direction"),
            "positive",
            ("hypothesis", "H1", "direction", "negative", "positive"),
        ),
        (
            ("analyses", "reporting", "formula"),
            "sent ~ wrong + a",
            ("analysis", "reporting", "formula", "sent ~ wrong", "sent ~ wrong + a"),
        ),
        (("analyses", "reporting", "cluster"), "c", ("analysis", "reporting", "cluster", "", "c")),
        (("gold", "draw", "n"), 30, ("gold", "", "draw.n", "20", "30")),
        (("gold", "seal"), False, ("gold", "", "seal", "true", "false")),
        (("compare", "epsilon"), 0.1, ("compare", "", "epsilon", "0.2", "0.1")),
        (("coders", "humans", "score"), "mean", ("coder", "humans", "score", "majority", "mean")),
        (("models", "small", "sha256"), "1" * 64, ("model", "small", "sha256", "0" * 64, "1" * 64)),
        (("gold", "draw"), None, ("gold", "", "draw", '{"n": 20, "pilot": 5}', "null")),
        (("gold", "truth"), ["a", "b"], ("gold", "", "truth", "humans", '["a", "b"]')),
    ],
)
def test_a_change_is_named_from_what_to_what(path: tuple[str, ...], to: object, row: tuple[str, ...]) -> None:
    assert rows(changed(*path, to=to)) == [row]


def test_what_was_added_or_removed_is_one_row() -> None:
    study = copy.deepcopy(STUDY)
    study["hypotheses"] = {"H2": {"analysis": "reporting"}}
    found = deviations([frozen(STUDY)], study)
    assert [(row["what"], row["name"], row["key"]) for row in found] == [
        ("hypothesis", "H1", ""), ("hypothesis", "H2", ""),
    ]  # fmt: skip
    assert found[0]["now"] == ""
    assert found[0]["note"] == "removed; changed since it was frozen on 2026-01-02"
    assert found[1]["frozen"] == ""
    assert found[1]["now"] == '{"analysis": "reporting"}'
    assert found[1]["note"].startswith("added; ")


def test_another_order_of_the_labels_is_a_deviation() -> None:
    turned = dict(reversed(STUDY["codebooks"]["wrong"]["categories"].items()))
    (row,) = deviations([frozen(STUDY)], changed("codebooks", "wrong", "categories", to=turned))
    assert (row["key"], row["frozen"], row["now"]) == ("categories", '["yes", "no"]', '["no", "yes"]')
    assert row["note"].startswith("another order; ")


def test_what_was_frozen_again_stays_on_record_with_its_reason() -> None:
    second = changed("codebooks", "wrong", "question", to="Second?")
    third = copy.deepcopy(second)
    third["compare"]["epsilon"] = 0.1
    found = deviations([frozen(STUDY), frozen(second, "2026-02-03", "a typing error")], third)
    assert [(row["key"], row["note"]) for row in found] == [
        ("question", "frozen again on 2026-02-03: a typing error"),
        ("epsilon", "changed since it was frozen on 2026-02-03"),
    ]


def test_long_values_are_cut() -> None:
    (row,) = deviations([frozen(STUDY)], changed("codebooks", "wrong", "question", to="why " * 100))
    assert len(row["now"]) == LONGEST
    assert row["now"].endswith("...")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.sampled_from("abc"), part, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)  # a busy machine is no error
@given(old=VALUES, new=VALUES)
def test_there_is_a_difference_exactly_where_the_json_differs(old: object, new: object) -> None:
    import json

    same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert (list(differences(old, new)) == []) is same


def test_the_changed_keys_of_a_codebook() -> None:
    book = sections(STUDY)["codebooks"]["wrong"]
    other = copy.deepcopy(book)
    other["question"] = "?"
    other["categories"]["yes"]["define"] = "x"
    other["categories"]["no"]["value"] = 2
    assert changed_keys(book, other) == ["question", "categories"]


def test_the_table_of_a_study(tmp_path: Path) -> None:
    root = tmp_path / "study"
    shutil.copytree(GOOD, root)
    table = tmp_path / "tables" / "deviations.csv"
    main(frozen=[], overrides={}, table=table, root=root)
    assert table.read_text() == ",".join(COLUMNS) + "\n"

    from datetime import UTC, datetime

    now = datetime(2026, 1, 2, tzinfo=UTC)
    freeze(
        root,
        entry(load(root), now=now, reason=None, git={"commit": None, "clean": None}, coded={}),
        again=False,
    )
    record = [root / "config" / "frozen.json"]
    main(frozen=record, overrides={"note": "x"}, table=table, root=root)
    assert table.read_text() == ",".join(COLUMNS) + "\n"

    file = root / "config" / "codebooks" / "sentiment.yaml"
    book = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**book, "question": "Is it nice?"}, sort_keys=False))
    main(frozen=record, overrides={"sample": "all"}, table=table, root=root)
    found = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert found[["what", "name", "key", "now"]].to_numpy().tolist() == [
        ["codebook", "sentiment", "question", "Is it nice?"],
        ["sample", "", "n", ""],
        ["sample", "", "by", ""],
        ["sample", "", "seed", ""],
        ["sample", "", "draw", "all"],
    ]

"""Schemas: every key is described, and the manual is written from them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from library.broken_studies import CLAIMS, STUDY
from study.config import load, manual, schema
from study.config.codebooks import read_file
from study.config.names import ANALYSIS_TABLE, FIXED_TABLES

FOLDER = Path(schema.SCHEMAS).parents[1]


@pytest.mark.parametrize("name", ["study", "codebook", "claims"])
def test_every_key_has_a_description_and_a_default(name: str) -> None:
    Draft202012Validator.check_schema(schema.read_schema(name))
    found = list(schema.keys(name))
    assert len(found) > 10
    for where, key, part, required in found:
        assert part.get("description", "").strip().endswith((".", ")")), f"{where}.{key}"
        assert required or "const" in part or "default" in part or key == "type", f"{where}.{key}"
        if "default" in part:
            validator = Draft202012Validator(schema.read_schema(name)).evolve(schema=part)
            assert validator.is_valid(part["default"]), f"{where}.{key}"


def objects(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        own = [part] if "properties" in part and "object" in part.get("type", ()) else []
        return own + [found for value in part.values() for found in objects(value)]
    return [found for value in part for found in objects(value)] if isinstance(part, list) else []


@pytest.mark.parametrize("name", ["study", "codebook", "claims"])
def test_unknown_keys_are_refused_everywhere(name: str) -> None:
    for part in objects(schema.read_schema(name)):
        # A coder's keys depend on its type, and a cell's are the columns of its table.
        assert "additionalProperties" in part or "allOf" in part, list(part["properties"])


def test_the_manual_is_up_to_date() -> None:
    written = (FOLDER / manual.MANUAL).read_text(encoding="utf-8")
    assert written == manual.text(), "run: PYTHONPATH=src python -m study.config.manual"


def test_the_manual_names_every_key_and_survives_rendering() -> None:
    text = manual.text()
    for name in ("study", "codebook", "claims"):
        for _, key, part, _ in schema.keys(name):
            assert f"| `{key}` |" in text
            if "enum" not in part or key != "type" or name != "study":
                assert " ".join(part["description"].split())[:60] in text
    assert not any(brace in text for brace in ("{{", "{%", "{#"))


def test_the_manual_is_written_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    manual.main(tmp_path)
    assert (tmp_path / "config/README.md").read_text(encoding="utf-8") == manual.text()


def test_the_examples_in_the_manual_are_a_study(tmp_path: Path) -> None:
    (tmp_path / "config/codebooks").mkdir(parents=True)
    for name, file in (
        ("study", STUDY),
        ("codebook", "config/codebooks/county_wrong.yaml"),
        ("claims", CLAIMS),
    ):
        example = schema.read_schema(name)["examples"][0]
        (tmp_path / file).write_text(yaml.safe_dump(example, sort_keys=False))
    config = load(tmp_path)
    assert config["codebooks"]["county_wrong"]["categories"]["no"]["value"] == 0


def test_the_manual_shows_a_codebook_of_every_type(tmp_path: Path) -> None:
    examples = schema.read_schema("codebook")["examples"]
    for example in examples:
        path = tmp_path / f"{example['construct']}.yaml"
        path.write_text(yaml.safe_dump(example, sort_keys=False))
        assert read_file(path).constructs
    assert [e["type"] for e in examples] == schema.read_schema("codebook")["properties"]["type"]["enum"]


def test_tables_that_claims_name_have_these_columns() -> None:
    def columns(module: str, name: str = "COLUMNS") -> tuple[str, ...]:
        return tuple(getattr(importlib.import_module(f"study.{module}"), name))

    for table in ("agreement", "reliability", "classification", "comparison", "calibration"):
        assert FIXED_TABLES[table] == columns(f"validity.{table}"), table
    assert FIXED_TABLES["confusion"] == columns("validity.classification", "CONFUSION_COLUMNS")
    assert FIXED_TABLES["incremental_r2"] == columns("inference.regression", "INCREMENTAL_COLUMNS")
    assert columns("inference.analyses") == ANALYSIS_TABLE

"""The study's own tests: `PYTHONPATH=src python -m unittest discover tests`."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from study.config import load
from study.provenance.closure import import_closure
from study.provenance.pointers import TRACKED

ROOT = Path(__file__).resolve().parents[1]
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
PROGRAM = r"(?:python -m |code\(\")(study[\w.]*)"


class TestStudy(unittest.TestCase):
    """What a change of configuration or code may break."""

    def test_configuration_is_in_order(self) -> None:
        config = load(ROOT)
        assert config["codebooks"]
        assert config["coders"]

    def test_every_program_of_a_rule_exists(self) -> None:
        named = {name for rule in RULES for name in re.findall(PROGRAM, rule.read_text("utf-8"))}
        assert named
        for module in sorted(named):
            assert import_closure(module, ROOT / "src"), module

    def test_git_and_dvc_share_no_folder(self) -> None:
        ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
        inside_data = (ROOT / "data" / ".gitignore").read_text("utf-8").splitlines()
        for folder in TRACKED:
            above, _, name = folder.rpartition("/")
            assert f"/{name}" in (inside_data if above else ignored), folder


if __name__ == "__main__":
    unittest.main()

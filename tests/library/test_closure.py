"""A rule's inputs are the files that its program consists of: no fewer, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import StudyError
from study.provenance.closure import import_closure


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with a small package."""
    files = {
        "own/__init__.py": "",
        "own/measure.py": "import json\nfrom own.parts import table\nfrom own.constants import LEVEL\n",
        "own/constants.py": "LEVEL = 0.05\n",
        "own/parts/__init__.py": "",
        "own/parts/table.py": "def write():\n    import own.late\n",
        "own/parts/unused.py": "import own.measure\n",
        "own/late.py": "import own.measure\n",
        "ownership.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def closure(module: str, source: Path) -> list[str]:
    return [Path(file).relative_to(source).as_posix() for file in import_closure(module, source)]


def test_what_is_imported_anywhere_belongs_to_a_program_and_nothing_else_does(source: Path) -> None:
    whole = [
        "own/__init__.py", "own/constants.py", "own/late.py", "own/measure.py", "own/parts/__init__.py",
        "own/parts/table.py",
    ]  # fmt: skip
    assert closure("own.measure", source) == whole
    assert closure("own.late", source) == whole
    assert closure("own.constants", source) == ["own/__init__.py", "own/constants.py"]


def test_an_import_that_is_added_or_taken_away_is_seen(source: Path) -> None:
    before = closure("own.constants", source)
    (source / "own/constants.py").write_text("import own.parts.unused\n", encoding="utf-8")
    assert "own/parts/unused.py" in closure("own.constants", source)
    (source / "own/constants.py").write_text("LEVEL = 0.05\n", encoding="utf-8")
    assert closure("own.constants", source) == before


def test_a_program_that_is_not_there_is_an_error(source: Path) -> None:
    with pytest.raises(StudyError, match=r"There is no module 'own\.agreemnt'"):
        import_closure("own.agreemnt", source)

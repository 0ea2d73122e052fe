"""The package's public names, which are imported when they are first used."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

import study.validity

PACKAGE = Path(study.validity.__file__).parent
NAMES = sorted(study.validity._MODULE_OF)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_its_module_holds(name):
    module = importlib.import_module(f"study.validity.{study.validity._MODULE_OF[name]}")
    found = getattr(study.validity, name)
    # A module of the same name would take the place of the function once it is imported.
    assert not isinstance(found, ModuleType)
    assert found is getattr(module, name)


def test_type_checkers_see_the_same_names():
    stub = (PACKAGE / "__init__.pyi").read_text(encoding="utf-8")
    listed = re.findall(r"^from study\.validity\.(\w+) import (\w+) as \2$", stub, re.MULTILINE)
    assert {name: module for module, name in listed} == study.validity._MODULE_OF

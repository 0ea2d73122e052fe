"""The program that draws the figures of every construct: which files, and what each kind is drawn from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import study
from library.measurement_study import CODERS, SCALES, write_tables
from study.figures.constructs import main
from study.job import to_json

KINDS = ("agreement", "scatter", "labels", "calibration", "errors", "aggregate")
SETTINGS: dict[str, Any] = {
    "coders": {"anger": CODERS["anger"]},
    "codebooks": SCALES,
    "compare": {
        "criterion": "people",
        "by": "region",
        "thresholds": [-0.3, 0.3],
        "error_by": ["region", "year"],
    },
    "published": [],
}
CLAIM = {
    "claim": "c",
    "value": "0.5",
    "alternative": False,
    "keys": {"construct": "anger", "domain": "north", "subset": "sample", "measure": "words"},
}
CHANGES: dict[str, tuple[object, set[str]]] = {
    "by": (None, {"scatter", "labels", "aggregate"}),
    "thresholds": ([-0.9, 0.9], {"labels"}),
    "error_by": (["year"], {"errors"}),
    "published": ([CLAIM], {"agreement"}),
}
"""Setting -> another value, and the kinds that change with it."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The program's inputs: the tables of a study of three coders, made by the programs before it."""
    folder = tmp_path_factory.mktemp("study")
    measures, codings = write_tables(folder)
    measures.to_parquet(folder / "measures.parquet")
    for name, coded in codings.items():
        coded.to_parquet(folder / f"{name}.parquet")
    return {
        "measures_file": folder / "measures.parquet",
        "codings_files": [folder / f"{name}.parquet" for name in codings],
        "agreement_file": folder / "agreement.csv",
        "calibration_file": folder / "calibration.csv",
        "error_levels_file": folder / "error_levels.csv",
        "aggregate_file": folder / "aggregate_validity.csv",
    }


@pytest.fixture(scope="module")
def drawn(files: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("figures")
    main(folder=folder, **files, **SETTINGS)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def environment(home: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(Path(study.__file__).parents[1]), "PATH": "", "HOME": str(home)}


def test_the_program_draws_both_formats_of_every_kind_and_construct_the_same_again(
    files: dict[str, Any], drawn: dict[str, bytes], tmp_path: Path
) -> None:
    settings = SETTINGS | {"coders": CODERS}
    command = [sys.executable, "-m", "study.figures.constructs", "--folder", str(tmp_path / "figures")]
    for name, given in files.items():
        values = given if isinstance(given, list) else [given]
        command += [f"--{name.replace('_', '-')}", *map(str, values)]
    for name, setting in settings.items():
        command += [f"--{name}", to_json(setting)]
    subprocess.run(command, check=True, env=environment(tmp_path))
    made = contents(tmp_path / "figures")
    assert set(made) == {
        f"{kind}_{name}.{end}" for kind in KINDS for name in CODERS for end in ("png", "pdf")
    }
    assert drawn.items() <= made.items()
    assert all(made[name].startswith(b"\x89PNG") for name in made if name.endswith("png"))
    assert not any(b"CreationDate" in content for content in made.values())


def test_a_kind_is_drawn_as_if_it_were_the_only_one(
    files: dict[str, Any], drawn: dict[str, bytes], tmp_path: Path
) -> None:
    """In a process of its own: nothing that other kinds set stays in force."""
    code = (
        "import json, sys, pandas; from pathlib import Path; from study.figures import scatter;"
        "options = json.loads(sys.argv[3]);"
        "scatter.draw(pandas.read_parquet(sys.argv[1]), Path(sys.argv[2]), **options)"
    )
    options = {name: SETTINGS[name] for name in ("coders", "codebooks")} | {
        name: SETTINGS["compare"][name] for name in ("criterion", "by")
    }
    command = [sys.executable, "-c", code, str(files["measures_file"]), str(tmp_path / "figures")]
    subprocess.run([*command, to_json(options)], check=True, env=environment(tmp_path))
    alone = contents(tmp_path / "figures")
    assert set(alone) == {"scatter_anger.png", "scatter_anger.pdf"}
    assert alone.items() <= drawn.items()


@pytest.mark.parametrize("setting", CHANGES)
def test_a_setting_changes_the_figures_that_depend_on_it(
    setting: str, files: dict[str, Any], drawn: dict[str, bytes], tmp_path: Path
) -> None:
    value, kinds = CHANGES[setting]
    changed = SETTINGS | (
        {setting: value} if setting in SETTINGS else {"compare": SETTINGS["compare"] | {setting: value}}
    )
    main(folder=tmp_path, **files, **changed)
    made = contents(tmp_path)
    assert {name.partition("_")[0] for name in made if made[name] != drawn[name]} == kinds

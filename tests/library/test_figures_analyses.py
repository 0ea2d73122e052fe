"""The program that draws the figures of every analysis: which files, and what it need not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import study
from library import test_figures_estimates, test_figures_planning
from study.figures.analyses import main
from study.job import to_json

SOURCE = str(Path(study.__file__).parents[1])
SETTINGS = {
    "coders": {"llm": "llm", "words": "dictionary", "humans": "human"},
    "coded": {"main": ["anger"], "other": []},
    "expected": {"H1": {"analysis": "main", "term": "anger"}},
}


def write(folder: Path) -> dict[str, Path | list[Path]]:
    tables = [folder / "main.csv", folder / "other.csv"]
    for table in tables:
        test_figures_estimates.example(("C(group)[T.b]", "anger")).to_csv(table, index=False)
    test_figures_planning.example().to_csv(folder / "planning.csv", index=False)
    return {"table_files": tables, "planning_file": folder / "planning.csv"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_program_draws_both_formats_of_every_kind_and_analysis_the_same_again(tmp_path: Path) -> None:
    files = write(tmp_path)
    main(folder=tmp_path / "1", **files, **SETTINGS)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "study.figures.analyses", "--folder", str(tmp_path / "2")]
    for name, given in files.items():
        values = given if isinstance(given, list) else [given]
        command += [f"--{name.replace('_', '-')}", *map(str, values)]
    for name, setting in SETTINGS.items():
        command += [f"--{name}", to_json(setting)]
    subprocess.run(command, check=True, env={"PYTHONPATH": SOURCE, "PATH": "", "HOME": str(tmp_path)})
    made = contents(tmp_path / "1")
    assert set(made) == {
        f"{kind}_{name}.{end}"
        for kind in ("estimates", "planning")
        for name in ("main", "other")
        for end in ("png", "pdf")
    }
    assert made == contents(tmp_path / "2")
    # What the study is about comes first, and the other analysis has nothing to plan with.
    assert made["estimates_main.png"] != made["estimates_other.png"]
    assert made["planning_main.png"] != made["planning_other.png"]


def test_seaborn_is_loaded_only_where_it_draws() -> None:
    """It takes longer to load than these figures to draw."""
    code = "import sys, study.figures.analyses; print('seaborn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": SOURCE, "PATH": ""},
    )
    assert done.stdout.strip() == "False"

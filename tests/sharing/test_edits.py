"""What an edit in a clone re-runs, and how often the model is asked: exactly what depends on it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from end_to_end.shared_study import ASKED, EACH, OWN, ROWS, write_rows
from end_to_end.studies import asked, edit, planned, run, settings, snakemake, write_settings
from sharing.ten_clones import Cloned
from study.llm.model import locate

pytestmark = pytest.mark.slow

CODINGS = "results/codings/llm.parquet"
FIGURES = {"figures", "figures_of_analyses"}
NARRATIVE = {"ask_wordings", "narrative"}
"""Sentences on the tables of agreement, comparison and regressions."""
TABLES = {
    "reliability",
    "coder_agreement",
    "agreement",
    "classification",
    "calibration",
    "comparison",
    "error_by_covariates",
    "aggregate_validity",
    "missing_codes",
    "regressions",
}
REGRESSIONS = {"regressions", "figures_of_analyses", "pages"} | NARRATIVE
INTERVALS = {
    "metrics",
    "reliability",
    "coder_agreement",
    "agreement",
    "calibration",
    "comparison",
    "aggregate_validity",
    "claims",
    "figures",
} | REGRESSIONS
AFTER_CODINGS = {"metrics", "flow", "measures", "claims", "pages"} | TABLES | FIGURES | NARRATIVE
ANOTHER_INSTRUMENT = {"instrument", "ask", "codings", "costs"} | AFTER_CODINGS
ANOTHER_CORPUS = {
    "corpus",
    "sample",
    "gold_sample",
    "ask",
    "codings",
    "costs",
    "dictionary",
    "human",
    "supervised",
} | AFTER_CODINGS


@dataclass(frozen=True)
class Edit:
    """One row of the table.

    Attributes
    ----------
    change
        What the researcher does to a study.
    runs
        The rules that must run again; no other may.
    asks
        How many texts the model is asked about when the codings are made again.
    why
        What Snakemake says of it.
    """

    change: Callable[[Path], None]
    runs: set[str]
    asks: int = 0
    why: str = ""


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda study: edit(study / file, old, new)


def add(file: str, line: str) -> Callable[[Path], None]:
    def change(study: Path) -> None:
        with (study / file).open("a", encoding="utf-8") as stream:
            stream.write(line)

    return change


def setting(*keys: str, value: object) -> Callable[[Path], None]:
    def change(study: Path) -> None:
        changed = settings(study)
        inner = changed
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        write_settings(study, changed)

    return change


def texts(*rows: str) -> Callable[[Path], None]:
    return lambda study: write_rows(study, rows)


def new_claim(study: Path) -> None:
    file = study / "config/claims.yaml"
    claims = yaml.safe_load(file.read_text(encoding="utf-8"))
    claims["claims"].append(claims["claims"][0] | {"id": "once-more"})
    file.write_text(yaml.safe_dump(claims, sort_keys=False), encoding="utf-8")


def other_model(study: Path) -> None:
    changed = settings(study)
    name, model = next(iter(changed["models"].items()))
    file = locate(model, study)
    assert file is not None
    other = study.parent / "other.gguf"
    shutil.copy(file, other)
    with other.open("ab") as stream:
        stream.write(b"\0")  # behind the tensors: the same answers, but not the same file
    changed["models"][name] = {"path": str(other)}
    write_settings(study, changed)


def update_template(study: Path) -> None:
    template = Path(json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["template"])
    module = template / "{{cookiecutter.project_slug}}/src/study/figures/labels.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# Improved.\n", encoding="utf-8")
    run(template, "git", "commit", "--quiet", "--all", "--message", "Improve a figure")
    run(study, "cruft", "update", "--skip-apply-ask")
    assert "# Improved." in (study / "src/study/figures/labels.py").read_text(encoding="utf-8")


def older_file(study: Path) -> None:
    """Put another file in place of the texts, which is older than everything that was made of them."""
    write_rows(study, (ROWS[0], ROWS[1], ROWS[2].replace("closed", "open")))
    os.utime(study / OWN, (1_000_000_000, 1_000_000_000))


def touch(study: Path) -> None:
    for path in [*study.joinpath("src").rglob("*.py"), study / OWN]:
        path.touch()


EDITS = {
    "nothing": Edit(lambda study: None, set()),
    "new times on code and data": Edit(touch, set()),
    "a module that nothing imports": Edit(add("src/study/mine.py", "ANSWER = 42\n"), set()),
    "more threads": Edit(setting("coding", "threads", value=1), set()),
    "a comment in a module": Edit(
        add("src/study/figures/scatter.py", "\n# A comment.\n"),
        {"figures", "pages"},
        why="Updated input files: src/study/figures/scatter.py",
    ),
    "a constant in an imported module": Edit(
        replace("src/study/validity/table.py", '"%.10g"', '"%.11g"'),
        TABLES | FIGURES | NARRATIVE | {"claims", "costs", "metrics", "pages", "deviations", "pilot_rounds"},
        why="src/study/validity/table.py",
    ),
    "the colours of the figures": Edit(
        add("src/study/figures/style.py", "\nHUES = 3\n"), FIGURES | {"pages"}
    ),
    "the wording of the prompt": Edit(
        replace("config/codebooks/sentiment.yaml", "Text: {text}", "The text: {text}"),
        ANOTHER_INSTRUMENT,
        asks=ASKED,
        why="Params have changed since last execution",
    ),
    "the order of the labels": Edit(
        replace("config/codebooks/sentiment.yaml", "label_order: fixed", "label_order: rotated"),
        ANOTHER_INSTRUMENT,
        asks=ASKED,
    ),
    "one new text": Edit(
        texts(*ROWS, "3,0.5,The new opening hours are fine."),
        ANOTHER_CORPUS,
        asks=1,
        why=f"Updated input files: {OWN}",
    ),
    "one edited text": Edit(texts(*ROWS[:2], ROWS[2].replace("again", "today")), ANOTHER_CORPUS, asks=1),
    "a removed text": Edit(texts(*ROWS[:2]), ANOTHER_CORPUS),
    "another file that is older than the results": Edit(older_file, ANOTHER_CORPUS, asks=1),
    "a new claim": Edit(new_claim, {"claims", "metrics", "figures", "pages"}),
    "the seed of the bootstrap": Edit(setting("compare", "seed", value=2), INTERVALS),
    "the seed of the sample": Edit(
        setting("sample", "seed", value=2),
        {"sample", "gold_sample", "ask", "codings", "costs"} | AFTER_CODINGS,
        asks=4 * EACH,
    ),
    "the formula of a regression": Edit(
        setting(
            "analyses",
            "sentiment_by_domain",
            "formula",
            value="sentiment_humans ~ sentiment_llm + sentiment_vader",
        ),
        REGRESSIONS,
    ),
    "a hypothesis": Edit(
        setting("hypotheses", "H1", "direction", value="positive"), {"regressions", "pages"} | REGRESSIONS
    ),
    "a larger gold sample": Edit(
        setting("gold", "draw", "n", value=5), {"gold_sample", "measures"} | (AFTER_CODINGS - {"flow"})
    ),
    "who might be replaced": Edit(setting("compare", "epsilon", value=0.2), {"coder_agreement", "pages"}),
    "the description of the corpus": Edit(setting("corpus", "description", value="Short texts."), {"pages"}),
    "another model": Edit(other_model, {"model"} | ANOTHER_INSTRUMENT, asks=ASKED),
    "the template": Edit(update_template, {"figures", "pages"}),
    "a table changed by hand": Edit(
        add("results/tables/comparison.csv", "x\n"), {"comparison", "pages"} | NARRATIVE
    ),
    "a deleted table": Edit(
        lambda study: (study / "results/tables/comparison.csv").unlink(), {"comparison", "pages"} | NARRATIVE
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_runs_what_depends_on_it(name: str, clones: list[Cloned], tmp_path: Path) -> None:
    row = EDITS[name]
    study = tmp_path / "another place" / "study"
    shutil.copytree(clones[list(EDITS).index(name) % len(clones)].folder, study)
    row.change(study)
    assert planned(study) == row.runs
    assert row.why in snakemake(study, "--dry-run").stdout
    if row.runs:
        snakemake(study, CODINGS)
        was_asked = (study / "logs" / "ask").is_dir()
        assert (asked(study) if was_asked else 0) == row.asks

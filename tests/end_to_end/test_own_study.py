"""A study of one's own: what asks the model again, what does not, and how many texts it is asked about."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from end_to_end.studies import asked, contents, edit, generate, run, settings, snakemake, write_settings
from study.llm.model import locate

pytestmark = pytest.mark.slow

CODED = "results/codings/llm.parquet"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blank study after its first run, as it comes out of the template."""
    folder = generate(tmp_path_factory.mktemp("own"), "blank")
    snakemake(folder)
    assert asked(folder) == n_texts(folder)
    return folder


def n_texts(study: Path) -> int:
    return len(pd.read_parquet(study / "data/corpus/units.parquet"))


def corpus_file(study: Path) -> Path:
    corpus = settings(study)["corpus"]
    return study / (corpus.get("file") or corpus["sources"][0]["file"])


def codebook(study: Path) -> Path:
    return next((study / "config/codebooks").glob("*.yaml"))


def test_the_five_texts_are_coded_and_reported(study: Path) -> None:
    assert n_texts(study) == 5
    assert set(pd.read_parquet(study / CODED)["status"]) == {"ok"}
    assert (study / "results/tables/agreement.csv").is_file()
    assert len(list((study / "results/report").glob("*.html"))) >= 10


def test_the_study_checks_itself(study: Path) -> None:
    run(study, "python", "-m", "pytest", "-q", "tests")


def test_snakemake_finds_nothing_to_complain_about(study: Path) -> None:
    done = snakemake(study, "--lint", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ten_more_texts_ask_ten(study: Path) -> None:
    file = corpus_file(study)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = list(rows[0])
    id_column = settings(study)["corpus"].get("id", "unit_id")
    more = [
        {**rows[0], id_column: f"added-{i}", "text": f"The evening number {i} was pleasant."}
        for i in range(10)
    ]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows([*rows, *more])
    before = contents(study / "data/responses/segments")
    snakemake(study, CODED)
    assert asked(study) == 10
    after = contents(study / "data/responses/segments")
    assert before.items() <= after.items()
    assert len(pd.read_parquet(study / CODED)) == 15


def test_another_question_asks_again_and_the_old_one_is_still_known(study: Path) -> None:
    original = codebook(study).read_text(encoding="utf-8")
    edit(codebook(study), "question: ", "question: Please answer. ")
    snakemake(study, CODED)
    assert asked(study) == n_texts(study)
    codebook(study).write_text(original, encoding="utf-8")
    snakemake(study, CODED)
    assert asked(study) == 0


def test_another_order_of_the_labels_asks_again(study: Path) -> None:
    file = codebook(study)
    original = file.read_text(encoding="utf-8")
    book = yaml.safe_load(original)
    book["categories"] = dict(reversed(book["categories"].items()))
    file.write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf-8")
    snakemake(study, CODED)
    assert asked(study) == n_texts(study)
    record = json.loads(next((study / "results/instruments").glob("*.json")).read_text(encoding="utf-8"))
    assert record["questions"][0]["labels"][: len(book["categories"])] == list(book["categories"])
    file.write_text(original, encoding="utf-8")
    snakemake(study, CODED)
    assert asked(study) == 0


def test_another_value_of_a_label_changes_scores_and_asks_nothing(study: Path) -> None:
    scores = pd.read_parquet(study / CODED)["score"]
    edit(codebook(study), "value: 1", "value: 2")
    snakemake(study, CODED)
    assert asked(study) == 0
    assert not pd.read_parquet(study / CODED)["score"].equals(scores)


def test_another_model_file_asks_again(study: Path, tmp_path: Path) -> None:
    changed = settings(study)
    name, model = next(iter(changed["models"].items()))
    file = locate(model, study)
    assert file is not None
    # A byte behind the tensors: the same answers, but not the same file, and only the file's hash can tell.
    other = shutil.copy(file, tmp_path / "other.gguf")
    with Path(other).open("ab") as stream:
        stream.write(b"\0")
    changed["models"][name] = {"path": str(other)}
    write_settings(study, changed)
    snakemake(study, CODED)
    assert asked(study) == n_texts(study)


def test_a_forgotten_pull_stops_the_study_instead_of_asking_again(study: Path) -> None:
    segments = study / "data/responses/segments"
    kept = contents(segments)
    next(segments.glob("*.jsonl")).unlink()
    shutil.rmtree(study / "results")
    done = snakemake(study, check=False)
    assert done.returncode != 0
    assert "dvc checkout" in done.stderr
    assert "Traceback" not in done.stderr
    run(study, "dvc", "checkout", "data/responses")
    assert contents(segments) == kept

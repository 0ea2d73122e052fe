"""Broken configurations: each gives one paragraph that says where, what and what instead."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from library.broken_analyses import ANALYSIS_BREAKS
from library.broken_files import FILE_BREAKS
from library.broken_studies import STUDY_BREAKS, Break
from study.config import load
from study.errors import StudyError

BREAKS = [*STUDY_BREAKS, *ANALYSIS_BREAKS, *FILE_BREAKS]
GOOD = Path(__file__).parent / "good_study"


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.name)
def test_every_broken_configuration_is_explained_in_one_paragraph(tmp_path: Path, broken: Break) -> None:
    study = tmp_path / "study"
    shutil.copytree(GOOD, study)
    path = study / broken.file
    content = path.read_text(encoding="utf-8")
    assert broken.old in content
    path.write_text(content.replace(broken.old, broken.new, 1), encoding="utf-8", newline="")
    with pytest.raises(StudyError) as caught:
        load(study)
    message = str(caught.value)
    for word in broken.words:
        assert word in message
    assert broken.file in message
    paragraphs = message.split("\n\n")
    assert len(paragraphs) <= 3
    assert all("\n" not in paragraph and len(paragraph) < 900 for paragraph in paragraphs)
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("quantisation", "words"),
    [
        (
            "f16",
            "Allowed: null, F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K_M, Q5_K_M, Q6_K.",
        ),
        ("f16", "Did you mean 'F16'?"),
        ("Q4-0", "Did you mean 'Q4_0'?"),
        ("IQ1_S", "Found: 'IQ1_S'. Allowed: null, F32,"),
        ("16", "Found: 16. Allowed: null, F32,"),
    ],
)
def test_a_storage_type_that_models_are_not_run_in(tmp_path: Path, quantisation: str, words: str) -> None:
    study = tmp_path / "study"
    shutil.copytree(GOOD, study)
    path = study / "config/study.yaml"
    content, model = path.read_text(encoding="utf-8"), "    file: SmolLM2-135M-Instruct.Q4_1.gguf\n"
    path.write_text(
        content.replace(model, f"{model}    quantisation: {quantisation}\n"), encoding="utf-8", newline=""
    )
    with pytest.raises(StudyError, match=r"key 'models\.smollm2-135m\.quantisation'") as caught:
        load(study)
    assert words in str(caught.value)


def test_names_of_breaks_are_unique() -> None:
    assert len({broken.name for broken in BREAKS}) == len(BREAKS)

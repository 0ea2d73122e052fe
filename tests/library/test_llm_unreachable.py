"""LLM_STUDY_MODEL_UNREACHABLE: no model is opened or converted, whatever is installed; cards still serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from library.embedded import MODEL, UNPACKED, model_file
from study.errors import StudyError
from study.llm.coding import open_model
from study.llm.model import UNREACHABLE, fingerprint, locate, main, prepare, read_card, unreachable
from study.llm.weights import CACHE

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CARD = {
    "name": "m",
    "source": {"sha256": SHA256},
    "quantisation": "F16",
    "engine": {"guidance": "0", "llama-cpp-python": "0"},
}
F16 = UNPACKED | {"sha256": SHA256}


@pytest.fixture
def nothing_reachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").symlink_to(model_file())
    monkeypatch.setenv(UNREACHABLE, "1")
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("value", "set_"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_what_sets_it(value: str | None, set_: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(UNREACHABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(UNREACHABLE, value)
    assert unreachable() is set_
    assert (locate(MODEL, Path()) is None) is set_


@pytest.mark.parametrize(
    "attempt",
    [
        lambda folder: prepare(MODEL, folder),
        lambda folder: prepare(F16, folder),
        lambda folder: read_card(folder / "m.gguf", "m", None),
        lambda folder: open_model(F16, [], 1, folder),
        lambda folder: main(model=F16, name="m", card=folder / "card.json", kept=folder / "kept.json"),
    ],
)
@pytest.mark.usefixtures("nothing_reachable")
def test_every_attempt_to_open_a_model_is_an_error(attempt: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=UNREACHABLE):
        attempt(tmp_path)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("nothing_reachable")
def test_the_card_that_was_kept_serves(tmp_path: Path) -> None:
    kept = tmp_path / "models/m.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps(CARD), encoding="utf-8")
    main(model=F16, name="m", card=tmp_path / "card.json", kept=kept)
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8")) == CARD
    assert fingerprint(F16, Path(), kept.parent, "m", tmp_path / "memory") == {
        "sha256": SHA256,
        "quantisation": "F16",
        "engine": CARD["engine"],
    }
    # The card of another model does not.
    with pytest.raises(StudyError, match=UNREACHABLE):
        main(model={**F16, "sha256": "0" * 64}, name="m", card=tmp_path / "card.json", kept=kept)

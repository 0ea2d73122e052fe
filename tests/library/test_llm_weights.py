"""A model file in another storage type: made once by llama.cpp, the same bytes everywhere, kept outside."""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

import study
from library.embedded import model_file
from study.config import schema
from study.errors import StudyError
from study.llm import weights
from study.llm.weights import CACHE, cache_folder, converted, sha256_of, storage_types

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
F16_SHA256 = "a269e3181fcbb25046f99f64ba8d3c159165b211c2ff4ffca7ba1bb219d2ccd0"
"""Of the embedded model in F16, by the version of llama.cpp that studies lock."""
SPARSE_SHA256 = "d243c2fb2b2a20f14b2ce447014322062b31ba7653e48ebf12394696166e50e6"
"""And with a sparsity of 0.5."""

CHOICES = schema.read_schema("study")["properties"]["models"]["additionalProperties"]["properties"]
TYPES = [choice for choice in CHOICES["quantisation"]["enum"] if choice is not None]

PROGRAM = """
from pathlib import Path
from study.job import run
from study.llm.weights import converted

def main(*, source: Path, sha256: str, type: str, sparsity: float) -> None:
    print(converted(source, sha256, type, sparsity))

run(main)
"""


@pytest.fixture(scope="module")
def file() -> Path:
    return model_file()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own; its hundreds of megabytes do not outlive the test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE, str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The conversions that were made, by type."""
    types: list[str] = []
    really = weights._quantise

    def counted(source: Path, target: Path, quantisation: str, name: str | None = None) -> None:
        types.append(quantisation)
        really(source, target, quantisation, name)

    monkeypatch.setattr(weights, "_quantise", counted)
    return types


def tensors(path: Path) -> dict[str, tuple[str, int]]:
    """Return the type and the place in the file of every tensor, as ggml itself reads them."""

    class Parameters(ctypes.Structure):
        _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))

    ggml = ctypes.CDLL(llama_cpp.llama_cpp._lib._name)  # a handle of our own, with our own signatures
    ggml.gguf_init_from_file.argtypes, ggml.gguf_init_from_file.restype = (
        [ctypes.c_char_p, Parameters],
        ctypes.c_void_p,
    )
    ggml.ggml_type_name.argtypes, ggml.ggml_type_name.restype = [ctypes.c_int], ctypes.c_char_p
    for name, kind in (("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_size_t)):
        function = getattr(ggml, f"gguf_get_tensor_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int64], kind
    for name, kind in (("n_tensors", ctypes.c_int64), ("data_offset", ctypes.c_size_t)):
        function = getattr(ggml, f"gguf_get_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p], kind
    ggml.gguf_free.argtypes = [ctypes.c_void_p]
    gguf = ggml.gguf_init_from_file(os.fsencode(path), Parameters(True, None))
    assert gguf
    try:
        start = ggml.gguf_get_data_offset(gguf)
        return {
            ggml.gguf_get_tensor_name(gguf, i).decode(): (
                ggml.ggml_type_name(ggml.gguf_get_tensor_type(gguf, i)).decode(),
                start + ggml.gguf_get_tensor_offset(gguf, i),
            )
            for i in range(ggml.gguf_get_n_tensors(gguf))
        }
    finally:
        ggml.gguf_free(gguf)


def converting(source: Path, quantisation: str, sparsity: float = 0) -> subprocess.Popen[str]:
    """Convert in another process, which prints the path; it leads a process group of its own."""
    arguments = [
        f"--source={source}",
        f"--sha256={SHA256}",
        f"--type={quantisation}",
        f"--sparsity={sparsity}",
    ]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(study.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def unfinished(process: subprocess.Popen[str], cache: Path) -> list[Path]:
    """Wait until a process has begun to write; return what it writes."""
    while process.poll() is None and not list(cache.rglob("*.part")):
        time.sleep(0.005)
    return list(cache.rglob("*.part"))


def test_f16_is_made_once_and_is_the_same_everywhere(
    file: Path, cache: Path, made: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = converted(file, SHA256, "F16")
    version = metadata.version("llama-cpp-python")
    assert path == cache / f"{SHA256}-llama-cpp-python-{version}" / "SmolLM2-135M-Instruct.Q4_1.F16.gguf"
    assert sha256_of(path) == F16_SHA256
    note = path.with_name(f"{path.name}.sha256")
    assert note.read_text(encoding="utf-8") == f"{F16_SHA256}  {path.name}\n"
    assert sorted(path.parent.iterdir()) == [path, note]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [f"Converting the model file {file.name} to F16, once: {path}"]
    written = path.stat().st_mtime_ns
    assert converted(file, SHA256, "F16") == path
    assert path.stat().st_mtime_ns == written
    assert made == ["F16"]
    assert capfd.readouterr() == ("", "")


def test_two_processes_make_one_sparse_file(file: Path, cache: Path) -> None:
    first = converting(file, "F16", 0.5)
    unfinished(first, cache)
    second = converting(file, "F16", 0.5)
    folder = cache / f"{SHA256}-llama-cpp-python-{metadata.version('llama-cpp-python')}"
    path = folder / "SmolLM2-135M-Instruct.Q4_1.sparsity-0.5.F16.gguf"
    for process in (first, second):
        out, err = process.communicate()
        assert (process.returncode, out) == (0, f"{path}\n"), err
        assert err == f"Converting the model file {file.name} to F16 with a sparsity of 0.5, once: {path}\n"
    assert sha256_of(path) == SPARSE_SHA256
    assert sorted(p.name for p in folder.iterdir()) == [path.name, f"{path.name}.sha256"]


def test_a_sparse_file_is_made_once_and_again_where_it_is_damaged(
    file: Path, made: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = converted(file, SHA256, "Q4_0", 0.125)
    digest = sha256_of(path)
    assert converted(file, SHA256, "Q4_0", 0.125) == path
    assert made == ["F32", "Q4_0"]
    os.truncate(path, 1_000_000)
    capfd.readouterr()
    assert converted(file, SHA256, "Q4_0", 0.125) == path
    assert capfd.readouterr().err == f"The converted model file {path} is damaged: it is made again.\n"
    assert sha256_of(path) == digest
    # A share of 0 is no file of its own.
    plain = converted(file, SHA256, "Q4_0", 0)
    assert plain.name == "SmolLM2-135M-Instruct.Q4_1.Q4_0.gguf"
    assert made == ["F32", "Q4_0"] * 2 + ["Q4_0"]
    assert sha256_of(plain) != digest
    assert len(list(path.parent.iterdir())) == 4


def test_the_number_of_threads_changes_no_byte(file: Path, tmp_path: Path) -> None:
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.allow_requantize, parameters.nthread = 1, True, 2
    path = tmp_path / "two.gguf"
    assert llama_cpp.llama_model_quantize(bytes(file), bytes(path), ctypes.byref(parameters)) == 0
    assert sha256_of(path) == F16_SHA256
    path.unlink()


def test_the_weights_are_those_of_the_shipped_file(file: Path) -> None:
    path = converted(file, SHA256, "F16")
    shipped, unpacked = tensors(file), tensors(path)
    assert {kind for kind, _ in shipped.values()} == {"q4_1", "q8_0", "f32"}
    assert {kind for kind, _ in unpacked.values()} == {"f16", "f32"}
    assert {n for n, (kind, _) in shipped.items() if kind == "f32"} == {
        n for n, (kind, _) in unpacked.items() if kind == "f32"
    }
    # Q4_1: blocks of 32 weights, q * scale + minimum, the low halves of the bytes first (ggml-common.h).
    block = np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("q", "u1", 16)])
    for name in ("blk.0.attn_q.weight", "blk.17.attn_k.weight", "blk.29.ffn_down.weight"):
        rows = 576 * {"attn_q": 576, "attn_k": 192, "ffn_down": 1536}[name.split(".")[2]]
        blocks = np.fromfile(file, block, rows // 32, offset=shipped[name][1])
        q = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype(np.float32)
        scale, minimum = (blocks[key].astype(np.float32)[:, None] for key in ("scale", "minimum"))
        found = np.fromfile(path, "<f2", rows, offset=unpacked[name][1])
        assert np.array_equal(found, (q * scale + minimum).astype(np.float16).ravel()), name
        assert len(np.unique(found)) > 1000


@pytest.mark.parametrize("quantisation", TYPES)
def test_every_type_of_the_configuration_is_made_and_answers(file: Path, quantisation: str) -> None:
    path = converted(file, SHA256, quantisation)
    kinds = [kind for kind, _ in tensors(path).values()]
    family = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q4_K_M": "q4_K", "Q5_K_M": "q5_K", "Q6_K": "q6_K"}
    assert family.get(quantisation, quantisation.lower()) in kinds
    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, n_threads_batch=1, verbose=False)
    question = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    answer = model.create_completion(question, max_tokens=12, temperature=0)["choices"][0]["text"]
    model.close()
    assert "Paris" in answer


def test_a_types_number_is_that_of_the_files_metadata() -> None:
    known = storage_types()
    assert {key: known[key] for key in ("F32", "F16", "Q4_0", "Q4_1", "Q8_0", "Q4_K_M", "BF16")} == {
        "F32": 0,
        "F16": 1,
        "Q4_0": 2,
        "Q4_1": 3,
        "Q8_0": 7,
        "Q4_K_M": 15,
        "BF16": 32,
    }
    assert len(set(known.values())) == len(known)


@pytest.mark.parametrize("damage", ["content", "length", "note", "no note"])
def test_a_damaged_file_is_made_again(
    damage: str, file: Path, made: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = converted(file, SHA256, "Q4_0")
    digest, note = sha256_of(path), path.with_name(f"{path.name}.sha256")
    if damage == "content":
        with path.open("r+b") as content:
            content.seek(-1000, os.SEEK_END)
            byte = content.read(1)[0]
            content.seek(-1000, os.SEEK_END)
            content.write(bytes([byte ^ 1]))
    elif damage == "length":
        os.truncate(path, 1_000_000)
    elif damage == "note":
        note.write_bytes(b"\xff")
    else:
        note.unlink()
    capfd.readouterr()
    assert converted(file, SHA256, "Q4_0") == path
    assert capfd.readouterr().err == f"The converted model file {path} is damaged: it is made again.\n"
    assert sha256_of(path) == digest
    assert note.read_text(encoding="utf-8").startswith(digest)
    assert converted(file, SHA256, "Q4_0") == path
    assert made == ["Q4_0"] * 2


def test_a_folder_that_cannot_be_written(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE, str(tmp_path / "file" / "cache"))
    with pytest.raises(StudyError, match="cannot be kept in this folder") as error:
        converted(file, SHA256, "F16")
    for words in (str(tmp_path / "file" / "cache"), CACHE, "Not a directory"):
        assert words in str(error.value)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process and its children be longer: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("sparsity", "room", "written"), [(0, 50_000_000, "F16"), (0.5, 300_000_000, "F32")])
def test_a_full_disk(sparsity: float, room: int, written: str, file: Path, cache: Path) -> None:
    with room_for(room), pytest.raises(StudyError, match="could not convert") as error:
        converted(file, SHA256, "F16", sparsity)
    for words in (str(cache), CACHE, "GB free", f"{file.name} to {written}", "iostream error"):
        assert words in str(error.value)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_folder_in_which_something_is_in_the_way(file: Path) -> None:
    path = converted(file, SHA256, "Q4_0")
    note = path.with_name(f"{path.name}.sha256")
    path.unlink()
    note.unlink()
    note.mkdir()
    with pytest.raises(StudyError, match="cannot be kept in this folder") as error:
        converted(file, SHA256, "Q4_0")
    for words in (str(path.parent), CACHE, "Is a directory"):
        assert words in str(error.value)
    assert list(path.parent.iterdir()) == [note]


def test_a_file_that_llama_cpp_refuses(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"no model")
    with pytest.raises(StudyError, match=r"could not convert the model file own\.gguf to Q8_0") as error:
        converted(path, "0" * 64, "Q8_0")
    assert "failed to load model" in str(error.value)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_file_that_makes_llama_cpp_abort(file: Path, tmp_path: Path) -> None:
    content, key = file.read_bytes(), b"llama.block_count"
    at = content.index(key) + len(key) + 4  # after the type of the value
    path = tmp_path / "own.gguf"
    path.write_bytes(content[:at] + struct.pack("<I", 0) + content[at + 4 :])
    with pytest.raises(StudyError, match="could not convert") as error:
        converted(path, "0" * 64, "F16")
    assert "GGML_ASSERT" in str(error.value)
    path.unlink()


def test_two_processes_at_once(file: Path, cache: Path) -> None:
    slow = converting(file, "F16")
    assert len(unfinished(slow, cache)) == 1
    os.killpg(slow.pid, signal.SIGSTOP)
    path = converted(file, SHA256, "F16")
    first = path.stat().st_ino
    assert sha256_of(path) == F16_SHA256
    assert len(unfinished(slow, cache)) == 1
    os.killpg(slow.pid, signal.SIGCONT)
    out, err = slow.communicate()
    assert (slow.returncode, out) == (0, f"{path}\n"), err
    assert path.stat().st_ino != first  # the slow one's file is there now
    assert sha256_of(path) == F16_SHA256
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]


@pytest.mark.parametrize("sparsity", [0, 0.5])
def test_the_keyboard_interrupts_a_conversion(sparsity: float, file: Path, cache: Path) -> None:
    process = converting(file, "Q5_K_M", sparsity)
    assert unfinished(process, cache)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Interrupted."
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_is_cleared_away(file: Path) -> None:
    path = converted(file, SHA256, "Q4_0")
    old, new = (path.with_name(f"{path.name}.{name}.part") for name in ("old", "new"))
    old.touch()
    new.touch()  # of a process that may still be writing
    os.utime(old, (time.time() - weights.ABANDONED - 60,) * 2)
    path.unlink()
    converted(file, SHA256, "Q4_0")
    assert not old.exists()
    assert new.exists()


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    monkeypatch.setenv(CACHE, "/scratch/models")
    assert cache_folder() == Path("/scratch/models")
    monkeypatch.setenv(CACHE, "~/models")
    assert cache_folder() == tmp_path / "models"
    monkeypatch.setenv(CACHE, "")
    assert cache_folder() == tmp_path / "shared/llm-study"
    for none in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", none)
        assert cache_folder() == tmp_path / ".cache/llm-study"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv(CACHE)
    assert cache_folder() == tmp_path / ".cache/llm-study"


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 5000)
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()

"""The smallest weights of every linear layer are zero: exactly their share, and nothing else is changed."""

from __future__ import annotations

import io
import math
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from library.coding_jobs import CONTEXT, instrument, task
from library.embedded import MODEL, UNPACKED, model_file
from library.test_llm_weights import F16_SHA256, SPARSE_SHA256
from library.test_llm_weights import tensors as read_by_ggml
from study.config import load
from study.errors import StudyError
from study.llm.coding import code
from study.llm.engine import LabelEngine
from study.llm.labels import mean_log_p
from study.llm.model import _gguf_facts, read_card
from study.llm.sparsity import Tensor, prune, tensors, zero_smallest
from study.llm.weights import CACHE, sha256_of

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")

HALF, MOST = UNPACKED | {"sparsity": 0.5}, MODEL | {"sparsity": 0.9, "quantisation": "Q8_0"}
TEXTS = ("I love it!", "Worst film ever.", "It is Tuesday.")
F32, F16, I32 = 0, 1, 26
GOOD = Path(__file__).parent / "good_study"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests' own; its hundreds of megabytes do not outlive them."""
    folder = tmp_path_factory.mktemp("user") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE, str(folder))
        yield folder
    shutil.rmtree(folder)


def layout(path: Path) -> list[Tensor]:
    with path.open("rb") as file:
        return tensors(file, path.name)


def test_half_of_the_weights_are_zero_and_every_other_byte_is_as_it_was() -> None:
    plain, sparse = model_file(UNPACKED), model_file(HALF)
    assert (sha256_of(plain), sha256_of(sparse)) == (F16_SHA256, SPARSE_SHA256)
    before, after = np.fromfile(plain, "<u2"), np.fromfile(sparse, "<u2")
    pruned = [tensor for tensor in layout(sparse) if tensor.is_linear]
    assert len(pruned) == 7 * 30
    for tensor in pruned:
        place = slice(tensor.offset // 2, tensor.offset // 2 + math.prod(tensor.shape))
        was, now = before[place], after[place]
        zero = now == 0
        assert np.count_nonzero(zero) == round(0.5 * now.size), tensor.name
        assert np.array_equal(now[~zero], was[~zero]), tensor.name
        magnitudes = was & 0x7FFF  # without the sign, numbers are in the order of their bits
        assert magnitudes[zero].max() <= magnitudes[~zero].min(), tensor.name
        before[place] = now
    # Metadata, vocabulary, chat template, embeddings and normalisations.
    assert np.array_equal(before, after)
    assert _gguf_facts(sparse) == _gguf_facts(plain)


def test_eight_bits_keep_the_zeros() -> None:
    sparse = model_file(MOST)
    block = np.dtype([("scale", "<f2"), ("q", "i1", 32)])  # Q8_0: q * scale (ggml-common.h)
    kinds = read_by_ggml(sparse)
    for tensor in (tensor for tensor in layout(sparse) if tensor.is_linear):
        size = math.prod(tensor.shape)
        assert kinds[tensor.name][0] == "q8_0"
        zero = np.count_nonzero(np.fromfile(sparse, block, size // 32, offset=tensor.offset)["q"] == 0)
        assert round(0.9 * size) <= zero < 0.91 * size, tensor.name  # and some are rounded to zero


def probabilities(model: dict[str, Any]) -> NDArray[np.float64]:
    """Code some texts; return P of both labels, a row each."""
    engine = LabelEngine(model_file(model), context=CONTEXT, threads=1)
    card = read_card(model_file(), "m", None, model["quantisation"], model.get("sparsity", 0))
    asked = task(TEXTS, instrument(card))
    found = [code(engine, asked, request) for request in asked.wanted]
    assert {one["status"] for one in found} == {"ok"}
    return np.array([np.exp(mean_log_p(np.array(one["answers"][0]["log_p"]))) for one in found])


def test_the_model_answers_worse_without_its_small_weights() -> None:
    plain, half, most = (probabilities(model) for model in (UNPACKED, HALF, MOST))
    for found in (plain, half, most):
        assert found.shape == (3, 2)
        assert np.all(found > 0)
        assert np.all(found.sum(axis=1) < 1)
    # It hardly ever says one of the labels any more ...
    assert np.all(half.sum(axis=1) < plain.sum(axis=1) / 1000)
    good, good_half, good_most = (found[:, 0] / found.sum(axis=1) for found in (plain, half, most))
    assert np.abs(good_half - good).max() > 0.02
    # ... and at last hardly tells one text from another.
    assert np.ptp(good) > 0.1 > np.ptp(good_most)


@pytest.mark.parametrize("sparsity", ["0.91", "1", "-0.1", "half", "null", "true"])
def test_a_share_that_cannot_be_taken(sparsity: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"key 'models\.smollm2-135m\.sparsity'"):
        load(study_with(tmp_path, sparsity))


def test_a_share_in_the_configuration(tmp_path: Path) -> None:
    for sparsity, expected in (("0", 0), ("0.0", 0), ("0.3", 0.3), ("0.9", 0.9)):
        config = load(study_with(tmp_path / sparsity, sparsity))
        assert config["models"]["smollm2-135m"]["sparsity"] == expected
    assert load(GOOD)["models"]["smollm2-135m"]["sparsity"] == 0


def study_with(folder: Path, sparsity: str) -> Path:
    """Write a study whose model has this sparsity."""
    study = folder / "study"
    shutil.copytree(GOOD, study)
    path, model = study / "config/study.yaml", "    file: SmolLM2-135M-Instruct.Q4_1.gguf\n"
    content = path.read_text(encoding="utf-8")
    assert model in content
    content = content.replace(model, f"{model}    sparsity: {sparsity}\n")
    path.write_text(content, encoding="utf-8", newline="")
    return study


WEIGHTS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-45, -1e-45, math.inf, -math.inf, math.nan])


@given(
    st.lists(WEIGHTS | st.floats(width=32), min_size=1, max_size=60),
    st.sampled_from([0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1]),
)
def test_the_smallest_weights_and_of_equal_ones_the_first(values: list[float], share: float) -> None:
    found = np.array(values, np.float32)
    expected = found.copy()
    size = [math.inf if math.isnan(value) else abs(value) for value in values]
    order = sorted(range(len(values)), key=lambda i: (size[i], math.isnan(values[i]), i))
    expected[order[: round(share * len(values))]] = 0
    zero_smallest(found, share)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "shape", "linear"),
    [
        ("blk.0.attn_q.weight", (64, 64), True),
        ("blk.12.ffn_down.weight", (64, 32), True),
        ("blk.3.ffn_gate_exps.weight", (64, 32, 8), True),
        ("enc.blk.0.ffn_up.weight", (64, 32), True),
        ("blk.0.shortconv.in_proj.weight", (64, 32), True),
        ("token_embd.weight", (64, 1000), False),
        ("output.weight", (64, 1000), False),
        ("position_embd.weight", (64, 1000), False),
        ("blk.0.attn_norm.weight", (64,), False),
        ("blk.0.attn_q_norm.weight", (64, 8), False),
        ("blk.0.attn_q.bias", (64, 1), False),
        ("blk.0.ffn_gate_inp.weight", (64, 8), False),
        ("blk.0.ssm_conv1d.weight", (4, 64), False),
        ("blk.0.shortconv.conv.weight", (4, 64), False),
        ("enc.blk.0.attn_rel_b.weight", (8, 32), False),
        ("blk.0.time_mix_lerp_fused.weight", (64, 1, 1, 5), False),
    ],
)
def test_which_tensors_are_linear_layers(name: str, shape: tuple[int, ...], linear: bool) -> None:
    assert Tensor(name, shape, F32, 0).is_linear is linear


def text(words: str) -> bytes:
    return struct.pack("=Q", len(words.encode())) + words.encode()


VALUES = {
    **{f"of type {kind}": struct.pack(f"=I{form}", kind, 7) for kind, form in enumerate("BbHhIif?")},
    **{
        f"of type {kind}": struct.pack(f"=I{form}", kind, 7)
        for kind, form in zip((10, 11, 12), "Qqd", strict=True)
    },
    "words": struct.pack("=I", 8) + text("blk.0.attn_q.weight"),
    "numbers": struct.pack("=IIQ3h", 9, 3, 3, 1, 2, 3),
    "list of words": struct.pack("=IIQ", 9, 8, 2) + text("ä") + text(""),
    "general.alignment": struct.pack("=II", 4, 64),
}
"""Metadata of every type, in the form of the file."""


def write(
    path: Path, found: dict[str, NDArray[Any]], values: dict[str, bytes] = VALUES, align: int = 64
) -> None:
    """Write a GGUF file; the first size of a tensor is numpy's last."""
    kinds = {np.dtype(np.float32): F32, np.dtype(np.float16): F16, np.dtype(np.int32): I32}
    head = b"GGUF" + struct.pack("=IQQ", 3, len(found), len(values))
    head += b"".join(text(key) + value for key, value in values.items())
    data = b""
    for name, array in found.items():
        shape = array.shape[::-1]
        head += text(name) + struct.pack(
            f"=I{len(shape)}QIQ", len(shape), *shape, kinds[array.dtype], len(data)
        )
        data += array.tobytes() + bytes(-array.nbytes % align)
    path.write_bytes(head + bytes(-len(head) % align) + data)


def small() -> dict[str, NDArray[Any]]:
    draw = np.random.default_rng(1)
    found: dict[str, NDArray[Any]] = {
        name: draw.normal(size=shape).astype(np.float32)
        for name, shape in {
            "token_embd.weight": (9, 7),
            "blk.0.attn_q.weight": (7, 7),
            "blk.0.attn_norm.weight": (7,),
            "blk.0.ffn_up_exps.weight": (3, 5, 7),
            "output.weight": (9, 7),
        }.items()
    }
    found["blk.0.ffn_up_exps.weight"] *= np.float32([[[1]], [[10]], [[100]]])
    return found | {"blk.1.table.weight": np.ones((2, 2), np.int32)}


@pytest.mark.parametrize("values", [VALUES, {}])
def test_the_layout_is_the_one_that_ggml_reads(values: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    write(path, small(), values, align=64 if values else 32)
    for file in (path, model_file()):
        read = {tensor.name: tensor for tensor in layout(file)}
        assert {name: tensor.offset for name, tensor in read.items()} == {
            name: offset for name, (_, offset) in read_by_ggml(file).items()
        }
    assert read["blk.0.ffn_down.weight"].shape == (1536, 576)
    assert {t.name: (t.shape, t.type) for t in layout(path)} == {
        name: (array.shape[::-1], I32 if array.dtype == np.int32 else F32) for name, array in small().items()
    }


def test_each_expert_loses_its_share(tmp_path: Path) -> None:
    path, expected = tmp_path / "own.gguf", tmp_path / "expected.gguf"
    found = small()
    write(path, found)
    zero_smallest(found["blk.0.attn_q.weight"].reshape(-1), 0.3)
    for expert in found["blk.0.ffn_up_exps.weight"]:
        zero_smallest(expert.reshape(-1), 0.3)
        assert np.count_nonzero(expert == 0) == round(0.3 * 35)
    write(expected, found)
    prune(path, 0.3, "own")
    assert path.read_bytes() == expected.read_bytes()


def test_a_model_without_linear_layers(tmp_path: Path) -> None:
    path, found = tmp_path / "x.part", small()
    for without in (
        {name: array for name, array in found.items() if not name.startswith("blk.0")},
        {name: array.astype(np.float16) for name, array in found.items()},
    ):
        write(path, without)
        before = path.read_bytes()
        with pytest.raises(StudyError, match="has no linear layers whose weights") as error:
            prune(path, 0.3, "own.gguf")
        for words in ("own.gguf", "token_embd.weight (type ", "Leave out 'sparsity'"):
            assert words in str(error.value)
        assert path.read_bytes() == before


def test_a_file_of_another_layout(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    write(path, small())
    content = path.read_bytes()
    kind = content.index(b"of type 0") + len(b"of type 0")
    for changed, words in (
        (b"GGML" + content[4:], "This is no GGUF file whose layout is known"),
        (content[:4] + struct.pack("=I", 1) + content[8:], "version 1"),
        (content[:300], "This is no whole GGUF file"),
        (content[:kind] + struct.pack("=I", 99) + content[kind + 4 :], "This is no whole GGUF file"),
        (content.replace(b"numbers", b"number\xff"), "This is no whole GGUF file"),
    ):
        with pytest.raises(StudyError, match=words) as error:
            tensors(io.BytesIO(changed), "own.gguf")
        assert "own.gguf" in str(error.value)
    path.write_bytes(content[:-800])
    with pytest.raises(StudyError, match="ends before its last weight"):
        prune(path, 0.3, "own.gguf")

"""Sparsity: the smallest weights of a model's linear layers are set to zero, a share of each matrix.

This is magnitude pruning by layer, without training afterwards (Han et al. 2015; the baseline of Sun et al.
2024, whose choice of tensors is taken over: the linear layers of all blocks, and neither the embeddings nor
the output, which is the same matrix in many small models). Normalisations and biases are no matrices.

The weights are changed where they lie in a GGUF file of type F32, so no other byte of it can change:
metadata, vocabulary and chat template are those that llama.cpp wrote. One matrix is in memory at a time.

Han, S., Pool, J., Tran, J. & Dally, W. (2015). Learning both weights and connections for efficient neural
networks. NeurIPS 28. Sun, M., Liu, Z., Bair, A. & Kolter, J. Z. (2024). A simple and effective pruning
approach for large language models. ICLR.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from study.errors import StudyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSIONS = (2, 3)
"""Versions of the GGUF format, which differ in nothing that is read here."""

_F32 = 0
"""The number of the type F32, of a tensor (enum ggml_type) as of a whole file."""

_MATRIX = re.compile(r"(?:enc\.|dec\.)?blk\.\d+\..+\.weight")
_NOT_LINEAR = re.compile(r"_norm|conv1d|shortconv\.conv|attn_rel_b|time_mix_first|ffn_gate_inp")
"""Matrices of a block that multiply nothing, and the small one that chooses among experts."""

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9
"""Numbers of the types of metadata: bytes of those of fixed size, and the others."""

_ALIGNMENT = "general.alignment", 32
"""The key for where tensors may begin, in bytes, and what holds without it."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a GGUF file.

    Attributes
    ----------
    shape
        Sizes as GGUF has them: the inputs of a layer first. A third one counts the experts.
    type
        Its number in enum ggml_type.
    offset
        Where its data begin in the file, in bytes.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def is_linear(self) -> bool:
        """Whether it holds the weights of a linear layer of a block, or of the experts' ones."""
        return bool(
            len(self.shape) in (2, 3) and _MATRIX.fullmatch(self.name) and not _NOT_LINEAR.search(self.name)
        )


def prune(path: Path, sparsity: float, name: str) -> None:
    """Set the smallest weights of every linear layer to zero, in the file.

    Each matrix loses the same share; where a tensor holds several experts, each expert's does. The same file
    and share give the same bytes.

    Parameters
    ----------
    path
        A GGUF file of type F32; it is changed.
    sparsity
        The share of weights, 0 to 1.
    name
        What the model's file is called, for errors.

    Raises
    ------
    StudyError
        The file is no GGUF file, or has no linear layers of that type.
    OSError
        It cannot be read or written.
    """
    import numpy as np

    with path.open("r+b") as file:
        found = tensors(file, name)
        layers = [tensor for tensor in found if tensor.is_linear and tensor.type == _F32]
        if not layers:
            raise StudyError(
                "The model has no linear layers whose weights could be set to zero.",
                file=name,
                found=", ".join(f"{tensor.name} (type {tensor.type})" for tensor in found[:5]),
                allowed=f"tensors blk.N.NAME.weight of type {_F32} (F32)",
                hint="Leave out 'sparsity', or take another model.",
            )
        for tensor in layers:
            weights = np.empty(math.prod(tensor.shape[:2]), np.float32)
            content = weights.data.cast("B")
            for matrix in range(math.prod(tensor.shape[2:])):
                place = tensor.offset + matrix * weights.nbytes
                file.seek(place)
                if file.readinto(content) != weights.nbytes:
                    raise StudyError("The model file ends before its last weight.", file=name)
                zero_smallest(weights, sparsity)
                file.seek(place)
                file.write(content)


def zero_smallest(weights: NDArray[np.float32], sparsity: float) -> None:
    """Set round(sparsity * size) weights to 0: those of smallest magnitude; of equal ones the first.

    Weights that are 0 already are among them. Those that stay keep every bit.

    Parameters
    ----------
    weights
        One dimension; changed in place.
    sparsity
        The share, 0 to 1.
    """
    import numpy as np

    count = round(sparsity * weights.size)
    if count == 0:
        return
    # Without the sign bit, numbers in IEEE 754 are in the order of their bits: no rounding, and NaN is last.
    magnitudes = weights.view(np.uint32) & np.uint32(0x7FFFFFFF)
    largest = np.partition(magnitudes, count - 1)[count - 1]
    smaller = magnitudes < largest
    equal = np.flatnonzero(magnitudes == largest)[: count - np.count_nonzero(smaller)]
    weights[smaller] = 0
    weights[equal] = 0


def tensors(file: BinaryIO, name: str) -> list[Tensor]:
    """Read which tensors a GGUF file has, and where.

    Parameters
    ----------
    file
        Open at its beginning.
    name
        What it is called, for errors.

    Raises
    ------
    StudyError
        When it is no GGUF file of a known version, or ends too early.

    Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    try:
        magic, version = file.read(4), _number(file, "I")
        if magic != b"GGUF" or version not in VERSIONS:
            raise StudyError(
                "This is no GGUF file whose layout is known.",
                file=name,
                found=f"{magic!r}, version {version}",
                allowed=f"GGUF, version {' or '.join(map(str, VERSIONS))}",
            )
        n_tensors, n_values = _number(file, "Q"), _number(file, "Q")
        key, alignment = _ALIGNMENT
        for _ in range(n_values):
            found, kind = _string(file), _number(file, "I")
            if found == key and kind == _UINT32:
                alignment = _number(file, "I")
            else:
                _skip(file, kind)
        listed = [_listed(file) for _ in range(n_tensors)]
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise StudyError("This is no whole GGUF file.", file=name, found=str(error)) from error
    data = -(-file.tell() // alignment) * alignment
    return [Tensor(name, shape, kind, data + offset) for name, shape, kind, offset in listed]


def _listed(file: BinaryIO) -> tuple[str, tuple[int, ...], int, int]:
    name = _string(file)
    shape = tuple(_number(file, "Q") for _ in range(_number(file, "I")))
    return name, shape, _number(file, "I"), _number(file, "Q")


def _skip(file: BinaryIO, kind: int) -> None:
    """Go past a value of the metadata."""
    if kind == _STRING:
        file.seek(_number(file, "Q"), 1)
    elif kind == _ARRAY:
        kind, length = _number(file, "I"), _number(file, "Q")
        if kind in _SIZES:
            file.seek(_SIZES[kind] * length, 1)
        else:
            for _ in range(length):
                _skip(file, kind)
    else:
        file.seek(_SIZES[kind], 1)


def _string(file: BinaryIO) -> str:
    return file.read(_number(file, "Q")).decode("utf-8")


def _number(file: BinaryIO, kind: str) -> int:
    # As this machine has them: llama.cpp reads no file in the other byte order.
    form = f"={kind}"
    number: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return number

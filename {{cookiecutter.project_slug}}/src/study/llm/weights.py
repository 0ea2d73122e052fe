"""A model's weights in another storage type, made once by llama.cpp and kept in a folder of the user.

A model file is shipped in the type that makes it small, and that is not always the type that runs fast:
llama.cpp has no fast way for Q4_1 on a processor, and it has one for the same weights unpacked to F16.
Another type rounds the weights in another way: the converted file is a model of its own, with its own sha256.
So is one in which a share of the weights is set to zero (`study.llm.sparsity`). That is done on the weights
unpacked to F32, before they are rounded: the same ones are set to zero in every type.

The same file, type and version of llama-cpp-python give the same bytes, whatever the number of threads. So
several processes may convert at once: each writes a file of its own, and the last one to be renamed stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from study.errors import StudyError
from study.llm.sparsity import prune

CACHE = "LLM_STUDY_CACHE"
"""The environment variable that names the folder for converted files."""

ABANDONED = 24 * 60 * 60
"""Seconds after which an unfinished file is taken for that of a process which was killed."""

_PREFIXES = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")


def cache_folder() -> Path:
    """Return the folder for converted files: outside the study, since they can be made again anywhere.

    That is $LLM_STUDY_CACHE, else llm-study in $XDG_CACHE_HOME, else ~/.cache/llm-study. A relative
    $XDG_CACHE_HOME does not count (XDG Base Directory Specification 0.8).
    """
    if own := os.environ.get(CACHE):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(shared) if Path(shared).is_absolute() else Path.home() / ".cache") / "llm-study"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_of(package: str) -> str:
    """Return the version of one of the packages that run models."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise StudyError(
            f"The model's file is here, but the package '{package}' is not installed.",
            hint="Run 'python3 environment.py --llm'.",
        ) from None


def storage_types() -> dict[str, int]:
    """Return the number in a GGUF file's general.file_type by the type's name, such as Q4_1 or Q4_K_M."""
    import llama_cpp

    return {
        constant.removeprefix(prefix): number
        for constant, number in vars(llama_cpp).items()
        for prefix in _PREFIXES
        if constant.startswith(prefix)
    }


def converted(source: Path, source_sha256: str, quantisation: str, sparsity: float = 0) -> Path:
    """Return a GGUF file with the weights of `source` in another storage type; make it if need be.

    A file that was made before is read through and compared with the sha256 that was written beside it; a
    damaged one is made again, and a line on standard error says so.

    Parameters
    ----------
    source
        A GGUF file.
    source_sha256
        Its sha256.
    quantisation
        The type's name in the configuration, such as 'F16'.
    sparsity
        The share of the linear layers' weights that is set to zero first, 0 to 0.9.

    Raises
    ------
    StudyError
        When the folder cannot be written or is full, or llama.cpp cannot convert the file.
    """
    version = version_of("llama-cpp-python")
    folder = cache_folder() / f"{source_sha256}-llama-cpp-python-{version}"
    # The number as Python writes it, with all its digits: another share is another file.
    sparse = f".sparsity-{float(sparsity)!r}" if sparsity else ""
    path = folder / f"{source.stem}{sparse}.{quantisation}.gguf"
    try:
        if path.is_file():
            if sha256_of(path) == _recorded_sha256(path):
                return path
            _tell(f"The converted model file {path} is damaged: it is made again.")
        else:
            share = f" with a sparsity of {float(sparsity)!r}" if sparsity else ""
            _tell(f"Converting the model file {source.name} to {quantisation}{share}, once: {path}")
        _make(source, path, quantisation, sparsity)
    except OSError as error:
        raise StudyError(
            "A converted model file cannot be kept in this folder.",
            file=folder,
            found=error.strerror or str(error),
            hint=f"The environment variable {CACHE} names another folder.",
        ) from error
    return path


def _make(source: Path, path: Path, quantisation: str, sparsity: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process may be done with it
            if time.time() - old.stat().st_mtime > ABANDONED:
                old.unlink()
    # A name by chance: process numbers repeat on the nodes of a cluster, which share this folder.
    half = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    note, whole = (half.with_name(f"{half.name}.{name}.part") for name in ("sha256", "F32"))
    try:
        half.touch(exist_ok=False)  # says better than llama.cpp why a folder cannot be written
        if sparsity:
            _quantise(source, whole, "F32")
            prune(whole, sparsity, source.name)
            _quantise(whole, half, quantisation, source.name)
        else:
            _quantise(source, half, quantisation)
        note.write_text(f"{sha256_of(half)}  {path.name}\n", encoding="utf-8")
        note.replace(_beside(path))
        half.replace(path)
    finally:
        for unfinished in (half, note, whole):
            unfinished.unlink(missing_ok=True)


def _quantise(source: Path, target: Path, quantisation: str, name: str | None = None) -> None:
    """Have llama.cpp write `target`, in a process of its own; errors call the source by `name`.

    What llama.cpp prints is kept back, its memory is given back, a failed assertion ends that process and not
    this one, and the keyboard can interrupt it.
    """
    here = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    arguments = [f"--source={source}", f"--target={target}", f"--quantisation={quantisation}"]
    done = subprocess.run(
        [sys.executable, "-m", "study.llm.weights", *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(here), "GGML_NO_BACKTRACE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stdout.decode("utf-8", errors="replace").strip().splitlines()
        free = shutil.disk_usage(target.parent).free
        raise StudyError(
            f"llama.cpp could not convert the model file {name or source.name} to {quantisation}.",
            file=target.parent,
            found=lines[-1] if lines else f"exit status {done.returncode}",
            hint=f"The folder has {free / 1e9:.1f} GB free; F16 takes 2 bytes a weight and F32 takes 4, which"
            " a sparse model needs for a while besides its own."
            f" The environment variable {CACHE} names another folder.",
        )


def main(*, source: Path, target: Path, quantisation: str) -> None:
    """Write the weights of `source` to `target` in another storage type; the exit status is llama.cpp's."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = storage_types()[quantisation]
    parameters.allow_requantize = True
    parameters.nthread = 1
    llama_cpp.llama_backend_init()
    files = os.fsencode(source), os.fsencode(target)
    sys.exit(llama_cpp.llama_model_quantize(*files, ctypes.byref(parameters)))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded_sha256(path: Path) -> str:
    """Return what stands beside a file, in the form of sha256sum; '' when nothing does."""
    note = _beside(path)
    return note.read_text(encoding="utf-8", errors="replace").partition(" ")[0] if note.is_file() else ""


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    from study.job import run

    run(main)

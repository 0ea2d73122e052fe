"""Where a model's file is, and the card that identifies it when the file itself is not there.

A colleague who reproduces a study has the responses but not the model. So what an instrument needs to know
about a model (its hash, its chat template, its special tokens, the engine's version) is written once to a
small JSON card beside the responses.

The configuration names the file that is shipped. With `quantisation` or `sparsity` another file is run, which
is made from it (`study.llm.weights`): the card's sha256 is that of the file that is run, and its `source` is
the shipped one.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.llm.weights import converted, sha256_of, storage_types, version_of
from study.server.settings import IDENTITY

ENGINE = ("guidance", "llama-cpp-python")
"""Packages whose version may change what a model answers."""

UNREACHABLE = "LLM_STUDY_MODEL_UNREACHABLE"
"""The environment variable that keeps every model from being opened, whatever is installed: a study that is
verified is computed from its responses alone. Any value but none and '0' sets it."""


def unreachable() -> bool:
    """Whether no model may be opened here."""
    return os.environ.get(UNREACHABLE, "") not in ("", "0")


def can_be_asked(model: Mapping[str, Any], root: Path) -> bool:
    """Whether a model can be asked here: its file and llama.cpp are installed, or its server's key is there.

    Parameters
    ----------
    model, root
        As for `locate`; or an entry with `server`.
    """
    if unreachable():
        return False
    if keys := model.get("server"):
        return keys["key"] is None or bool(os.environ.get(keys["key"]))
    return locate(dict(model), root) is not None and importlib.util.find_spec("llama_cpp") is not None


def locate(model: dict[str, Any], root: Path) -> Path | None:
    """Return the model's file as it is shipped, or None when it is not installed here, or not to be opened.

    Parameters
    ----------
    model
        One entry of the configuration's `models`: `path` (absolute or inside the study), or `package` and
        the name of the `file` that the package carries.
    root
        The study's folder.
    """
    if unreachable():
        return None
    if model.get("path"):
        path = root / model["path"]
        return path if path.is_file() else None
    spec = importlib.util.find_spec(str(model["package"]).replace("-", "_"))
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / model["file"]
        if path.is_file():
            return path
    return None


def variant(model: Mapping[str, Any]) -> tuple[str | None, float]:
    """Return the storage type (None: as shipped) and the sparsity in which a model is run.

    A type that packs weights in few bits may have no exact zero, and a file whose weights are changed is not
    as shipped anyway. So a sparse model is run in F16 where the configuration names no type.
    """
    sparsity = float(model.get("sparsity") or 0)
    return model.get("quantisation") or ("F16" if sparsity else None), sparsity


def prepare(model: dict[str, Any], root: Path) -> Path | None:
    """Return the file that is run, or None when the model is not installed here.

    That is the shipped file; with `quantisation` or `sparsity`, the one that is made from it, which may take
    minutes the first time.

    Parameters
    ----------
    model, root
        As for `locate`.

    Raises
    ------
    StudyError
        No model may be opened here.
    """
    refuse_if_unreachable(str(model.get("path") or model.get("file")))
    path = locate(model, root)
    quantisation, sparsity = variant(model)
    if path is None or quantisation is None:
        return path
    return converted(path, sha256_of(path), quantisation, sparsity)


def fingerprint(model: dict[str, Any], root: Path, cards: Path, name: str, cache: Path) -> dict[str, Any]:
    """Return what identifies the model: from its file where it is installed, else from its card.

    Snakemake asks whenever it starts, so nothing is converted here: the shipped file, the storage type, the
    sparsity and the versions of the packages decide what is run.

    Parameters
    ----------
    model, name
        An entry of the configuration's `models`, and its name.
    root
        The study's folder.
    cards
        Where cards are kept beside the responses.
    cache
        A folder in which the hash of a large file is remembered, under its size and modification time.

    Returns
    -------
    dict
        sha256 (of the shipped file), quantisation and engine (package versions); None for what is not known.
        A sparse model has the key sparsity too. Of a model behind a server: what was asked for.
    """
    if model.get("server"):
        return {"server": _asked_for(model)}
    path = locate(model, root)
    if path is None:
        card = cards / f"{name}.json"
        if card.is_file():
            return _kept(card)
        return _fingerprint(model.get("sha256"), *variant(model), None)
    return _fingerprint(_remembered_sha256(path, cache), *variant(model), engine_versions())


def _fingerprint(
    sha256: str | None, quantisation: str | None, sparsity: float, engine: dict[str, str] | None
) -> dict[str, Any]:
    return {"sha256": sha256, "quantisation": quantisation, **_named(sparsity), "engine": engine}


def _asked_for(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card of a model behind a server holds of the configuration."""
    return {name: model["server"][name] for name in IDENTITY}


def _named(sparsity: float) -> dict[str, float]:
    """Return the key that only a sparse model has: what identifies the others is as it was without it."""
    return {"sparsity": sparsity} if sparsity else {}


def engine_versions() -> dict[str, str]:
    """Return the versions of the packages that run the model."""
    return {package: version_of(package) for package in ENGINE}


def _remembered_sha256(path: Path, cache: Path) -> str:
    stat = path.stat()
    key = hashlib.sha256(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:32]
    memory = cache / f"{key}.sha256"
    if memory.is_file():
        return memory.read_text(encoding="ascii")
    digest = sha256_of(path)
    cache.mkdir(parents=True, exist_ok=True)
    half = cache / f"{key}.{os.getpid()}.part"  # several jobs may be at it
    half.write_text(digest, encoding="ascii")
    half.replace(memory)
    return digest


def read_card(
    path: Path, name: str, sha256: str | None, quantisation: str | None = None, sparsity: float = 0
) -> dict[str, Any]:
    """Read what identifies a model from its GGUF file.

    Parameters
    ----------
    path, sha256
        The shipped file, and the sha256 that the configuration says it has (None: any).
    name
        The model's name in the configuration.
    quantisation, sparsity
        The storage type in which the weights are run (None: as they are shipped; a sparse model is run in
        F16), and the share of the linear layers' weights that is zero.

    Returns
    -------
    dict
        name; of the file that is run: file, sha256, size (bytes), title, architecture, licence, file_type
        (the storage type's name), chat_template, bos_token, eos_token, add_bos, special_tokens (as they are
        spelt), trained_context (tokens);
        quantisation; sparsity, where it is above 0; source (file, sha256 and size of the shipped file);
        engine (package versions).

    Raises
    ------
    StudyError
        When the file is no GGUF file, not the one of that hash, has no chat template, or cannot be converted;
        or when no model may be opened here.
    """
    refuse_if_unreachable(path.name)
    source = _described(path)
    if sha256 and sha256.lower() != source["sha256"]:
        raise StudyError(
            f"The model file {path.name} is not the one that the configuration names.",
            file="config/study.yaml",
            key=f"models.{name}.sha256",
            found=source["sha256"],
            allowed=sha256,
            hint="Put the file's own sha256 into the configuration, or install the named file.",
        )
    facts = _gguf_facts(path)
    template = facts.get("tokenizer.chat_template")
    if not template:
        raise StudyError(
            f"The model file {path.name} carries no chat template, so it is no instruction-tuned model.",
            file="config/study.yaml",
            key=f"models.{name}",
            hint="Use an instruction-tuned ('Instruct', 'Chat', 'it') version of the model.",
        )
    run = source
    quantisation, sparsity = variant({"quantisation": quantisation, "sparsity": sparsity})
    if quantisation is not None:
        file = converted(path, source["sha256"], quantisation, sparsity)
        facts, run = _gguf_facts(file), _described(file)
    return {
        "name": name,
        **run,
        "quantisation": quantisation,
        **_named(sparsity),
        "source": source,
        "title": facts.get("general.name"),
        "architecture": facts.get("general.architecture"),
        "licence": facts.get("general.license"),
        "file_type": _type_name(facts.get("general.file_type")),
        "chat_template": template,
        "bos_token": facts["bos"],
        "eos_token": facts["eos"],
        "add_bos": facts["add_bos"],
        "special_tokens": facts["special"],
        "trained_context": int(facts.get(f"{facts.get('general.architecture')}.context_length", 0)),
        "engine": engine_versions(),
    }


def _described(path: Path) -> dict[str, Any]:
    return {"file": path.name, "sha256": sha256_of(path), "size": path.stat().st_size}


def _type_name(number: str | None) -> str | None:
    """Return the name of a storage type; the number itself where llama.cpp has no name for it."""
    names = {str(known): name for name, known in storage_types().items()}
    return names.get(str(number), number)


def _gguf_facts(path: Path) -> dict[str, Any]:
    """Return the file's metadata, and of its vocabulary bos, eos, special (spellings) and add_bos."""
    import llama_cpp
    from llama_cpp import _internals

    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    llama_cpp.llama_backend_init()
    try:
        model = _internals.LlamaModel(path_model=str(path), params=parameters, verbose=False)
    except (ValueError, OSError) as error:
        raise StudyError("This is no GGUF model file.", file=path.name, found=str(error)) from error
    with contextlib.closing(model):
        vocabulary = llama_cpp.llama_model_get_vocab(model.model)

        def piece(token: int) -> str:
            text = llama_cpp.llama_vocab_get_text(vocabulary, token) if token >= 0 else None
            return text.decode("utf-8", errors="replace") if text else ""

        return {
            **model.metadata(),
            "bos": piece(model.token_bos()),
            "eos": piece(model.token_eos()),
            "add_bos": bool(llama_cpp.llama_vocab_get_add_bos(vocabulary)),
            "special": [
                piece(token)
                for token in range(llama_cpp.llama_vocab_n_tokens(vocabulary))
                if llama_cpp.llama_vocab_is_control(vocabulary, token)
            ],
        }


def main(
    *,
    model: dict,  # type: ignore[type-arg]
    name: str,
    card: Path,
    kept: Path,
    root: Path = Path(),
) -> None:
    """Write the card of the model `name`, and keep it beside the responses.

    Where the model is not installed, the card that was kept when the texts were coded is used.
    """
    if model.get("server"):
        _write_server(model, name, card, kept)
        return
    path = locate(model, root)
    if path is None and _is_of(kept, model):
        card.write_bytes(kept.read_bytes())
        return
    refuse_if_unreachable(name)
    if path is None:
        raise StudyError(
            f"The model '{name}' is not installed, and the study has no card of it.",
            file="config/study.yaml",
            key=f"models.{name}",
            found=str(model.get("path") or f"{model.get('file')} of the package {model.get('package')}"),
            hint="Run 'python3 environment.py --llm' (it needs a C/C++ compiler), or 'dvc pull' if the study"
            " has been coded elsewhere.",
        )
    _write(read_card(path, name, model.get("sha256"), *variant(model)), card, kept)


def _write_server(model: Mapping[str, Any], name: str, card: Path, kept: Path) -> None:
    """Write the card of a model behind a server: the one that was kept, or what the server says now."""
    if kept.is_file() and _read(kept).get("server") == _asked_for(model):
        card.write_bytes(kept.read_bytes())
        return
    refuse_if_unreachable(name)
    from study.server.card import describe
    from study.server.chat import Chat
    from study.server.settings import Server, serving

    server = Server.of(model, serving(name))
    with Chat(server, lambda line: print(line, file=sys.stderr, flush=True)) as chat:
        _write(describe(server, chat), card, kept)


def _write(known: Mapping[str, Any], card: Path, kept: Path) -> None:
    text = json.dumps(known, indent=2, ensure_ascii=False, sort_keys=True)
    card.write_text(text + "\n", encoding="utf-8")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(card.read_bytes())


def refuse_if_unreachable(model: str) -> None:
    """Stop where no model may be asked."""
    if unreachable():
        raise StudyError(
            f"The model would have to be asked, and {UNREACHABLE} forbids it.",
            found=model,
            hint="Codebook, texts, model or settings are not those that were coded: run 'snakemake' where the"
            " model is installed.",
        )


def _is_of(kept: Path, model: dict[str, Any]) -> bool:
    """Whether there is a card, and of the file, storage type and sparsity that the configuration names."""
    if not kept.is_file() or "server" in _read(kept):
        return False
    known, wanted = _kept(kept), model.get("sha256")
    return (known["quantisation"], known.get("sparsity", 0)) == variant(model) and (
        not wanted or known["sha256"] == wanted.lower()
    )


def _read(card: Path) -> dict[str, Any]:
    """Return a card that was kept."""
    try:
        known = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _no_card(card, error) from error
    if not isinstance(known, dict):
        raise _no_card(card, TypeError("no mapping"))
    return known


def _kept(card: Path) -> dict[str, Any]:
    """Return the fingerprint in a card."""
    known = _read(card)
    try:
        sha256, quantisation, engine = known["source"]["sha256"], known["quantisation"], known["engine"]
        return _fingerprint(sha256, quantisation, float(known.get("sparsity", 0)), engine)
    except (ValueError, KeyError, TypeError) as error:
        raise _no_card(card, error) from error


def _no_card(card: Path, error: Exception) -> StudyError:
    return StudyError(
        "This is no card of a model.",
        file=card,
        found=f"{type(error).__name__}: {error}",
        hint="Restore it with 'dvc checkout data/responses' (or 'dvc pull').",
    )


if __name__ == "__main__":
    from study.job import run

    run(main)

"""What a grammar of llama.cpp accepts, asked of llama.cpp itself with the embedded model's vocabulary."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

import llama_cpp
from llama_cpp import _internals

from library.embedded import model_file


@functools.cache
def _model() -> _internals.LlamaModel:
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    return _internals.LlamaModel(path_model=str(model_file()), params=parameters, verbose=False)


@functools.cache
def _spellings() -> dict[bytes, int]:
    """Return {bytes: token} of every token that is text."""
    vocabulary, buffer = _vocabulary(), ctypes.create_string_buffer(256)
    found: dict[bytes, int] = {}
    for token in range(llama_cpp.llama_vocab_n_tokens(vocabulary)):
        length = llama_cpp.llama_token_to_piece(vocabulary, token, buffer, 256, 0, False)
        if length > 0:
            found.setdefault(buffer.raw[:length], token)
    return found


def _vocabulary() -> llama_cpp.llama_vocab_p:
    return llama_cpp.llama_model_get_vocab(_model().model)


def _bytes_of(text: str) -> Sequence[int]:
    """Return a text's tokens, one a byte: no token can step over the end of what is allowed."""
    return [_spellings()[bytes([byte])] for byte in text.encode()]


def parses(grammar: str) -> bool:
    """Whether llama.cpp can read a grammar."""
    sampler = llama_cpp.llama_sampler_init_grammar(_vocabulary(), grammar.encode(), b"root")
    if sampler:
        llama_cpp.llama_sampler_free(sampler)
    return bool(sampler)


def accepts(grammar: str, text: str) -> bool:
    """Whether a text is a whole answer under a grammar."""
    sampler = llama_cpp.llama_sampler_init_grammar(_vocabulary(), grammar.encode(), b"root")
    assert sampler, grammar
    try:
        for token in _bytes_of(text):
            if not _allowed(sampler, token):
                return False
            llama_cpp.llama_sampler_accept(sampler, token)
        return _allowed(sampler, llama_cpp.llama_vocab_eos(_vocabulary()))
    finally:
        llama_cpp.llama_sampler_free(sampler)


def _allowed(sampler: llama_cpp.llama_sampler_p, token: int) -> bool:
    one = (llama_cpp.llama_token_data * 1)(llama_cpp.llama_token_data(token, 0.0, 0.0))
    candidates = llama_cpp.llama_token_data_array(one, 1, -1, False)
    llama_cpp.llama_sampler_apply(sampler, ctypes.byref(candidates))
    return float(one[0].logit) > float("-inf")

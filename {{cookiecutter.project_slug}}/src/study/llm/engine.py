"""One llama.cpp model in memory, through guidance, that can say how probable each answer is.

guidance's `select` decodes greedily: a label that shares its first token with another can lose to a less
probable one, and no distribution over the options is available. So closed answers are scored here, on
guidance's own engine object, and open answers are generated under guidance's grammars on the same object: one
model in memory and one tokenizer.

Every number is bit-identical whatever was asked before. The model's memory is a stack: first the prefix that
texts share, then pieces, each evaluated by itself. A piece is used again only where exactly the same pieces
lie below it; so what is evaluated together never depends on what happens to be there already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from guidance.chat import ChatTemplate
from guidance.models._engine._engine import LogitsOutput
from guidance.models._llama_cpp import LlamaCppEngine
from llama_cpp import _internals
from llguidance import LLMatcher

from study.errors import StudyError
from study.instrument import Instrument
from study.llm import NotEvaluatedError
from study.llm.labels import LabelTree, draw, log_softmax

BRANCHES = 64
"""Answers that one call of llama.cpp evaluates side by side; more are evaluated in several calls."""

EVALUATED_AT_ONCE = 512
"""Tokens in one call of llama.cpp. A constant: the pieces of a long text must not depend on settings."""

REMEMBERED = 4096
"""Prompts and lists of labels whose tokens are remembered."""

Item = tuple[int, int, tuple[int, ...]]
"""A token, its position, and the sequences to which it belongs. Sequence 0 is what has been read."""

Choose = Callable[[np.ndarray, np.ndarray], int]
"""Picks a token, given all logits and the tokens that the grammar allows."""


@dataclass(frozen=True)
class Branch:
    """One closed question: the tokens that ask it, and its labels."""

    after: tuple[int, ...]
    tree: LabelTree


@dataclass(frozen=True)
class Written:
    """What a model wrote under a grammar.

    Attributes
    ----------
    text
        Without the end of the turn.
    log_p
        Natural logarithm of the probability of the tokens (and of the end of the turn, where the model ended
        it) among *all* tokens: how much of it is the model's own choice.
    n_tokens
        How many tokens.
    ended
        Whether the model ended the turn.
    complete
        Whether the grammar could end here; False where the limit cut the answer short.
    """

    text: str
    log_p: float
    n_tokens: int
    ended: bool
    complete: bool


@dataclass(frozen=True)
class Piece:
    """A piece of the model's memory: what it is, where it ends, and what came out."""

    key: Hashable
    end: int
    result: Any


class NoRoles(ChatTemplate):  # type: ignore[misc]
    """What guidance finds where it looks for a chat template.

    guidance knows few templates and takes ChatML for every other model. Prompts are rendered from the model
    file's own template (`study.instrument`), so guidance's roles are refused here.
    """

    template_str = None

    def get_role_start(self, role_name: str, **kwargs: object) -> str:
        """Refuse."""
        raise StudyError(
            "guidance's chat roles would not use the model file's own chat template.",
            found=role_name,
            hint="Render the prompt with study.instrument, and hand it to guidance as it is.",
        )

    def get_role_end(self, role_name: str | None = None) -> str:
        """Refuse."""
        return self.get_role_start(str(role_name))


class LabelEngine(LlamaCppEngine):  # type: ignore[misc]
    """guidance's llama.cpp engine, which also scores whole labels.

    One text is asked about with `begin`, then with any of `read`, `weigh` and `write`, which go on from one
    another.

    Parameters
    ----------
    model_file
        A GGUF file.
    context
        Tokens that prompt, text and answers may have together.
    threads
        Processor threads; the results do not depend on them.

    Attributes
    ----------
    asked
        How many responses the model has been asked for.
    room
        Tokens that prompt, text and answers may have together.
    """

    at_once = 1
    """Texts that are asked about at the same time."""

    def __init__(self, model_file: Path, *, context: int = 2048, threads: int = 2) -> None:
        """Load the model."""
        try:
            model = llama_cpp.Llama(
                str(model_file),
                # llama.cpp aborts when its pieces are smaller than the number of branches.
                n_ctx=max(context, EVALUATED_AT_ONCE),
                n_batch=EVALUATED_AT_ONCE,
                n_ubatch=EVALUATED_AT_ONCE,
                n_threads=threads,
                n_threads_batch=threads,
                verbose=False,
            )
            _allow_branches(model)
        except (ValueError, OSError) as error:
            raise StudyError(
                "llama.cpp cannot load the model file.",
                file=model_file.name,
                found=str(error),
                hint="Check that the file is a complete GGUF file, and that the memory suffices.",
            ) from error
        super().__init__(model, chat_template=NoRoles, enable_monitoring=False)
        self.asked = 0
        self.room = context
        self._memory = llama_cpp.llama_get_memory(model.ctx)
        self._batch = llama_cpp.llama_batch_init(EVALUATED_AT_ONCE, 0, BRANCHES + 1)
        self._made: dict[Hashable, Any] = {}
        self._prefix: list[int] | None = None
        self._stack: list[Piece] = []
        self._pending: list[int] = []
        self._forget()

    def __del__(self) -> None:
        """Give the batch's memory back."""
        if batch := self.__dict__.pop("_batch", None):
            llama_cpp.llama_batch_free(batch)

    def ask(self, instrument: Instrument, texts: Sequence[str], key: str) -> dict[str, Any]:
        """Ask everything that an instrument asks about one text, or two: see `study.llm.primitives.ask`."""
        from study.llm.primitives import ask

        return ask(self, instrument, texts, key)

    def prompt_tokens(self, text: str) -> list[int]:
        """Tokens of a piece of the prompt; the chat template's special tokens are read as such."""
        return list(self._kept(("prompt", text), lambda: self._tokens(text, special=True)))

    def text_tokens(self, text: str) -> list[int]:
        """Tokens of a text that is coded: special tokens spelt out in it stay plain characters."""
        return self._tokens(text, special=False)

    def text_of(self, tokens: Sequence[int]) -> str:
        """Return the text of some tokens; a character that is cut in two is left out."""
        return str(self.tokenizer.decode(list(tokens)).decode("utf-8", errors="ignore"))

    def end_token(self, end_of_turn: str) -> int:
        """Return the token that ends a turn.

        Raises
        ------
        StudyError
            When that is not one special token.
        """
        end = self.prompt_tokens(end_of_turn)
        if len(end) != 1:
            raise StudyError(
                "The chat template does not end a turn with one special token.",
                key="end_of_turn",
                found=end_of_turn,
            )
        return end[0]

    def label_tree(self, labels: Sequence[str], end_of_turn: str) -> LabelTree:
        """Build the tree of full labels, each followed by the end of the turn."""
        end = self.end_token(end_of_turn)

        def grow() -> LabelTree:
            return LabelTree.grow([[*self.text_tokens(label), end] for label in labels])

        tree: LabelTree = self._kept(("labels", tuple(labels), end), grow)
        return tree

    def begin(self, prefix: Sequence[int]) -> None:
        """Begin a prompt; of the last one the same prefix, and then the same pieces, are used again."""
        self._cursor = 0
        self._pending = []
        if self._prefix == list(prefix):
            return
        self._forget()
        try:
            self._evaluate([(token, i, (0,)) for i, token in enumerate(prefix)], [])
        except BaseException:
            self._forget()
            raise
        self._prefix = list(prefix)

    def read(self, tokens: Sequence[int]) -> np.ndarray:
        """Go on with tokens, evaluated together; return the logits after the last, shape (vocabulary,)."""
        own = [*self._pending, *tokens]

        def evaluate(start: int) -> np.ndarray:
            items = [(token, start + i, (0,)) for i, token in enumerate(own)]
            return self._evaluate(items, [len(own) - 1])[0]

        logits: np.ndarray = self._piece(("read", tuple(own)), len(own), evaluate)
        self._pending = []
        return logits

    def weigh(self, tokens: Sequence[int], branches: Sequence[Branch]) -> list[np.ndarray]:
        """Go on with tokens, and say how probable each label of each question is after them.

        Every question stands for itself: it sees the tokens, and no other question. The prompt goes on after
        the tokens.

        Parameters
        ----------
        tokens
            Usually those of the text.
        branches
            The questions; where one has no tokens of its own, `tokens` must not be empty.

        Returns
        -------
        list of arrays
            For each question the natural logarithm of the probability of every full label followed by the end
            of the turn, shape (labels,).

        Raises
        ------
        NotEvaluatedError
            When llama.cpp fails at this text, or its answer is no probability.
        """
        own = [*self._pending, *tokens]
        key = ("weigh", tuple(own), tuple((branch.after, branch.tree.paths) for branch in branches))
        found: list[np.ndarray] = self._piece(key, len(own), lambda start: self._weigh(own, branches, start))
        self._pending = []
        return found

    def write(self, tokens: Sequence[int], grammar: str, choose: Choose, end: int, most: int) -> Written:
        """Go on with tokens, and then with what the model writes under a grammar.

        Parameters
        ----------
        tokens
            What the prompt goes on with; may be empty after another piece of this prompt.
        grammar
            Of one of guidance's grammar nodes (its `ll_grammar()`).
        choose
            How a token is picked from those that the grammar allows.
        end
            The token that ends the turn; it is allowed wherever the grammar may end.
        most
            How many tokens at most.
        """
        logits = self.read(tokens)
        matcher = LLMatcher(self.tokenizer._ll_tokenizer, grammar, log_level=0)
        written: list[int] = []
        log_p, ended, evaluated = 0.0, False, True
        while not matcher.is_stopped() and len(written) < most:
            if not evaluated:
                logits = self._step(written[-1])
            token = self._most_probable(logits, matcher, end) if choose is greedily else None
            if token is None:
                token = choose(logits, self._allowed(matcher, end))
            log_p += float(log_softmax(logits, [token])[0])
            if token == end:
                ended, evaluated = True, True
                break
            matcher.consume_token(token)
            written.append(token)
            evaluated = False
        if matcher.is_error():
            raise NotEvaluatedError("The grammar of an answer failed.", found=matcher.get_error())
        complete = ended or matcher.is_accepting() or matcher.is_stopped()
        # The last token is evaluated together with what follows.
        self._pending = [] if evaluated else written[-1:]
        return Written(self.text_of(written), log_p, len(written), ended, complete)

    def get_logits(self, token_ids: list[int], include_all_uncached_tokens: bool = False) -> LogitsOutput:
        """Logits for guidance's own decoding: its cache and the stack share one memory."""
        if self._prefix is not None:
            self._forget()
        return super().get_logits(token_ids, include_all_uncached_tokens)

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        return list(self.tokenizer.encode(_utf8(text), parse_special=special)) if text else []

    def _kept(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made of the same prompt or labels before."""
        if key not in self._made:
            if len(self._made) >= REMEMBERED:
                self._made.clear()
            self._made[key] = make()
        return self._made[key]

    def _forget(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)
        self._cached_token_ids, self._cached_logits = [], None
        self._prefix = None
        self._stack = []
        self._cursor = 0
        self._pending = []

    def _piece(self, key: Hashable, length: int, evaluate: Callable[[int], Any]) -> Any:
        """Return what came out of a piece; it is evaluated where it is not already there."""
        if self._cursor < len(self._stack) and self._stack[self._cursor].key == key:
            self._cursor += 1
            return self._stack[self._cursor - 1].result
        below = self._stack[: self._cursor]
        if len(self._stack) > self._cursor and not self._remove(0, self._end(below)):
            self._forget()
            raise StudyError(
                "This model's architecture cannot forget a part of what it has read, so it cannot code here.",
                found=self.model_obj.metadata.get("general.architecture"),
            )
        self._stack = below
        start = self._end(below)
        try:
            result = evaluate(start)
        except BaseException:
            self._forget()  # what was half evaluated
            raise
        self._stack.append(Piece(key, start + length, result))
        self._cursor += 1
        return result

    def _end(self, pieces: Sequence[Piece]) -> int:
        """Return the position after some pieces."""
        if self._prefix is None:
            raise RuntimeError("no prompt has begun")
        return pieces[-1].end if pieces else len(self._prefix)

    def _remove(self, sequence: int, start: int) -> bool:
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def _step(self, token: int) -> np.ndarray:
        """Evaluate one token that was written; it is never used again."""

        def evaluate(start: int) -> np.ndarray:
            return self._evaluate([(token, start, (0,))], [0])[0]

        logits: np.ndarray = self._piece(("step", (token,), object()), 1, evaluate)
        return logits

    def _most_probable(self, logits: np.ndarray, matcher: LLMatcher, end: int) -> int | None:
        """Return the most probable token of all where the grammar allows it.

        It mostly does; to ask about one token is a hundred times cheaper than about the whole vocabulary.
        """
        token, closing = int(logits.argmax()), self.tokenizer.eos_token_id
        if token == closing != end:
            return None
        return token if matcher.validate_tokens([closing if token == end else token]) == 1 else None

    def _allowed(self, matcher: LLMatcher, end: int) -> np.ndarray:
        """Return which tokens the grammar allows, shape (vocabulary,)."""
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: self._n_vocab].astype(bool)
        closing = self.tokenizer.eos_token_id
        may_end, allowed[closing] = bool(allowed[closing]), False
        allowed[end] = may_end
        return allowed

    def _weigh(self, own: list[int], branches: Sequence[Branch], start: int) -> list[np.ndarray]:
        leaves = sum(len(branch.tree.paths) for branch in branches)
        tokens = len(own) + sum(len(branch.after) + len(branch.tree.nodes) for branch in branches)
        parts: list[tuple[int, range]] = [(i, range(len(b.tree.paths))) for i, b in enumerate(branches)]
        log_p: dict[tuple[int, int], np.ndarray] = {}
        if leaves <= BRANCHES and tokens <= EVALUATED_AT_ONCE:
            log_p |= self._weigh_together(own, branches, parts, start)
        else:
            # What decides is how long text and questions are, so that it does not depend on other texts.
            root = np.empty(0)
            if own:
                items = [(token, start + i, (0,)) for i, token in enumerate(own)]
                root = self._evaluate(items, [len(own) - 1])[0]
            for group in _groups(branches):
                log_p |= self._weigh_together([], branches, group, start + len(own), root)
        found = []
        for i, branch in enumerate(branches):
            values = branch.tree.log_probabilities(
                log_p[i, -1], [log_p[i, row] for row in range(len(branch.tree.nodes))]
            )
            if not np.isfinite(values).all():
                raise NotEvaluatedError("The model's answer to a text is no probability.", found=str(values))
            found.append(values)
        return found

    def _weigh_together(
        self,
        own: list[int],
        branches: Sequence[Branch],
        parts: Sequence[tuple[int, range]],
        start: int,
        root: np.ndarray | None = None,
    ) -> dict[tuple[int, int], np.ndarray]:
        """Evaluate tokens and questions in one call.

        Parameters
        ----------
        parts
            Questions, and which of their labels; each label is a sequence of its own.
        root
            The logits before the questions, for one without tokens of its own (else from `own`).

        Returns
        -------
        dict
            {(question, node): log P of the node's successors}; node -1 is where the answer begins.
        """
        sequence_of, n = {}, 0
        for i, labels in parts:
            for label in labels:
                n += 1
                sequence_of[i, label] = n
        for s in range(1, n + 1):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, s, -1, -1)
        everyone = tuple(range(n + 1))
        items: list[Item] = [(token, start + i, everyone) for i, token in enumerate(own)]
        wanted: dict[int, list[tuple[int, int, tuple[int, ...]]]] = {}
        log_p = {}
        for i, labels in parts:
            branch = branches[i]
            mine = tuple(sequence_of[i, label] for label in labels)
            at = start + len(own)
            items += [(token, at + j, mine) for j, token in enumerate(branch.after)]
            if branch.after or own:
                last = len(items) - 1 if branch.after else len(own) - 1
                wanted.setdefault(last, []).append((i, -1, branch.tree.successors))
            elif root is not None:
                log_p[i, -1] = log_softmax(root, branch.tree.successors)
            at += len(branch.after)
            for row, node in enumerate(branch.tree.nodes):
                here = tuple(sequence_of[i, label] for label in node.labels if label in labels)
                if here:
                    wanted[len(items)] = [(i, row, node.successors)]
                    items.append((node.token, at + node.depth, here))
        order = sorted(wanted)
        for place, logits in zip(order, self._logits(items, order), strict=True):
            for i, row, successors in wanted[place]:
                log_p[i, row] = log_softmax(logits, successors)
        for s in range(1, n + 1):
            self._remove(s, -1)
        return log_p

    def _evaluate(self, items: Sequence[Item], wanted: Sequence[int]) -> list[np.ndarray]:
        """Feed the items; return copies of the logits of some."""
        found = [logits.copy() for logits in self._logits(items, wanted)]
        if not all(np.isfinite(logits).all() for logits in found):
            raise NotEvaluatedError("The model's answer to a text is no probability.")
        return found

    def _logits(self, items: Sequence[Item], wanted: Sequence[int]) -> Iterator[np.ndarray]:
        """Feed the items; yield the logits of some, in order, each valid until the next is asked for."""
        batch, wants = self._batch, set(wanted)
        for at in range(0, len(items), EVALUATED_AT_ONCE):
            piece = items[at : at + EVALUATED_AT_ONCE]
            batch.n_tokens = len(piece)
            for i, (token, position, sequences) in enumerate(piece):
                batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, len(sequences)
                batch.logits[i] = at + i in wants
                for j, s in enumerate(sequences):
                    batch.seq_id[i][j] = s
            status = llama_cpp.llama_decode(self.model_obj.ctx, batch)
            if status != 0:
                raise NotEvaluatedError(f"llama.cpp could not evaluate a text (status {status}).")
            for i in range(len(piece)):
                if at + i in wants:
                    pointer = llama_cpp.llama_get_logits_ith(self.model_obj.ctx, i)
                    yield np.ctypeslib.as_array(pointer, shape=(self._n_vocab,))


def greedily(logits: np.ndarray, allowed: np.ndarray) -> int:
    """Pick the most probable of the allowed tokens."""
    tokens = np.flatnonzero(allowed)
    return int(tokens[logits[tokens].argmax()])


def drawn(temperature: float, random: np.random.Generator) -> Choose:
    """Return how a token is drawn: with its probability among the allowed ones, raised to 1 / temperature."""

    def choose(logits: np.ndarray, allowed: np.ndarray) -> int:
        tokens = np.flatnonzero(allowed)
        return int(tokens[draw(logits[tokens].astype(np.float64), temperature, random)])

    return choose


def _allow_branches(model: llama_cpp.Llama) -> None:
    """Give the model a context in which several answers can continue one prompt."""
    model._ctx.close()
    model.context_params.n_seq_max = BRANCHES + 1
    model.context_params.kv_unified = True
    context = _internals.LlamaContext(model=model._model, params=model.context_params, verbose=False)
    model._ctx = model._stack.enter_context(contextlib.closing(context))


def _groups(branches: Sequence[Branch]) -> Iterator[list[tuple[int, range]]]:
    """Divide questions, and the labels of one with many, so that each group fits into one call."""
    group: list[tuple[int, range]] = []
    leaves = tokens = 0
    for i, branch in enumerate(branches):
        for labels in _chunks(len(branch.tree.paths), BRANCHES):
            size = len(branch.after) + sum(
                any(label in labels for label in node.labels) for node in branch.tree.nodes
            )
            if group and (leaves + len(labels) > BRANCHES or tokens + size > EVALUATED_AT_ONCE):
                yield group
                group, leaves, tokens = [], 0, 0
            group.append((i, labels))
            leaves, tokens = leaves + len(labels), tokens + size
    if group:
        yield group


def _chunks(n: int, size: int) -> list[range]:
    return [range(first, min(first + size, n)) for first in range(0, n, size)]


def _utf8(text: str) -> bytes:
    """Lone surrogates have no UTF-8 form: the model reads U+FFFD in the place of each."""
    utf_16 = text.encode("utf-16-le", errors="surrogatepass")
    return utf_16.decode("utf-16-le", errors="replace").encode("utf-8")

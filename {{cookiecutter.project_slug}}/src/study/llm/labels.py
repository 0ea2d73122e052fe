"""How probable each of several labels is, from a language model's next-token probabilities.

A label is scored as its *full* string followed by the end of the turn (Licht et al. 2025, arXiv 2509.03116):
otherwise '1' would swallow '10', and labels that share their first token would be one. What labels share is
evaluated once, as a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Node:
    """One token of the tree, after which the model is asked how probable each successor is.

    Attributes
    ----------
    token
        The token.
    depth
        How many tokens of the answer stand before it.
    labels
        Which labels run through it.
    successors
        The tokens that follow it in one of them.
    """

    token: int
    depth: int
    labels: tuple[int, ...]
    successors: tuple[int, ...]


@dataclass(frozen=True)
class LabelTree:
    """The labels' tokens as a tree.

    Attributes
    ----------
    paths
        For each label its tokens, the end of the turn last.
    successors
        The tokens with which labels begin.
    nodes
        Every token that something follows, parents first; the end of turn itself is never fed to the model.
    """

    paths: tuple[tuple[int, ...], ...]
    successors: tuple[int, ...]
    nodes: tuple[Node, ...]

    @classmethod
    def grow(cls, paths: Sequence[Sequence[int]]) -> LabelTree:
        """Build the tree of `paths`: one token list a label, each ending with the end of turn."""
        followed: dict[tuple[int, ...], dict[int, None]] = {(): {}}
        through: dict[tuple[int, ...], list[int]] = {}
        for label, path in enumerate(paths):
            for depth, token in enumerate(path):
                before = tuple(path[:depth])
                followed.setdefault(before, {})[token] = None
                if before:
                    through.setdefault(before, []).append(label)
        nodes = tuple(
            Node(before[-1], len(before) - 1, tuple(labels), tuple(followed[before]))
            for before, labels in sorted(through.items(), key=lambda item: len(item[0]))
        )
        return cls(tuple(tuple(path) for path in paths), tuple(followed[()]), nodes)

    def log_probabilities(self, root: np.ndarray, after: Sequence[np.ndarray]) -> np.ndarray:
        """Return log P of each full label.

        Parameters
        ----------
        root
            log P of `successors` after the prompt, shape (successors,).
        after
            For each node, log P of its successors after it.

        Returns
        -------
        array
            Natural logarithms, shape (labels,).
        """
        at = {
            (label, node.depth + 1): dict(zip(node.successors, values, strict=True))
            for node, values in zip(self.nodes, after, strict=True)
            for label in node.labels
        }
        first = dict(zip(self.successors, root, strict=True))
        return np.array(
            [
                float(first[path[0]])
                + sum(float(at[label, depth][path[depth]]) for depth in range(1, len(path)))
                for label, path in enumerate(self.paths)
            ]
        )


def log_softmax(logits: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
    """Return log P of some tokens.

    Parameters
    ----------
    logits
        Of the whole vocabulary, in single precision, shape (vocabulary,).
    tokens
        Those that are wanted.

    Returns
    -------
    array
        Natural logarithms, shape (tokens,); the sum over the vocabulary is in double precision.
    """
    largest = logits.max()
    raised = np.subtract(logits, largest)
    np.exp(raised, out=raised)
    total = float(largest) + float(np.log(raised.sum(dtype=np.float64)))
    return logits[list(tokens)].astype(np.float64) - total


def mean_log_p(log_p: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean probability over orders of the labels.

    Parameters
    ----------
    log_p
        Natural logarithms, shape (orders, labels).

    Returns
    -------
    array
        Shape (labels,).
    """
    largest = log_p.max(axis=0)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):  # a probability of 0 stays one
        return np.asarray(largest + np.log(np.exp(log_p - largest).mean(axis=0)))


def with_never(log_p: Sequence[float | None]) -> list[float]:
    """Return logarithms of probabilities with that of 0 for None."""
    return [-np.inf if one is None else one for one in log_p]


def draw(log_p: np.ndarray, temperature: float, random: np.random.Generator) -> int:
    """Draw one of several outcomes with probabilities proportional to exp(log_p / temperature)."""
    raised = np.exp((log_p - log_p.max()) / temperature)
    steps = np.cumsum(raised)
    return int(np.searchsorted(steps, random.random() * steps[-1], side="right"))

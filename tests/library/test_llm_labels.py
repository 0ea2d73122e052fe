"""How probable a label is: its full string and the end of the turn, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from library.toy_model import END, Engine, Model
from study.llm.engine import Branch
from study.llm.labels import LabelTree, Node, log_softmax, mean_log_p

TOLERANCE = 1e-6
"""Of log P from logits in single precision. Measured: at most 6e-8."""


def test_the_tree_by_hand() -> None:
    # Labels a, ab, c, cab; e ends a turn.
    a, b, c, e = range(4)
    tree = LabelTree.grow([[a, e], [a, b, e], [c, e], [c, a, b, e]])
    assert tree.paths == ((a, e), (a, b, e), (c, e), (c, a, b, e))
    assert tree.successors == (a, c)
    assert tree.nodes == (
        Node(a, 0, (0, 1), (e, b)),
        Node(c, 0, (2, 3), (e, a)),
        Node(b, 1, (1,), (e,)),
        Node(a, 1, (3,), (b,)),
        Node(b, 2, (3,), (e,)),
    )
    found = tree.log_probabilities(
        np.log([0.5, 0.2]),
        [np.log(p) for p in ([0.2, 0.6], [0.5, 0.3], [0.7], [0.8], [0.9])],
    )
    expected = [0.5 * 0.2, 0.5 * 0.6 * 0.7, 0.2 * 0.5, 0.2 * 0.3 * 0.8 * 0.9]
    assert np.exp(found) == pytest.approx(np.array(expected), rel=1e-12)


def test_the_tree_of_one_label_and_of_none_that_has_tokens() -> None:
    assert LabelTree.grow([[5, 9]]).nodes == (Node(5, 0, (0,), (9,)),)
    nothing = LabelTree.grow([[9]])  # the end of the turn alone
    assert nothing.nodes == ()
    assert nothing.log_probabilities(np.log([0.25]), []) == pytest.approx(math.log(0.25))


def test_every_label_needs_what_follows_each_of_its_tokens() -> None:
    tree = LabelTree.grow([[1, 2, 9], [1, 3, 9]])
    with pytest.raises(ValueError, match="shorter"):
        tree.log_probabilities(np.zeros(1), [np.zeros(2)])


SKY = Model(
    ("sk", "y", "ill", "cloud", "ful"),
    (
        ("it is ", {"sk": 0.6, "cloud": 0.3}),
        ("it is sk", {"y": 0.15, "ill": 0.8}),
        ("sky", {END: 0.9}),
        ("skill", {END: 0.2, "ful": 0.75}),
        ("cloud", {END: 0.95}),
    ),
)
LIKELY = Model(
    (),
    (
        ("0 to 10: ", {"1": 0.5, "7": 0.3, "0": 0.1}),
        ("0 to 10: 1", {END: 0.4, "0": 0.5}),
        ("0 to 10: 10", {END: 0.9}),
        ("0 to 10: [02-9]", {END: 0.95}),
    ),
)


def full(model: Model, before: str, labels: list[str]) -> np.ndarray:
    """Return P of each label as the tree has it, from the model's next-token probabilities."""
    engine = Engine(model)
    tree = engine.label_tree(labels, END)

    def log_p(said: str, tokens: tuple[int, ...]) -> np.ndarray:
        return np.log(model.next(engine.tokenizer, before + said)[list(tokens)])

    after = []
    for node in tree.nodes:
        path = tree.paths[node.labels[0]][: node.depth + 1]
        after.append(log_p(engine.text_of(path), node.successors))
    return np.exp(tree.log_probabilities(log_p("", tree.successors), after))


def first_token(model: Model, before: str, labels: list[str]) -> np.ndarray:
    """Return P of each label's first token: what many programs take for P of the label."""
    engine = Engine(model)
    p = model.next(engine.tokenizer, before)
    return np.array([p[engine.text_tokens(label)[0]] for label in labels])


def without_end(model: Model, before: str, labels: list[str]) -> np.ndarray:
    """Return P of each label's tokens, whatever may follow."""
    engine, found = Engine(model), []
    for label in labels:
        tokens = engine.text_tokens(label)
        steps = [before + engine.text_of(tokens[:i]) for i in range(len(tokens))]
        found.append(
            math.prod(model.next(engine.tokenizer, said)[t] for said, t in zip(steps, tokens, strict=True))
        )
    return np.array(found)


def greedy(model: Model, before: str, labels: list[str]) -> str:
    """Return the label that is reached by taking the best allowed token every time."""
    engine, said = Engine(model), ""
    paths = {label: [*engine.text_tokens(label), engine.end_token(END)] for label in labels}
    at = 0
    while len(paths) > 1 or at < len(next(iter(paths.values()))):
        p = model.next(engine.tokenizer, before + said)
        best = max({path[at] for path in paths.values()}, key=lambda token: p[token])
        paths = {label: path for label, path in paths.items() if path[at] == best}
        at += 1
        said = engine.text_of(next(iter(paths.values()))[:at])
    return next(iter(paths))


def test_labels_that_share_a_beginning() -> None:
    labels, before = ["sky", "skill", "cloud"], "it is "
    p = full(SKY, before, labels)
    assert p == pytest.approx(np.array([0.6 * 0.15 * 0.9, 0.6 * 0.8 * 0.2, 0.3 * 0.95]), rel=1e-12)
    assert labels[p.argmax()] == "cloud"
    # Every shorter way says something else.
    assert greedy(SKY, before, labels) == "skill"
    assert first_token(SKY, before, labels) == pytest.approx(np.array([0.6, 0.6, 0.3]))
    assert without_end(SKY, before, labels) == pytest.approx(np.array([0.09, 0.48, 0.3]))
    assert labels[without_end(SKY, before, labels).argmax()] == "skill"  # 'skillful' counts for it


def test_1_does_not_swallow_10() -> None:
    labels, before = [str(n) for n in range(11)], "0 to 10: "
    p = full(LIKELY, before, labels)
    rest = 0.1 / (len(Engine(LIKELY).tokenizer.tokens) - 3)  # of each token that the rule does not name
    expected = np.full(11, rest * 0.95)
    expected[[0, 1, 7, 10]] = [0.1 * 0.95, 0.5 * 0.4, 0.3 * 0.95, 0.5 * 0.5 * 0.9]
    assert p == pytest.approx(expected, rel=1e-12)
    assert labels[p.argmax()] == "7"
    assert greedy(LIKELY, before, labels) == "10"
    assert labels[first_token(LIKELY, before, labels).argmax()] == "1"
    assert first_token(LIKELY, before, labels)[10] == 0.5
    assert labels[without_end(LIKELY, before, labels).argmax()] == "1"
    # The mean of the scale would be another one, too.
    values = np.arange(11)
    assert p @ values / p.sum() == pytest.approx(4.445 / 0.805, abs=0.01)
    one_token = first_token(LIKELY, before, labels)
    assert one_token @ values / one_token.sum() == pytest.approx(7.6 / 1.4, abs=0.01)


def test_the_toy_engine_multiplies_the_same_probabilities() -> None:
    engine = Engine(SKY)
    engine.begin(engine.prompt_tokens("it "))
    tree = engine.label_tree(["sky", "skill", "cloud"], END)
    [found] = engine.weigh(engine.text_tokens("is"), [Branch(tuple(engine.text_tokens(" ")), tree)])
    assert np.exp(found) == pytest.approx(full(SKY, "it is ", ["sky", "skill", "cloud"]), rel=1e-12)


PATHS = st.lists(st.lists(st.integers(0, 2), max_size=4).map(tuple), min_size=1, max_size=12, unique=True)


@given(paths=PATHS, seed=st.integers(0, 2**32), sure=st.floats(0.05, 20))
def test_all_labels_together_are_at_most_certain(
    paths: list[tuple[int, ...]], seed: int, sure: float
) -> None:
    end = 3
    tree = LabelTree.grow([[*path, end] for path in paths])
    random = np.random.default_rng(seed)
    known: dict[tuple[int, ...], np.ndarray] = {}

    def p_after(before: tuple[int, ...]) -> np.ndarray:
        return known.setdefault(before, random.dirichlet([sure] * 4) + 1e-300)

    after = [
        np.log(p_after(tree.paths[node.labels[0]][: node.depth + 1])[list(node.successors)])
        for node in tree.nodes
    ]
    found = np.exp(tree.log_probabilities(np.log(p_after(())[list(tree.successors)]), after))
    assert found.sum() <= 1 + 1e-12
    for path, p in zip(paths, found, strict=True):
        ended = [*path, end]
        assert p == pytest.approx(math.prod(p_after(path[:i])[token] for i, token in enumerate(ended)))
    # Parents come first, and what is fed to the model is every beginning once.
    beginnings = [tree.paths[node.labels[0]][: node.depth + 1] for node in tree.nodes]
    assert sorted(beginnings) == sorted({path[:i] for path in paths for i in range(1, len(path) + 1)})
    assert [len(beginning) for beginning in beginnings] == sorted(len(beginning) for beginning in beginnings)


def test_all_labels_of_a_language_are_certain_together() -> None:
    # Two words and an end; after two words the turn always ends.
    paths = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
    tree = LabelTree.grow([[*path, 2] for path in paths])
    p = {(): [0.5, 0.3, 0.2], (0,): [0.1, 0.2, 0.7], (1,): [0.6, 0.3, 0.1]}
    after = [
        np.log([p.get(tree.paths[node.labels[0]][: node.depth + 1], [0, 0, 1])[s] for s in node.successors])
        for node in tree.nodes
    ]
    root = np.log([p[()][token] for token in tree.successors])
    assert np.exp(tree.log_probabilities(root, after)).sum() == pytest.approx(1, rel=1e-12)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    size=st.sampled_from([1, 2, 300, 49152]),
    spread=st.sampled_from([0.01, 3.0, 30.0]),
    level=st.sampled_from([0.0, -5000.0, 5000.0]),
)
def test_log_softmax_is_that_of_scipy_in_double_precision(
    seed: int, size: int, spread: float, level: float
) -> None:
    random = np.random.default_rng(seed)
    logits = (random.normal(0, spread, size) + level).astype(np.float32)
    kept = logits.copy()
    tokens = random.integers(0, size, 5).tolist()
    found = log_softmax(logits, tokens)
    assert found.dtype == np.float64
    assert found == pytest.approx(special.log_softmax(logits.astype(float))[tokens], abs=TOLERANCE, rel=0)
    assert logits.tobytes() == kept.tobytes()


def test_log_softmax_by_hand() -> None:
    logits = np.log(np.array([1, 2, 5], dtype=np.float32))
    assert np.exp(log_softmax(logits, [2, 0, 2])) == pytest.approx(np.array([5, 1, 5]) / 8, rel=1e-6)
    far = np.array([0, -200, -np.inf], dtype=np.float32)
    assert log_softmax(far, [0, 1]) == pytest.approx(np.array([0.0, -200.0]), abs=1e-12)
    assert np.isnan(log_softmax(np.array([np.nan, 1], dtype=np.float32), [1])).all()


def test_the_mean_over_orders_by_hand() -> None:
    p = np.array([[0.5, 0.1], [0.1, 0.1]])
    assert np.exp(mean_log_p(np.log(p))) == pytest.approx(np.array([0.3, 0.1]))
    # Also where probabilities are smaller than any number.
    tiny = np.array([[-2000.0, -1.0], [-2000.0 + math.log(3), -1.0]])
    assert mean_log_p(tiny) == pytest.approx(np.array([-2000 + math.log(2), -1]))

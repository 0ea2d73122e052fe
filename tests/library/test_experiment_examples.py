"""Which examples are shown: by chance or as different as they can be, with labels in turn."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import study
from study.errors import StudyError
from study.experiment.examples import chosen, needed


def examples(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"text": text, "label": label, "rationale": None} for text, label in pairs]


ONE_LABEL = examples(
    ("The road is broken.", "yes"),
    ("The road is broken!", "yes"),
    ("The roads are broken.", "yes"),
    ("Nobody pays our teachers", "yes"),
    ("Nobody pays teachers", "yes"),
    ("12345", "yes"),
)
THREE_LABELS = examples(
    ("a b c", "good"),
    ("d e f", "good"),
    ("g h i", "good"),
    ("j k l", "bad"),
    ("m n o", "bad"),
    ("p q r", "so so"),
)


def texts(found: list[Any]) -> list[str]:
    return [example["text"] for example in found]


def test_none_and_all() -> None:
    assert chosen(ONE_LABEL, "none") == []
    assert chosen(ONE_LABEL, "all") == ONE_LABEL
    assert chosen([], "none") == chosen([], "all") == []


def test_the_most_different_by_hand() -> None:
    # The first of the file; then what shares nothing with it, the first of these; then the other of them.
    assert texts(chosen(ONE_LABEL, "diverse 1")) == ["The road is broken."]
    assert texts(chosen(ONE_LABEL, "diverse 2")) == ["The road is broken.", "Nobody pays our teachers"]
    assert texts(chosen(ONE_LABEL, "diverse 3")) == [
        "The road is broken.", "Nobody pays our teachers", "12345"
    ]  # fmt: skip
    # Of the rest 'The roads are broken.' shares 12 of 24 trigrams with the first one, 'The road is broken!'
    # 16 of 18, and 'Nobody pays teachers' 17 of 23 with the other one.
    assert texts(chosen(ONE_LABEL, "diverse 4")) == [
        "The road is broken.", "The roads are broken.", "Nobody pays our teachers", "12345"
    ]  # fmt: skip


def trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def test_each_further_example_is_the_farthest_from_those_before() -> None:
    who, does, what = (
        ("Ann", "A judge", "Nobody"),
        ("builds", "sold", "will build"),
        ("a road", "roads", "it"),
    )
    sentences = [f"{' '.join(words)}." for words in itertools.product(who, does, what)]
    known = examples(*((sentence, "yes") for sentence in sentences))
    before: list[str] = []
    for k in range(1, len(sentences) + 1):
        now = texts(chosen(known, f"diverse {k}"))
        [new] = set(now) - set(before)

        def away(text: str, others: list[str]) -> float:
            own = trigrams(text.lower())
            seen = [trigrams(other.lower()) for other in others]
            return min((1 - len(own & other) / len(own | other) for other in seen), default=1)

        assert away(new, before) == max(away(text, before) for text in sentences if text not in before)
        before = now


def test_labels_take_turns() -> None:
    for way in ("random", "diverse"):
        shown = [[example["label"] for example in chosen(THREE_LABELS, f"{way} {k}")] for k in range(1, 7)]
        assert all(len(set(labels)) == min(k, 3) for k, labels in enumerate(shown, start=1))
        assert Counter(shown[3])["so so"] == 1  # there is no other example of it
        assert Counter(shown[4]) == {"good": 2, "bad": 2, "so so": 1}
        assert Counter(shown[5]) == {"good": 3, "bad": 2, "so so": 1}


def test_answers_that_are_no_words_take_turns_too() -> None:
    passages = examples(("a b", ["a"]), ("c d", []), ("e f", []), ("g h", []), ("i j", ["j"]))
    for way in ("random", "diverse"):
        assert sorted(json.dumps(e["label"]) for e in chosen(passages, f"{way} 3")) == [
            '["a"]',
            '["j"]',
            "[]",
        ]
    numbers = examples(("a", 1), ("b", 1), ("c", 2), ("d", 2.0), ("e", "1"))
    assert [e["label"] for e in chosen(numbers, "diverse 4")] == [1, 2, 2.0, "1"]


def test_the_draw_is_fixed_for_ever() -> None:
    # A model would be asked again, were other examples shown.
    broken, nobody = ["The road is broken.", "The road is broken!"], "Nobody pays our teachers"
    assert texts(chosen(ONE_LABEL, "random 3")) == [*broken, nobody]
    assert texts(chosen(ONE_LABEL, "random 3", seed=2)) == [
        "The road is broken.", "The roads are broken.", "Nobody pays teachers"
    ]  # fmt: skip
    assert texts(chosen(THREE_LABELS, "random 3")) == ["a b c", "m n o", "p q r"]


def test_the_draw_depends_on_the_seed_and_not_on_the_order() -> None:
    many = examples(*((f"text {n}", n % 2) for n in range(20)))
    drawn = [tuple(texts(chosen(many, "random 2", seed))) for seed in range(60)]
    assert len(set(drawn)) > 30  # of 100 possible ones
    assert Counter(text for pair in drawn for text in pair).most_common(1)[0][1] < 20  # 6 are expected
    for seed in range(5):
        there, back = chosen(many, "random 6", seed), chosen(many[::-1], "random 6", seed)
        assert there == back[::-1]
    assert len({tuple(texts(chosen(many, "diverse 4", seed))) for seed in range(9)}) == 1


def test_texts_of_comparisons() -> None:
    pairs = [
        {"first": "Please.", "second": "Now!", "label": "A"},
        {"first": "Please.", "second": "Now!!", "label": "A"},
        {"first": "Would you?", "second": "Do it.", "label": "A"},
    ]
    assert chosen(pairs, "diverse 2") == [pairs[0], pairs[2]]
    assert len(chosen(pairs, "random 2")) == 2


ANY_EXAMPLES = st.lists(
    st.tuples(st.text(st.characters(), max_size=12), st.sampled_from(["yes", "no", 3, 0.5, [], ["a"]])),
    max_size=12,
)


@given(ANY_EXAMPLES, st.sampled_from(["random", "diverse"]), st.integers(0, 2**63), st.data())
def test_any_examples(pairs: list[tuple[str, Any]], way: str, seed: int, data: st.DataObject) -> None:
    """As many as are wanted, in the file's order, labels as even as they can be, and fewer are among more."""
    known = [{**example, "place": i} for i, example in enumerate(examples(*pairs))]
    before: list[Any] = []
    for k in range(1, len(known) + 1):
        found = chosen(known, f"{way} {k}", seed)
        assert len(found) == k
        places = [example["place"] for example in found]
        assert places == sorted(set(places))
        assert all(example in found for example in before)
        times = Counter(json.dumps(example["label"]) for example in found)
        left = Counter(json.dumps(example["label"]) for example in known)
        left.subtract(times)
        assert all(times[label] >= max(times.values()) - 1 for label in left if left[label])
        before = found


@pytest.mark.parametrize("level", ["random 7", "diverse 7", "random 1000"])
def test_too_few_examples(level: str) -> None:
    with pytest.raises(StudyError, match=f"There are not enough examples for '{level}'.") as error:
        chosen(ONE_LABEL, level)
    assert "Found: 6" in str(error.value)
    assert f"Allowed: at least {level.split()[1]}." in str(error.value)


@pytest.mark.parametrize(
    "level", ["", "some", "random", "random 0", "random -1", "diverse 3 ", "Random 3", "random ٣"]
)
def test_no_such_level(level: str) -> None:
    with pytest.raises(StudyError, match="cannot be chosen in this way") as error:
        chosen(ONE_LABEL, level)
    assert "none, all, 'random 3' or 'diverse 3' (any number)" in str(error.value)


def test_how_many_a_level_needs() -> None:
    assert [needed(level) for level in ("none", "all", "random 3", "diverse 12")] == [0, 0, 3, 12]


def test_it_needs_the_standard_library_alone() -> None:
    """The workflow is read with it; what it imports, every command waits for."""
    program = (
        "import sys; import study.experiment.examples, study.experiment.design, study.experiment.surface;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    source = Path(study.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(source)!r}); {program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(found.stdout.split()) - {"__main__"} == {"study"}

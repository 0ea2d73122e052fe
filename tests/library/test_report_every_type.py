"""Part 3 and the methods say exactly what was asked, and which answers were possible, for every type."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from library import report_study
from library.every_type import CODEBOOKS, CONSTRUCTS
from study.codebook import Codebook
from study.coders import codings
from study.config.codebooks import read_file
from study.instrument import Instrument, build
from study.report.blocks import Heading, Pairs, Table, Verbatim
from study.report.html import render
from study.report.material import Material
from study.report.methods import paragraph
from study.report.pages import PAGES
from study.report.pages.codebook import pieces

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CARD: dict[str, Any] = {
    **report_study.instrument().model,
    "chat_template": CHATML,
    "bos_token": "",
    "eos_token": "<|im_end|>",
    "add_bos": False,
    "trained_context": 0,
}
SETTINGS: dict[str, Any] = {"context": 2048, "too_long": "truncate"}


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Codebook]]:
    """The codebooks of every file type, by file."""
    folder, found = tmp_path_factory.mktemp("codebooks"), {}
    for name, text in CODEBOOKS.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        found[name] = [Codebook.from_dict(book) for book in read_file(path).constructs.values()]
    return found


@pytest.fixture(scope="module")
def material(books: dict[str, list[Codebook]], tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A study in which two language models code every type; the second draws its answers three times."""
    small = report_study.build(tmp_path_factory.mktemp("study"), n=40)
    constructs = sorted(book.construct for each in books.values() for book in each)
    llm = small.study["coders"]["llm"] | {"codebooks": constructs, "temperature": 0, "repeats": 1}
    drawn = llm | {"temperature": 0.7, "repeats": 3}
    instruments: list[Instrument] = []
    for coder, temperature in (("llm", 0), ("drawn", 0.7)):
        instruments += [
            build(each, coder, CARD, temperature=temperature, **SETTINGS) for each in books.values()
        ]
    ids = [f"t{n}" for n in range(12)]
    rows = [
        codings(ids, construct=construct, coder=coder, score=[1.0] * 12)
        for construct in constructs
        for coder in ("llm", "drawn")
    ]
    every = pd.concat(rows, ignore_index=True)
    return replace(
        small,
        study=small.study | {"coders": small.study["coders"] | {"llm": llm, "drawn": drawn}},
        codebooks=dict(sorted((book.construct, book) for each in books.values() for book in each)),
        instruments=instruments,
        codings={coder: every[every["coder"] == coder] for coder in ("llm", "drawn")},
    )


def part(material: Material, construct: str) -> list[Any]:
    """Return the blocks of one construct."""
    blocks = list(PAGES["03_codebook"](material).blocks)
    start = next(i for i, b in enumerate(blocks) if isinstance(b, Heading) and b.text == construct)
    end = next((i for i in range(start + 1, len(blocks)) if isinstance(blocks[i], Heading)), len(blocks))
    return blocks[start:end]


def facts(material: Material, construct: str, coder: int = 0) -> dict[str, str]:
    """Return what is said of a construct, and of how a coder was asked."""
    found = [dict(block.pairs) for block in part(material, construct) if isinstance(block, Pairs)]
    return found[0] | found[1 + coder]


def prompt(material: Material, construct: str) -> str:
    """Return the first prompt of a construct; what stands for text or answer in angle quotes."""
    shown = next(block for block in part(material, construct) if isinstance(block, Verbatim))
    return "".join(f"‹{text}›" if kind == "slot" else text for kind, text in shown.pieces)


def test_every_construct_has_its_own_part(material: Material) -> None:
    assert tuple(material.codebooks) == CONSTRUCTS
    for construct, book in material.codebooks.items():
        kinds = [type(block).__name__ for block in part(material, construct)]
        # Both coders were asked with the same prompt, which is shown once.
        last = [*["Table"] * book.closed, "Verbatim", "Pairs", "Pairs", "Missing"]
        assert kinds == ["Heading", "Pairs", *last]


ANSWERS = {
    "mood": "‹a rationale of one line, at most 12 tokens›\n‹pleased | displeased | neither›",
    "anger": "‹0 | 1 | 2 | 3 | cannot tell›",
    "things": "There are ‹a whole number from 0 to 500›.",
    "minutes": "‹a number from 0.0 to 600.0 with up to 1 decimal›",
    "wishes": "‹1 to 2 lines, each with '- ' and words of the text | nothing›\n"
    "‹a rationale of one line, at most 8 tokens›",
    "polite": "‹A | B | neither›",
    "topics_staff": "‹yes | no›",
    "visit_hurry": "‹1 | 2 | 3›",
    "visit_season": "‹summer | winter | not said›",
    "visit_people": "‹a whole number from 0 to 20›",
    "visit_share": "‹a number from 0.00 to 1.00 with up to 2 decimals›",
    "visit_places": "‹1 to 3 lines, each with '- ' and words of the text | none›",
}


@pytest.mark.parametrize("construct", ANSWERS)
def test_which_answers_were_possible(construct: str, material: Material) -> None:
    shown = prompt(material, construct)
    assert shown.endswith(f"<|im_start|>assistant\n{ANSWERS[construct]}<|im_end|>")
    compared = construct == "polite"
    assert shown.count("‹the text›") == (0 if compared else 1)
    assert shown.count("‹the first text›") == shown.count("‹the second text›") == (1 if compared else 0)


def test_what_was_asked_is_shown_as_it_was(material: Material) -> None:
    """All but the places of texts and answers is the instrument's own, character by character."""
    for instrument in material.instruments:
        for question in instrument.questions:
            shown = question.prompt_in_order(range(len(question.labels)))
            found = pieces(instrument, question.construct)
            text = "".join("‹›" if kind == "slot" else text for kind, text in found)
            between = f"‹›{shown.between}" if shown.between is not None else ""
            assert text.startswith(f"{shown.before}{between}‹›{shown.after}")
            assert "\ue000" not in text


@pytest.mark.parametrize(
    ("construct", "fact", "said"),
    [
        ("mood", "Asked for", "one of the labels"),
        ("mood", "Order of the labels", "fixed, as in the table"),
        ("mood", "Rationale", "before the answer, one line of at most 12 tokens"),
        ("mood", "Examples", "1 answered text, as earlier turns of the conversation"),
        ("mood", "The answer 'not codable'", "answer 'neither', counted apart, never zero"),
        ("mood", "Decoding", "every label's probability is read off, after a rationale that it writes;"
         " nothing is sampled"),
        ("mood", "Status", "frozen: the commit in which config/codebooks took this status dates it;"
         " a change of the prompt changes the instrument below"),
        ("anger", "Asked for", "a whole number from 0 to 3"),
        ("anger", "Order of the labels", "rotated: a text is asked about in 4 orders, so that each label"
         " stands once in each place, and the probabilities are averaged; 'cannot tell' is always the last;"
         " the prompt below shows the first order"),
        ("anger", "Calibration", "contextual calibration (Zhao et al. 2021): label probabilities are divided"
         " by their mean over 2 reference texts ('N/A' and no text at all) and made to sum to 1; the codings"
         " hold them before and after"),
        ("anger", "Rationale", "none"),
        ("anger", "Quotation", 'where a text holds """ itself, it gets a backslash, and is counted'),
        ("things", "Asked for", "a whole number from 0 to 500"),
        ("things", "Decoding", "the model writes, and only what is allowed as an answer; nothing is sampled"),
        ("minutes", "Asked for", "a number from 0.0 to 600.0, with up to 1 decimal"),
        ("wishes", "Asked for", "up to 2 passages of the text, word for word"),
        ("wishes", "Rationale", "after the answer, one line of at most 8 tokens"),
        ("polite", "Asked for", "which of two texts; each text is compared with two others in each of"
         " 2 rounds (drawn with seed 3), and every pair is asked about in both orders"),
        ("polite", "Order of the labels", "as in the table, whichever text comes first"),
        ("polite", "Quotation", "where a text holds </a> or </b> itself, it gets a backslash, and is"
         " counted"),
        ("topics_staff", "Question", "Is the note about staff?"),
        ("topics_staff", "Asked together", "the 2 questions of topics (topics_staff and"
         " topics_the_building); each is asked for itself, none sees another's answer"),
        ("topics_staff", "The answer 'not codable'", "not offered"),
        ("visit_season", "Order of the labels", "random: one order for each text, drawn with seed 5;"
         " 'not said' is always the last; the prompt below shows the order of the table"),
        ("visit_hurry", "Calibration", "batch calibration (Zhou et al. 2023): label probabilities are divided"
         " by their mean over 10 reference texts and made to sum to 1; the codings hold them before and"
         " after"),
        ("visit_places", "Too long for the context", "cut at the end, and counted (context of 2,048 tokens)"),
    ],
)  # fmt: skip
def test_facts(construct: str, fact: str, said: str, material: Material) -> None:
    assert facts(material, construct)[fact] == said


def test_examples_in_the_prompt_s_own_text(material: Material) -> None:
    book = replace(material.codebooks["mood"], wording={"main": "{examples}\n{text}"})
    other = replace(material, codebooks={"mood": book}, instruments=[build([book], "llm", CARD, **SETTINGS)])
    assert facts(other, "mood")["Examples"] == "1 answered text, in the prompt's own text"
    assert "Text: The shelves are dusty.\nAnswer: Dust is a complaint.\ndispleased" in prompt(other, "mood")


@pytest.mark.parametrize(
    ("construct", "absent"),
    [
        ("things", {"Order of the labels", "The answer 'not codable'", "Calibration", "Asked together"}),
        ("polite", {"The answer 'not codable'", "Calibration", "Examples"}),
        ("visit_share", {"Order of the labels", "Calibration", "Repeats", "Quotation"}),
    ],
)
def test_what_has_no_meaning_for_a_type_is_not_said(
    construct: str, absent: set[str], material: Material
) -> None:
    assert not absent & set(facts(material, construct))


@pytest.mark.parametrize(
    ("construct", "decoding"),
    [
        ("mood", "every label's probability is read off, after a rationale that it writes; drawn at"
         " temperature 0.7: label and rationale"),
        ("anger", "every label's probability is read off; drawn at temperature 0.7: label"),
        ("things", "the model writes, and only what is allowed as an answer; drawn at temperature 0.7:"
         " number"),
        ("wishes", "the model writes, and only what is allowed as an answer; drawn at temperature 0.7:"
         " passages and rationale"),
        ("polite", "every label's probability is read off; nothing is sampled"),
    ],
)  # fmt: skip
def test_what_is_drawn(construct: str, decoding: str, material: Material) -> None:
    found = facts(material, construct, coder=1)
    assert found["Language model"] == "LLM 'drawn'"
    assert found["Decoding"] == decoding
    what = "each pair, in each order," if construct == "polite" else "each text"
    assert found["Repeats"] == f"{what} is asked about 3 times"


def test_prompts_that_differ_are_shown_apart(material: Material) -> None:
    """Another wording for the second coder, say: then both prompts are there."""
    book = replace(material.codebooks["things"], wording={"main": "{text}\nHow many?"})
    other = [i for i in material.instruments if i.name != "things" or i.coder == "llm"]
    different = replace(material, instruments=[*other, build([book], "drawn", CARD, **SETTINGS)])
    blocks = [type(block).__name__ for block in part(different, "things")]
    assert blocks == ["Heading", "Pairs", "Verbatim", "Pairs", "Verbatim", "Pairs", "Missing"]
    captions = [block.caption for block in part(different, "things") if isinstance(block, Verbatim)]
    assert captions[1] == "Prompt of LLM 'drawn' (small), verbatim, with special tokens"
    together = [block.caption for block in part(material, "things") if isinstance(block, Verbatim)]
    assert together == ["Prompt of LLM 'llm' (small) and LLM 'drawn' (small), verbatim, with special tokens"]


def test_labels_and_answers_are_tabulated(material: Material) -> None:
    def shown(construct: str) -> list[list[str]]:
        table = next(block for block in part(material, construct) if isinstance(block, Table))
        return [list(table.columns), *(list(map(str, row)) for _, rows in table.groups for row in rows)]

    assert shown("mood") == [
        ["Label", "Value", "Definition"],
        ["pleased", "1", "The writer praises or thanks."],
        ["displeased", "−1", "The writer complains."],
        ["neither", "–", ""],
    ]
    assert shown("anger")[:2] == [["Label", "Value", "Definition"], ["0", "0", "calm"]]
    assert shown("polite") == [
        ["Answer", "Meaning"],
        ["A", "the first text"],
        ["B", "the second text"],
        ["neither", "neither: a tie"],
    ]
    assert shown("visit_season") == [["Label"], ["summer"], ["winter"], ["not said"]]


def test_the_point_speaks_of_every_construct(material: Material) -> None:
    assert PAGES["03_codebook"](material).point == (
        "13 constructs are coded: anger, mood, topics_staff, topics_the_building, visit_hurry and"
        " visit_season with one of several labels as answer, minutes, things, visit_people and visit_share"
        " with a number as answer, polite with a comparison of two texts as answer and visit_places and"
        " wishes with passages of the text as answer; the codebook of mood is frozen; that of anger, minutes,"
        " polite, things, topics_staff, topics_the_building, visit_hurry, visit_people, visit_places,"
        " visit_season, visit_share and wishes is still a pilot; 26 prompts below, verbatim."
    )
    few = {name: material.codebooks[name] for name in ("polite", "things", "wishes")}
    mine = [i for i in material.instruments if i.name in few and i.coder == "llm"]
    assert PAGES["03_codebook"](replace(material, codebooks=few, instruments=mine)).point == (
        "Polite is an interval construct with comparisons of two texts; its codebook is still a pilot, with"
        " no recorded revision; things is an interval construct with numbers as answers; its codebook is"
        " still a pilot, with no recorded revision; wishes is an interval construct with passages of the text"
        " as answers; its codebook is still a pilot, with no recorded revision; 3 prompts below, verbatim."
    )


METHODS = [
    "Polite was coded as interval, with comparisons of two texts, both orders of each pair, as answers.",
    "Wishes was coded as interval, with passages of the text as answers.",
    "it was asked once about each of 12 texts",
    "it was asked 3 times about each of 12 texts",
    "for polite each of 12 texts was compared with two others in each of 2 rounds (drawn with seed 3), and"
    " every pair was asked about once in each order",
    "every pair was asked about 3 times in each order",
    "with the prompts that part 3 shows verbatim",
    "The label probabilities of anger were divided by their mean over 2 reference texts (contextual"
    " calibration, Zhao et al. 2021).",
    "The label probabilities of visit_season and visit_hurry were divided by their mean over 10 reference"
    " texts (batch calibration, Zhou et al. 2023).",
    "The labels of anger were offered in each rotation of their order, and the probabilities averaged.",
    "The labels of visit_season and visit_hurry were offered in one random order for each text (seed 5).",
    "Scores of comparisons are log-odds of the Bradley-Terry model",
    "For things, minutes, wishes, visit_people, visit_share and visit_places the model wrote its answer",
    "For mood the model gave its reasons before the answer.",
    "For wishes the model gave its reasons after the answer.",
    "Nothing was sampled.",
    "Answers were drawn at temperature 0.7, with a seed of each text's and repeat's own; the score of a text"
    " is the mean over repeats, its label the most frequent one.",
    "the label is the most probable one.",
    "the label was drawn with these probabilities.",
    "The prompt showed answered examples for mood (1) and minutes (1).",
    "was cut at its end.",
]


@pytest.mark.parametrize("said", METHODS)
def test_the_methods_say_how_models_were_asked(said: str, material: Material) -> None:
    assert said in "\n".join(paragraph(material))


def test_the_methods_of_a_study_that_only_compares(material: Material) -> None:
    only = [i for i in material.instruments if i.name == "polite"]
    books = {"polite": material.codebooks["polite"]}
    said = paragraph(replace(material, instruments=only, codebooks=books))[0]
    assert "run locally by guidance 0.3.1 and llama-cpp-python 0.3.16; for polite each of 12 texts" in said
    assert "about each of" not in said
    assert "The score is the mean of the labels' values" not in said


def test_the_pages_hold_whole_sentences_for_every_type(material: Material) -> None:
    for name in ("03_codebook", "15_appendix"):
        made = PAGES[name](material)
        assert re.fullmatch(r"[A-Z0-9].*\.", made.point), made.point
        text = re.sub(r"<style>.*</style>|<[^>]*>", " ", render(made, "x"), flags=re.DOTALL)
        assert not {"nan", "None", "{}", "[]"} & set(text.replace("None of 312", "").split())


def test_what_people_did_not_code_is_said_once(material: Material) -> None:
    for number in ("01_verdict", "08_confusion"):
        point = PAGES[number](material).point
        reasons = [sentence.split(":")[-1] for sentence in point.split(". ") if ":" in sentence]
        assert len(reasons) == len(set(reasons)), point
        for construct in CONSTRUCTS:
            assert construct in point.lower()
    assert "did not code them." in PAGES["01_verdict"](material).point


def test_comparisons_by_hand(material: Material) -> None:
    # Scores of variance 4 (SD 2.00) with errors of variance 1: three quarters are not error.
    compared = next(book.construct for book in material.codebooks.values() if book.type == "compare")
    rows = codings([f"t{n}" for n in range(2)], construct=compared, coder="llm", score=[-(2**0.5), 2**0.5])
    rows = rows.assign(score_se=[0.72**0.5, 1.28**0.5], order_effect=0.5, comparisons=[8, 12])
    shown = render(PAGES["08_confusion"](replace(material, codings={"llm": rows})), material.study["title"])
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))
    assert f"Comparisons of {compared}: Bradley-Terry scores, in log-odds" in text
    assert re.search(r"LLM '?llm'? 2 10\.0 0\.50 2\.00 1\.00 \.75", text.replace("&#39;", "'")), text[:3000]

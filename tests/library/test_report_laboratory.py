"""What the report says of experiments: every figure from the tables, every hedge from an interval."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library import laboratory_tables as made
from library import report_study
from study.report import experiment as experiments_
from study.report import laboratory
from study.report.blocks import Figure, Heading, Items, Missing, Notice, Table, Text, Verbatim
from study.report.experiment import Experiment
from study.report.html import render
from study.report.laboratory import OPEN, share
from study.report.material import Material
from study.report.pages import PAGES

CODERS = {
    "llm": {"type": "llm", "codebooks": ["tone"]},
    "people": {"type": "human", "codebooks": ["tone"]},
}


def material(*experiments: Experiment, **further: Any) -> Material:
    """Return what the page is made of; every experiment of this module is called 'trial' in its tables."""
    one = {
        f"experiment_{kind}": table for experiment in experiments for kind, table in experiment.tables.items()
    }
    study = {
        "title": "A study", "question": "Why?", "coders": CODERS, "authors": [],
        "compare": {"criterion": "people", "bootstrap": 500, "seed": 1},
        "experiments": {experiment.name: experiment.settings for experiment in experiments},
    }  # fmt: skip
    return Material(study=study, codebooks={}, tables=one, **further)


def answer(experiment: Experiment) -> str:
    return " ".join(laboratory.sentences(experiment))


# The four questions


def test_how_much_the_order_of_labels_matters() -> None:
    assert laboratory.sentences(made.orders()) == [
        "Between two orders of the labels, 23% of the codes differ, 95% CI [18%, 29%] (60 texts, 5 orders).",
        "The label offered first is chosen in 45% [40%, 50%] of the answers, the label offered third in 25%"
        " [20%, 30%], where 33% would be expected if places did not matter.",
        "The correlation with the criterion (r) is .41 [.31, .51] with the labels in the codebook's order; it"
        " is lower with the labels rotated by 2 (.30, difference −.11 [−.16, −.06]); for the other 3 orders"
        " no difference could be shown.",
        "Over the 5 orders, Krippendorff's alpha of the codes is .71 [.63, .78], enough for tentative"
        " conclusions (.667) and below .800; of the variance of the scores, 3% [1%, 6%] lies between the"
        " orders, 20% [18%, 23%] in how single texts react to them and 61% [59%, 64%] between texts.",
    ]


def test_whether_a_rationale_changes_the_answer() -> None:
    assert laboratory.sentences(made.rationales())[:3] == [
        "Of the codes without a rationale (60 texts, 95% CI in brackets), 31% [24%, 39%] change with a"
        " rationale before the answer and 2% [0%, 5%] with one after it (no difference could be shown).",
        "The mean score changes by −0.12 [−0.20, −0.04] with a rationale before the answer and by 0.00"
        " [−0.02, 0.02] with one after it (no difference could be shown).",
        "The correlation with the criterion (r) is .40 [.30, .50] without a rationale; it is lower with a"
        " rationale before the answer (.28, difference −.12 [−.17, −.07]); with a rationale after the answer"
        " no difference could be shown.",
    ]


def test_how_agreement_decays_with_compression() -> None:
    said = laboratory.sentences(made.compression())
    assert said[0] == (
        "Of the codes with the weights in F16 (60 texts, 95% CI in brackets), 1% [0%, 3%] change with the"
        " weights in Q8_0 (no difference could be shown) and 12% [8%, 17%] in Q4_0."
    )
    assert said[3] == (
        "The correlation with the criterion (r) is .41 [.31, .51] with all weights; up to 30% no difference"
        " could be shown; with 50% of the weights set to zero it is lower (.20, difference −.21 [−.26,"
        " −.16]); with 70% it is .03, difference −.38 [−.43, −.33]."
    )
    assert laboratory.decay(made.compression(), "tone", "sparsity") == (
        "Up to 30% no difference could be shown, and from 50% of the weights set to zero on, the model agrees"
        " less with the criterion."
    )


def test_how_stable_codes_are_under_paraphrase() -> None:
    one = made.trial(
        {"wording": ["main", "plain"], "surface": ["as_written", "typos"]},
        levels=[
            made.level("wording", "main", 0.5, reference="main"),
            made.level("wording", "plain", 0.48, -0.02, reference="main"),
        ],
        flips=[
            made.flip("wording", ("plain", "main"), 0.25, 0.2, 0.3),
            made.flip("wording", ("any", ""), 0.25, 0.2, 0.3),
            made.flip("surface", ("typos", "as_written"), 0.1, 0.05, 0.15),
        ],
        stability=[made.stable("wording", 0.85), made.stable("surface", 0.5)],
    )
    assert laboratory.sentences(one) == [
        "Between two wordings of the question, 25% of the codes differ, 95% CI [20%, 30%] (60 texts, 2"
        " wordings).",
        "Over the 2 wordings, Krippendorff's alpha of the codes is .85 [.77, .92], at least the .800 that is"
        " asked of reliable codes.",
        "The correlation with the criterion (r) is .50 [.40, .60] with the wording 'main'; with the wording"
        " 'plain' it is .48, difference −.02 [−.07, .03]: no difference could be shown.",
        "Of the codes with the texts as written (60 texts, 95% CI in brackets), 10% [5%, 15%] change with"
        " typing errors in the texts.",
    ]


# Rules


def test_many_factors_are_answered_together() -> None:
    one = made.trial(
        {"wording": ["main", "plain"], "temperature": [0, 1], "model": ["small", "large"]},
        levels=[
            made.level("wording", "main", 0.5, reference="main"),
            made.level("wording", "plain", 0.48, -0.02, reference="main"),
            made.level("model", "small", 0.4, reference="small"),
            made.level("model", "large", 0.58, 0.18, reference="small"),
        ],
        flips=[
            made.flip("wording", ("any", ""), 0.25, 0.2, 0.3),
            made.flip("temperature", (1, 0), 0.4, 0.3, 0.5),
            made.flip("model", ("large", "small"), 0.3, 0.25, 0.35),
        ],
        variance=[made.source("unit", 0.5), made.source("model", 0.1), made.source("wording x model", 0.03)],
        stability=[made.stable("", 0.7, kind="intra"), made.stable("wording", 0.6)],
    )
    assert laboratory.sentences(one) == [
        "Of the codes (95% CI in brackets), 40% [30%, 50%] change at temperature 1, 30% [25%, 35%] by the"
        " model 'large' and 25% [20%, 30%] between two wordings of the question.",
        "Against the levels that come first, the correlation with the criterion (r) is higher by the model"
        " 'large' (.58, difference .18 [.13, .23]); for other levels no difference could be shown.",
        "Of the variance of the scores, 50% [48%, 53%] lies between texts, 10% [8%, 13%] is due to the model"
        " and 3% [1%, 6%] is due to the wording of the question and the model together.",
        "Asked again under the same settings, Krippendorff's alpha of the codes is .70 [.62, .77], enough for"
        " tentative conclusions (.667) and below .800.",
    ]


def test_repeats_at_temperature_zero_say_nothing_of_stability() -> None:
    greedy = made.stable("", 1.0, kind="intra") | {"ci_low": made.NOTHING, "ci_high": made.NOTHING}
    varied = {"wording": ["a", "b"], "model": ["s", "l"], "examples": ["none", "all"]}
    one = made.trial(varied, stability=[greedy, made.stable("wording", 0.6), made.stable("model", 0.9)])
    assert "Codes are least alike over the 2 wordings of the question: Krippendorff's alpha .60" in answer(
        one
    )
    assert "Asked again" not in answer(one)


@pytest.mark.parametrize(
    ("difference", "said"),
    [(-0.2, "it is lower"), (0.2, "it is higher"), (0.05, OPEN), (-0.05, OPEN)],
)
def test_a_difference_counts_where_its_interval_excludes_zero(difference: float, said: str) -> None:
    """An interval that touches zero contains it."""
    levels = [
        made.level("model", "a", 0.4, reference="a"),
        made.level("model", "b", 0.4 + difference, difference, reference="a"),
    ]
    text = laboratory.agreement(made.trial({"model": ["a", "b"]}, levels=levels), "tone", "model")
    assert [word in text for word in ("it is lower", "it is higher", OPEN)].count(True) == 1
    assert said in text


def test_without_a_criterion_nothing_is_said_of_agreement() -> None:
    bare = made.orders(
        levels=[
            made.level(
                "label_order", name, made.NOTHING, reference="fixed", accuracy=made.NOTHING, criterion=""
            )
            for name in made.ORDERS
        ],
        cells=[made.cell(1, made.NOTHING) | {"criterion": ""}],
    )
    assert "criterion" not in answer(bare)
    assert answer(bare).startswith("Between two orders of the labels, 23%")
    page = PAGES["16_laboratory"](material(bare))
    assert "There is no criterion" in "".join(str(block) for block in page.blocks)


def test_labels_without_order_are_compared_by_class() -> None:
    levels = [
        made.level("model", name, made.NOTHING, reference="a", accuracy=value, accuracy_ci_low=value - 0.1,
                   accuracy_ci_high=value + 0.1)
        for name, value in (("a", 0.6), ("b", 0.58), ("c", 0.3))
    ]  # fmt: skip
    effects = [
        made.effect("model", "b", "correct", -0.02, 0.05),
        made.effect("model", "c", "correct", -0.3, 0.1),
    ]
    one = made.trial({"model": ["a", "b", "c"]}, levels=levels, effects=effects)
    assert laboratory.agreement(one, "tone", "model") == (
        "the share of codes in the criterion's class is 60% [50%, 70%] by the model 'a', 58% [48%, 68%] by"
        " the model 'b' (no difference could be shown) and 30% [20%, 40%] by the model 'c'"
    )


def test_scores_without_labels_are_compared_by_their_distance() -> None:
    rows = [
        made.flip("wording", ("any", ""), made.NOTHING, made.NOTHING, made.NOTHING, mean_absolute_change=0.37)
    ]
    one = made.trial({"wording": ["a", "b"]}, flips=rows)
    assert laboratory.sentences(one) == [
        "Between two wordings of the question, scores of the same text are 0.37 apart on average (60 texts)."
    ]


def test_a_decay_that_is_not_one_is_not_called_so() -> None:
    """Lower at 30% and not at 50%: there is no share from which on agreement is lower."""
    r = {0.3: (0.2, -0.21), 0.5: (0.4, -0.01)}
    levels = [
        made.level("sparsity", 0, 0.41, reference=0),
        *(made.level("sparsity", s, value, by, reference=0) for s, (value, by) in r.items()),
    ]
    one = made.trial({"sparsity": [0, 0.3, 0.5]}, levels=levels)
    text = laboratory.agreement(one, "tone", "sparsity")
    assert "up to" not in text
    assert "it is lower with 30% of the weights set to zero" in text
    assert laboratory.decay(one, "tone", "sparsity") == (
        "The model agrees less with the criterion with 30% of the weights set to zero."
    )


def test_no_place_stands_out() -> None:
    even = [made.place(i, 0.33, 0.33) for i in (1, 2, 3)]
    assert laboratory.position(made.orders(positions=even), "tone") == (
        "no place in the list is chosen more or less often than the expected 33%, as far as could be shown"
    )
    unknown = [made.place(1, made.NOTHING, made.NOTHING) | {"note": "not balanced"}]
    assert laboratory.position(made.orders(positions=unknown), "tone") == ""


def test_a_question_is_made_where_there_is_none() -> None:
    one = made.rationales()
    assert laboratory.question(one) == "Does it matter?"
    bare = replace(one, settings={**one.settings, "question": None})
    assert laboratory.question(bare) == "What do codes owe to the rationale?"


def test_nothing_that_could_be_compared_is_said_so() -> None:
    one = made.trial({"model": ["a", "b"]}, cells=[made.cell(1) | {"n_coded": 0}])
    assert laboratory.sentences(one) == ["No code could be compared, so the question stays open."]
    assert laboratory.point([one]) == "1 experiment found no two codes that could be compared."


def test_codes_that_never_differ_have_no_interval() -> None:
    """Resamples of texts without a flip have none either: [0%, 0%] would promise what nobody knows."""
    one = made.trial(
        {"wording": ["a", "b"], "rationale": ["none", "after"]},
        flips=[
            made.flip("wording", ("any", ""), 0.0, 0.0, 0.0),
            made.flip("rationale", ("after", "none"), 0.0, 0.0, 0.0),
        ],
    )
    assert laboratory.sentences(one) == [
        "Between two wordings of the question, none of the codes differ (60 texts, 2 wordings).",
        "Of the codes without a rationale (60 texts, 95% CI in brackets), none change with a rationale after"
        " the answer.",
    ]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("How much does the order of labels matter?", "Between two orders"),
        ("How stable are codes under paraphrase, and in another order?", "Between two wordings"),
        ("Is it all the same?", "Between two wordings"),
        (None, "Between two wordings"),
    ],
)
def test_what_the_question_names_is_answered_first(question: str | None, first: str) -> None:
    one = made.trial(
        {"wording": ["a", "b"], "label_order": ["fixed", "reversed"]},
        flips=[made.flip(factor, ("any", ""), 0.2, 0.1, 0.3) for factor in ("wording", "label_order")],
    )
    asked = replace(one, settings={**one.settings, "question": question})
    assert laboratory.sentences(asked)[0].startswith(first)
    assert len(laboratory.sentences(asked)) == 2


def test_of_orders_it_is_said_which_place_is_preferred_before_how_alike_codes_are() -> None:
    one = made.orders()
    both = replace(
        one,
        settings={**one.settings, "question": None, "factors": {**one.factors, "wording": ["a", "b"]}},
    )
    said = laboratory.sentences(both)
    assert said[1].startswith("The label offered first is chosen in 45%")
    unknown = replace(both, tables={**one.tables, "positions": one.tables["positions"].iloc[:0]})
    assert laboratory.sentences(unknown)[1].startswith("Over the 5 orders, Krippendorff's alpha")


def test_several_constructs_are_told_apart() -> None:
    rows = [made.flip("wording", ("any", ""), rate, 0.1, 0.5) for rate in (0.2, 0.3)]
    rows[1]["construct"] = "topic"
    one = made.trial(
        {"wording": ["a", "b"]}, cells=[made.cell(1), made.cell(1) | {"construct": "topic"}], flips=rows
    )
    said = laboratory.sentences(one)
    assert [text.partition(":")[0] for text in said] == ["Tone", "Topic"]
    assert "two wordings of the question (topic)" in laboratory.point([one])


def test_the_point_names_what_changes_most_codes_first() -> None:
    assert laboratory.point([made.orders(), made.rationales(), made.compression()]) == (
        "Of the codes (95% CI in brackets), 62% [55%, 70%] change with 70% of the weights set to zero, 31%"
        " [24%, 39%] with a rationale before the answer, 23% [18%, 29%] between two orders of the labels and"
        " 12% [8%, 17%] with the weights in Q4_0."
    )
    still = made.trial({"wording": ["a", "b"]}, flips=[made.flip("wording", ("any", ""), 0.0, 0.0, 0.0)])
    assert laboratory.point([still]) == "In 1 experiment, no code changed with how the model was asked."


def test_shares_never_look_like_none_or_all() -> None:
    assert [share(x) for x in (0, 0.004, 0.234, 0.996, 1, float("nan"))] == [
        "0%", "0.4%", "23%", "99.6%", "100%", "–",
    ]  # fmt: skip


def test_answers_are_name_question_and_answer() -> None:
    one = made.orders()
    tables = {f"experiment_{kind}": table for kind, table in one.tables.items()}
    [(name, question, text)] = laboratory.answers(tables, {"trial": one.settings})
    assert (name, question, text) == ("trial", "Does it matter?", answer(one))


def test_page_one_has_the_shortest_answers(tmp_path: Path) -> None:
    one = made.orders()
    bare = report_study.build(tmp_path, ("nyt",), 40)
    study = {**bare.study, "experiments": {"trial": one.settings}}
    tables = {f"experiment_{kind}": table for kind, table in one.tables.items()}
    with_it = replace(bare, study=study, tables={**bare.tables, **tables})
    listed = [block.items for block in PAGES["01_verdict"](with_it).blocks if isinstance(block, Items)]
    assert [
        "Does it matter? Between two orders of the labels, 23% of the codes differ, 95% CI [18%, 29%] (60"
        " texts, 5 orders)."
    ] in listed
    none = [block.text for block in PAGES["01_verdict"](bare).blocks if isinstance(block, Text)]
    assert not any("Experiments" in text for text in none)


def test_where_nothing_is_lost_the_title_of_the_curve_says_so() -> None:
    levels = [
        made.level("quantisation", "F16", 0.4, reference="F16"),
        made.level("quantisation", "Q8_0", 0.41, 0.01, reference="F16"),
    ]
    one = made.trial({"quantisation": ["F16", "Q8_0"]}, levels=levels)
    assert laboratory.decay(one, "tone", "quantisation") == (
        "No loss of agreement with the criterion could be shown for any type of weights."
    )


# Every figure is a table's


def numbers(text: str) -> set[str]:
    """Return the figures of a text, names of levels apart."""
    text = re.sub(
        r"rotated by \d|Q\d_\d|F16|95% CI|\.667|\.800|\d+(\.\d)?% of the weights|up to \d+%", " ", text
    )
    text = re.sub(r"(with|in) \d+%", " ", text) if "weights" in text else text
    return set(re.findall(r"−?\d*\.?\d+%?", text))


def shown(tables: dict[str, pd.DataFrame]) -> set[str]:
    """Return every way in which a figure of the tables may be printed."""
    found = set()
    for table in tables.values():
        for value in table.select_dtypes("number").to_numpy().ravel():
            if math.isfinite(value):
                sign = "−" if value < 0 else ""
                short = f"{abs(value):.2f}"
                sign = "" if float(short) == 0 else sign
                found |= {f"{sign}{short}", f"{sign}{short.removeprefix('0')}", share(value), f"{value:.0f}"}
                long = f"{'−' if value < 0 else ''}{abs(value):.3f}"
                found |= {long, long.replace("0.", ".", 1)}
    return found


rates = st.floats(0, 1)
changes = st.floats(-1, 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_figure_and_direction_is_the_tables(data: st.DataObject) -> None:
    """Other figures in the tables are other figures in the text, and no figure comes from elsewhere."""
    one = data.draw(st.sampled_from([made.orders(), made.rationales(), made.compression()]))
    tables = {}
    for kind, before in one.tables.items():
        table = before.copy()
        for column in ("flip_rate", "share", "estimate", "pearson_r", "difference", "share_chosen"):
            if column in table:
                low, high = _bounds(kind, column)
                for row in table.index[table[column].notna()]:
                    value = data.draw(changes if column in ("estimate", "pearson_r", "difference") else rates)
                    half = data.draw(st.floats(0.01, 0.3))
                    table.loc[row, [column, low, high]] = [value, value - half, value + half]
        tables[kind] = table
    other = Experiment(one.name, one.settings, tables)
    text = answer(other)
    structural = {str(len(levels)) for levels in one.factors.values()}
    structural |= {str(n) for n in range(1, 6)}
    assert numbers(text) <= shown(tables) | structural
    for factor in one.varied:
        for level, row in other.by_level("levels", "tone", factor).items():
            clause = laboratory.agreement(other, "tone", factor)
            if (
                level == one.levels(factor)[0]
                or f"difference {laboratory.words.r(row['difference'])} " not in clause
            ):
                continue
            if row["difference_ci_high"] >= 0 >= row["difference_ci_low"]:
                assert OPEN in clause
            else:
                assert ("lower" if row["difference"] < 0 else "higher") in clause


def _bounds(kind: str, column: str) -> tuple[str, str]:
    return ("difference_ci_low", "difference_ci_high") if column == "difference" else ("ci_low", "ci_high")


# The page


def test_the_page_shows_each_experiment_with_its_figures_and_tables() -> None:
    png = {f"{kind}_trial": b"png" for kind in ("effects", "positions")}
    page = PAGES["16_laboratory"](material(made.orders(), figures=png))
    assert (page.number, page.title) == (16, "Laboratory")
    assert page.point == laboratory.point([made.orders()])
    headings = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert headings == ["Does it matter?", "How it was computed"]
    assert len([block for block in page.blocks if isinstance(block, Figure)]) == 2
    texts = [block.text for block in page.blocks if isinstance(block, Text)]
    assert texts[0] == answer(made.orders())
    assert texts[1] == (
        "In the experiment 'trial', the same 60 texts (drawn at random from each domain, seed 3) were coded"
        " by the LLM with the codebook tone under 5 combinations of settings. Order of the labels: as in the"
        " codebook, rotated by 1, rotated by 2, reversed and at random. An order that is rotated by 1 begins"
        " with the second label, and so on. Every text was asked about once under each."
    )
    tables = {block.caption: block for block in page.blocks if isinstance(block, Table)}
    assert list(tables) == [
        "Levels in 'trial'", "Codes that change in 'trial'",
        "What the variance of the scores is made of in 'trial'", "How alike the codes are in 'trial'",
    ]  # fmt: skip
    [(title, rows)] = tables["Levels in 'trial'"].groups
    assert title == "Order of the labels"
    assert [row[0] for row in rows] == [
        "as in the codebook",
        "rotated by 1",
        "rotated by 2",
        "reversed",
        "at random",
    ]
    assert rows[2][6:10] == [".30", "[.20, .40]", "−.11", "[−.16, −.06]"]
    [(_, pairs)] = tables["Codes that change in 'trial'"].groups
    # With the first level, and all together: ten pairs of five orders would bury them.
    assert [row[:2] for row in pairs] == [
        *(
            [level, "as in the codebook"]
            for level in ("rotated by 1", "rotated by 2", "reversed", "at random")
        ),
        ["any", "any other"],
    ]
    [(_, parts)] = tables["What the variance of the scores is made of in 'trial'"].groups
    assert [row[:2] for row in parts] == [
        ["Differences between texts", "61%"], ["How single texts react to the order of the labels", "20%"],
        ["All else", "16%"], ["The order of the labels", "3%"],
    ]  # fmt: skip


def test_the_design_says_what_was_done_in_part_and_again() -> None:
    one = made.rationales()
    other = replace(
        one,
        settings={**one.settings, "fraction": 3, "repeats": 5, "texts": "all", "mask": ["Smith", "Labour"]},
    )
    cells = one.tables["cells"].assign(n_coded=57.0)
    other = replace(other, tables={**one.tables, "cells": cells})
    [text] = [b.text for b in PAGES["16_laboratory"](material(other)).blocks if isinstance(b, Text)][1:2]
    assert "the same 60 texts were coded" in text
    assert "one in 3 of all combinations" in text
    assert "asked about 5 times under each" in text
    assert "Masked were: Smith and Labour." in text
    assert "No code came of 5% of the answers." in text


def test_a_figure_that_was_not_drawn_is_named() -> None:
    page = PAGES["16_laboratory"](material(made.compression()))
    absent = [block.what for block in page.blocks if isinstance(block, Missing)]
    assert "Figure 'sparsity' of trial" in absent


def test_what_a_table_notes_is_shown_beside_its_row() -> None:
    one = made.orders(
        levels=[
            made.level("label_order", "fixed", 0.4, reference="fixed", note="of levels"),
            made.level("label_order", "random", 0.4, 0.0, reference="fixed"),
        ],
        flips=[
            made.flip("label_order", ("any", ""), 0.2, 0.1, 0.3, note="of flips"),
            made.flip("label_order", ("random", "fixed"), 0.2, 0.1, 0.3),
        ],
        stability=[made.stable("label_order", 0.7) | {"note": "of stability"}, made.stable("", 0.7, "intra")],
    )
    blocks = PAGES["16_laboratory"](material(one)).blocks
    for table in (block for block in blocks if isinstance(block, Table) and "variance" not in block.caption):
        assert len(table.align) == len(table.columns)
        assert table.columns[-1] == "Note"
        [found] = [row[-1] for _, rows in table.groups for row in rows if row[-1]]
        assert str(found).startswith("of ")


def test_a_note_of_every_row_is_said_once() -> None:
    note = "3 of 60 units lack a code"
    levels = [made.level("label_order", name, 0.4, reference="fixed", note=note) for name in made.ORDERS]
    blocks = PAGES["16_laboratory"](material(made.orders(levels=levels))).blocks
    [table] = [b for b in blocks if isinstance(b, Table) and b.caption.startswith("Levels")]
    assert table.columns[-1] == "95% CI"
    assert table.note.endswith("3 of 60 units lack a code.")


def test_an_alpha_without_interval_stands_alone() -> None:
    bare = made.stable("wording", 0.34) | {"ci_low": made.NOTHING, "ci_high": made.NOTHING}
    one = made.trial({"wording": ["a", "b"]}, stability=[bare])
    assert "alpha of the codes is .34, below the .667" in answer(one)


def test_an_interval_that_ends_next_to_zero_shows_on_which_side() -> None:
    levels = [
        made.level("model", "a", 0.4, reference="a"),
        made.level("model", "b", 0.47, 0.0712, 0.07, reference="a"),
    ]
    text = laboratory.agreement(made.trial({"model": ["a", "b"]}, levels=levels), "tone", "model")
    assert "it is higher by the model 'b' (.47, difference .07 [.001, .141])" in text


def test_places_that_cannot_be_judged_are_missing() -> None:
    unknown = [made.place(1, made.NOTHING, made.NOTHING) | {"note": "not balanced: no complete set"}]
    page = PAGES["16_laboratory"](material(made.orders(positions=unknown), figures={"positions_trial": b"x"}))
    absent = {block.what: block.why for block in page.blocks if isinstance(block, Missing)}
    assert absent["Places of the labels"] == "Not balanced: no complete set."
    assert not any(isinstance(block, Figure) for block in page.blocks)


def test_labels_that_the_model_would_not_say_are_noticed() -> None:
    levels = [
        made.level("sparsity", 0, 0.4, reference=0),
        made.level("sparsity", 0.7, 0.1, -0.3, reference=0, valid_mass=0.12),
    ]
    one = made.trial({"sparsity": [0, 0.7]}, levels=levels)
    [notice] = [block for block in PAGES["16_laboratory"](material(one)).blocks if isinstance(block, Notice)]
    assert "mean valid mass: .12 with 70% of the weights set to zero)" in notice.text
    every = [row | {"valid_mass": mass} for row, mass in zip(levels, (0.02, 0.3), strict=True)]
    assert "over all levels it goes from .02 to .30" in laboratory.imposed(
        made.trial({"sparsity": [0, 0.7]}, levels=every), "tone"
    )
    assert not any(isinstance(b, Notice) for b in PAGES["16_laboratory"](material(made.orders())).blocks)


def test_each_of_several_factors_is_spoken_of() -> None:
    page = PAGES["16_laboratory"](material(made.compression()))
    lists = [block.items for block in page.blocks if isinstance(block, Items)]
    assert len(lists) == 3
    assert "In Q4_0" not in lists[0][0]
    assert lists[1][0].startswith("Of the codes with all weights")
    assert "bootstrap over texts (500 resamples, seed 1)" in " ".join(lists[2])


def test_without_experiments_the_page_says_how_to_make_one() -> None:
    page = PAGES["16_laboratory"](material())
    assert re.fullmatch(r"[A-Z].*\.", page.point)
    [example] = [block for block in page.blocks if isinstance(block, Verbatim)]
    import yaml

    written = yaml.safe_load(example.pieces[0][1])["experiments"]["order"]
    assert written["coder"] == "llm"
    assert written["codebook"] == "tone"
    assert written["factors"]["rationale"] == ["none", "before", "after"]
    none = replace(material(), study={**material().study, "coders": {"people": CODERS["people"]}})
    assert not any(isinstance(b, Verbatim) for b in PAGES["16_laboratory"](none).blocks)


@pytest.mark.parametrize("one", [made.orders(), made.rationales(), made.compression()])
def test_the_page_is_whole(one: Experiment) -> None:
    html = render(PAGES["16_laboratory"](material(one)), "A study")
    text = re.sub(r"<style>.*</style>|<[^>]*>", " ", html, flags=re.DOTALL)
    assert not {"nan", "None", "{}", "[]", "nan%"} & set(text.split())


def test_tables_read_from_files_give_the_same_page(tmp_path: Path) -> None:
    from study.report.material import read_table

    one = made.orders()
    read = {}
    for kind, table in one.tables.items():
        file = tmp_path / f"experiment_{kind}.csv"
        table.to_csv(file, index=False)
        read[file.stem] = read_table(file)
    again = experiments_.of(read, "trial", one.settings)
    assert laboratory.sentences(again) == laboratory.sentences(one)
    stored = replace(material(one), tables=read)
    assert PAGES["16_laboratory"](stored) == PAGES["16_laboratory"](material(one))

"""From tables to facts: what is to be said, with every figure already printed."""

from __future__ import annotations

import pytest

from library.narrative_tables import CODED, SETTINGS, agreement, comparison, estimates, told
from study.narrative import facts
from study.narrative.facts import Fact, Paragraph, coefficient, correlation

CLEAR = {"ci_low": 0.55, "ci_high": 0.81}
OPEN = {"ci_low": -0.2, "ci_high": 0.4}


def said(paragraphs: list[Paragraph], kind: str) -> list[Fact]:
    return [fact for paragraph in paragraphs for fact in paragraph.facts if fact.kind == kind]


def kinds(paragraphs: list[Paragraph]) -> list[str]:
    return [fact.kind for paragraph in paragraphs for fact in paragraph.facts]


def row(estimator: str, coder: str, *figures: float, term: str = "mood") -> dict[str, object]:
    named = dict(zip(("estimate", "ci_low", "ci_high"), figures, strict=True))
    return {"term": term, "estimator": estimator, "coder": coder, **named}


@pytest.mark.parametrize(
    ("figures", "printed"),
    [
        ((0.5, 0.1, 0.9), "0.50, 95% CI [0.10, 0.90]"),
        ((-0.0602, -0.118, -0.0004), "−0.060, 95% CI [−0.118, 0.000]"),
        ((0.00031, 0.00012, 0.0005), "0.00031, 95% CI [0.00012, 0.00050]"),
        ((1e-9, -1e-9, 3e-9), "0.000000, 95% CI [0.000000, 0.000000]"),
        ((1234.5, 1000, 1500), "1,234.50, 95% CI [1,000.00, 1,500.00]"),
        ((-0.001, float("nan"), 0.2), "0.00"),
        ((2.0, 2.0, 2.0), "2.00, 95% CI [2.00, 2.00]"),
    ],
)
def test_coefficients_have_two_digits_of_their_uncertainty(figures, printed):
    assert coefficient(*figures) == printed


def test_correlations_lose_their_zero():
    assert correlation(0.62, 0.51, 1) == "r = .62, 95% CI [.51, 1.00]"
    assert correlation(-0.001, float("nan"), float("nan")) == "r = .00"


def test_measures_on_the_same_texts_are_ranked():
    tables = {
        "agreement": agreement(
            {"measure": "list_7", "pearson_r": 0.4, **CLEAR},
            {"measure": "bot_1", "pearson_r": 0.7, **CLEAR},
            {"measure": "learned", "pearson_r": 0.5, **OPEN},
            {"measure": "people_individual", "pearson_r": 0.9, **CLEAR},
            {"measure": "people_leave_one_out", "pearson_r": 0.8, **CLEAR},
        )
    }
    found = told(tables)
    assert kinds(found) == ["ranking", "between", "doubt", "yardstick"]
    ranking, between, doubt, yardstick = found[0].facts
    assert ranking.slots == {
        "texts": "the same 100 texts",
        "criterion": "people",
        "construct": "mood_3",
        "best": "the LLM 'bot_1' (r = .70, 95% CI [.55, .81])",
        "worst": "the dictionary 'list_7' (r = .40 [.55, .81])",
    }
    assert between.slots["measures"] == "the supervised classifier (r = .50, 95% CI [−.20, .40])"
    assert (doubt.way, doubt.slots["measures"]) == (facts.AROUND, "the supervised classifier")
    assert yardstick.slots["figure"] == "r = .80, 95% CI [.55, .81]"


def test_measures_on_other_texts_are_not_ranked():
    rows = [{"measure": "bot_1", "pearson_r": 0.7, **CLEAR}, {"measure": "list_7", "pearson_r": 0.4, **CLEAR}]
    assert kinds(told({"agreement": agreement(*rows)})) == ["ranking"]
    assert kinds(told({"agreement": agreement(*rows, subset="all")})) == ["correlation", "correlation"]
    rows[1]["n"] = 99
    assert kinds(told({"agreement": agreement(*rows)})) == ["correlation", "correlation"]


def many(*numbers: float, n: float = 100, after: str = "") -> list[dict[str, object]]:
    """Return rows of agreement, one for each correlation."""
    names = [f"list_of_{letter}{after}" for letter in "abcdefghijklmn"]
    return [
        {"measure": name, "pearson_r": r, "n": n, **CLEAR} for name, r in zip(names, numbers, strict=False)
    ]


def test_of_many_measures_the_ends_are_named_and_the_others_counted():
    rows = many(0.31, 0.72, 0.28, 0.55, 0.11, 0.42)
    (fact,) = told({"agreement": agreement(*rows)})[0].facts
    assert fact.kind == "ranking of many"
    assert fact.slots == {
        "measures": "6 measures",
        "texts": "the same 100 texts",
        "criterion": "people",
        "construct": "mood_3",
        "best": "the dictionary 'list_of_b' (r = .72, 95% CI [.55, .81])",
        "worst": "the dictionary 'list_of_e' (r = .11 [.55, .81])",
        "others": "4",
        "range": "r = .28 to .55",
    }
    # At five, each has its figures.
    assert kinds(told({"agreement": agreement(*rows[:5])})) == ["ranking", "between"]
    # Of measures that share an end, two are named, and the range of the others reaches it.
    shared = told({"agreement": agreement(*many(0.7, 0.7, 0.7, 0.3, 0.2, 0.1))})[0].facts[0]
    assert shared.slots["best"].count("r = .70") == 2
    assert (shared.slots["others"], shared.slots["range"]) == ("3", "r = .20 to .70")
    (tie,) = told({"agreement": agreement(*many(*[0.4] * 7))})[0].facts
    assert (tie.kind, tie.slots["measures"], tie.slots["figure"]) == ("tie of many", "7 measures", "r = .40")


def test_measures_on_other_numbers_of_texts_are_told_in_one_sentence():
    most = many(0.31, 0.72, 0.28, 0.55, 0.11, 0.42)
    two = [
        {"measure": "learned", "pearson_r": 0.8, "n": 90, **CLEAR},
        {"measure": "bot_1", "pearson_r": 0.9, "n": 40, **OPEN},
    ]
    ranking, elsewhere, doubt = told({"agreement": agreement(*most, *two)})[0].facts
    assert ranking.slots["texts"] == "100 texts"
    assert elsewhere.slots["measures"] == (
        "the supervised classifier (90 texts, r = .80, 95% CI [.55, .81])"
        " and the LLM 'bot_1' (40 texts, r = .90 [−.20, .40])"
    )
    assert doubt.slots["measures"] == "the LLM 'bot_1'"
    more = [*two, *({**two[0], "measure": name} for name in ("list_7", "list_8"))]
    found = told({"agreement": agreement(*most, *more)})[0].facts[1]
    assert (found.kind, found.slots["measures"]) == ("elsewhere of many", "4 measures")
    assert (found.slots["texts"], found.slots["range"]) == ("40 to 90 texts", "r = .80 to .90")


def test_equal_figures_are_ties_as_they_are_printed():
    rows = [
        {"measure": "bot_1", "pearson_r": 0.701, **CLEAR},
        {"measure": "list_7", "pearson_r": 0.699, **CLEAR},
    ]
    assert kinds(told({"agreement": agreement(*rows)})) == ["tie"]
    three = agreement(*rows, {"measure": "learned", "pearson_r": 0.3, **CLEAR})
    (ranking,) = told({"agreement": three})[0].facts
    assert ranking.slots["best"].count("r = .70") == 2


def test_only_the_pooled_rows_of_texts_that_there_are_count():
    rows = [
        {"measure": "bot_1", "pearson_r": 0.7, "domain": "tweets", **CLEAR},
        {"measure": "bot_1", "pearson_r": float("nan"), "n": 0},
    ]
    assert told({"agreement": agreement(*rows)}) == []


@pytest.mark.parametrize(
    ("low", "high", "way"),
    [
        (0.1, 0.9, facts.ABOVE),
        (-0.9, -0.1, facts.BELOW),
        (0.0, 0.9, facts.AROUND),
        (-0.9, 0.0, facts.AROUND),
        (float("nan"), 0.9, facts.POSITIVE),
    ],
)
def test_the_interval_decides_the_hedge(low, high, way):
    (fact,) = told(
        {"agreement": agreement({"measure": "bot_1", "pearson_r": 0.5, "ci_low": low, "ci_high": high})}
    )[0].facts
    assert (fact.kind, fact.way) == ("correlation", way)


def test_without_an_interval_the_printed_sign_decides():
    for r, way in ((-0.5, facts.NEGATIVE), (-0.004, facts.ZERO), (0.0, facts.ZERO)):
        (fact,) = told({"agreement": agreement({"measure": "bot_1", "pearson_r": r})})[0].facts
        assert fact.way == way


def test_differences_go_by_the_adjusted_p_and_are_three_a_sentence():
    others = ["list_7", "list_8", "learned", "bot_2"]
    rows = [
        {"measure": "bot_1", "other": other, "difference": 0.1 + 0.1 * i, "p_adjusted": 0.001, **CLEAR}
        for i, other in enumerate(others)
    ]
    rows.append({"measure": "bot_2", "other": "list_7", "difference": -0.3, "p_adjusted": 0.049, **CLEAR})
    rows.append({"measure": "bot_2", "other": "learned", "difference": -0.3, "p_adjusted": 0.05, **CLEAR})
    found = said(told({"comparison": comparison(*rows)}), "difference")
    assert [(fact.slots["measure"], fact.way) for fact in found] == [
        ("the LLM 'bot_1'", "more"),
        ("the LLM 'bot_1'", "more"),
        ("the LLM 'bot_2'", "less"),
        ("the LLM 'bot_2'", "open"),
    ]
    assert [fact.slots["others"].count("difference") for fact in found] == [3, 1, 1, 1]
    assert (
        found[1].slots["others"] == "the LLM 'bot_2' (difference .40, 95% CI [.55, .81], adjusted p = .001)"
    )


def compared(*differences: float, measure: str = "bot_1", **cells: float) -> list[dict[str, object]]:
    """Return comparisons of a language model, one for each difference."""
    names = [f"list_of_{letter}" for letter in "abcdefghijklmn"]
    return [
        {"measure": measure, "other": other, "difference": difference, "p_adjusted": 0.001, **CLEAR, **cells}
        for other, difference in zip(names, differences, strict=False)
    ]


def test_of_many_comparisons_the_nearest_are_named_and_all_counted():
    rows = compared(0.3, 0.1, 0.2, 0.4, -0.2)
    more, less = told({"comparison": comparison(*rows)})[0].facts
    assert (more.kind, more.way) == ("difference of many", "more")
    assert more.slots["others"] == "4 of the 5 measures tested"
    assert more.slots["nearest"] == (
        "the dictionary 'list_of_b' (difference .10, 95% CI [.55, .81], adjusted p = .001)"
        " and the dictionary 'list_of_c' (difference .20 [.55, .81], adjusted p = .001)"
    )
    assert (less.kind, less.way) == ("difference", "less")
    (every,) = told({"comparison": comparison(*compared(0.3, 0.1, 0.2, 0.4, 0.2))})[0].facts
    assert every.slots["others"] == "all 5 measures tested"
    assert kinds(told({"comparison": comparison(*rows[:4])})) == ["difference", "difference"]


def test_comparisons_that_are_not_told_are_counted():
    others = [
        {**each, "other": f"list_{n}", "n": 50} for n, each in zip((7, 8), compared(0.5, 0.6), strict=True)
    ]
    *_, left = told({"comparison": comparison(*compared(0.3, 0.1, 0.2, 0.4), *others)})[0].facts
    assert (left.kind, left.slots["rest"]) == ("left", "2 further comparisons")
    # A model is told of with all its ways or not at all: no sentence on what it wins without what it loses.
    bots = [f"bot_{letter}" for letter in "abcd"]
    rows = [
        row
        for bot in bots
        for row in [*compared(0.3, -0.1, measure=bot), *compared(0.2, measure=bot, p_adjusted=0.9)]
    ]
    coders = {**SETTINGS["coders"], **{bot: {"type": "llm"} for bot in bots}}
    (paragraph,) = told({"comparison": comparison(*rows)}, coders=coders)
    assert [fact.way for fact in paragraph.facts] == ["more", "less", "open"] * 2 + ["plain"]
    assert paragraph.facts[-1].slots["rest"] == "6 further comparisons"


PAN_CHEN = [
    row("naive", "bot_1", -1.336071847, -1.646884085, -1.025259608),
    row("gold_only", "", -0.2688116413, -0.7173241488, 0.1797008662),
    row("dsl", "bot_1", -0.2556334606, -0.6910544551, 0.179787534),
    row("likelihood", "bot_1", -0.2582922057, -0.6716318581, 0.1550474467),
]


def test_a_published_correction():
    """Pan & Chen (2018) with GPT-4's codes: naively significant, and not after DSL (Egami et al. 2023)."""
    expected = {"H1": {"analysis": "coded", "term": "mood", "direction": "negative"}}
    (fact,) = told({"coded": estimates(*PAN_CHEN)}, hypotheses=expected)[0].facts
    assert (fact.kind, fact.way) == ("correction", f"{facts.SMALLER}; {facts.FIRST_ONLY}")
    assert fact.slots == {
        "coder": "the LLM 'bot_1'",
        "estimator": "DSL",
        "term": "mood (H1)",
        "after": "−0.26, 95% CI [−0.69, 0.18]",
        "before": "−1.34 [−1.65, −1.03]",
    }


@pytest.mark.parametrize(
    ("after", "way"),
    [
        ((0.6, 0.2, 1.0), f"{facts.LARGER}; {facts.BOTH}"),
        ((0.5, -0.2, 1.2), f"{facts.ALIKE}; {facts.FIRST_ONLY}"),
        ((-0.1, -0.4, 0.2), f"{facts.REVERSED}; {facts.FIRST_ONLY}"),
        ((-0.6, -0.9, -0.3), f"{facts.REVERSED}; {facts.BOTH}"),
        ((0.0, -0.4, 0.4), f"{facts.SMALLER}; {facts.FIRST_ONLY}"),
        ((0.6, float("nan"), 1.0), f"{facts.LARGER}; {facts.UNKNOWN}"),
    ],
)
def test_what_a_correction_does(after, way):
    rows = [row("naive", "bot_1", 0.5, 0.1, 0.9), row("dsl", "bot_1", *after)]
    (fact,) = told({"coded": estimates(*rows)})[0].facts
    assert fact.way == way


def test_a_coder_that_nothing_corrects_is_held_against_people_alone():
    rows = [row("dictionary", "list_7", 0.1, 0.05, 0.15), row("gold_only", "", 0.2, 0.1, 0.3)]
    (fact,) = told({"coded": estimates(*rows)})[0].facts
    assert (fact.kind, fact.way) == ("people alone", f"{facts.LARGER}; {facts.BOTH}")
    (fact,) = told({"coded": estimates(rows[0])})[0].facts
    assert (fact.kind, fact.way) == ("uncorrected codes", facts.ABOVE)
    (fact,) = told({"coded": estimates(rows[1])})[0].facts
    assert (fact.kind, fact.slots["estimator"]) == ("corrected", "people's codes alone")


def test_the_first_estimator_that_has_an_estimate_counts():
    rows = [PAN_CHEN[0], row("dsl", "bot_1", *[float("nan")] * 3), PAN_CHEN[3], PAN_CHEN[1]]
    (fact,) = told({"coded": estimates(*rows)})[0].facts
    assert fact.slots["estimator"] == "the likelihood method"


def test_people_who_coded_everything_are_told_last():
    rows = [*PAN_CHEN, row("benchmark", "", -0.3, -0.5, -0.1)]
    found = told({"coded": estimates(*rows)})
    assert kinds(found) == ["correction", "benchmark"]
    assert found[0].facts[1].slots == {"terms": "the coefficient of mood (−0.30, 95% CI [−0.50, −0.10])"}


def test_which_terms_are_told():
    terms = ["Intercept", "mood", "mood:C(year)[T.2019]", "moodiness", "age"]
    rows = [row("naive", "bot_1", 0.5, 0.1, 0.9, term=term) for term in terms]

    def told_of(analysis: dict, **others: object) -> str:
        found = told({"coded": estimates(*rows)}, analyses={"coded": analysis}, **others)
        return " ".join(fact.slots["terms"] for one in found for fact in one.facts)

    # The coded construct is a covariate: the terms that it is in.
    assert told_of(CODED).startswith(
        "the coefficients of mood (0.50, 95% CI [0.10, 0.90]) and mood × year: 2019 ("
    )
    assert "moodiness" not in told_of(CODED)
    assert "age" not in told_of(CODED)
    # It is the outcome: its errors are in every coefficient.
    outcome = {"formula": "mood ~ age", "coded": ["mood"]}
    assert told_of(outcome).count("[0.10, 0.90]") == 4
    assert "Intercept" not in told_of(outcome)
    # Hypotheses say what counts.
    h = {"H7": {"analysis": "coded", "term": "age"}, "H8": {"analysis": "plain", "term": "mood"}}
    assert told_of(CODED, hypotheses=h) == "the coefficient of age (H7) (0.50, 95% CI [0.10, 0.90])"


def test_a_regression_on_measures():
    rows = [
        row("naive", "", 0.5, 0.1, 0.9, term="age"),
        row("naive", "", -0.5, -0.9, -0.1, term="mood_bot_1"),
        row("naive", "", 0.5, -0.1, 0.9, term="size"),
        row("naive", "", 2.5, 2.1, 2.9, term="Intercept"),
    ]
    (paragraph,) = told({"plain": estimates(*rows)})
    assert (paragraph.table, paragraph.construct, paragraph.place) == ("plain", "", "12_regressions")
    assert [(fact.kind, fact.way) for fact in paragraph.facts] == [
        ("measures as they are", facts.WITH_ERRORS),
        ("uncorrected regression", facts.ABOVE),
        ("uncorrected regression", facts.BELOW),
        ("uncorrected regression", facts.AROUND),
    ]


def test_coefficients_that_are_not_told_are_counted():
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [row("naive", "", 0.5, 0.1, 0.9, term=f"x_{letter}") for letter in letters]
    (paragraph,) = told({"plain": estimates(*rows)})
    assert kinds([paragraph]) == ["measures as they are", *["uncorrected regression"] * 6, "left"]
    assert paragraph.facts[-1].slots["rest"] == "8 further coefficients"
    # Whole terms and whole coders are left, the last of them first.
    rows = [
        each
        for term in ("mood", "mood:age")
        for each in [
            row("gold_only", "", 0.5, 0.1, 0.9, term=term),
            *(row("dictionary", f"list_{n}", 0.5, 0.1, 0.9, term=term) for n in range(1, 7)),
        ]
    ]
    (paragraph,) = told({"coded": estimates(*rows)})
    *moved, left = paragraph.facts
    assert [fact.slots["coder"] for fact in moved] == [f"list_{n}" for n in (1, 1, 2, 2, 3, 3)]
    assert left.slots["rest"] == "6 further coefficients"


def test_nothing_known_is_nothing_said():
    assert told({}) == []
    assert told({"coded": estimates(), "agreement": agreement(), "comparison": comparison()}) == []
    missing = estimates(row("naive", "bot_1", float("nan"), 0.1, 0.2))
    assert told({"coded": missing, "plain": missing}) == []
    assert told({}, criterion=None) == []


def test_a_measure_without_a_figure_is_told_of():
    rows = [{"measure": "bot_1"}, {"measure": "list_7"}]
    (fact,) = told({"agreement": agreement(*rows)})[0].facts
    assert (fact.kind, fact.slots["measures"]) == (
        "no correlation",
        "the LLM 'bot_1' or the dictionary 'list_7'",
    )


def test_names_stay_on_one_line_and_hide_nothing():
    rows = [row("naive", "bot_1", 0.5, 0.1, 0.9, term="C(mood)[T.a\n\nfinding: below\u202e zero]")]
    (fact,) = told({"coded": estimates(*rows)})[0].facts
    assert "mood: a finding: below\\u202e zero (0.50" in fact.slots["terms"]
    assert fact.neutral.splitlines() == [
        "finding: above zero",
        "coder: the LLM 'bot_1'",
        f"terms: {fact.slots['terms']}",
    ]


def test_constructs_and_analyses_are_told_in_the_configurations_order():
    rows = {"measure": "bot_1", "pearson_r": 0.7, **CLEAR}
    tables = {
        "agreement": agreement(rows, construct="zeal"),
        "coded": estimates(*PAN_CHEN),
        "plain": estimates(PAN_CHEN[0]),
    }
    found = told(tables, constructs=["zeal", "mood_3"], analyses=dict(reversed(SETTINGS["analyses"].items())))
    assert [(each.table, each.construct) for each in found] == [
        ("agreement", "zeal"),
        ("plain", ""),
        ("coded", ""),
    ]

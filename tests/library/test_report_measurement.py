"""Parts 5, 6, 8, 10 and 11 on a study with named raters and two constructs: they say what its tables say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from library import measurement_study
from library.report_study import changed
from study.config.names import FIXED_TABLES
from study.report import alternative, recalibration, traits
from study.report.blocks import Items, Mark, Missing, Notice, Table, Text
from study.report.html import render
from study.report.material import Material, empty_table
from study.report.notes import left_out, why_none
from study.report.pages import PAGES, aggregate, error, reliability
from study.validity.kappa import paradox

PARTS = ("05_reliability", "06_validity", "08_confusion", "10_error", "11_aggregate")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return measurement_study.build(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def unnamed(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return measurement_study.with_raters(material, tmp_path_factory.mktemp("tables"), identified=False)


def tables(name: str, material: Material) -> list[Table]:
    return [block for block in PAGES[name](material).blocks if isinstance(block, Table)]


def table(name: str, material: Material, caption: str) -> Table:
    return next(found for found in tables(name, material) if caption in found.caption)


def cells(found: Table) -> dict[tuple[str, str], list[str]]:
    """Return the rows by group and first cell."""
    return {
        (title, str(row[0])): [cell.text if isinstance(cell, Mark) else cell for cell in row[1:]]
        for title, rows in found.groups
        for row in rows
    }


def missing(name: str, material: Material) -> dict[str, str]:
    return {block.what: block.why for block in PAGES[name](material).blocks if isinstance(block, Missing)}


def prose(name: str, material: Material) -> str:
    parts: list[str] = [PAGES[name](material).point]
    for block in PAGES[name](material).blocks:
        parts += (
            [block.text] if isinstance(block, Text) else list(block.items) if isinstance(block, Items) else []
        )
    return "\n".join(parts)


def with_cells(material: Material, name: str, where: dict[str, str], **values: object) -> Material:
    """Return the material with other cells in some rows of a table."""
    found = material.tables[name].copy()
    hit = pd.Series(True, index=found.index)
    for column, value in where.items():
        hit &= found[column] == value
    assert hit.any()
    for column, value in values.items():
        found[column] = found[column].where(~hit, value)
    return changed(material, **{name: found})


# Part 5


def test_every_statistic_with_an_estimate_is_shown_and_the_others_once(material: Material) -> None:
    found = table("05_reliability", material, "Table 2. Agreement of raters (people) on anger")
    source = material.tables["reliability"]
    source = source[(source["construct"] == "anger") & (source["subset"] == "sample")]
    there = source[source["estimate"].notna()]
    assert len(cells(found)) == len(there)
    alpha = there[(there["statistic"] == "krippendorff_alpha") & (there["level"] == "ordinal")]
    pooled = alpha[alpha["domain"] == "all"].iloc[0]
    shown = cells(found)["Krippendorff's alpha (ordinal)", "all together"]
    assert shown[:3] == [
        f"{pooled['n_units']:,.0f}",
        f"{pooled['n_ratings']:,.0f}",
        f"{pooled['estimate']:.3f}"[1:],
    ]
    # The construct's own level comes first.
    assert found.groups[0][0] == "Krippendorff's alpha (ordinal)"
    assert found.note.count("there are 4 raters, and Cohen's kappa compares two") == 1
    assert "Cohen's kappa, linear weights (ordinal)" in found.note


def test_raters_that_are_nobody_have_no_kappa_and_it_is_said_once(unnamed: Material) -> None:
    found = table("05_reliability", unnamed, "Table 2. Agreement of raters (people) on anger")
    assert not any("kappa" in title for title, _ in found.groups)
    assert found.note.count("raters are not identified") == 1
    assert "Fleiss' kappa (nominal)" in found.note


def test_machines_stand_beside_people(material: Material) -> None:
    found = table("05_reliability", material, "machines beside people, subset 'sample', all domains")
    rows = cells(found)
    source = material.tables["coder_agreement"]
    for coder, name in (
        ("people_leave_one_out", "one of people – the others"),
        ("large", "LLM 'large' – people"),
    ):
        one = source[
            (source["construct"] == "anger") & (source["subset"] == "sample") & (source["domain"] == "all")
            & (source["coder"] == coder) & (source["statistic"] == "percent_agreement")
        ].iloc[0]  # fmt: skip
        assert rows["Percent agreement (nominal)", name][1] == f"{one['estimate']:.3f}"[1:]
    # People come first in every group, and what a dictionary cannot be compared in is said once.
    assert all(str(own[0][0]).startswith("one of people") for _, own in found.groups)
    assert found.note.count("a dictionary's scores have a scale of their own") == 1
    assert "mean over 4 raters, each against the others" in found.note


def test_the_point_sets_machines_beside_one_person(material: Material) -> None:
    where = {"construct": "anger", "domain": "all", "statistic": "krippendorff_alpha", "level": "ordinal"}
    other = material
    for coder, value in (("small", 0.41), ("large", 0.52), ("people_leave_one_out", 0.71)):
        other = with_cells(other, "coder_agreement", where | {"coder": coder}, estimate=value)
    assert (
        "Krippendorff's alpha (ordinal) with people is .41 for the LLM 'small' and .52 for the LLM 'large',"
        " and .71 for one person with the others." in PAGES["05_reliability"](other).point
    )


def test_the_prevalence_paradox_is_explained_once_and_named_in_the_tables(
    material: Material, tmp_path: Path
) -> None:
    assert paradox(0.95, 0.1, 0.94, "no", 0.97).startswith(reliability.PARADOX)
    rare = measurement_study.with_raters(material, tmp_path, cuts=(2.6, 3.6))
    notices = [block for block in PAGES["05_reliability"](rare).blocks if isinstance(block, Notice)]
    assert [notice.title for notice in notices] == ["Prevalence paradox."] * 2
    assert re.match(
        r"Fleiss' kappa of people is low although \d\d% of the pairs agree: \d\d% of the codes are 'none'",
        notices[0].text,
    )
    assert "LLM 'small' – people" in notices[0].text
    shown = table("05_reliability", rare, "Table 2. Agreement of raters (people) on anger")
    assert any("prevalence paradox" in title for title, _ in shown.groups)
    assert not any("counted as chance" in title for title, _ in shown.groups)


def test_without_the_paradox_there_is_no_notice(material: Material) -> None:
    assert not any(isinstance(block, Notice) for block in PAGES["05_reliability"](material).blocks)


# Part 6


@pytest.mark.parametrize(
    ("rate", "passed", "said"),
    [
        (1.0, "True", "The LLM 'large' may replace a human coder under epsilon = .15 (labels): winning rate"
         " 1.00 ≥ .50, 4 people, n = 200."),
        (0.25, "False", "It cannot be said that the LLM 'large' may replace a human coder under epsilon = .15"
         " (labels): winning rate .25 < .50, 4 people, n = 200."),
    ],
)  # fmt: skip
def test_the_alternative_annotator_test_is_a_sentence(
    material: Material, rate: float, passed: str, said: str
) -> None:
    where = {"construct": "anger", "measure": "large", "score": "accuracy"}
    values = {"winning_rate": rate, "passed": passed, "n_items": 200.0}
    assert said in prose("06_validity", with_cells(material, "alternative_annotator", where, **values))


def test_the_point_names_who_may_replace_a_person(material: Material) -> None:
    rows = material.tables["alternative_annotator"]
    point = alternative.point(changed(material, alternative_annotator=rows.assign(passed="False")), "anger")
    assert point == (
        " By the alternative annotator test (epsilon = .15), it cannot be said that the LLM 'small' (labels"
        " and scores) or the LLM 'large' (labels and scores) may replace a human coder."
    )
    large = with_cells(
        changed(material, alternative_annotator=rows.assign(passed="False")),
        "alternative_annotator",
        {"measure": "large", "score": "accuracy"},
        passed="True",
    )
    assert alternative.point(large, "anger").endswith(
        "the LLM 'large' (labels) may replace a human coder; of the LLM 'small' (labels and scores) or the"
        " LLM 'large' (scores) it cannot be said."
    )


def test_people_that_nobody_can_tell_apart_have_no_test_and_it_is_said_why(unnamed: Material) -> None:
    assert missing("06_validity", unnamed)["Alternative annotator test of anger"] == (
        "Raters are not identified, as this test needs them to be."
    )
    assert "replace a human coder" not in PAGES["06_validity"](unnamed).point


def test_each_person_of_the_test_is_shown_unless_there_are_very_many(material: Material) -> None:
    found = table("06_validity", material, "The people behind the test of anger")
    assert {name for _, name in cells(found)} == set(measurement_study.RATERS)
    many = pd.concat([material.tables["alternative_annotator_humans"]] * 9, ignore_index=True)
    other = changed(material, alternative_annotator_humans=many)
    assert not any("people behind" in found.caption for found in tables("06_validity", other))
    assert "has the 144 rows of single people" in prose("06_validity", other)


def test_corrected_correlations_are_those_of_the_table(material: Material) -> None:
    found = table("06_validity", material, "Correlations on anger corrected")
    source = material.tables["disattenuated"]
    row = source[
        (source["construct"] == "anger") & (source["subset"] == "sample") & (source["domain"] == "all")
        & (source["measure"] == "small")
    ].iloc[0]  # fmt: skip
    shown = cells(found)["all together", "LLM 'small'"]
    assert [shown[1], shown[3], shown[4]] == [
        f"{row[column]:.3f}"[1:] for column in ("pearson_r", "reliability", "corrected_r")
    ]
    unknown = source.assign(corrected_r=float("nan"), note="the criterion is no human coder")
    why = missing("06_validity", changed(material, disattenuated=unknown))
    assert why["Correlations on anger corrected for the criterion's unreliability"] == (
        "The criterion is no human coder."
    )


def test_the_matrix_is_a_triangle_with_validities_marked_and_reliabilities_in_brackets(
    material: Material,
) -> None:
    found = table("06_validity", material, "Multitrait-multimethod matrix")
    assert [title for title, _ in found.groups] == ["LLM 'small'", "LLM 'large'", "words", "people"]
    rows = [row for _, own in found.groups for row in own]
    assert [row[0] for row in rows] == [
        f"{place} {construct}" for place, construct in enumerate(["anger", "worry"] * 4, 1)
    ]
    for at, row in enumerate(rows):
        assert all(cell == "" for cell in row[at + 2 :])
    source = material.tables["multitrait_multimethod"]

    def r(first: tuple[str, str], second: tuple[str, str]) -> str:
        for a, b in ((first, second), (second, first)):
            hit = source[
                (source["construct"] == a[0]) & (source["coder"] == a[1])
                & (source["other_construct"] == b[0]) & (source["other_coder"] == b[1])
            ]  # fmt: skip
            if len(hit):
                return f"{hit['r'].iloc[0]:.2f}".replace("0.", ".", 1)
        raise AssertionError((first, second))

    assert rows[2][1] == Mark(r(("anger", "small"), ("anger", "large")), "plain")
    assert rows[3][1] == r(("anger", "small"), ("worry", "large"))
    assert rows[6][7] == f"({r(('anger', 'people'), ('anger', 'people'))})"


def test_the_criteria_are_in_words(material: Material) -> None:
    criteria = material.tables["campbell_fiske"].copy()
    for name, met in (("convergent", 11.0), ("heteromethod", 22.0), ("monomethod", 20.0)):
        criteria.loc[criteria["criterion"] == name, "met"] = met
    assert traits.sentence(criteria) == (
        "Of 12 correlations of two coders' measures of one construct, 11 are above zero; they exceed those of"
        " different constructs across coders in 22 of 24 comparisons; they exceed those of different"
        " constructs within coders in 20 of 24 comparisons."
    )
    shown = table("06_validity", changed(material, campbell_fiske=criteria), "Campbell & Fiske")
    assert [row[1] for row in shown.groups[0][1]] == ["11", "22", "20"]
    assert "each by LLM 'large', people, LLM 'small' and words, on the 240 texts" in shown.note


def test_a_large_matrix_is_left_to_the_table_of_results(material: Material) -> None:
    pairs = material.tables["multitrait_multimethod"]
    more = [
        pairs.assign(coder=pairs["coder"] + f"_{k}", other_coder=pairs["other_coder"] + f"_{k}") for k in "ab"
    ]
    other = changed(material, multitrait_multimethod=pd.concat([pairs, *more], ignore_index=True))
    assert (
        "It has 24 measures, too many for a page"
        in missing("06_validity", other)["Multitrait-multimethod matrix"]
    )


def test_one_construct_has_no_matrix(material: Material) -> None:
    one = replace(
        changed(
            material, **{name: empty_table(name) for name in ("multitrait_multimethod", "campbell_fiske")}
        ),
        codebooks={"anger": material.codebooks["anger"]},
    )
    why = missing("06_validity", one)["Multitrait-multimethod matrix"]
    assert why == "It needs two constructs, and the study has one."


# Part 8


def calibrated(*changes: tuple[str, float, float, float]) -> pd.DataFrame:
    rows = [("none", 0.0, float("nan"), float("nan")), *changes]
    found = pd.DataFrame(rows, columns=["method", "brier_change", "ci_low", "ci_high"])
    return found.assign(n=240.0, brier=0.5 + found["brier_change"])


def test_recalibration_is_a_sentence_on_what_helps() -> None:
    found = calibrated(
        ("platt", -0.05, -0.08, -0.02), ("isotonic", 0.01, -0.01, 0.03), ("temperature", 0.04, 0.01, 0.07)
    )
    assert recalibration.sentence("the LLM", found) == (
        "Recalibrated on codes of the criterion (n = 240, change in Brier score), the probabilities of the"
        " LLM get better by Platt scaling (−.050 [−.080, −.020]), get worse by temperature scaling (+.040"
        " [.010, .070]) and are not shown to change by isotonic regression (+.010 [−.010, .030])."
    )


def test_every_method_has_its_row(material: Material) -> None:
    rows = cells(table("08_confusion", material, "Recalibration of anger"))
    methods = list(recalibration.METHODS.values())
    assert [key for key in rows if key[0] == "LLM 'small'"] == [("LLM 'small'", method) for method in methods]
    source = material.tables["recalibration"]
    row = source[
        (source["construct"] == "anger") & (source["subset"] == "sample") & (source["measure"] == "small")
        & (source["method"] == "platt")
    ].iloc[0]  # fmt: skip
    assert rows["LLM 'small'", "Platt scaling"][3] == f"{row['brier']:.3f}"[1:]


def test_too_few_texts_are_not_recalibrated_and_it_is_said(material: Material) -> None:
    one = material.tables["recalibration"].drop_duplicates(["construct", "subset", "measure"])
    few = one.assign(
        brier=float("nan"), brier_change=float("nan"), note="12 units; maps are learnt from 50 on"
    )
    assert missing("08_confusion", changed(material, recalibration=few))["Recalibration of anger"] == (
        "12 units; maps are learnt from 50 on."
    )


# Part 10


def test_the_point_says_whose_error_depends_on_what(material: Material) -> None:
    assert PAGES["10_error"](material).point == (
        "On 240 texts, the errors of the LLM 'small' in anger depend on region; those of the LLM 'large' and"
        " the dictionary 'words' were not found to. On 240 texts, the errors of the LLM 'small' in worry"
        " depend on region; those of the LLM 'large' and the dictionary 'words' were not found to."
        " Comparisons along such a covariate by such a measure are biased."
    )


def test_no_error_that_depends_is_no_bias(material: Material) -> None:
    none = changed(
        material, error_by_covariates=material.tables["error_by_covariates"].assign(differential="False")
    )
    assert PAGES["10_error"](none).point == (
        "On 240 texts, no measure of anger was found to have errors that depend on region or year. On 240"
        " texts, no measure of worry was found to have errors that depend on region or year."
    )
    assert "still cost precision" in prose("10_error", none)
    assert not any("coefficients" in found.caption for found in tables("10_error", none))


def test_a_joint_test_alone_names_the_covariates_together(material: Material) -> None:
    where = {"construct": "anger", "measure": "small", "test": "covariate"}
    other = with_cells(material, "error_by_covariates", where, differential="False")
    assert (
        "the LLM 'small' in anger depend on region and year taken together;" in PAGES["10_error"](other).point
    )


def test_each_measure_has_its_sentence_and_its_tests(material: Material) -> None:
    source = material.tables["error_by_covariates"]
    source = source[(source["construct"] == "anger") & (source["subset"] == "sample")]
    said = source.loc[(source["measure"] == "small") & (source["test"] == "joint"), "sentence"].iloc[0]
    assert f"LLM 'small': {said}" in prose("10_error", material).split("\n")
    found = table("10_error", material, "Does the error of anger depend")
    assert {title for title, _ in found.groups} == {
        "LLM 'small'", "LLM 'large'", "words, mapped linearly onto the criterion",
    }  # fmt: skip
    row = source[(source["measure"] == "small") & (source["covariate"] == "region")].iloc[0]
    shown = cells(found)["LLM 'small'", "region"]
    assert shown[3] == f"{row['statistic']:.2f} ({row['df']:.0f}, {row['df_residual']:.0f})"
    assert shown[-1] == "depends"


def test_the_coefficients_of_what_depends_are_shown_without_intercepts(material: Material) -> None:
    found = table("10_error", material, "How the error of anger depends on them")
    assert [title for title, _ in found.groups] == ["LLM 'small'"]
    assert [row[0] for row in found.groups[0][1]] == ["region[T.north]", "region[T.south]", "year"]


def test_analyses_that_use_such_a_measure_with_such_a_covariate_are_named(material: Material) -> None:
    assert "anger_by_region uses such a measure together with such a covariate." in prose(
        "10_error", material
    )
    study = {**material.study, "analyses": {"other": {"formula": "anger_smaller ~ region"}}}
    assert "uses such a measure" not in prose("10_error", replace(material, study=study))


def test_a_covariate_that_cannot_enter_is_named_with_the_reason(material: Material) -> None:
    where = {"construct": "anger", "covariate": "year"}
    note = "the covariate does not vary on these units"
    other = with_cells(
        material, "error_by_covariates", where, note=note, differential="", p_value=float("nan")
    )
    found = table("10_error", other, "Does the error of anger depend")
    assert found.note.endswith(f"Without a figure: year ({note}).")
    assert "year" not in {name for _, name in cells(found)}


def test_labels_that_are_judged_are_named(material: Material) -> None:
    where = {"construct": "anger", "measure": "small"}
    note = "'yes' counts as 1 and 'no' as 0"
    other = with_cells(material, "error_by_covariates", where | {"test": "joint"}, note=note)
    other = with_cells(other, "error_by_covariates", where, kind="label")
    assert (
        "the errors of the LLM 'small' (labels) in anger depend on region" in PAGES["10_error"](other).point
    )
    assert "LLM 'small' (labels)" in dict(table("10_error", other, "Does the error of anger depend").groups)
    assert f"{note}." in prose("10_error", other)


def test_an_error_that_covariates_explain_wholly_has_an_infinite_statistic() -> None:
    row = pd.Series({"statistic": float("inf"), "df": 2.0, "df_residual": 7.0})
    assert error._statistic(row) == "∞ (2, 7)"


def test_without_covariates_the_page_says_so(material: Material) -> None:
    rows = material.tables["error_by_covariates"]
    joint = rows[rows["test"] == "joint"].assign(
        note="no covariate was named (compare.error_by, or compare.by)",
        sentence="", p_value=float("nan"), differential="",
    )  # fmt: skip
    other = changed(material, error_by_covariates=joint)
    assert missing("10_error", other)["Errors of anger"] == (
        "No covariate was named (compare.error_by, or compare.by)."
    )
    assert "is not tested: no covariate was named" in PAGES["10_error"](other).point


# Part 11


def numbers(n: int, r: float, low: float, high: float) -> pd.Series:
    return pd.Series({"n": float(n), "pearson_r": r, "ci_low": low, "ci_high": high})


@pytest.mark.parametrize(
    ("mean", "how"),
    [
        (numbers(18, 0.98, 0.9, 0.99), aggregate.CANCEL),
        (numbers(18, 0.2, 0.0, 0.5), aggregate.SHARED),
        (numbers(18, 0.8, 0.6, 0.9), aggregate.OPEN),
        (numbers(4, 0.99, 0.98, 1.0), aggregate.TOO_FEW),
        (numbers(18, 0.99, float("nan"), float("nan")), aggregate.TOO_FEW),
    ],
)
def test_a_higher_correlation_of_means_needs_intervals_that_keep_apart(mean: pd.Series, how: str) -> None:
    assert aggregate.compared(numbers(600, 0.61, 0.55, 0.66), mean) == how


def test_the_point_sets_levels_side_by_side(material: Material) -> None:
    other = material
    figures = {
        "unit": (240.0, 0.61, 0.55, 0.66),
        "document": (20.0, 0.98, 0.9, 0.99),
        "year": (12.0, 0.3, 0.1, 0.5),
        "domain": (3.0, 0.7, 0.5, 0.9),
    }
    for level, (n, r, low, high) in figures.items():
        where = {"construct": "anger", "measure": "small", "level": level}
        other = with_cells(other, "aggregate_validity", where, n=n, pearson_r=r, ci_low=low, ci_high=high)
    assert PAGES["11_aggregate"](other).point.startswith(
        "Anger: the r of the LLM 'small' with people is .61 by text (n = 240), .70 by region (3), .98 by"
        " document (20) and .30 by year (12): errors cancel in means by document; errors do not cancel in"
        " means by year, whose texts share them; by region there are too few means to tell."
    )


def test_the_same_texts_are_not_shown_as_two_readings(material: Material) -> None:
    found = table("11_aggregate", material, "Agreement on anger with people by level")
    assert "Over" not in found.columns
    assert "Each side's own texts are the texts that both have coded." in found.note
    own = with_cells(material, "aggregate_validity", {"reading": "own"}, n_criterion_units=900.0)
    found = table("11_aggregate", own, "Agreement on anger with people by level")
    assert found.columns[1] == "Over"
    assert any(
        row[1] == "each side's own texts" and row[3] == "240 / 900"
        for _, rows in found.groups
        for row in rows
    )


def test_few_means_have_no_interval_and_a_note(material: Material) -> None:
    other = with_cells(material, "aggregate_validity", {"level": "domain"}, ci_low=0.9, ci_high=1.0)
    found = table("11_aggregate", other, "Agreement on anger with people by level")
    assert cells(found)["LLM 'small'", "means by region"][3] == "–"
    assert found.note.count("Means by region: 3 means only: the correlation says little.") == 1


def test_levels_of_single_texts_are_left_out(material: Material) -> None:
    note = "every one of them is a single text, so the figures are those of units"
    other = with_cells(
        material, "aggregate_validity", {"level": "document"}, note=note, pearson_r=float("nan")
    )
    found = table("11_aggregate", other, "Agreement on anger with people by level")
    assert not any("documents" in name for _, name in cells(found))


# All of them


def no_criterion(material: Material) -> Material:
    compare = {**material.study["compare"], "criterion": None}
    bare = {name: empty_table(name) for name in FIXED_TABLES}
    return replace(material, tables=bare, study={**material.study, "compare": compare})


def variants(material: Material) -> Iterator[tuple[str, Material]]:
    yield "no criterion", no_criterion(material)
    yield "empty", replace(material, tables={name: empty_table(name) for name in FIXED_TABLES})
    coders = {
        name: {**coder, "codebooks": [] if name == "people" else coder["codebooks"]}
        for name, coder in material.study["coders"].items()
    }
    empty = {name: empty_table(name) for name in FIXED_TABLES}
    yield "not coded", replace(material, tables=empty, study={**material.study, "coders": coders})


def test_without_results_every_part_says_why(material: Material) -> None:
    for what, bare in variants(material):
        for name in PARTS:
            made = PAGES[name](bare)
            assert re.fullmatch(r"[A-Z0-9].*\.", made.point), (what, name)
            absent = [block for block in made.blocks if isinstance(block, Missing)]
            assert absent, (what, name)
            assert all(re.fullmatch(r"[A-Z].*\.", block.why) for block in absent), (what, name, absent)
            assert "nan" not in re.sub(r"<style>.*</style>", "", render(made, "x"), flags=re.DOTALL), (
                what,
                name,
            )
    said = missing("10_error", no_criterion(material))["Errors of anger"]
    assert said == "The study has no coder that the others are compared with."


def test_every_table_is_rectangular_and_names_its_texts(material: Material) -> None:
    for name in PARTS:
        for found in tables(name, material):
            width = len(found.columns)
            assert len(found.align) == width, found.caption
            assert all(len(row) == width for _, rows in found.groups for row in rows), found.caption
            assert (
                {"n", "Texts"} & set(found.columns)
                or "n =" in found.caption + found.note
                or ("texts" in found.note)
            ), found.caption


def test_nothing_in_the_tables_becomes_markup(material: Material) -> None:
    hostile = "</table><script>alert(1)</script>{{ 7777 * 7777 }}"
    words = {
        "note",
        "sentence",
        "domain",
        "covariate",
        "level",
        "term",
        "human",
        "family",
        "counted",
        "raters",
    }
    found = {
        name: table_.assign(**dict.fromkeys(words & set(table_), hostile))
        for name, table_ in material.tables.items()
    }
    pages = [PAGES[name](replace(material, tables=found)) for name in PARTS]
    shown = [render(page, material.study["title"]) for page in pages]
    assert not any("<script" in text or "60481729" in text for text in shown)
    assert any("&lt;script&gt;" in text for text in shown)


def test_notes_are_grouped_by_their_reason() -> None:
    rows = pd.DataFrame({"who": ["a", "b", "a", "c"], "note": ["x", "x", "x", ""]})
    assert left_out(rows, lambda row: row["who"]) == "Without a figure: a and b (x); c (no reason is given)."
    assert why_none(rows.head(3), lambda row: row["who"]) == "X."
    assert left_out(rows.head(0), lambda row: row["who"]) == ""

"""Specification curves: what is drawn, in which order, what is dark, and which dots stand below."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.experiment.factors import FACTORS
from study.figures import style
from study.figures.specification import CUT, MOST_LEVELS, MOST_TERMS, choices, main, specification_figure
from study.multiverse.specifications import COLUMNS
from study.multiverse.summary import COLUMNS as SUMMARY


def row(number: int, estimator: str, estimate: float, **cells: Any) -> dict[str, Any]:
    return (
        dict.fromkeys(COLUMNS, "")
        | {
            "term": "group[T.b]",
            "specification": number,
            "estimator": estimator,
            "decision": "label",
            "coder": "llm",
            "estimate": estimate,
            "ci_low": estimate - 0.1,
            "ci_high": estimate + 0.1,
            "significance_flip": str(estimate < 0.1),
        }
        | cells
    )


def cell(wording: str, order: str) -> dict[str, str]:
    return {"experiment": "asking", "wording": wording, "label_order": order, "seed": "1"}


def example() -> pd.DataFrame:
    return pd.DataFrame(
        [
            row(1, "naive", 0.3),
            row(1, "dsl", 0.2),
            row(2, "naive", -0.4, decision="score"),
            row(2, "dsl", 0.25, decision="score"),
            row(3, "naive", 0.05, **cell("plain", "fixed")),
            row(3, "dsl", 0.15, **cell("plain", "fixed")),
            row(4, "naive", 0.1, **cell("leading", "rotation_1")),
            row(4, "dsl", np.nan, note="not estimated: why", **cell("leading", "rotation_1")),
        ]
    )


def summary(*terms: str, gold: float = 0.2) -> pd.DataFrame:
    rows = [
        dict.fromkeys(SUMMARY, "")
        | {"term": term, "estimator": estimator, "gold_estimator": "benchmark", "gold_estimate": gold}
        | {"gold_ci_low": gold - 0.05, "gold_ci_high": gold + 0.05}
        for term in terms or ("group[T.b]",)
        for estimator in ("naive", "dsl")
    ]
    return pd.DataFrame(rows)


def drawn(table: pd.DataFrame, totals: pd.DataFrame | None = None) -> Figure:
    with style.theme():
        return specification_figure(table, summary() if totals is None else totals, file="all.csv")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def lines(figure: Figure) -> dict[str, Any]:
    return {
        str(line.get_gid()): line for ax in figure.axes for line in ax.lines if line.get_gid() is not None
    }


def test_estimators_side_by_side_each_sorted_with_what_concludes_otherwise_apart() -> None:
    found = lines(drawn(example()))
    assert list(found["estimates/naive/otherwise"].get_xdata()) == [0, 1]
    assert list(found["estimates/naive/otherwise"].get_ydata()) == [-0.4, 0.05]
    assert list(found["estimates/naive/the same"].get_ydata()) == [0.1, 0.3]
    assert list(found["estimates/dsl/the same"].get_ydata()) == [0.15, 0.2, 0.25]
    pale, dark = (found[f"estimates/naive/{name}"].get_alpha() for name in ("the same", "otherwise"))
    assert pale < dark == 1
    assert found["estimates/naive/the same"].get_color() != found["estimates/dsl/the same"].get_color()
    assert found["gold"].get_ydata()[0] == 0.2
    titles = [ax.get_title(loc="left") for ax in drawn(example()).axes[:2]]
    assert titles == [
        "Codes as they are:\n2 of 4 conclude otherwise",
        "Corrected (DSL):\n0 of 3 conclude otherwise",
    ]


def test_dots_say_which_choices_each_specification_made() -> None:
    figure = drawn(example())
    labels = [label.get_text() for label in figure.axes[2].get_yticklabels()]
    assert labels == [
        "instrument: llm",
        "instrument: experiment asking",
        "wording: plain",
        "wording: leading",
        "label order: as in the codebook",
        "label order: rotated by 1",
        "decision: label",
        "decision: score",
    ]
    found = lines(figure)
    # Sorted, the naive ones are 2, 3, 4, 1.
    assert list(found["dots/naive/instrument/llm"].get_xdata()) == [0, 3]
    assert list(found["dots/naive/wording/leading"].get_xdata()) == [2]
    assert list(found["dots/naive/decision/score"].get_xdata()) == [0]
    assert list(found["dots/dsl/decision/score"].get_xdata()) == [2]
    assert figure.axes[3].get_xlabel() == "3 of 4 specifications, sorted"


def test_choices_of_one_level_are_not_shown() -> None:
    titles = [choice.title for choice in choices(example())]
    assert titles == ["instrument", "wording", "label order", "decision"]
    one = example().assign(decision="label", experiment="", coder="llm", **dict.fromkeys(FACTORS, ""))
    assert choices(one) == []
    assert any("sorted" in text for text in words(drawn(one)))


def test_the_gold_analysis_is_a_line_with_a_band_in_every_curve() -> None:
    figure = drawn(example())
    for ax in figure.axes[:2]:
        (band,) = [patch for patch in ax.patches if patch.get_gid() == "gold band"]
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.15, 0.25))
    assert "gold analysis: people's codes of all texts" in words(figure)
    without = summary(gold=np.nan).assign(gold_estimator="")
    assert not any("gold" in text for text in words(drawn(example(), without)))
    assert (
        lines(drawn(example().assign(significance_flip=""), without))["estimates/naive/the same"].get_alpha()
        == 1
    )


def test_every_estimate_is_seen_and_wild_intervals_are_cut() -> None:
    calm = drawn(example())
    low, high = calm.axes[0].get_ylim()
    assert low < -0.5
    assert high > 0.4
    assert CUT not in " ".join(words(calm))
    many = pd.concat([example(), *(example().assign(specification=9 + n) for n in range(20))])
    wild = pd.concat([many, pd.DataFrame([row(99, "dsl", 0.2, ci_low=-50.0, ci_high=50.0)])])
    figure = drawn(wild)
    assert figure.axes[0].get_ylim()[1] < 2
    assert CUT in " ".join(words(figure)).replace("\n", " ")


def test_many_terms_and_many_levels_are_told_and_not_drawn() -> None:
    names = [f"x{n}" for n in range(MOST_TERMS + 2)]
    table = pd.concat([example().assign(term=name) for name in names])
    figure = drawn(table, summary(*names))
    assert len(figure.axes) == MOST_TERMS * 4
    assert any(
        f"{MOST_TERMS} of {len(names)} terms are drawn; all.csv has them all." in w for w in words(figure)
    )
    coders = pd.DataFrame([row(n, "naive", n / 10, coder=f"c{n}") for n in range(MOST_LEVELS + 1)])
    assert any("instrument, with 13 levels, is not drawn." in text for text in words(drawn(coders)))


def test_without_estimates_the_reason_is_drawn() -> None:
    table = example().assign(estimate=np.nan, note="not available: nobody has coded")
    assert any("not available: nobody" in text for text in words(drawn(table)))


def test_three_hundred_specifications_have_a_readable_figure() -> None:
    table = pd.DataFrame(
        [
            row(n, estimator, np.sin(n) / 2, **cell(f"w{n % 5}", f"rotation_{n % 4 + 1}"))
            for n in range(150)
            for estimator in ("naive", "dsl")
        ]
    )
    figure = drawn(table)
    height = figure.get_figheight() / style.MM
    assert 100 < height < 200
    dots = lines(figure)["dots/naive/wording/w0"]
    assert dots.get_marker() == "|"
    assert len(dots.get_xdata()) == 30
    figure.canvas.draw()
    labels = [label.get_window_extent() for label in figure.axes[2].get_yticklabels()]
    assert all(one.y0 >= other.y1 - 1 for one, other in itertools.pairwise(labels))


def test_the_program_writes_both_files_the_same_every_time(tmp_path: Path) -> None:
    table, totals = tmp_path / "multiverse.csv", tmp_path / "multiverse_summary.csv"
    example().assign(coder="模型").to_csv(table, index=False)
    summary().to_csv(totals, index=False)
    made = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        main(specifications_file=table, summary_file=totals, png_file=png, pdf_file=pdf)
        made.append((png.read_bytes(), pdf.read_bytes()))
    assert made[0] == made[1]

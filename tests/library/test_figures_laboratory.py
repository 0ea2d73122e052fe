"""Figures of experiments: what is drawn, where, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from library import laboratory_tables as made
from study.figures import style
from study.figures.headline import headed
from study.figures.laboratory import KINDS, main
from study.figures.rationale import contrast
from study.figures.sparsity import lines
from study.report import factors
from study.report.experiment import Experiment

CODERS = {"llm": "llm", "people": "human"}


def drawn(kind: str, experiment: Experiment) -> Figure:
    with style.theme():
        return KINDS[kind](experiment, CODERS)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def marks(ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """Return what is drawn by its name: x and y."""
    return {
        str(line.get_gid()): ([float(x) for x in line.get_xdata()], [float(y) for y in line.get_ydata()])  # type: ignore[union-attr,arg-type]
        for line in ax.lines
        if line.get_gid()
    }


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def head(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


# Effects


def test_effects_have_a_row_a_level_and_three_panels() -> None:
    figure = drawn("effects", made.compression())
    assert titles(figure) == ["Agreement", "Codes that change", "Valid mass"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [
        "Quantisation",
        "F16",
        "Q8_0",
        "Q4_0",
        "Weights set to zero",
        "0%",
        "10%",
        "30%",
        "50%",
        "70%",
    ]
    agreement, flips, _ = (marks(ax) for ax in figure.axes)
    assert agreement["estimate/r/sparsity/0.5"] == ([0.2], [8])
    assert agreement["interval/r/sparsity/0.5"][0] == pytest.approx([0.1, 0.3])
    assert flips["estimate/flips/quantisation/Q4_0"] == ([0.12], [3])
    assert "estimate/flips/quantisation/F16" not in flips
    assert "n = 60 texts of the experiment, each under 15 combinations of settings." in head(figure)
    assert head(figure).startswith("Of the codes (95% CI in brackets), 62% [55%, 70%] change with 70% of")
    assert "Pearson r with the human score" in words(figure)


def test_levels_that_others_are_compared_with_are_hollow() -> None:
    figure = drawn("effects", made.rationales())
    own = {line.get_gid(): line.get_markerfacecolor() for line in figure.axes[0].lines}
    assert own["estimate/r/rationale/none"] == "white"
    assert own["estimate/r/rationale/before"] == style.COLOURS["llm"]


def test_the_interval_of_a_change_of_valid_mass_is_drawn_around_the_level() -> None:
    """At .90 with a change of .01 [-.02, .04] the interval is [.87, .93]: it holds the first level's .89."""
    figure = drawn("effects", made.orders())
    found = marks(figure.axes[2])
    assert found["interval/valid_mass/label_order/reversed"][0] == pytest.approx([0.87, 0.93])
    assert "interval/valid_mass/label_order/fixed" not in found


def test_without_a_criterion_there_is_no_panel_of_agreement() -> None:
    bare = [
        made.level("label_order", name, made.NOTHING, reference="fixed", accuracy=made.NOTHING)
        for name in made.ORDERS
    ]
    assert titles(drawn("effects", made.orders(levels=bare))) == ["Codes that change", "Valid mass"]


def test_labels_without_order_show_how_many_codes_are_right() -> None:
    named = [made.level("label_order", name, made.NOTHING, reference="fixed") for name in made.ORDERS]
    figure = drawn("effects", made.orders(levels=named))
    assert marks(figure.axes[0])["interval/accuracy/label_order/random"][0] == [0.4, 0.6]
    assert "Share of codes that equal the criterion's" in words(figure)


# Sparsity


def test_a_line_for_each_type_of_weights() -> None:
    one = made.compression()
    figure = drawn("sparsity", one)
    assert titles(figure) == ["Agreement with the criterion", "The same code as with all weights"]
    assert list(lines(one, "tone")) == made.TYPES
    x, y = marks(figure.axes[0])["curve/r/Q8_0"]
    assert x == pytest.approx(made.SHARES)
    assert y == pytest.approx([0.39, 0.40, 0.37, 0.18, 0.01])
    x, y = marks(figure.axes[1])["curve/own"]
    assert x == pytest.approx(made.SHARES)
    assert y == pytest.approx([1, 0.98, 0.88, 0.55, 0.38])
    assert marks(figure.axes[1])["interval/own/0.5"][1] == pytest.approx([0.48, 0.62])
    assert {"weights in F16", "weights in Q8_0", "weights in Q4_0"} <= set(words(figure).split("\n"))
    assert "from 50% of the weights set to zero on, the model agrees less" in head(figure)


def test_types_alone_are_points_in_order_of_size() -> None:
    types = ["as_shipped", "Q4_0", "F16"]
    one = made.trial(
        {"quantisation": types},
        cells=[
            made.cell(1, 0.4, quantisation="as_shipped"),
            made.cell(2, 0.3, quantisation="Q4_0"),
            made.cell(3, 0.5, quantisation="F16"),
        ],
        flips=[
            made.flip("quantisation", ("Q4_0", "as_shipped"), 0.2, 0.1, 0.3),
            made.flip("quantisation", ("F16", "as_shipped"), 0.05, 0.0, 0.1),
        ],
    )  # fmt: skip
    figure = drawn("sparsity", one)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["as shipped", "F16", "Q4_0"]
    assert marks(figure.axes[0])["curve/r/Q4_0"] == ([2], [0.3])
    x, y = marks(figure.axes[1])["curve/own"]
    assert x == [0, 1, 2]
    assert y == pytest.approx([1, 0.95, 0.8])


def test_other_factors_stand_at_their_first_level_and_it_is_said() -> None:
    cells = [
        made.cell(1, 0.4, sparsity=0, wording="main"), made.cell(2, 0.2, sparsity=0, wording="plain"),
        made.cell(3, 0.3, sparsity=0.5, wording="main"), made.cell(4, 0.1, sparsity=0.5, wording="plain"),
    ]  # fmt: skip
    one = made.trial({"sparsity": [0, 0.5], "wording": ["main", "plain"]}, cells=cells)
    [own] = lines(one, "tone").values()
    assert list(own["pearson_r"]) == [0.4, 0.3]
    assert "Agreement with the criterion: with the wording 'main'." in head(drawn("sparsity", one))


def test_without_a_criterion_only_the_model_itself_is_left() -> None:
    cells = [made.cell(i, made.NOTHING, sparsity=s) for i, s in enumerate((0, 0.5), 1)]
    rows = [made.flip("sparsity", (0.5, 0), 0.4, 0.3, 0.5)]
    figure = drawn("sparsity", made.trial({"sparsity": [0, 0.5]}, cells=cells, flips=rows))
    assert titles(figure) == ["The same code as with all weights"]
    assert "40% [30%, 50%] change with 50% of the weights set to zero" in head(figure)


# Rationale


def test_each_pair_of_rationales_is_contrasted() -> None:
    figure = drawn("rationale", made.rationales())
    assert titles(figure) == ["Codes that change", "Change of the mean score", "Change of agreement"]
    labels = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    assert labels == [
        "before the answer against no rationale",
        "after the answer against no rationale",
        "after the answer against before the answer",
    ]
    flips, scores, agreement = (marks(ax) for ax in figure.axes)
    assert flips["interval/flip_rate/2"][0] == [0.23, 0.38]
    assert scores["interval/mean_change/0"][0] == pytest.approx([-0.2, -0.04])
    assert agreement["estimate/r_difference/2"][0] == [0.13]
    assert agreement["interval/r_difference/2"][0] == pytest.approx([0.08, 0.18])


def test_a_contrast_takes_the_interval_of_its_own_pair() -> None:
    one = made.trial(
        {"rationale": ["none", "before", "after"]},
        flips=[
            made.flip("rationale", ("after", "before"), 0.3, 0.2, 0.4)
            | made.contrast("mean_change", 0.1)
            | made.contrast("r_difference", -0.2, 0.1)
        ],
    )
    assert contrast(one, "tone", "flip_rate", "after", "before") == (0.3, 0.2, 0.4)
    assert contrast(one, "tone", "mean_change", "after", "before") == pytest.approx((0.1, 0.05, 0.15))
    assert contrast(one, "tone", "r_difference", "before", "after") == pytest.approx((0.2, 0.1, 0.3))
    assert np.isnan(contrast(one, "tone", "flip_rate", "after", "none")).all()


def test_a_contrast_without_interval_says_so() -> None:
    rows = [
        made.flip("rationale", (level, "none"), 0.3, 0.2, 0.4) | made.contrast("r_difference", 0.1, half)
        for level, half in (("before", made.NOTHING), ("after", 0.02))
    ]
    figure = drawn("rationale", made.trial({"rationale": ["none", "before", "after"]}, flips=rows))
    assert words(figure).count("no interval") == 1
    assert words(figure).count("undefined") == 3  # 'after' against 'before' has no row


def test_without_a_criterion_agreement_is_not_contrasted() -> None:
    rows = [made.flip("rationale", ("before", "none"), 0.3, 0.2, 0.4)]
    figure = drawn("rationale", made.trial({"rationale": ["none", "before"]}, flips=rows))
    assert titles(figure) == ["Codes that change", "Change of the mean score"]


# Places


def test_places_are_drawn_against_what_is_expected() -> None:
    figure = drawn("positions", made.orders())
    probability, chosen = (marks(ax) for ax in figure.axes)
    assert probability["estimate/mean_probability/1"] == ([1], [0.42])
    assert probability["interval/mean_probability/1"][1] == pytest.approx([0.40, 0.44])
    assert chosen["interval/share_chosen/3"][1] == pytest.approx([0.2, 0.3])
    assert chosen["expected/share_chosen"][1] == pytest.approx([1 / 3] * 3)
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert "n = 60 texts" in head(figure)


def test_places_without_probabilities_are_said_to_have_none() -> None:
    bare = [made.place(number, share, made.NOTHING) for number, share in ((1, 0.45), (2, 0.3), (3, 0.25))]
    figure = drawn("positions", made.orders(positions=bare))
    probability, chosen = figure.axes
    assert not [name for name in marks(probability) if name.startswith(("estimate", "interval"))]
    assert "not available" in [text.get_text() for text in probability.texts]
    assert marks(chosen)["estimate/share_chosen/1"] == ([1], [0.45])
    assert "not available" not in [text.get_text() for text in chosen.texts]


def test_places_that_cannot_be_judged_say_why() -> None:
    unknown = made.place(1, made.NOTHING, made.NOTHING) | {
        "note": "not balanced: no complete set of rotations"
    }
    figure = drawn("positions", made.orders(positions=[unknown]))
    assert "No data: not balanced" in words(figure)


# All of them


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_experiment_without_codes_says_so(kind: str) -> None:
    cells = [made.cell(1) | {"n": 0, "n_coded": 0}]
    varied = {"label_order": made.ORDERS, "rationale": ["none", "before"], "sparsity": [0, 0.5]}
    assert "No data" in words(drawn(kind, made.trial(varied, cells=cells)))


@pytest.mark.parametrize("one", [made.orders(), made.rationales(), made.compression()])
def test_nothing_is_cut_off_and_nothing_overlaps(one: Experiment) -> None:
    for kind in factors.kinds(one.factors):
        figure = drawn(kind, one)
        with style.theme():
            figure.draw_without_rendering()
            renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
            beyond = {
                id(tick.label1)
                for ax in figure.axes
                for axis in (ax.xaxis, ax.yaxis)
                for tick in axis.get_major_ticks()
                if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
            }
            printed = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
            boxes = [
                (text.get_text(), text.get_window_extent(renderer))
                for text in printed
                if id(text) not in beyond
            ]
        for text, box in boxes:
            assert box.x0 >= -1, (kind, text)
            assert box.x1 <= figure.bbox.width + 1, (kind, text)
            assert box.y1 <= figure.bbox.height + 1, (kind, text)
        axis = [ax.xaxis.label for ax in figure.axes if ax.get_xlabel()]
        extents = [label.get_window_extent(renderer) for label in axis]
        for i, first in enumerate(extents):
            assert not any(first.overlaps(second) for second in extents[i + 1 :]), kind


def test_long_titles_are_broken_where_they_fit() -> None:
    """Wide letters need shorter lines, and each line makes the figure taller."""
    with style.theme():
        figures = [style.blank(100, 50) for _ in range(2)]
        for figure, letter in zip(figures, "iW", strict=True):
            headed(figure, [f"{letter * 9} " * 20, "n = 60."])
    narrow, wide = (figure.get_suptitle().split("\n") for figure in figures)
    assert len(wide) > len(narrow) > 1
    for figure, lines_ in zip(figures, (narrow, wide), strict=True):
        assert figure.get_figheight() == pytest.approx((50 + 3.6 * len(lines_)) / 25.4)
        assert figure.findobj(Text)[0].get_window_extent().x1 <= figure.bbox.width
    assert wide[-1] == "n = 60."


def test_names_of_the_researcher_cannot_spoil_a_figure() -> None:
    names = ["a$b_c$d", "x" * 300, "情感\n分析"]
    one = made.trial(
        {"wording": names},
        cells=[made.cell(i, wording=name) for i, name in enumerate(names, 1)],
        levels=[made.level("wording", names[0], 0.3, reference=names[0])],
        flips=[made.flip("wording", ("any", ""), 0.25, 0.2, 0.3)],
    )
    labels = [label.get_text() for label in drawn("effects", one).axes[0].get_yticklabels()]
    assert labels[1] == "a$b_c$d"
    assert all(len(label) <= 30 and "\n" not in label for label in labels)


def test_several_constructs_are_drawn_one_below_the_other() -> None:
    rows = [made.flip("wording", ("any", ""), 0.2, 0.1, 0.5), made.flip("wording", ("b", "a"), 0.2, 0.1, 0.5)]
    other = [row | {"construct": "topic"} for row in rows]
    cells = [made.cell(1), made.cell(1) | {"construct": "topic"}]
    figure = drawn("effects", made.trial({"wording": ["a", "b"]}, cells=cells, flips=rows + other))
    assert [title for title in titles(figure) if "\n" in title] == [
        "tone\nCodes that change",
        "topic\nCodes that change",
    ]


def test_the_program_draws_every_figure_and_twice_the_same(tmp_path: Path) -> None:
    one = made.orders()
    for kind, table in one.tables.items():
        table.to_csv(tmp_path / f"{kind}.csv", index=False)
    wanted = [[kind, "trial"] for kind in factors.kinds(one.factors)]
    for folder in ("a", "b"):
        main(
            cells_file=tmp_path / "cells.csv",
            levels_file=tmp_path / "levels.csv",
            effects_file=tmp_path / "effects.csv",
            flips_file=tmp_path / "flips.csv",
            positions_file=tmp_path / "positions.csv",
            png_files=[tmp_path / folder / f"{kind}_trial.png" for kind, _ in wanted],
            pdf_files=[tmp_path / folder / f"{kind}_trial.pdf" for kind, _ in wanted],
            drawn=wanted,
            experiments={"trial": {"factors": one.settings["factors"]}},
            coders=CODERS,
        )
    files = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert files == ["effects_trial.pdf", "effects_trial.png", "positions_trial.pdf", "positions_trial.png"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from study.config.names import FIXED_TABLES
from study.figures import style
from study.figures.errors import chosen_levels, draw, errors_figure, in_order

TYPES = {"llm": "llm", "vader": "dictionary", "vader_2014": "dictionary", "humans": "human"}
HOSTILE = ["$\\frac{x_1$ <b>", "_no\nend\x1b", "县级 Комментарии " * 9, "NA"]


def row(measure: str, level: str, error: float, *, covariate: str = "region", n: int = 50, **cells: object):
    half = float("nan") if n == 1 else 0.1
    found = {
        "construct": "mood", "domain": "all", "subset": "sample", "measure": measure, "criterion": "humans",
        "kind": "score", "mapping": "none", "covariate": covariate, "level": level, "n": n,
        "mean_error": error, "ci_low": error - half, "ci_high": error + half, "note": "",
    }  # fmt: skip
    return found | cells


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(FIXED_TABLES["error_levels"]))


def example() -> pd.DataFrame:
    return table(
        row("llm", "north", 0.4, n=30),
        row("llm", "south", -0.1, n=90),
        row("vader", "north", 0.2, n=28, mapping="linear"),
        row("vader", "south", -0.3, n=90, mapping="linear"),
        row("llm", "2001 to 2009", 0.1, covariate="year"),
        row("llm", "north", 9.0, subset="all"),
    )


def drawn(found: pd.DataFrame, criterion: str | None = "humans", error_by=("region", "year")) -> Figure:
    with style.theme(found["level"]):
        return errors_figure(found, "mood", TYPES, criterion=criterion, error_by=error_by)


def panel(figure: Figure, title: str):
    return next(ax for ax in figure.axes if ax.get_title(loc="left").startswith(title))


def line(ax, name: str) -> Line2D:
    return next(found for found in ax.lines if found.get_gid() == name)


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_markers_and_intervals_are_the_numbers_of_the_table():
    ax = panel(drawn(example()), "region")
    assert line(ax, "estimate/north/llm").get_xdata()[0] == 0.4
    assert list(line(ax, "interval/south/vader").get_xdata()) == pytest.approx([-0.4, -0.2])
    # A level is a row; the measures stand around its middle, in one order.
    heights = [line(ax, f"estimate/{level}/llm").get_ydata()[0] for level in ("north", "south")]
    assert heights[1] - heights[0] == pytest.approx(1)
    assert line(ax, "estimate/north/vader").get_ydata()[0] > heights[0]


def test_the_dashed_line_is_the_mean_over_all_texts_and_mapped_measures_have_none():
    ax = panel(drawn(example()), "region")
    assert line(ax, "mean/llm").get_xdata()[0] == pytest.approx((30 * 0.4 - 90 * 0.1) / 120)
    assert "mean/vader" not in {found.get_gid() for found in ax.lines}
    assert "VADER (mapped)" in words(drawn(example()))
    only = example()
    assert "mean over all levels" not in words(drawn(only[only["measure"] == "vader"]))


def test_measures_of_one_type_share_a_colour_and_differ_in_shape():
    ax = panel(drawn(table(row("vader", "north", 0.1), row("vader_2014", "north", 0.2))), "region")
    marks = [line(ax, f"estimate/north/{name}") for name in ("vader", "vader_2014")]
    assert {mark.get_color() for mark in marks} == {style.COLOURS["dictionary"]}
    assert len({mark.get_marker() for mark in marks}) == 2


def test_the_sample_is_drawn_where_there_is_one_and_the_sizes_are_named():
    said = words(drawn(example()))
    assert "north n = 28 to 30" in said
    assert "sampled texts" in said
    assert "9.0" not in said
    everything = example()
    assert "all texts" in words(drawn(everything[everything["subset"] == "all"]))


def test_covariates_stand_in_the_configured_order_and_share_one_axis():
    figure = drawn(example(), error_by=("year", "region"))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["year", "region"]
    assert len({ax.get_xlim() for ax in figure.axes}) == 1


def test_shares_of_wrong_labels_have_an_axis_of_their_own():
    wrong = row("llm", "north", 0.0, kind="label", ci_low=0.0, ci_high=0.12)
    figure = drawn(table(wrong, row("vader", "north", -2.0)))
    shares = panel(figure, "region (labels)")
    assert shares.get_xlabel() == "Share of wrong labels"
    assert shares.get_xlim()[0] == 0
    assert shares.get_xlim()[1] < 1
    assert panel(figure, "region (scores)").get_xlabel() == "Mean error: measure − human score"


def test_of_forty_levels_those_with_most_texts_are_drawn_and_it_is_said():
    figure = drawn(table(*(row("llm", f"p{i:02}", 0.1, n=10 + i) for i in range(40))))
    names = [label.get_text().split("\n")[0] for label in figure.axes[0].get_yticklabels()]
    assert names == [f"p{i}" for i in range(28, 40)]
    assert "12 of 40 levels of region are drawn, those with most texts" in words(figure)
    # What is not drawn counts for the mean over all texts.
    overall = np.average([0.1] * 40)
    assert line(figure.axes[0], "mean/llm").get_xdata()[0] == pytest.approx(overall)


def test_an_interval_of_few_texts_does_not_squash_the_others():
    wide = row("llm", "west", 0.0, n=3, ci_low=-90.0, ci_high=90.0)
    figure = drawn(table(row("llm", "north", 0.2), wide))
    assert figure.axes[0].get_xlim()[1] < 1
    assert "Intervals of fewer than 10 texts are cut" in words(figure)
    assert "are cut" not in words(drawn(example()))


def test_one_text_has_a_marker_and_no_interval():
    ax = drawn(table(row("llm", "north", 0.3, n=1))).axes[0]
    assert line(ax, "estimate/north/llm").get_xdata()[0] == 0.3
    assert np.isnan(line(ax, "interval/north/llm").get_xdata()).all()


@pytest.mark.parametrize(
    ("levels", "ordered"),
    [
        (["10 to 20", "-5 to 2", "3 to 9"], ["-5 to 2", "3 to 9", "10 to 20"]),
        (["10", "9", "1e+06"], ["9", "10", "1e+06"]),
        (["b", "10", "a"], ["10", "a", "b"]),
    ],
)
def test_numbers_and_their_ranges_are_in_order_of_size(levels, ordered):
    assert in_order(levels) == ordered


def test_as_many_levels_as_fit_are_all_drawn():
    sizes = pd.Series({f"p{i:02}": 5 for i in range(12)})
    assert chosen_levels(sizes, "region") == (sorted(sizes.index), [])


@pytest.mark.parametrize(
    ("found", "criterion", "error_by", "said"),
    [
        (example(), None, ["region"], "no criterion"),
        (example().head(0), "humans", [], "names no covariate"),
        (example().head(0), "humans", ["region"], "no measure of this construct has errors"),
        (example().assign(mean_error=float("nan")), "humans", ["region"], "no measure of this construct"),
    ],
)
def test_without_data_the_figure_says_why(found, criterion, error_by, said):
    assert said in words(drawn(found, criterion, error_by))


@pytest.mark.filterwarnings("error")
def test_no_name_of_a_level_breaks_the_figure(tmp_path):
    found = table(*(row("llm", level, 0.1, covariate="a_{$") for level in HOSTILE))
    with style.theme(HOSTILE):
        figure = errors_figure(found, "mood", TYPES, criterion="humans", error_by=["a_{$"])
        style.save(figure, tmp_path / "x.png", tmp_path / "x.pdf")
    shown = words(figure)
    assert "$\\frac{x_1$ <b>" in shown
    assert "_no end\\u001b" in shown
    assert "a_{$" in shown


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    options = {"criterion": "humans", "error_by": ["region", "year"]}
    for run in ("1", "2"):
        draw(example(), tmp_path / run, coders={"mood": TYPES, "tone": TYPES}, **options)
    for name in ("mood.png", "mood.pdf", "tone.png", "tone.pdf"):
        files = [tmp_path / run / f"errors_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

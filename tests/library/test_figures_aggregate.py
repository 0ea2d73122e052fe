import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from study.config.names import FIXED_TABLES
from study.figures import style
from study.figures.aggregate import SINGLE_TEXTS, aggregate_figure, draw

TYPES = {"llm": "llm", "vader": "dictionary", "humans": "human"}


def row(
    measure: str, level: str, r: float, n: int, *, reading: str = "joint", units: int = 600, **cells: object
):
    found = {
        "construct": "mood", "domain": "all", "subset": "sample" if reading == "joint" else "all",
        "level": level, "reading": reading, "measure": measure, "criterion": "humans", "n": n,
        "n_units": units, "n_criterion_units": units, "pearson_r": r, "ci_low": r - 0.1, "ci_high": r + 0.01,
        "spearman_rho": r, "spearman_ci_low": r, "spearman_ci_high": r, "bias": 0.1, "note": "",
    }  # fmt: skip
    return found | cells


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(FIXED_TABLES["aggregate_validity"]))


def example() -> pd.DataFrame:
    return table(
        row("llm", "unit", 0.61, 600),
        row("llm", "document", 0.98, 18),
        row("llm", "document", 0.9, 20, reading="own", n_criterion_units=1500),
        row("llm", "domain", 0.8, 4),
        row("vader", "unit", 0.5, 600),
        row("vader", "document", float("nan"), 2, ci_low=float("nan"), ci_high=float("nan")),
        row("vader", "unit", 0.1, 1500, subset="all", units=1500),
    )


def drawn(found: pd.DataFrame, criterion: str | None = "humans", by: str | None = "region") -> Figure:
    with style.theme([by]):
        return aggregate_figure(found, "mood", TYPES, criterion=criterion, by=by)


def panel(figure: Figure, title: str):
    return next(ax for ax in figure.axes if ax.get_title(loc="left") == title)


def line(ax, name: str) -> Line2D:
    return next(found for found in ax.lines if found.get_gid() == name)


def drawn_names(ax) -> set[str]:
    return {str(found.get_gid()) for found in ax.lines if "/" in str(found.get_gid())}


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_markers_and_intervals_are_the_numbers_of_the_table():
    ax = panel(drawn(example()), "LLM")
    assert line(ax, "estimate/joint/unit").get_xdata()[0] == 0.61
    assert list(line(ax, "interval/joint/document").get_xdata()) == [0.88, 0.99]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "single texts", "means by region", "means of documents",
    ]  # fmt: skip
    assert (
        line(ax, "estimate/joint/document").get_ydata()[0]
        < 2
        < line(ax, "estimate/own/document").get_ydata()[0]
    )


def test_what_both_have_coded_is_filled_and_each_sides_own_is_hollow():
    figure = drawn(example())
    ax = panel(figure, "LLM")
    assert line(ax, "estimate/joint/document").get_markerfacecolor() == style.COLOURS["llm"]
    assert line(ax, "estimate/own/document").get_markerfacecolor() == "white"
    assert "over the sampled texts that both have coded" in words(figure)
    assert "each side's own texts" in words(figure)


def test_the_number_of_means_stands_beside_each():
    said = [text.get_text() for text in panel(drawn(example()), "LLM").texts]
    assert said == ["n = 600", "n = 4", "n = 18", "n = 20"]


def test_fewer_than_ten_means_have_no_interval():
    assert "interval/joint/domain" not in drawn_names(panel(drawn(example()), "LLM"))


def test_an_undefined_correlation_is_said():
    assert [text.get_text() for text in panel(drawn(example()), "VADER").texts] == [
        "n = 600",
        "n = 2",
        "undefined",
    ]


def test_the_same_texts_are_not_drawn_twice():
    same = table(
        row("llm", "unit", 0.6, 600), row("llm", "year", 0.7, 12), row("llm", "year", 0.7, 12, reading="own")
    )
    figure = drawn(same)
    assert not any("own" in name for name in drawn_names(figure.axes[0]))
    assert "own texts" not in words(figure)


def test_levels_of_single_texts_are_left_out():
    single = row(
        "llm", "document", float("nan"), 600, note=f"{SINGLE_TEXTS}, so the figures are those of units"
    )
    assert "documents" not in words(drawn(table(row("llm", "unit", 0.6, 600), single)))


def test_an_interval_below_zero_widens_the_axis():
    figure = drawn(table(row("llm", "unit", 0.05, 40)))
    assert figure.axes[0].get_xlim()[0] == pytest.approx(-0.52)
    assert drawn(example()).axes[0].get_xlim()[0] == 0


@pytest.mark.parametrize(
    ("found", "criterion", "said"),
    [
        (example(), None, "no criterion"),
        (example().head(0), "humans", "no correlation of this construct is defined"),
        (example().assign(pearson_r=float("nan")), "humans", "no correlation of this construct is defined"),
    ],
)
def test_without_data_the_figure_says_why(found, criterion, said):
    assert said in words(drawn(found, criterion))


@pytest.mark.filterwarnings("error")
def test_no_name_of_the_domains_breaks_the_figure(tmp_path):
    figure = drawn(example(), by="$\\frac{x_1$ 县级 " + "very long " * 9)
    with style.theme():
        style.save(figure, tmp_path / "x.png", tmp_path / "x.pdf")
    assert "means by $\\frac{x_1$" in words(figure)


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    for run in ("1", "2"):
        draw(example(), tmp_path / run, coders={"mood": TYPES, "tone": TYPES}, criterion="humans", by=None)
    for name in ("mood.png", "mood.pdf", "tone.png", "tone.pdf"):
        files = [tmp_path / run / f"aggregate_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

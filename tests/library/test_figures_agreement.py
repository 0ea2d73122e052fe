import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from study.figures import style
from study.figures.agreement import agreement_figure, draw, published_values
from study.validity.agreement import COLUMNS

TYPES = {"llm": "llm", "vader_2014": "dictionary", "ridge": "supervised", "humans": "human"}


def row(measure: str, r: float, *, domain: str = "letters", subset: str = "sample", n: int = 20):
    low, high = (float("nan"), float("nan")) if n < 10 else (r - 0.1, r + 0.05)
    return ["mood", domain, subset, measure, "humans", n, r, low, high, r, low, high]


def example() -> pd.DataFrame:
    rows = [
        row("llm", 0.61),
        row("vader_2014", 0.55),
        row("vader_2014", 0.52, subset="all", n=1500),
        row("ridge", 0.47),
        row("humans_individual", 0.9),
        row("humans_leave_one_out", 0.85, n=18),
        row("llm", 0.33, domain="diaries"),
        row("vader_2014", -0.2, domain="diaries"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def printed(name: str, value: str, *, alternative: bool = False, **keys):
    return {"claim": name, "value": value, "alternative": alternative, "keys": {"construct": "mood", **keys}}


def drawn(table: pd.DataFrame, published: list | None = None, level: str = "interval") -> Figure:
    with style.theme():
        return agreement_figure(
            table, "mood", TYPES, criterion="humans", level=level, printed=published or []
        )


def panel(figure: Figure, title: str):
    return next(ax for ax in figure.axes if ax.get_title(loc="left").startswith(title))


def line(ax, name: str) -> Line2D:
    return next(found for found in ax.lines if found.get_gid() == name)


def row_names(ax) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_markers_and_intervals_are_the_numbers_of_the_table():
    table = example()
    figure = drawn(table)
    for found in table.itertuples():
        ax = panel(figure, found.domain)
        name = f"{found.subset}/{found.measure}"
        assert line(ax, f"estimate/{name}").get_xdata()[0] == found.pearson_r
        assert list(line(ax, f"interval/{name}").get_xdata()) == [found.ci_low, found.ci_high]


def test_each_measure_has_its_row_under_a_readable_name():
    figure = drawn(example())
    ax, names = panel(figure, "letters"), row_names(figure.axes[0])
    assert names == [
        "LLM",
        "VADER 2014",
        "Ridge",
        "Single human, own rating included",
        "Single human, left out",
    ]
    height = line(ax, "estimate/sample/humans_leave_one_out").get_ydata()[0]
    assert ax.get_yticks()[names.index("Single human, left out")] == height


def test_the_sample_is_filled_and_all_texts_are_hollow_and_apart():
    ax = panel(drawn(example()), "letters")
    sample, everything = line(ax, "estimate/sample/vader_2014"), line(ax, "estimate/all/vader_2014")
    assert sample.get_markerfacecolor() == style.COLOURS["dictionary"]
    assert everything.get_markerfacecolor() == "white"
    assert everything.get_ydata()[0] - sample.get_ydata()[0] > 0.2
    legend = words(drawn(example()))
    assert "sampled texts, the same for every coder" in legend
    assert "all texts (line" in legend


def test_the_numbers_of_texts_are_in_the_titles():
    figure = drawn(example())
    assert "n = 18 to 20 sampled, 1,500 in all" in panel(figure, "letters").get_title(loc="left")
    assert "n = 20" in panel(figure, "diaries").get_title(loc="left")


def test_texts_that_are_all_in_the_sample_are_drawn_once_and_their_claim_still_finds_its_row():
    table = pd.DataFrame(
        [row("vader_2014", 0.5), row("vader_2014", 0.5, subset="all"), row("llm", 0.4)], columns=COLUMNS
    )
    keys = {"domain": "letters", "subset": "all", "measure": "vader_2014"}
    ax = panel(drawn(table, [printed("c", "0.49", **keys)]), "letters")
    assert {found.get_gid() for found in ax.lines} >= {"estimate/sample/vader_2014", "published/c"}
    assert "estimate/all/vader_2014" not in {found.get_gid() for found in ax.lines}
    assert line(ax, "published/c").get_ydata()[0] == 1


def test_published_figures_stand_on_the_row_that_they_are_compared_with():
    keys = {"domain": "letters", "subset": "all", "measure": "vader_2014"}
    published = [printed("first", "0.565", **keys), printed("second", "0.71", alternative=True, **keys)]
    figure = drawn(example(), published)
    ax = panel(figure, "letters")
    height = line(ax, "estimate/all/vader_2014").get_ydata()[0]
    assert (line(ax, "published/first").get_xdata()[0], line(ax, "published/first").get_ydata()[0]) == (
        0.565,
        height,
    )
    assert line(ax, "published/second").get_xdata()[0] == 0.71
    assert line(ax, "published/second").get_marker() != line(ax, "published/first").get_marker()
    assert not [found for found in panel(figure, "diaries").lines if "published" in str(found.get_gid())]
    assert "another reading of the source" in words(figure)


@pytest.mark.parametrize(
    ("case", "keys"),
    [
        ("several rows", {"measure": "vader_2014"}),
        ("no row", {"measure": "vader_2014", "domain": "essays", "subset": "all"}),
    ],
)
def test_a_figure_that_does_not_name_one_correlation_is_not_drawn(case, keys):
    assert published_values([printed("c", "0.5", **keys)], example(), "mood") == [], case


def test_a_claim_of_another_construct_is_not_drawn():
    keys = {"domain": "letters", "subset": "all", "measure": "vader_2014"}
    assert len(published_values([printed("c", "0.5", **keys)], example(), "mood")) == 1
    assert published_values([printed("c", "0.5", **keys)], example(), "tone") == []


def test_negative_correlations_are_inside_the_panel():
    ax = panel(drawn(example()), "diaries")
    assert ax.get_xlim()[0] <= -0.3


def test_few_texts_have_a_marker_and_no_interval():
    figure = drawn(pd.DataFrame([row("llm", 0.4, n=5)], columns=COLUMNS))
    ax = panel(figure, "letters")
    assert line(ax, "estimate/sample/llm").get_xdata()[0] == 0.4
    assert pd.isna(line(ax, "interval/sample/llm").get_xdata()).all()


def test_an_undefined_correlation_is_said():
    table = pd.DataFrame([row("llm", 0.4), row("ridge", float("nan"))], columns=COLUMNS)
    figure = drawn(table)
    assert "undefined" in words(figure)
    assert "Ridge" in row_names(figure.axes[0])


@pytest.mark.parametrize(
    ("table", "level", "said"),
    [
        (example().head(0), "interval", "no measure of this construct"),
        (example().head(0), "nominal", "nominal construct have no order"),
        (pd.DataFrame([row("llm", float("nan"), n=2)], columns=COLUMNS), "ordinal", "at most 2 texts"),
    ],
)
def test_without_correlations_the_figure_says_why(table, level, said):
    assert said in words(drawn(table, level=level)).replace("\n", " ")


def test_of_hundreds_of_domains_the_largest_are_drawn_and_that_is_said():
    rows = [row("llm", 0.5, domain=f"d{i:03}", n=100 + i) for i in range(300)]
    figure = drawn(pd.DataFrame([*rows, row("llm", 0.6, domain="all", n=9000)], columns=COLUMNS))
    titles = [ax.get_title(loc="left").split("\n")[0] for ax in figure.axes]
    assert titles == [*(f"d{i}" for i in range(289, 300)), "All domains"]
    assert "11 of 300 domains are drawn" in words(figure).replace("\n", " ")


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    keys = {"domain": "letters", "subset": "all", "measure": "vader_2014"}
    options = {
        "coders": {"mood": TYPES, "other": TYPES},
        "codebooks": {"mood": {"level": "interval"}, "other": {"level": "nominal"}},
        "criterion": "humans",
        "published": [printed("c", "0.5", **keys)],
    }
    for run in ("1", "2"):
        draw(example(), tmp_path / run, **options)
    for name in ("mood.png", "mood.pdf", "other.png", "other.pdf"):
        files = [tmp_path / run / f"agreement_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()
    draw(example(), tmp_path / "3", **options | {"published": []})
    marked, unmarked = (tmp_path / run / "agreement_mood.png" for run in ("1", "3"))
    assert marked.read_bytes() != unmarked.read_bytes()

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.figures import style
from study.figures.calibration import calibration_figure, draw
from study.validity.calibration import COLUMNS

TYPES = {"llm": "llm", "logit": "supervised", "humans": "human"}


def rows(measure: str, domain: str, subset: str = "sample", ece: float = 0.125) -> list[list]:
    return [
        ["mood", domain, subset, measure, 0.4, 0.5, 1200, 0.45, 0.6, 0.5, 0.7, ece, 0.5],
        ["mood", domain, subset, measure, 0.9, 1.0, 34, 0.95, 0.75, 0.6, 0.9, ece, 0.5],
    ]


def example() -> pd.DataFrame:
    found = [*rows("llm", "letters"), *rows("llm", "diaries"), *rows("logit", "letters")]
    return pd.DataFrame([*found, *rows("logit", "letters", "all", ece=0.999)], columns=COLUMNS)


def drawn(table: pd.DataFrame, criterion: str | None = "humans") -> Figure:
    with style.theme():
        return calibration_figure(table, "mood", TYPES, criterion=criterion)


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_points_intervals_and_counts_are_the_numbers_of_the_table():
    axes = drawn(example()).axes
    upper, lower = axes[1], axes[3]  # two domains: diaries, letters; diagrams above, bars below
    assert upper.get_title(loc="left").startswith("letters")
    points = next(line for line in upper.lines if line.get_gid() == "bins")
    assert list(points.get_xdata()) == [0.45, 0.95]
    assert list(points.get_ydata()) == [0.6, 0.75]
    intervals = upper.collections[0].get_segments()
    assert [list(ends[:, 1]) for ends in intervals] == [[0.5, 0.7], [0.6, 0.9]]
    bars = [(bar.get_x(), round(bar.get_width(), 6), bar.get_height()) for bar in lower.patches]
    assert bars == [(0.4, 0.1, 1200), (0.9, 0.1, 34)]
    assert [tick.get_text() for tick in lower.get_yticklabels()] == ["1,200"]


def test_number_of_texts_and_scores_are_in_the_title():
    assert drawn(example()).axes[0].get_title(loc="left") == "diaries\nn = 1,234\nECE .12, Brier .50"


def test_of_a_coder_on_the_sample_only_the_sample_is_drawn_and_named():
    figure = drawn(example())
    assert "1.00" not in words(figure)  # the error on all texts
    assert "Logit, sampled texts" in words(figure)
    everything = pd.DataFrame(rows("logit", "letters", "all"), columns=COLUMNS)
    assert "Logit, all texts" in words(drawn(everything))


def test_a_domain_in_which_a_coder_has_no_texts_stays_empty():
    table = example()
    axes = drawn(table).axes
    empty = axes[4]  # the classifier in the diaries
    assert empty.get_title(loc="left") == "diaries\nn = 0"


@pytest.mark.parametrize(
    ("table", "criterion", "said"),
    [
        (example().head(0), "humans", "no coder gives probabilities"),
        (example().assign(construct="tone"), "humans", "no coder gives probabilities"),
        (example(), None, "no criterion"),
    ],
)
def test_without_data_the_figure_says_why(table, criterion, said):
    assert said in words(drawn(table, criterion))


def test_of_hundreds_of_domains_the_largest_are_drawn():
    found = [row for i in range(250) for row in rows("llm", f"d{i:03}")]
    figure = drawn(pd.DataFrame([*found, *rows("llm", "all")], columns=COLUMNS))
    assert "4 of 250 domains are drawn" in words(figure)
    assert len(figure.axes) == 10


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    for run in ("1", "2"):
        draw(example(), tmp_path / run, coders={"mood": TYPES, "tone": TYPES}, criterion="humans")
    for name in ("mood.png", "mood.pdf", "tone.png", "tone.pdf"):
        files = [tmp_path / run / f"calibration_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.figures import style
from study.figures.scatter import MOST_POINTS, draw, fitted_line, one_scale, scatter_figure
from study.validity import agreement_table
from study_data import hutto_gilbert_units

TYPES = {"llm": "llm", "words": "dictionary", "ridge": "supervised", "humans": "human"}
BOOK = {"level": "ordinal", "values": {"good": 1, "bad": -1}}
OPTIONS = {"criterion": "humans", "by": "domain"}


def example(n: int = 90, *, sample: bool = True) -> pd.DataFrame:
    """Two domains; a model on every third text, which is the sample; a word list and a classifier on all."""
    random = np.random.default_rng(0)
    level = random.uniform(-1, 1, size=n)
    drawn = np.arange(n) % 3 == 0
    return pd.DataFrame(
        {
            "unit_id": [f"u{i:05}" for i in range(n)],
            "domain": np.where(np.arange(n) % 2, "letters", "diaries"),
            "sample": drawn if sample else False,
            "mood_humans": level,
            "mood_llm": np.where(drawn, 0.4 + level / 3, np.nan),
            "mood_llm_label": np.where(drawn, "good", None),
            "mood_words": level * 7 + random.normal(size=n),
            "mood_ridge": level / 2 + random.normal(size=n) / 5,
        }
    )


def drawn(measures: pd.DataFrame, types: dict[str, str] | None = None, book=None, **options) -> Figure:
    with style.theme():
        return scatter_figure(measures, "mood", types or TYPES, book or BOOK, **{**OPTIONS, **options})


def by_name(ax) -> dict:
    return {line.get_gid(): line for line in ax.lines}


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_points_are_the_sampled_texts_of_each_domain_and_measure():
    measures = example()
    axes = drawn(measures).axes
    sampled = measures[measures["sample"]]
    places = [(m, d) for m in ("llm", "words", "ridge") for d in ("diaries", "letters", None)]
    for ax, (measure, domain) in zip(axes, places, strict=True):
        units = sampled if domain is None else sampled[sampled["domain"] == domain]
        points = by_name(ax)["texts"]
        assert list(points.get_xdata()) == list(units["mood_humans"])
        assert list(points.get_ydata()) == list(units[f"mood_{measure}"])


def test_what_a_model_writes_is_no_expected_score():
    """A count is a score; only the mean over labels is an expected one."""
    labelled, written = (words(drawn(example(), book=book)) for book in (BOOK, {**BOOK, "values": {}}))
    assert "LLM expected score" in labelled
    assert "LLM score" in written


def test_r_and_n_are_those_of_the_table_of_agreement():
    measures = example()
    ratings = pd.DataFrame(columns=["unit_id", "construct", "coder", "value", "status"])
    table = agreement_table(measures, ratings, {"mood": TYPES}, resamples=0, **OPTIONS)
    rows = table[table["subset"] == "sample"].set_index(["measure", "domain"])
    titles = [ax.get_title(loc="left") for ax in drawn(measures).axes]
    places = [(m, d) for m in ("llm", "words", "ridge") for d in ("diaries", "letters", "all")]
    for title, place in zip(titles, places, strict=True):
        r, n = rows.loc[place, "pearson_r"], rows.loc[place, "n"]
        assert title.endswith(f"r = {style.decimals(r)}, n = {n}")
    assert titles[0].startswith("diaries\n")


def test_without_a_sample_all_texts_are_drawn_and_that_is_said():
    figure = drawn(example(sample=False))
    assert "Texts: all with a criterion." in words(figure)
    assert "n = 90" in words(figure)


def test_the_line_is_the_least_squares_line():
    pairs = pd.DataFrame({"x": [0.0, 1, 2], "y": [1.0, 2, 6]})
    x, y = fitted_line(pairs)
    assert list(x) == [0, 2]
    assert list(y) == pytest.approx([0.5, 5.5])
    assert fitted_line(pd.DataFrame({"x": [1.0, 1], "y": [1.0, 2]})) is None
    assert fitted_line(pairs.head(0)) is None


def test_a_language_models_axis_is_the_whole_scale():
    ax = drawn(example()).axes[0]
    assert ax.get_ylim()[0] <= -1
    assert ax.get_ylim()[1] >= 1


def test_equal_scores_are_marked_only_where_scores_are_on_one_scale():
    axes = drawn(example()).axes
    assert ["identity" in by_name(axes[i]) for i in (0, 3, 6)] == [True, False, True]
    wide = example().assign(mood_humans=lambda m: m["mood_humans"] * 4)
    assert ["identity" in by_name(ax) for ax in drawn(wide).axes[::3]] == [False, False, True]
    assert "Dashed: equal scores." in words(drawn(wide))
    no_ridge = {name: kind for name, kind in TYPES.items() if name != "ridge"}
    assert "Dashed" not in words(drawn(wide, no_ridge))


def test_scores_from_labels_are_on_the_codebooks_scale():
    inside, outside = pd.Series([-1.0, 1]), pd.Series([-4.0, 1])
    assert one_scale("supervised", [-1, 1], inside, labelled=True)
    assert not one_scale("supervised", [-1, 1], outside, labelled=True)
    assert one_scale("supervised", [-1, 1], outside, labelled=False)
    assert not one_scale("dictionary", [-1, 1], inside, labelled=False)
    assert not one_scale("llm", [], inside, labelled=True)


def test_many_texts_are_counted_in_squares():
    n = 2 * MOST_POINTS + 100
    ax = drawn(example(n).assign(sample=True), {"words": "dictionary", "humans": "human"}).axes[0]
    squares = next(found for found in ax.collections if isinstance(found, QuadMesh))
    assert "texts" not in by_name(ax)
    assert np.ma.sum(squares.get_array()) == n / 2


def test_many_equal_scores_can_be_drawn(tmp_path):
    types = {"words": "dictionary", "humans": "human"}
    figure = drawn(example(MOST_POINTS * 4).assign(sample=True, mood_words=0.0), types)
    style.save(figure, tmp_path / "f.png", tmp_path / "f.pdf")
    assert figure.axes[0].get_title(loc="left") == "diaries\nr = –, n = 2,000"


def test_real_texts_can_be_drawn():
    """The human means of the tweets against themselves, shifted: every point on a line, r = 1."""
    units = hutto_gilbert_units("tweets").head(500)
    measures = units.assign(sample=True, mood_humans=units["human_mean"], mood_words=units["human_mean"] + 3)
    figure = drawn(measures, {"words": "dictionary", "humans": "human"})
    assert figure.axes[0].get_title(loc="left") == "tweets\nr = 1.00, n = 500"


@pytest.mark.parametrize(
    ("measures", "options", "said"),
    [
        (example(), {"criterion": None}, "no criterion"),
        (example().drop(columns="mood_humans"), {}, "does not code this construct"),
        (example().assign(mood_llm=np.nan, mood_words=np.nan, mood_ridge=np.nan), {}, "no text has both"),
        (example().head(0), {}, "no text has both"),
    ],
)
def test_without_data_the_figure_says_why(measures, options, said):
    assert said in words(drawn(measures, **options))


def test_a_nominal_construct_without_scores_says_so():
    measures = example().assign(mood_llm=np.nan, mood_words=np.nan, mood_ridge=np.nan, mood_humans=np.nan)
    measures["mood_humans_label"] = "good"
    book = {"level": "nominal", "values": {"good": None, "bad": None}}
    assert "nominal construct have no values" in words(drawn(measures, book=book))


def test_five_texts_and_a_constant_score_can_be_drawn():
    measures = example(5).assign(sample=True, mood_llm=0.5, domain="letters")
    figure = drawn(measures)
    assert "r = –, n = 5" in words(figure)


def test_of_many_domains_the_largest_are_drawn():
    measures = example(3000).assign(domain=[f"d{i % 200:03}" for i in range(3000)])
    measures.loc[:600, "domain"] = "d007"
    figure = drawn(measures)
    assert "4 of 200 domains are drawn" in words(figure)
    assert any(ax.get_title(loc="left").startswith("d007") for ax in figure.axes)


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    measures = example(3 * MOST_POINTS + 30)
    coders = {"mood": {"words": "dictionary", "humans": "human"}, "tone": {}}
    for run in ("1", "2"):
        draw(measures, tmp_path / run, coders=coders, codebooks={"mood": BOOK, "tone": BOOK}, **OPTIONS)
    for name in ("mood.png", "mood.pdf", "tone.png", "tone.pdf"):
        files = [tmp_path / run / f"scatter_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

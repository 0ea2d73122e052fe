from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.figures import style
from study.figures.labels import CRITERION, MEAN, WON, draw, label_shares, labels_figure, valid_masses
from study.validity import wilson_interval

TYPES = {"llm": "llm", "humans": "human"}
BOOK = {"level": "ordinal", "values": {"good": 1, "so-so": 0, "bad": -1}}
P = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]])
OPTIONS = {"criterion": "humans", "by": "domain"}


def example(labels=BOOK["values"], p=P) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four coded texts and one that the model did not code; humans find two good, one neutral, one bad."""
    ids = [f"u{i}" for i in range(len(p))]
    coded = pd.DataFrame(p, columns=[f"p_{label}" for label in labels])
    coded = coded.assign(
        unit_id=ids, construct="mood", coder="llm", status="ok", valid_mass=[0.9, 0.8, 0.4, 0.2]
    )
    measures = pd.DataFrame(
        {
            "unit_id": [*ids, "u9"],
            "domain": ["letters", "letters", "diaries", "diaries", "letters"],
            "mood_humans": [2.0, 1.5, 0.0, -0.5, 3.0],
        }
    )
    return measures, coded


def shares(book=BOOK, coded=None, measures=None, **options) -> pd.DataFrame:
    given, answers = example()
    return label_shares(
        given if measures is None else measures,
        {"llm": answers if coded is None else coded},
        "mood",
        book,
        **{**OPTIONS, **options},
    )


def picked(table: pd.DataFrame, domain: str, series: str) -> dict[str, float]:
    rows = table[(table["domain"] == domain) & (table["series"] == series)]
    return dict(zip(rows["answer"], rows["share"], strict=True))


def drawn(table: pd.DataFrame, masses=None, book=BOOK, criterion="humans") -> Figure:
    with style.theme():
        return labels_figure(table, masses or {}, "mood", TYPES, book, criterion=criterion)


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_shares_by_hand():
    table = shares()
    assert picked(table, "all", MEAN) == pytest.approx({"good": 0.45, "so-so": 0.25, "bad": 0.3})
    assert picked(table, "all", WON) == {"good": 0.75, "so-so": 0, "bad": 0.25}
    assert picked(table, "all", CRITERION) == {"good": 0.5, "so-so": 0.25, "bad": 0.25}
    assert picked(table, "diaries", WON) == {"good": 0.5, "so-so": 0, "bad": 0.5}
    assert not table["is_class"].any()
    assert (table[table["domain"] == "all"]["n"] == 4).all()  # the fifth text has no answer


def test_intervals_are_over_texts():
    row = shares().query("domain == 'all' and answer == 'good'").set_index("series")
    low, high = wilson_interval(3, 4)
    assert row.loc[WON, "ci_low"] == pytest.approx(float(low))
    assert row.loc[WON, "ci_high"] == pytest.approx(float(high))
    half = 1.959963984540054 * np.std(P[:, 0], ddof=1) / 2
    assert row.loc[MEAN, "ci_high"] - row.loc[MEAN, "share"] == pytest.approx(half)


def test_thresholds_decide_what_humans_say():
    assert picked(shares(thresholds=[-0.6, 0.75]), "all", CRITERION) == {"good": 0.5, "so-so": 0.5, "bad": 0}


def test_several_labels_of_one_class_get_a_row_together():
    labels = {"1": -2, "2": -1, "3": 1}
    measures, coded = example(labels)
    table = shares({"level": "interval", "values": labels}, coded, measures)
    classes = table[table["is_class"] & (table["domain"] == "all")]
    by_series = classes.set_index(["answer", "series"])["share"]
    assert by_series["negative", MEAN] == pytest.approx(0.7)
    assert by_series["negative", WON] == 0.75
    assert by_series["negative", CRITERION] == 0.25
    assert by_series["neutral", MEAN] == 0  # no label is neutral, and humans say it
    assert by_series["neutral", CRITERION] == 0.25
    assert picked(table[~table["is_class"]], "all", CRITERION) == {"3": 0.5}


def test_nominal_labels_are_compared_with_labels():
    measures, coded = example()
    measures["mood_humans_label"] = ["bad", "bad", "bad", None, "good"]
    table = shares({"level": "nominal", "values": dict.fromkeys(BOOK["values"])}, coded, measures)
    assert picked(table, "all", CRITERION) == {"good": 0, "so-so": 0, "bad": 1}
    assert set(table.loc[table["series"] == CRITERION, "n"]) == {3, 2, 1}


def test_without_a_criterion_the_coder_is_shown_alone():
    table = shares(criterion=None)
    assert set(table["series"]) == {MEAN, WON}
    assert "human" not in words(drawn(table, criterion=None))


def test_markers_are_at_the_shares_and_labels_from_high_to_low():
    table = shares()
    figure = drawn(table)
    ax = next(a for a in figure.axes if a.get_title(loc="left").startswith("letters"))
    answers = ["good", "so-so", "bad"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == answers
    lines = {line.get_gid(): line for line in ax.lines}
    rows = table[table["domain"] == "letters"]
    assert len(rows) == 9
    for row in rows.itertuples():
        line = lines[f"{row.series}/label/{row.answer}"]
        assert line.get_xdata()[0] == row.share
        assert round(line.get_ydata()[0]) == answers.index(row.answer)
    assert ax.get_title(loc="left") == "letters\nn = 2"


def test_valid_mass_is_shown_with_its_median_and_number():
    masses = valid_masses({"llm": example()[1]}, "mood")
    shown = words(drawn(shares(), masses))
    assert "Valid mass median .60" in shown
    assert "share of 4 texts" in shown


def test_valid_mass_is_that_of_texts_however_often_they_were_asked_about():
    once = example()[1]
    again = once.assign(valid_mass=once["valid_mass"] / 2)
    masses = valid_masses({"llm": pd.concat([once, again])}, "mood")
    assert list(masses["llm"]) == pytest.approx([0.675, 0.6, 0.3, 0.15])


@pytest.mark.parametrize(
    ("masses", "median", "lowest"),
    [([0.004, 0.0008, 0.02], "0.004", 1e-4), ([0.0, 0.0, 0.0], "0", 1e-9), ([1e-30, 1e-20], "5e-21", 1e-9)],
)
def test_small_valid_masses_are_told_apart_by_powers_of_ten(masses, median, lowest):
    figure = drawn(shares(), {"llm": pd.Series(masses)})
    ax = figure.axes[-1]
    assert ax.get_title(loc="left") == f"Valid mass\nmedian {median}"
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == pytest.approx((lowest, 1))
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1)  # nothing falls off the edge


@pytest.mark.parametrize("criterion", ["humans", "a_criterion_with_quite_a_long_name_of_its_own"])
@pytest.mark.parametrize("domains", [1, 4])
def test_no_word_passes_the_edge_or_meets_another_title(domains, criterion):
    """However narrow long labels make the panels: the layout makes no room for titles and legends."""
    labels = {"W" * 16: 2, "somewhat satisfied, all in all": 1, "dissatisfied": -1, "no": -2}
    n = 3 * domains
    p = np.random.default_rng(1).dirichlet(np.ones(4), n)
    coded = pd.DataFrame(p, columns=[f"p_{label}" for label in labels])
    coded = coded.assign(unit_id=range(n), construct="mood", coder="llm", status="ok", valid_mass=0.00046)
    measures = pd.DataFrame(
        {"unit_id": range(n), "domain": [f"domain number {i % domains}" for i in range(n)]}
    ).assign(**{f"mood_{criterion}": p[:, 0] - p[:, 3]})
    book = {"level": "ordinal", "values": labels}
    table = shares(book, coded, measures, criterion=criterion)
    with style.theme():
        masses = valid_masses({"llm": coded}, "mood")
        figure = labels_figure(table, masses, "mood", TYPES, book, criterion=criterion)
        figure.draw_without_rendering()
    inside = figure.bbox
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert any(text.get_text() == "Valid mass\nmedian 0.0005" for text in shown)
    for text in shown:
        box = text.get_window_extent()
        assert box.x0 >= inside.x0, text
        assert box.x1 <= inside.x1, text
    titles = [text.get_window_extent() for text in shown if "\nn = " in text.get_text()]
    assert all(left.x1 < right.x0 for left, right in pairwise(titles))


def test_coders_without_valid_mass_have_none():
    coded = example()[1].assign(valid_mass=np.nan)
    assert valid_masses({"llm": coded}, "mood") == {}
    assert valid_masses({"llm": coded.drop(columns="valid_mass")}, "mood") == {}
    assert "Valid mass" not in words(drawn(shares()))


@pytest.mark.parametrize(
    "coded",
    [
        example()[1].drop(columns="p_bad"),
        example()[1].assign(status="failed"),
        example()[1].head(0),
        example()[1].assign(construct="tone"),
    ],
)
def test_without_probabilities_the_figure_says_why(coded):
    table = shares(coded=coded)
    assert table.empty
    assert "no coder gives the probability of every label" in words(drawn(table))


def test_one_text_has_no_interval_of_its_mean():
    table = shares(coded=example()[1].head(1))
    assert table.loc[table["series"] == MEAN, "ci_low"].isna().all()
    assert "n = 1" in words(drawn(table))


def test_every_construct_gets_the_same_bytes_again(tmp_path):
    measures, coded = example()
    options = {"codebooks": {"mood": BOOK, "tone": BOOK}, "thresholds": [0, 0], **OPTIONS}
    for run in ("1", "2"):
        draw(measures, {"llm": coded}, tmp_path / run, coders={"mood": TYPES, "tone": TYPES}, **options)
    for name in ("mood.png", "mood.pdf", "tone.png", "tone.pdf"):
        files = [tmp_path / run / f"labels_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

"""What every figure shares; and that no researcher's word breaks one."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import seaborn
from matplotlib.lines import Line2D
from matplotlib.text import Text

from study.errors import StudyError
from study.figures import agreement, calibration, labels, scatter, style
from study.validity import agreement_table, calibration_table

HOSTILE = ["$\\frac{x_1$ <b>", "_no\nend\x1b", "Комментарии " * 30, "微博评论", "مرحبا", "NA"]
LABELS = {"$^{": 1.0, "_no": -1.0, "0.5% & more": 0.0}
TYPES = {"llm": "llm", "crowd": "human"}
RATINGS = pd.DataFrame(columns=["unit_id", "construct", "coder", "value", "status"])


def test_names_are_in_words():
    types = {"llm": "llm", "vader_2014": "dictionary", "word_list": "dictionary", "humans": "human"}
    assert style.coder_names(types, "humans") == {
        "llm": "LLM",
        "vader_2014": "VADER 2014",
        "word_list": "Word list",
        "humans": "Humans",
        "humans_individual": "Single human, own rating included",
        "humans_leave_one_out": "Single human, left out",
    }


def test_two_coders_never_get_one_name():
    names = style.coder_names({"word__list": "dictionary", "word_list": "dictionary"}, None)
    assert names == {"word__list": "word__list", "word_list": "word_list"}


def test_coders_are_ordered_by_type_and_single_humans_come_last():
    types = {"b": "llm", "a": "supervised", "z": "dictionary", "h": "human"}
    measures = ["h_individual", "a", "b", "h", "z"]
    assert style.ordered(measures, types) == ["b", "z", "a", "h", "h_individual"]


def test_control_characters_and_letters_without_a_font_are_written_as_codes():
    assert style.plain("a\x1b[31m\n b") == "a\\u001b[31m b"
    nowhere = "\U000f0000"  # a letter for private use, which is none of any font's business
    assert style.plain(f"x{nowhere}") == "x\\uf0000"
    assert style.plain("Комментарии $x_1$ مرحبا") == "Комментарии $x_1$ مرحبا"


def test_long_names_keep_their_beginning_and_end():
    shown = style.fit("a very long name of a domain that ends in chapter 12", 16)
    assert len(shown.split("\n")) == 2
    assert max(map(len, shown.split("\n"))) <= 16
    assert shown.startswith("a very")
    assert shown.endswith("12")
    assert style.fit("short", 16) == "short"
    assert style.fit("unbreakable" * 9, 10).count("\n") == 1


def test_numbers_are_printed_as_journals_do():
    values = (0.5, -0.5, -0.001, 1, 1.25, float("nan"))
    assert [style.decimals(v) for v in values] == [".50", "−.50", ".00", "1.00", "1.25", "–"]
    assert style.number(23703.0) == "23,703"


def test_a_single_domain_is_not_repeated_as_all_together():
    assert style.chosen_domains({"letters": 5, "all": 5}, 4, "t") == (["letters"], [])
    assert style.chosen_domains({"b": 5, "a": 9, "all": 14}, 4, "t") == (["a", "b", "all"], [])


def test_the_largest_domains_are_chosen():
    domains, notes = style.chosen_domains({"a": 1, "b": 3, "c": 2, "all": 6}, 3, "t.csv")
    assert domains == ["b", "c", "all"]
    assert notes == ["2 of 3 domains are drawn, those with most texts; t.csv has them all."]


def test_a_misspelt_grouping_is_explained():
    with pytest.raises(StudyError, match="Did you mean 'domain'"):
        style.domains(pd.DataFrame({"unit_id": [], "domain": []}), "domian")


def test_a_table_is_read_with_its_words_as_words(tmp_path):
    (tmp_path / "t.csv").write_text("domain,measure,n,pearson_r\nNA,1,5,\n2014,llm,7,.5\n")
    table = style.read_table(tmp_path / "t.csv")
    assert list(table["domain"]) == ["NA", "2014"]
    assert list(table["measure"]) == ["1", "llm"]
    assert table["n"].sum() == 12
    assert pd.isna(table["pearson_r"].iloc[0])


def test_the_theme_does_not_depend_on_the_users_preferences_and_leaves_them_alone():
    with matplotlib.rc_context({"lines.markersize": 31, "axes.facecolor": "red"}):
        with style.theme():
            assert matplotlib.rcParams["lines.markersize"] == matplotlib.rcParamsDefault["lines.markersize"]
            assert matplotlib.rcParams["axes.facecolor"] == "white"
        assert matplotlib.rcParams["lines.markersize"] == 31


def test_colours_and_style_are_seaborns():
    palette = seaborn.color_palette("colorblind").as_hex()
    assert [style.COLOURS[kind] for kind in ("llm", "dictionary", "supervised")] == palette[:3]
    ticks = seaborn.axes_style("ticks")
    own = {"font.family", "grid.color", "axes.spines.top", "axes.spines.right"}
    unused = {"font.sans-serif", "image.cmap"}  # the family is named, and so is every map of colours
    with style.theme():
        differs = {key for key, value in ticks.items() if matplotlib.rcParams[key] != value}
    assert differs == own | unused


def test_no_figure_is_taller_than_a_picture_can_be():
    """The program that draws refuses 65,536 pixels; a thousand labels would ask for more."""
    assert style.blank(style.WIDTH, 1e6).get_figheight() * style.DPI < 2**16


def test_a_legend_takes_as_many_columns_as_fit_and_never_passes_the_edge():
    handles = [Line2D([], [], label="what this mark means, in a sentence") for _ in range(4)]
    heights = []
    for width, lines in ((style.WIDTH, 2), (70, 4)):
        with style.theme():
            figure = style.blank(width, 60)
            style.grid(figure, 1, 1)
            style.legend(figure, handles, 3 if width == style.WIDTH else 2)
            figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert len({round(text.get_window_extent().y0) for text in legend.get_texts()}) == lines
        heights.append(figure.get_figheight() / style.MM)
    assert heights == pytest.approx([60, 60 + 2 * style.LEGEND_LINE])


def hostile_study() -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(0)
    n = 20 * len(HOSTILE)
    level = random.normal(size=n)
    p = np.exp(random.normal(size=(n, 3)) + level[:, None] * list(LABELS.values()))
    p /= p.sum(axis=1, keepdims=True)
    ids = [f"u{i:03}" for i in range(n)]
    coded = pd.DataFrame(p, columns=[f"p_{label}" for label in LABELS])
    coded = coded.assign(unit_id=ids, construct="a_b", coder="llm", status="ok", valid_mass=p.max(axis=1))
    measures = pd.DataFrame(
        {
            "unit_id": ids,
            "a_{$": np.array(HOSTILE)[np.arange(n) % len(HOSTILE)],
            "sample": True,
            "a_b_crowd": level,
            "a_b_llm": p @ list(LABELS.values()),
            "a_b_llm_label": np.array(list(LABELS))[p.argmax(axis=1)],
        }
    )
    return measures, coded


@pytest.mark.filterwarnings("error")
def test_no_name_of_a_domain_or_label_breaks_a_figure(tmp_path):
    """Every figure renders to both formats, and shows dollars, braces and underscores as they are."""
    measures, coded = hostile_study()
    book = {"level": "ordinal", "values": LABELS}
    coders, options = {"a_b": TYPES}, {"criterion": "crowd", "by": "a_{$"}
    agreed = agreement_table(measures, RATINGS, coders, resamples=50, **options)
    calibrated = calibration_table(measures, {"llm": coded}, coders, {"a_b": book}, **options)
    shares = labels.label_shares(measures, {"llm": coded}, "a_b", book, **options)
    masses = labels.valid_masses({"llm": coded}, "a_b")
    with style.theme([*HOSTILE, *LABELS]):
        figures = {
            "agreement": agreement.agreement_figure(agreed, "a_b", TYPES, criterion="crowd", level="ordinal"),
            "scatter": scatter.scatter_figure(measures, "a_b", TYPES, book, **options),
            "labels": labels.labels_figure(shares, masses, "a_b", TYPES, book, criterion="crowd"),
            "calibration": calibration.calibration_figure(calibrated, "a_b", TYPES, criterion="crowd"),
        }
        for name, figure in figures.items():
            style.save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
            assert (tmp_path / f"{name}.png").stat().st_size > 10_000
            assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
            shown = " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")
            assert "$\\frac{x_1$ <b>" in shown
            assert "_no end\\u001b" in shown
    assert all(
        label in " ".join(t.get_text() for t in figures["labels"].findobj(Text)) for label in ("$^{", "_no")
    )


def test_no_letter_is_smaller_than_seven_points():
    measures, _ = hostile_study()
    with style.theme(HOSTILE):
        options = {"criterion": "crowd", "by": "a_{$"}
        figure = scatter.scatter_figure(
            measures, "a_b", TYPES, {"level": "ordinal", "values": LABELS}, **options
        )
        figure.draw_without_rendering()
        assert min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text()) >= 7

"""Forest plot of a regression: what is drawn, filled, named and left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.figures import style
from study.figures.estimates import MOST_TERMS, draw, estimates_figure, read_table
from study.inference.analyses import COLUMNS

KINDS = {"llm": "llm", "words": "dictionary", "humans": "human"}


def row(term: str, estimator: str, coder: str, estimate: float, note: str = "") -> dict[str, object]:
    return dict.fromkeys(COLUMNS, "") | {
        "term": term,
        "estimator": estimator,
        "coder": coder,
        "estimate": estimate,
        "ci_low": estimate - 0.2,
        "ci_high": estimate + 0.2,
        "note": note,
    }


def example(terms: tuple[str, ...] = ("Intercept", "anger", "C(group)[T.b]")) -> pd.DataFrame:
    rows = [
        row(term, estimator, coder, value)
        for term in terms
        for estimator, coder, value in (
            ("dsl", "llm", 0.1),
            ("naive", "llm", -0.9),
            ("gold_only", "", 0.2),
            ("ppi", "llm", np.nan),
            ("dictionary", "words", 0.4),
        )
    ]
    return pd.DataFrame(rows)


def drawn(table: pd.DataFrame, **options: object) -> Figure:
    with style.theme():
        return estimates_figure(table, KINDS, **options)  # type: ignore[arg-type]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_a_panel_a_term_and_a_row_an_estimator_uncorrected_ones_first_and_hollow() -> None:
    figure = drawn(example())
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["anger", "group: b"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["LLM, uncorrected", "Words, uncorrected", "People's codes alone", "DSL (LLM)"]
    marks = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    assert marks["estimate/anger/naive/llm"].get_markerfacecolor() == "white"
    assert marks["estimate/anger/dsl/llm"].get_markerfacecolor() == style.COLOURS["llm"]
    assert list(marks["interval/anger/naive/llm"].get_xdata()) == [-1.1, -0.7]
    assert "codes taken for the truth" in words(figure)


def test_terms_of_hypotheses_come_first_and_many_terms_are_not_all_drawn() -> None:
    terms = tuple(f"x{i}" for i in range(MOST_TERMS + 3))
    figure = drawn(example(terms), first=["x8"], file="results/tables/main.csv")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0] == "x8"
    assert len(titles) == MOST_TERMS
    assert any("results/tables/main.csv has them all" in text for text in words(figure))


def test_a_coded_construct_counts_as_first_in_its_levels_and_interactions() -> None:
    terms = ("x0", "x1", "x2", "x3", "x4", "x5", "age:C(anger)[T.yes]")
    titles = [ax.get_title(loc="left") for ax in drawn(example(terms), first=["anger"]).axes]
    assert titles[0] == "age × anger: yes"


def test_without_estimates_the_reason_is_drawn() -> None:
    table = pd.DataFrame([row("anger", "naive", "llm", np.nan, "not estimated: too few units")])
    assert any("not estimated: too few" in text for text in words(drawn(table)))


def test_thresholds_of_an_ordered_logit_are_no_coefficients() -> None:
    titles = [ax.get_title(loc="left") for ax in drawn(example(("anger", "1/2", "2/3"))).axes]
    assert titles == ["anger"]


def test_every_analysis_gets_the_same_bytes_again(tmp_path: Path) -> None:
    named = example().assign(coder=lambda t: t["coder"].replace("llm", "模型"))
    named.to_csv(tmp_path / "main.csv", index=False)
    table = read_table(tmp_path / "main.csv")
    for run in ("1", "2"):
        draw(
            {"main": table, "other": table},
            tmp_path / run,
            coders=KINDS | {"模型": "llm"},
            coded={"main": ["anger"], "other": []},
            expected={"H1": {"analysis": "main", "term": "anger"}},
        )
    for name in ("main.png", "main.pdf", "other.png", "other.pdf"):
        files = [tmp_path / run / f"estimates_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()

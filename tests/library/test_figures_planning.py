"""Curves of power by the size of the gold sample."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.figures import style
from study.figures.planning import MOST_TERMS, draw, planning_figure, read_table
from study.inference.gold_plan import COLUMNS

KINDS = {"llm": "llm", "humans": "human"}


def example(terms: tuple[str, ...] = ("anger", "C(group)[T.b]")) -> pd.DataFrame:
    rows = [
        dict.fromkeys(COLUMNS, "")
        | {"analysis": "main", "term": term, "estimator": estimator, "coder": coder}
        | {"n_gold": n, "std_error": 1 / n, "power": start + n / 2000, "now": str(n == 200)}
        for term in terms
        for estimator, coder, start in (("gold_only", "", 0.1), ("dsl", "llm", 0.3))
        for n in (100, 200, 400, 800)
    ]
    return pd.DataFrame(rows)


def drawn(table: pd.DataFrame, **options: object) -> Figure:
    with style.theme():
        return planning_figure(table, KINDS, **options)  # type: ignore[arg-type]


def test_a_line_an_estimator_and_a_dot_at_the_present_size() -> None:
    figure = drawn(example())
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["anger", "group: b"]
    lines = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    assert list(lines["curve/anger/dsl/llm"].get_xdata()) == [100, 200, 400, 800]
    assert list(lines["now/anger/dsl/llm"].get_xdata()) == [200]
    assert list(lines["now/anger/dsl/llm"].get_ydata()) == [0.4]
    printed = [text.get_text() for text in figure.findobj(Text)]
    assert {"people's codes alone", "DSL (LLM)", "the present gold sample"} <= set(printed)


def test_terms_of_hypotheses_come_first() -> None:
    terms = tuple(f"x{i}" for i in range(MOST_TERMS + 2))
    titles = [ax.get_title(loc="left") for ax in drawn(example(terms), first=["x4", "absent"]).axes]
    assert titles == ["x4", "x0", "x1"]


def test_nothing_to_plan_with_is_said() -> None:
    printed = [text.get_text() for text in drawn(example().iloc[:0]).findobj(Text)]
    assert any("no gold codes" in text for text in printed)


def test_every_analysis_gets_the_same_bytes_again(tmp_path: Path) -> None:
    example().to_csv(tmp_path / "planning.csv", index=False)
    table = read_table(tmp_path / "planning.csv")
    for run in ("1", "2"):
        draw(table, tmp_path / run, names=["main", "other"], coders=KINDS, expected={})
    for name in ("main.png", "main.pdf", "other.png", "other.pdf"):
        files = [tmp_path / run / f"planning_{name}" for run in ("1", "2")]
        assert files[0].read_bytes() == files[1].read_bytes()
    sizes = [(tmp_path / "1" / f"planning_{name}.png").stat().st_size for name in ("main", "other")]
    assert sizes[0] > sizes[1]  # the other analysis has nothing to plan with

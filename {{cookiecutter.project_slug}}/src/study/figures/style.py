"""What every figure shares: size, type, colours, names in words, and files that are the same every time.

Names of domains, labels and coders are the researcher's and may hold anything: `$` and `_`, which a plotting
library would read as mathematics, line breaks, any script. `plain` and `fit` make them safe to print.
"""

from __future__ import annotations

import contextlib
import functools
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import pandas as pd
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study.errors import StudyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

WIDTH = 180
"""Millimetres: two columns of a journal."""
COLUMN = 85
"""Millimetres: one column."""
TALLEST = 3000
"""Millimetres: what would be taller is drawn closer together, since pictures cannot have any height."""
LEGEND_LINE = 3.7
"""Millimetres for a line of a legend."""
MM = 1 / 25.4
DPI = 200
SMALL = 7.0
"""Points: no letter of a figure is smaller."""

TYPEFACE = "DejaVu Sans"
"""It comes with the plotting library, so that a figure looks the same on every machine."""

COLOURS = {"llm": "#0173b2", "dictionary": "#de8f05", "supervised": "#029e73", "human": "#4d4d4d"}
"""Type of coder -> colour, of seaborn's palette for the colour-blind; names stand beside everything that is
drawn, so colour alone says nothing."""
KINDS = tuple(COLOURS)
INK = ".15"
"""Share of white."""
PUBLISHED = "#000000"
QUIET = "#8c8c8c"

ACRONYMS = ("afinn", "bert", "gpt", "liwc", "llm", "nrc", "vader")
"""Words of coders' names that are written in capitals."""

ALL_DOMAINS = "all"
"""What tables call the domain that pools all others."""


@contextlib.contextmanager
def theme(names: Iterable[object] = ()) -> Iterator[None]:
    """Draw and save inside this; `names` are the researcher's words that the figures show."""
    settings: dict[Any, Any] = {
        # Seaborn's style 'ticks', written out: loading seaborn takes longer than drawing without it.
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.axisbelow": True,
        "lines.solid_capstyle": "round",
        "patch.edgecolor": "w",
        "patch.force_edgecolor": True,
        "text.parse_math": False,
        "font.family": [TYPEFACE, *_further_families("".join(map(str, names)))],
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "figure.titlesize": SMALL,
        "figure.labelsize": 8,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
    }
    # Journals want whole TrueType fonts, which a fallback font need not be.
    settings["pdf.fonttype"] = 42 if len(settings["font.family"]) == 1 else 3
    with matplotlib.rc_context():
        # What this machine or its user prefers must not show in a study's figures.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def read_table(file: Path, further: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table of results; only numbers can be missing, so a domain may be called 'NA' or '1'.

    `further` names columns of words beside those that every table has.
    """
    words = ("construct", "domain", "subset", "measure", "criterion", *further)
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    numbers = [column for column in table if column not in words]
    for column in numbers:
        table[column] = pd.to_numeric(table[column])
    return table


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of this size in millimetres, whose parts make room for each other."""
    size = (width * MM, min(height, TALLEST) * MM)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def no_data(why: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = blank(COLUMN, 30)
    figure.text(0.5, 0.5, textwrap.fill(f"No data: {plain(why, 300)}", 52), ha="center", va="center")
    return figure


def files(folder: Path, kind: str, name: str) -> tuple[Path, Path]:
    """Return a figure's files, as `save` writes them; `name` is a construct's or an analysis's."""
    return folder / f"{kind}_{name}.png", folder / f"{kind}_{name}.pdf"


def save(figure: Figure, png_file: Path, pdf_file: Path) -> None:
    """Write both files; the same figure gives the same bytes, so they hold no date."""
    for file, metadata in ((png_file, {"Software": None}), (pdf_file, {"CreationDate": None})):
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=DPI, metadata=metadata)


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings."""
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def grid(figure: Figure, rows: int, columns: int, **options: Any) -> list[list[Axes]]:
    """Return rows of axes."""
    return [list(row) for row in figure.subplots(rows, columns, squeeze=False, **options)]


def note(figure: Figure, sentences: Sequence[str]) -> None:
    """Print sentences above the panels, where there are any."""
    if sentences:
        words = textwrap.fill(" ".join(sentences), int(figure.get_figwidth() / MM / 1.35))
        figure.suptitle(words, x=0.01, ha="left", color="#4d4d4d")


def legend(figure: Figure, handles: Sequence[Line2D], columns: int) -> None:
    """Print below the panels what marks mean, in as many columns as the figure is wide enough for.

    Parameters
    ----------
    columns
        At most; the figure's height has room for these, and grows by the lines of fewer.
    """
    for n in range(columns, 0, -1):
        printed = figure.legend(handles=handles, loc="outside lower center", ncols=n, frameon=False)
        if n == 1 or printed.get_window_extent().width <= figure.bbox.width:
            further = -(-len(handles) // n) - -(-len(handles) // columns)
            figure.set_figheight(figure.get_figheight() + further * LEGEND_LINE * MM)
            return
        printed.remove()


def chosen_domains(sizes: Mapping[str, int] | pd.Series, most: int, file: str) -> tuple[list[str], list[str]]:
    """Choose the domains that are drawn: all of them, or those with most texts and all domains together.

    Parameters
    ----------
    sizes
        Domain -> number of texts.
    most
        How many panels there may be.
    file
        The table that has every domain.

    Returns
    -------
    domains, notes
        The domains by name, all together last; a sentence where some are not drawn. A single domain is not
        repeated as all together.
    """
    texts = {str(domain): int(n) for domain, n in sizes.items()}
    single = sorted(set(texts) - {ALL_DOMAINS})
    if len(single) == 1:
        return single, []
    pooled = [ALL_DOMAINS] if ALL_DOMAINS in texts else []
    room = most - len(pooled)
    if len(single) <= room:
        return [*single, *pooled], []
    drawn = sorted(sorted(single, key=lambda domain: (-texts[domain], domain))[:room])
    return [*drawn, *pooled], [
        f"{room} of {len(single)} domains are drawn, those with most texts; {file} has them all."
    ]


def domains(measures: pd.DataFrame, by: str | None) -> list[Any]:
    """Return the levels of the covariate whose levels are the domains, sorted; none without one.

    Raises
    ------
    StudyError
        There is no such covariate.
    """
    if by is None:
        return []
    if by not in measures:
        raise StudyError(
            "There is no such covariate to group by.",
            file="config/study.yaml",
            key="compare.by",
            found=by,
            allowed=[c for c in measures.columns if c not in ("unit_id", "document_id", "sample")],
        )
    return sorted(measures[by].dropna().unique(), key=str)


def domain_name(domain: str, columns: int, *, alone: bool) -> str:
    """Return the title of a domain's panel, at most two lines of `columns` letters."""
    if domain == ALL_DOMAINS:
        return "All texts" if alone else "All domains"
    return fit(domain, columns)


def coder_names(types: Mapping[str, str], criterion: str | None) -> dict[str, str]:
    """Return every measure's name in words, single humans among them.

    Parameters
    ----------
    types
        Coder -> type.
    criterion
        The coder with whom the others are compared.

    Returns
    -------
    dict
        'vader_2014' becomes 'VADER 2014'. Coders that would get one name keep their own.
    """
    worded = {coder: _worded(coder) for coder in types}
    taken = list(worded.values())
    names = {coder: plain(coder if taken.count(words) > 1 else words) for coder, words in worded.items()}
    if criterion is not None:
        names[f"{criterion}_individual"] = "Single human, own rating included"
        names[f"{criterion}_leave_one_out"] = "Single human, left out"
    return names


def ordered(measures: Iterable[str], types: Mapping[str, str]) -> list[str]:
    """Sort measures by type of coder and name; single humans, which are no coders, come last."""
    return sorted(set(measures), key=lambda m: (KINDS.index(types[m]) if m in types else len(KINDS), m))


def colour(measure: str, types: Mapping[str, str]) -> str:
    """Return the colour of a measure's type."""
    return COLOURS[types.get(measure, "human")]


def circle(colour: str, *, filled: bool) -> dict[str, Any]:
    """Return the mark of an estimate, as arguments of `plot`."""
    return {
        "marker": "o",
        "color": colour,
        "linestyle": "none",
        "markersize": 4,
        "markeredgewidth": 1,
        "markerfacecolor": colour if filled else "white",
    }


def criterion_name(types: Mapping[str, str], criterion: str) -> str:
    """Return what the criterion's score is called on an axis."""
    if types.get(criterion) == "human":
        return "human score"
    return f"score by {coder_names(types, None).get(criterion, plain(criterion))}"


def number(n: float) -> str:
    """Return a whole number with commas between thousands."""
    return f"{int(n):,}"


def decimals(value: float) -> str:
    """Return two decimals without the zero before them, as journals print r; a dash where it is undefined."""
    if pd.isna(value):
        return "–"
    rounded = round(value, 2)
    return ("−" if rounded < 0 else "") + f"{abs(rounded):.2f}".removeprefix("0")


def plain(text: object, longest: int = 80) -> str:
    """Return a name in one line, of at most `longest` letters, that any figure can print.

    Control characters, and characters that no font of this machine has, are written as their codes, so that
    two names stay two names.
    """
    words = " ".join(str(text)[: 20 * longest].split())
    shown = "".join(c if c.isprintable() and _family(c) else _code(c) for c in words)
    return shown if len(shown) <= longest else f"{shown[: longest * 2 // 3]}…{shown[-(longest // 3 - 1) :]}"


def fit(text: object, columns: int, lines: int = 2) -> str:
    """Break a name into at most `lines` lines of `columns` letters; the middle of a longer one is left out.

    A letter of full width, as in Chinese, takes two columns.
    """
    words = plain(text, 20 * columns)
    for kept in range(len(words), 0, -1):
        head, tail = -(-kept * 2 // 3), kept - -(-kept * 2 // 3)
        shown = words if kept == len(words) else f"{words[:head]}…{words[len(words) - tail :]}"
        broken = _broken(shown, columns)
        if len(broken) <= lines:
            return "\n".join(broken)
    return words[:1]


def _broken(words: str, columns: int) -> list[str]:
    """Break words into lines, at spaces where that is possible."""
    lines = [""]
    for word in words.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _columns(joined) <= columns:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if _columns(lines[-1] + letter) > columns and lines[-1]:
                lines.append("")
            lines[-1] += letter
    return lines


def _columns(words: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in words)


def _worded(coder: str) -> str:
    words = [word.upper() if word in ACRONYMS else word for word in coder.split("_") if word]
    joined = " ".join(words)
    return joined[:1].upper() + joined[1:]


def _code(letter: str) -> str:
    # Not 'unicode_escape', which leaves letters of Latin-1 as they are.
    return f"\\u{ord(letter):04x}"


def _further_families(text: str) -> list[str]:
    """Return the fonts that a text needs beside the figures' own."""
    families = {_family(letter) for letter in set(text) if letter.isprintable()}
    return sorted(families - {TYPEFACE, ""})


@functools.cache
def _family(letter: str) -> str:
    """Return the font that has a letter: the figures' own, or another of this machine; '' is none."""
    if letter == " " or ord(letter) in _letters(font_manager.findfont(TYPEFACE)):
        return TYPEFACE
    # Fonts for everything ('Last Resort') have a box for each letter, and fonts of pictures cannot be drawn.
    candidates = {
        entry.fname: entry.name
        for entry in font_manager.fontManager.ttflist
        if not any(word in entry.name for word in ("Resort", "Emoji", "Color")) and entry.style == "normal"
    }
    for file, family in sorted(
        candidates.items(), key=lambda item: ("Sans" not in item[1], item[1], item[0])
    ):
        if ord(letter) in _letters(file):
            return family
    return ""


@functools.cache
def _letters(file: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()

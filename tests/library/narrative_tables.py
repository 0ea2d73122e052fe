"""Random tables for the narrative's tests, and a reader of sentences that knows the tables and nothing else.

The reader takes a sentence as a stranger does: it finds the figures beside each name and the words for a
direction, an order or a hedge, and holds them against the table's own cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.config.names import ANALYSIS_TABLE, FIXED_TABLES
from study.inference.terms import in_words
from study.narrative.facts import Paragraph, paragraphs
from study.report import words
from study.report.names import Names

NAN = float("nan")
CODERS: dict[str, dict[str, Any]] = {
    "bot_1": {"type": "llm"},
    "bot_2": {"type": "llm"},
    "list_7": {"type": "given", "of": "dictionary"},
    "list_8": {"type": "given", "of": "dictionary"},
    "learned": {"type": "supervised"},
    "people": {"type": "human"},
}
MACHINES = [name for name in CODERS if name != "people"]
TERMS = ["mood", "C(year)[T.2019]", "mood:C(year)[T.2019]", "age"]
CODED = {"formula": "shared ~ mood * C(year) + age", "coded": ["mood"]}
PLAIN = {"formula": "mood_people ~ mood_bot_1 + age", "coded": []}
SETTINGS: dict[str, Any] = {
    "constructs": ["mood_3"],
    "coders": CODERS,
    "criterion": "people",
    "analyses": {"coded": CODED, "plain": PLAIN},
    "hypotheses": {},
}
Tables = dict[str, pd.DataFrame]


def frame(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table as `study.report.material.read_table` reads it; what is not given is missing."""
    text = {"construct", "domain", "subset", "measure", "criterion", "other", "correction", "family", "term"}
    text |= {"estimator", "coder", "reference", "covariance", "note"}
    full = [{c: row.get(c, "" if c in text else NAN) for c in columns} for row in rows]
    table = pd.DataFrame(full, columns=list(columns))
    return table.astype({c: object if c in text else float for c in columns})


def agreement(*rows: Mapping[str, Any], subset: str = "sample", construct: str = "mood_3") -> pd.DataFrame:
    """Return a table of agreement."""
    common = {"construct": construct, "domain": "all", "subset": subset, "criterion": "people", "n": 100}
    return frame(FIXED_TABLES["agreement"], [{**common, **row} for row in rows])


def comparison(*rows: Mapping[str, Any], subset: str = "sample", construct: str = "mood_3") -> pd.DataFrame:
    """Return a table of comparisons."""
    common = {"construct": construct, "domain": "all", "subset": subset, "criterion": "people", "n": 100}
    return frame(FIXED_TABLES["comparison"], [{**common, **row} for row in rows])


def estimates(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of an analysis."""
    return frame(ANALYSIS_TABLE, rows)


def told(tables: Tables, **settings: Any) -> list[Paragraph]:
    """Return the paragraphs of tables."""
    return paragraphs(tables, **(SETTINGS | settings))


Random = np.random.Generator


def estimate(rng: Random, size: float, ends: float = np.inf, value: float = NAN) -> dict[str, float]:
    """Return an estimate with its interval: sometimes at what is special, sometimes without a bound."""
    low, high = -ends, ends
    special = [0.0, -0.0, 0.001, -0.001, -0.004, size, -size]
    drawn = float(rng.choice(special) if rng.random() < 0.2 else rng.uniform(-size, size))
    value = drawn if np.isnan(value) else value
    width = float(size * 10 ** rng.uniform(-1, 0.7))
    bounds = max(low, value - width * rng.random()), min(high, value + width * rng.random())
    kind = rng.choice(["both", "none", "half", "point"], p=[0.7, 0.2, 0.05, 0.05])
    if kind != "both":
        bounds = {"none": (NAN, NAN), "half": (value, NAN), "point": (value, value)}[str(kind)]
    return {"value": value, "ci_low": bounds[0], "ci_high": bounds[1]}


def agreements(seed: int) -> Tables:
    """Return random tables of agreement and of comparisons."""
    rng = np.random.default_rng(seed)
    measures = [str(name) for name in rng.permutation(MACHINES)[: rng.integers(0, 6)]]
    same, tied, rows = rng.random() < 0.8, rng.random() < 0.1, []
    for measure in [*measures, "people_individual", "people_leave_one_out"]:
        figures = estimate(rng, 1, ends=1)
        r = 0.31 if tied else NAN if rng.random() < 0.15 else figures["value"]
        n = 1234 if same else int(rng.integers(0, 4))
        rows.append({"measure": measure, "n": n, "pearson_r": r} | figures)
    tests = []
    for measure in measures:
        for other in measures:
            if CODERS[measure]["type"] == "llm" and other != measure:
                figures = estimate(rng, 2)
                difference = NAN if rng.random() < 0.1 else figures["value"]
                p = rng.choice([NAN, 0.0, 0.0004, 0.05, 0.9999, rng.random(), rng.random() / 20])
                key = {"measure": measure, "other": other, "n": int(rng.choice([1234, 57]))}
                tests.append(key | figures | {"difference": difference, "p_adjusted": float(p)})
    subset = "sample" if rng.random() < 0.8 else "all"
    return {"agreement": agreement(*rows, subset=subset), "comparison": comparison(*tests, subset=subset)}


def regressions(seed: int) -> Tables:
    """Return random tables of an analysis with coders' codes, and of one on measures."""
    rng = np.random.default_rng(seed)
    size = float(rng.choice([0.002, 0.5, 20.0, 4000.0]))
    made = {"bot_1": ["naive", "dsl", "ppi", "likelihood"], "list_7": ["dictionary"]}
    made[""] = ["gold_only", "benchmark"]
    there = rng.choice([0.9, 0.5, 0.2])
    rows = []
    for term in ["Intercept", *TERMS]:
        alike = float(rng.uniform(-size, size))
        for coder, estimators in made.items():
            for estimator in estimators:
                figures = estimate(rng, size, value=alike if rng.random() < 0.3 else NAN)
                value = NAN if rng.random() < 0.1 else figures["value"]
                key = {"term": term, "estimator": estimator, "coder": coder, "estimate": value}
                rows += [key | figures] if rng.random() < there else []
    plain = []
    for term in TERMS:
        figures = estimate(rng, size)
        plain.append({"term": term, "estimator": "naive", "estimate": figures["value"]} | figures)
    return {"coded": estimates(*rows), "plain": estimates(*plain)}


_NUMBER = re.compile(r"[−-]?(?:\d[\d,]*)?\.?\d+")


NEVER = "(?!)"
MORE, LESS, OPEN = "more", "less", "open"
ABOVE, BELOW, AROUND, NIL = "above", "below", "around", "nil"
COMPARED = {
    MORE: "more closely|closer",
    LESS: "less closely|looser",
    OPEN: "no difference in agreement|cannot be told apart|stays open",
}
CORRELATED = {
    ABOVE: "positive|rise together",
    BELOW: "negative|opposite ways",
    AROUND: "is open whether|no correlation of|may be unrelated",
    NIL: r"\bnil\b",
}
DOUBTED = {ABOVE: NEVER, BELOW: "negative", AROUND: "is open whether|due to chance", NIL: NEVER}
STANDING = {
    ABOVE: "above zero|positive",
    BELOW: "below zero|negative",
    AROUND: "stays open|not excluded|either sign",
    NIL: r"\bnil\b|printed zero",
}
SIZES = {
    "larger": "larger",
    "smaller": "smaller",
    "alike": "same printed size",
    "reversed": "turns the sign|opposite sign",
}
CERTAIN = {
    (True, True): "excludes zero before and after|in both cases|outside the interval as before",
    (True, False): "no longer",
    (False, True): "only then",
    (False, False): "includes zero before and after|in neither case|inside the interval as before",
    None: "not every interval|interval is not known|interval not known",
}
"""The words for each way that something can turn out."""
NO_R_INTERVAL = "interval is not known|has no interval"
NO_INTERVAL = "no interval|without an interval"
NAIVE = ("naive", "dictionary")
BY = {
    "dsl": "DSL",
    "ppi": "PPI++",
    "likelihood": "the likelihood method",
    "gold_only": "people's codes alone",
}
"""Estimators that allow for errors, the one that counts first, as sentences have them."""


@dataclass(frozen=True)
class Reader:
    """Reads sentences about tables.

    Attributes
    ----------
    tables
        Those that the sentences are about.
    settings
        As handed to `study.narrative.facts.paragraphs`.
    """

    tables: Tables
    settings: Mapping[str, Any]

    @property
    def names(self) -> dict[str, str]:
        """{what a sentence calls a measure: the measure}."""
        coders, criterion = self.settings["coders"], self.settings["criterion"]
        prose = Names({"coders": coders, "compare": {"criterion": criterion}})
        return {" ".join(str(words.visible(prose.prose(name))).split()): name for name in coders}

    @property
    def terms(self) -> dict[str, str]:
        """{what a sentence calls a term: the term}."""
        found = {}
        for name in ("coded", "plain"):
            for term in self.tables.get(name, estimates())["term"]:
                found[" ".join(str(words.visible(in_words(term))).split())] = term
        return found

    def read(self, paragraph: Paragraph, kind: str, sentence: str) -> None:
        """Hold a sentence against the tables; an AssertionError says what is wrong."""
        self.figures(paragraph, sentence)
        if paragraph.table == "agreement":
            self._agreement(kind, sentence)
        else:
            self._regression(paragraph.table, kind, sentence)

    def figures(self, paragraph: Paragraph, sentence: str) -> None:
        """Every figure is a printed cell of the table."""
        names = [*self.names, *self.terms, *self.settings["constructs"], *self.settings["hypotheses"]]
        rest = sentence.replace("95% CI", "")
        for name in sorted(names, key=len, reverse=True):
            rest = rest.replace(name, "")
        allowed = set()
        tables = ("agreement", "comparison") if paragraph.table == "agreement" else (paragraph.table,)
        for table in tables:
            for _, row in self.tables.get(table, estimates()).iterrows():
                allowed |= _printed(row)
        strange = [figure for figure in _NUMBER.findall(rest) if figure not in allowed]
        assert not strange, f"{strange} in '{sentence}', and not in {paragraph.table}.csv"

    def _items(self, sentence: str, known: Mapping[str, str]) -> dict[str, list[str]]:
        """Return the figures in brackets behind each name: {what is named: figures}."""
        # The longest name first: 'mood' is in 'mood × year: 2019' too.
        called = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        found = re.findall(rf"({called})(?: \(H\d\))? \(([^()]*)\)", sentence)
        return {known[name]: _NUMBER.findall(figures.replace("95% CI", "")) for name, figures in found}

    def _named(self, sentence: str) -> list[str]:
        """Return the measures that a sentence names, the criterion apart."""
        criterion = self.settings["criterion"]
        return [name for called, name in self.names.items() if called in sentence and name != criterion]

    def _agreement(self, kind: str, sentence: str) -> None:
        rows = {row["measure"]: row for _, row in self.tables["agreement"].iterrows()}
        if kind == "difference":
            self._difference(sentence)
            return
        if kind == "yardstick":
            figures = _NUMBER.findall(sentence.partition("r =")[2].replace("95% CI", ""))
            assert figures == _r(rows[f"{self.settings['criterion']}_leave_one_out"])
            return
        for name, figures in self._items(sentence, self.names).items():
            assert figures == _r(rows[name]), sentence
        r = {
            name: float(words.r(row["pearson_r"]).replace("−", "-"))
            for name, row in rows.items()
            if name in self.settings["coders"] and row["n"] > 0 and words.known(row["pearson_r"])
        }
        if kind == "ranking":
            self._ranking(sentence, r)
        elif kind == "between":
            assert self._items(sentence, self.names)
            for name in self._items(sentence, self.names):
                assert min(r.values()) < r[name] < max(r.values()), sentence
        elif kind == "tie":
            assert len(set(r.values())) == 1
            assert set(self._items(sentence, self.names)) == set(r)
        elif kind == "no correlation":
            assert self._named(sentence)
            assert not set(self._named(sentence)) & set(r)
        else:
            assert self._named(sentence)
            words_for = CORRELATED if kind == "correlation" else DOUBTED
            for name in self._named(sentence):
                _one_of(sentence, _way(rows[name], "pearson_r"), words_for, NO_R_INTERVAL)

    def _ranking(self, sentence: str, r: Mapping[str, float]) -> None:
        ends = r"(.*)(?:, and the lowest that of|, and it is lowest for| down to)(.*)"
        parts = re.fullmatch(ends, sentence)
        assert parts, sentence
        assert re.search(r"highest| from ", parts[1]), sentence
        for part, end in ((parts[1], max(r.values())), (parts[2], min(r.values()))):
            named = self._items(part, self.names)
            assert named
            assert all(r[name] == end for name in named), sentence

    def _difference(self, sentence: str) -> None:
        items = self._items(sentence, self.names)
        (measure,) = [name for name in self._named(sentence) if name not in items]
        table = self.tables["comparison"]
        assert items
        for other, figures in items.items():
            row = table[(table["measure"] == measure) & (table["other"] == other)].iloc[0]
            p = [] if not words.known(row["p_adjusted"]) else [words.p(row["p_adjusted"]).lstrip("<> ")]
            assert figures == [words.r(row["difference"]), *_bounds(row, 2), *p], sentence
            assert words.plural(int(row["n"]), "text") in sentence
            way = MORE if row["difference"] > 0 else LESS
            _one_of(sentence, (way if row["p_adjusted"] < 0.05 else OPEN, True), COMPARED, NEVER)

    def _regression(self, name: str, kind: str, sentence: str) -> None:
        table = self.tables[name]
        items = self._items(sentence, self.terms)
        assert items, sentence
        for term, figures in items.items():
            rows = table[(table["term"] == term) & table["estimate"].map(words.known)]
            if kind == "correction":
                self._correction(rows, sentence, figures)
                continue
            if kind == "benchmark":
                rows = rows[rows["estimator"] == "benchmark"]
            elif kind == "corrected":
                rows = rows[rows["estimator"].map(lambda each: (BY.get(each) or "(?!)") in sentence)]
            elif kind == "uncorrected codes":
                rows = rows[(rows["coder"] == self._coder(sentence)) & rows["estimator"].isin(NAIVE)]
            fits = [row for _, row in rows.iterrows() if _fits(figures, row)]
            assert fits, sentence
            if kind != "benchmark":
                _one_of(sentence, _way(fits[0], "estimate"), STANDING, NO_INTERVAL)

    def _coder(self, sentence: str) -> str:
        (coder,) = [name for called, name in self.names.items() if f"codes of {called}" in sentence]
        return coder

    def _correction(self, rows: pd.DataFrame, sentence: str, figures: Sequence[str]) -> None:
        coder = self._coder(sentence)
        naive = rows[(rows["coder"] == coder) & rows["estimator"].isin(NAIVE)].iloc[0]
        corrected = rows[rows["estimator"].isin(BY) & rows["coder"].isin([coder, ""])]
        after = corrected.sort_values("estimator", key=lambda names: names.map(list(BY).index)).iloc[0]
        assert BY[after["estimator"]] in sentence, sentence
        half = 1 + len(_bounds(naive, 2))
        assert _fits(figures[:half], naive), sentence
        assert _fits(figures[half:], after), sentence
        one, other = (float(figures[at].replace("−", "-").replace(",", "")) for at in (0, half))
        size = "smaller"
        if one * other < 0:
            size = "reversed"
        elif abs(one) <= abs(other):
            size = "alike" if abs(one) == abs(other) else "larger"
        _one_of(sentence, (size, True), SIZES, NEVER)
        known = all(len(_bounds(row, 2)) == 2 for row in (naive, after))
        clear = tuple(bool(row["ci_low"] > 0 or row["ci_high"] < 0) for row in (naive, after))
        _one_of(sentence, (clear if known else None, True), CERTAIN, NEVER)


def _one_of(sentence: str, way: tuple[Any, bool], patterns: Mapping[Any, str], no_interval: str) -> None:
    """The sentence has the words of its way and of no other, and says so where there is no interval."""
    found = [name for name, pattern in patterns.items() if re.search(pattern, sentence)]
    assert found == [way[0]], f"'{sentence}' is {found}, and the table {way[0]}"
    assert bool(re.search(no_interval, sentence)) != way[1], sentence


def _way(row: pd.Series, column: str) -> tuple[str, bool]:
    """Return where an estimate stands, and whether it has an interval."""
    if len(_bounds(row, 2)) == 2:
        return (ABOVE if row["ci_low"] > 0 else BELOW if row["ci_high"] < 0 else AROUND), True
    if words.number(row[column]) == "0.00":
        return NIL, False
    return (ABOVE if row[column] > 0 else BELOW), False


def _bounds(row: pd.Series, digits: int, *, bounded: bool = True) -> list[str]:
    return _NUMBER.findall(words.interval(row["ci_low"], row["ci_high"], digits, bounded=bounded))


def _r(row: pd.Series) -> list[str]:
    return [words.r(row["pearson_r"]), *_bounds(row, 2)]


def _fits(figures: Sequence[str], row: pd.Series) -> bool:
    return any(
        list(figures) == [words.number(row["estimate"], digits), *_bounds(row, digits, bounded=False)]
        for digits in range(2, 7)
    )


def _printed(row: pd.Series) -> set[str]:
    found: set[str] = set()
    for column, value in row.items():
        if not words.known(value):
            continue
        if column == "n":
            found.add(words.count(value))
        elif column == "p_adjusted":
            found.add(words.p(value).lstrip("<> "))
        elif "term" in row:
            found |= {words.number(value, digits) for digits in range(2, 7)}
        else:
            found.add(words.r(value))
    return found

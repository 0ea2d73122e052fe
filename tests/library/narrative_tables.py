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
FEW = ["bot_1", "bot_2", "list_7", "list_8", "learned"]
MANY = [f"list_of_{letter}" for letter in "abcdefghijklmn"]
CODERS: dict[str, dict[str, Any]] = {
    "bot_1": {"type": "llm"},
    "bot_2": {"type": "llm"},
    "list_7": {"type": "given", "of": "dictionary"},
    "list_8": {"type": "given", "of": "dictionary"},
    "learned": {"type": "supervised"},
    "people": {"type": "human"},
    **{name: {"type": "given", "of": "dictionary"} for name in MANY},
}
TERMS = ["mood", "C(year)[T.2019]", "mood:C(year)[T.2019]", "age"]
MANY_TERMS = [f"mood:C(town)[T.{letter}]" for letter in "abcdefgh"]
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
    """Return random tables of agreement and of comparisons, of few measures or of many."""
    rng = np.random.default_rng(seed)
    many = rng.random() < 0.5
    names = rng.permutation([*FEW, *MANY] if many else FEW)
    measures = [str(name) for name in names[: rng.integers(0, len(names) + 1)]]
    same, tied, rows = rng.random() < 0.6, rng.random() < 0.1, []
    sizes, unknown = rng.integers(0, 5, size=3), rng.choice([0.05, 0.15, 0.6])
    away = rng.choice([0.15, 0.5, 0.9])
    for measure in [*measures, "people_individual", "people_leave_one_out"]:
        figures = estimate(rng, 1, ends=1)
        r = 0.31 if tied else NAN if rng.random() < unknown else figures["value"]
        n = 1234 if same or rng.random() > away else int(rng.choice(sizes))
        rows.append({"measure": measure, "n": n, "pearson_r": r} | figures)
    tests, alike = [], rng.random() < 0.5
    lean = rng.choice([-0.5, 0.0, 0.5]) if many else 0.0
    for measure in measures:
        for other in measures:
            if CODERS[measure]["type"] == "llm" and other != measure:
                figures = estimate(rng, 2)
                difference = NAN if rng.random() < 0.1 else figures["value"]
                p = rng.choice([NAN, 0.0, 0.0004, 0.05, 0.9999, rng.random(), rng.random() / 20])
                if rng.random() < abs(lean):
                    difference, p = float(np.sign(lean)) * float(rng.uniform(0.1, 1)), 0.01
                key = {
                    "measure": measure,
                    "other": other,
                    "n": int(rng.choice([1234, 1234 if alike else 57])),
                }
                tests.append(key | figures | {"difference": difference, "p_adjusted": float(p)})
    subset = "sample" if rng.random() < 0.8 else "all"
    return {"agreement": agreement(*rows, subset=subset), "comparison": comparison(*tests, subset=subset)}


def regressions(seed: int) -> Tables:
    """Return random tables of an analysis with coders' codes, and of one on measures."""
    rng = np.random.default_rng(seed)
    size = float(rng.choice([0.002, 0.5, 20.0, 4000.0]))
    terms = TERMS + MANY_TERMS[: rng.choice([0, 0, 8])]
    made = {"bot_1": ["naive", "dsl", "ppi", "likelihood"], "list_7": ["dictionary"]}
    made |= {name: ["dictionary"] for name in MANY[: rng.choice([0, 0, 0, 7])]}
    made[""] = ["gold_only", "benchmark"]
    there = rng.choice([0.9, 0.5, 0.2])
    rows = []
    for term in ["Intercept", *terms]:
        alike = float(rng.uniform(-size, size))
        for coder, estimators in made.items():
            for estimator in estimators:
                figures = estimate(rng, size, value=alike if rng.random() < 0.3 else NAN)
                value = NAN if rng.random() < 0.1 else figures["value"]
                key = {"term": term, "estimator": estimator, "coder": coder, "estimate": value}
                rows += [key | figures] if rng.random() < there else []
    plain = []
    more = [f"C(town)[T.{letter}]" for letter in "abcdefghijkl"] if len(terms) > len(TERMS) else []
    for term in [*terms, *more]:
        figures = estimate(rng, size)
        plain.append({"term": term, "estimator": "naive", "estimate": figures["value"]} | figures)
    return {"coded": estimates(*rows), "plain": estimates(*plain)}


_NUMBER = re.compile(r"[−-]?(?:\d[\d,]*)?\.?\d+")
_SHARE = re.compile(r"(?:(\d+) of the|all) (\d+) measures tested")
_COUNT = re.compile(
    rf"{_SHARE.pattern}|\d+ (?:of these )?measures\b|the other \d+ lie|\d+ further (?:comparison|coefficient)"
)
"""Counts, which are not in a cell."""


NEVER = "(?!)"
MORE, LESS, OPEN = "more", "less", "open"
ABOVE, BELOW, AROUND, NIL = "above", "below", "around", "nil"
COMPARED = {
    MORE: "more closely|closer",
    LESS: "less close",
    OPEN: "no difference in agreement|cannot be told apart",
}
CORRELATED = {
    ABOVE: "positive",
    BELOW: "negative",
    AROUND: "is open whether|no correlation of|may not correlate",
    NIL: r"\bnil\b",
}
DOUBTED = {ABOVE: NEVER, BELOW: "negative.*excludes zero", AROUND: "stays open", NIL: NEVER}
STANDING = {
    ABOVE: "above zero|positive",
    BELOW: "below zero|negative",
    AROUND: "includes zero|not excluded|ither sign",
    NIL: "printed as zero|printed estimate is zero|printed zero",
}
SIZES = {
    "larger": "larger",
    "smaller": "smaller",
    "alike": "same printed size",
    "reversed": "another sign",
}
CERTAIN = {
    (True, True): "both intervals exclude",
    (True, False): "no longer",
    (False, True): "only now",
    (False, False): "both intervals include",
    None: "not every interval",
}
"""The words for each way that something can turn out."""
NO_R_INTERVAL = "no interval is known"
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

    def read(self, paragraph: Paragraph, kind: str, sentence: str, before: Sequence[str] = ()) -> None:
        """Hold a sentence against the tables; an AssertionError says what is wrong.

        Parameters
        ----------
        paragraph, kind
            Where the sentence is from, and the kind of its fact.
        sentence
            The sentence.
        before
            The sentences of its paragraph that stand before it.
        """
        self.figures(paragraph, sentence)
        assert self._bare(sentence).count("95% CI") <= 1, sentence
        if kind == "left":
            self._left(paragraph.table, sentence, before)
        elif paragraph.table == "agreement":
            self._agreement(kind, sentence)
        else:
            self._regression(paragraph.table, kind, sentence)

    def figures(self, paragraph: Paragraph, sentence: str) -> None:
        """Every figure is a printed cell of the table, or a count, which its kind's own reading checks."""
        rest = _COUNT.sub("", self._bare(sentence).replace("95% CI", ""))
        allowed = set()
        tables = ("agreement", "comparison") if paragraph.table == "agreement" else (paragraph.table,)
        for table in tables:
            for _, row in self.tables.get(table, estimates()).iterrows():
                allowed |= _printed(row)
        strange = [figure for figure in _NUMBER.findall(rest) if figure not in allowed]
        assert not strange, f"{strange} in '{sentence}', and not in {paragraph.table}.csv"

    def _bare(self, sentence: str) -> str:
        """Return a sentence without the study's own names."""
        names = [*self.names, *self.terms, *self.settings["constructs"], *self.settings["hypotheses"]]
        for name in sorted(names, key=len, reverse=True):
            sentence = sentence.replace(name, "")
        return sentence

    def _left(self, name: str, sentence: str, before: Sequence[str]) -> None:
        """What is left to the table is all that the sentences before have neither named nor counted."""
        counts = re.findall(r"(\d+) further (comparison|coefficient)s?\b", sentence)
        ((number, noun),) = counts
        assert (noun == "comparison") == (name == "agreement")
        told = 0
        if name == "agreement":
            tests = self.tables["comparison"]
            total = int(tests["difference"].map(words.known).sum())
            for each in before:
                counted = _SHARE.search(each)
                if counted:
                    told += int(counted[1] or counted[2])
                elif "(difference" in each:
                    told += len(self._items(each, self.names))
        else:
            total = len(self._coefficients(name))
            for each in before:
                told += 0 if "of all texts" in each or "for all texts" in each else self._told(each)
        assert int(number) == total - told > 0, f"{total} less {told} is not what '{sentence}' says"

    def _told(self, sentence: str) -> int:
        """Return of how many coefficients a sentence on a regression is."""
        moved = any(re.search(pattern, sentence) for pattern in SIZES.values())
        return 1 if moved else len(self._items(sentence, self.terms))

    def _coefficients(self, name: str) -> list[tuple[str, str]]:
        """Return (coder, term) of what can be told of a regression."""
        table = self.tables[name][self.tables[name]["estimate"].map(words.known)]
        expected = {h["term"] for h in self.settings["hypotheses"].values() if h["analysis"] == name}
        coded = name == "coded"
        found = []
        for term in dict.fromkeys(table["term"]):
            if term not in expected if expected else term == "Intercept":
                continue
            if coded and not expected and "mood" not in term.split(":"):
                continue
            rows = table[table["term"] == term]
            naive = rows[rows["estimator"].isin(NAIVE)]
            others = rows[rows["estimator"].isin(BY)]
            found += [(coder, term) for coder in naive["coder"]]
            compared = len(naive) and others["coder"].isin([*naive["coder"], ""]).any()
            found += [("", term)] if len(others) and not compared else []
        return found

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
        if kind.startswith("difference"):
            self._difference(kind, sentence)
            return
        if kind == "yardstick":
            figures = _NUMBER.findall(sentence.partition("r =")[2].replace("95% CI", ""))
            assert figures == _r(rows[f"{self.settings['criterion']}_leave_one_out"])
            return
        there = {name: row for name, row in rows.items() if name in self.settings["coders"] and row["n"] > 0}
        known = {name: row for name, row in there.items() if words.known(row["pearson_r"])}
        sizes = [row["n"] for row in known.values()]
        main = max(set(sizes), key=lambda n: (sizes.count(n), n)) if sizes else NAN
        items = self._items(sentence, self.names)
        for name, figures in items.items():
            n = [words.count(rows[name]["n"])] if kind == "elsewhere" else []
            assert figures == n + _r(rows[name]), sentence
        r = {name: _printed_r(row) for name, row in known.items() if row["n"] == main}
        rest = {name: _printed_r(row) for name, row in known.items() if row["n"] != main}
        if kind.startswith(("ranking", "tie")):
            assert words.plural(int(main), "text") in sentence
            if re.search(r"the same \d", sentence):
                assert not rest, sentence
                assert set(self.tables["agreement"]["subset"]) == {"sample"}, sentence
        if kind.startswith("ranking"):
            self._ranking(sentence, r, many=kind.endswith("many"))
        elif kind.startswith("tie"):
            self._tie(sentence, r, many=kind.endswith("many"))
        elif kind == "between":
            assert items
            assert all(min(r.values()) < r[name] < max(r.values()) for name in items), sentence
        elif kind.startswith("elsewhere"):
            self._elsewhere(sentence, rest, {known[name]["n"] for name in rest}, many=kind.endswith("many"))
        elif kind == "no correlation":
            self._unknown(sentence, set(there) - set(known))
        else:
            self._standing(kind, sentence, known)

    def _tie(self, sentence: str, r: Mapping[str, float], *, many: bool) -> None:
        assert len(set(r.values())) == 1
        if many:
            assert f"all {len(r)} measures" in sentence
            assert f"(r = {words.r(next(iter(r.values())))})." in sentence
        else:
            assert set(self._items(sentence, self.names)) == set(r)

    def _unknown(self, sentence: str, unknown: set[str]) -> None:
        assert unknown
        if counted := re.search(r"[Ff]or (\d+) measures", sentence):
            assert int(counted[1]) == len(unknown), sentence
        else:
            assert set(self._named(sentence)) == unknown, sentence

    def _standing(self, kind: str, sentence: str, known: Mapping[str, pd.Series]) -> None:
        words_for = CORRELATED if kind == "correlation" else DOUBTED
        named = self._named(sentence)
        if counted := re.search(r"(\d+) of these measures", sentence):
            assert not named
            way = BELOW if "negative" in sentence else AROUND
            named = [name for name, row in known.items() if _way(row, "pearson_r") == (way, True)]
            assert int(counted[1]) == len(named), sentence
        assert named, sentence
        for name in named:
            _one_of(sentence, _way(known[name], "pearson_r"), words_for, NO_R_INTERVAL)

    def _ranking(self, sentence: str, r: Mapping[str, float], *, many: bool) -> None:
        ends = r"(.*)(?:, and the lowest that of|, and lowest for)([^;]*)(?:; the other (\d+) lie (.*))?\."
        parts = re.fullmatch(ends, sentence)
        assert parts, sentence
        assert "highest" in parts[1], sentence
        told = set()
        for part, end in ((parts[1], max(r.values())), (parts[2], min(r.values()))):
            named = self._items(part, self.names)
            assert named
            assert all(r[name] == end for name in named), sentence
            told |= set(named)
        assert bool(parts[3]) == many
        if many:
            others = [value for name, value in r.items() if name not in told]
            assert sentence.startswith(f"Of {len(r)} measures on "), sentence
            assert int(parts[3]) == len(others), sentence
            assert parts[4] == f"between ({_spread(others)})", sentence

    def _elsewhere(self, sentence: str, rest: Mapping[str, float], sizes: set[float], *, many: bool) -> None:
        if not many:
            assert set(self._items(sentence, self.names)) == set(rest)
            return
        assert re.search(rf"\b{len(rest)} measures\b", sentence), sentence
        least, most = words.count(min(sizes)), words.plural(int(max(sizes)), "text")
        assert (f"({least} to {most})" if len(sizes) > 1 else f"({most})") in sentence, sentence
        assert sentence.endswith(f"at {_spread(list(rest.values()))}."), sentence

    def _difference(self, kind: str, sentence: str) -> None:
        items = self._items(sentence, self.names)
        (measure,) = [name for name in self._named(sentence) if name not in items]
        table = self.tables["comparison"]
        table = table[(table["measure"] == measure) & table["difference"].map(words.known)]
        assert items
        for other, figures in items.items():
            row = table[table["other"] == other].iloc[0]
            p = [] if not words.known(row["p_adjusted"]) else [words.p(row["p_adjusted"]).lstrip("<> ")]
            assert figures == [words.r(row["difference"]), *_bounds(row, 2), *p], sentence
            assert words.plural(int(row["n"]), "text") in sentence
            _one_of(sentence, (_direction(row), True), COMPARED, NEVER)
        if kind == "difference":
            assert not _SHARE.search(sentence)
            return
        rows = [row for _, row in table[table["n"] == row["n"]].iterrows()]
        found = [row for row in rows if _direction(row) == _direction(_row_of(rows, next(iter(items))))]
        share = _SHARE.search(sentence)
        assert share, sentence
        assert int(share[2]) == len(rows), sentence
        assert int(share[1] or share[2]) == len(found), sentence
        gaps = sorted(abs(row["difference"]) for row in found)
        assert sorted(abs(_row_of(rows, other)["difference"]) for other in items) == gaps[: len(items)], (
            sentence
        )

    def _regression(self, name: str, kind: str, sentence: str) -> None:
        table = self.tables[name]
        if kind == "measures as they are":
            assert set(table["estimator"]) == {"naive"}
            assert re.search("as they are|not corrected", sentence)
            return
        if kind in ("correction", "people alone"):
            self._correction(table[table["estimate"].map(words.known)], sentence)
            return
        items = self._items(sentence, self.terms)
        assert items, sentence
        for term, figures in items.items():
            rows = table[(table["term"] == term) & table["estimate"].map(words.known)]
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

    def _correction(self, rows: pd.DataFrame, sentence: str) -> None:
        coder = self._coder(sentence)
        called = "|".join(re.escape(name) for name in sorted(self.terms, key=len, reverse=True))
        (term,) = re.findall(rf"coefficient of ({called})(?= )", sentence)
        rows = rows[rows["term"] == self.terms[term]]
        brackets = [b for b in re.findall(r"\(([^()]*)\)", sentence) if not re.fullmatch(r"H\d", b)]
        figures = _NUMBER.findall(" ".join(brackets).replace("95% CI", ""))
        naive = rows[(rows["coder"] == coder) & rows["estimator"].isin(NAIVE)].iloc[0]
        corrected = rows[rows["estimator"].isin(BY) & rows["coder"].isin([coder, ""])]
        after = corrected.sort_values("estimator", key=lambda names: names.map(list(BY).index)).iloc[0]
        assert BY[after["estimator"]] in sentence, sentence
        half = 1 + len(_bounds(after, 2))
        assert _fits(figures[:half], after), sentence
        assert _fits(figures[half:], naive), sentence
        one, other = (float(figures[at].replace("−", "-").replace(",", "")) for at in (half, 0))
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


def _direction(row: pd.Series) -> str:
    return (MORE if row["difference"] > 0 else LESS) if row["p_adjusted"] < 0.05 else OPEN


def _row_of(rows: Sequence[pd.Series], other: str) -> pd.Series:
    """Return the comparison with a measure."""
    (row,) = [row for row in rows if row["other"] == other]
    return row


def _printed_r(row: pd.Series) -> float:
    return float(words.r(row["pearson_r"]).replace("−", "-"))


def _spread(values: Sequence[float]) -> str:
    low, high = words.r(min(values)), words.r(max(values))
    return f"r = {low}" if low == high else f"r = {low} to {high}"


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

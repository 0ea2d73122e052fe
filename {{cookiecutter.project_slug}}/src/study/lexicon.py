"""Word lists: LIWC's .dic format, and tables of words and weights; how their entries are found in a text.

A text is cut into words: runs of letters, marks and digits, with apostrophes inside ("don't" is one word, and
"well-being" two), all in lower case. Entries are cut the same way, so an entry may be several words and is
then found where they follow one another; entries without a letter (":)") or with other signs ("c++") are
found as they are. At each place the longest entry counts, an exact one before one with an asterisk; no word
counts twice. "abilit*" stands for every word that begins so.

Languages that put no space between words have no such words: there an entry is found wherever its characters
stand, the longest first, and the length of a text is its number of letters, marks and digits.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from study.encoding import decode
from study.errors import StudyError

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "＇": "'"})


def _word_pattern() -> str:
    """Return the pattern of a word; Python's \\w knows no marks, without which Hindi words fall apart."""
    marks = "".join(chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c))[0] == "M")
    letter = rf"[\w\u200c\u200d{marks}]"
    return rf"\w{letter}*(?:'{letter}+)*"


_WORD = _word_pattern()
_WORDS = re.compile(rf"{_WORD}(?:[\s\-]+{_WORD})*")
_WORD_SIGN = re.compile(r"\w")


@dataclass(frozen=True)
class Lexicon:
    """Entries and what each adds to a text's score.

    Attributes
    ----------
    weights
        Entry (in lower case; an asterisk at the end stands for any ending) to weight.
    spaced
        Whether the language puts spaces between words.
    """

    weights: Mapping[str, float]
    spaced: bool = True

    def count(self, text: str) -> tuple[float, int]:
        """Return the sum of the weights found, and the number of words (of letters, if not spaced)."""
        plain = _plain(text)
        if not self.spaced:
            return self._count_letters(plain)
        words = self._pattern.findall(plain)
        total, position = [], 0
        while position < len(words):
            weight, length = self._longest(words, position)
            total.append(weight)
            position += length
        return math.fsum(total), len(words)

    def score(self, text: str) -> tuple[float, int]:
        """Return the weight a word (NaN in a text without words), and the number of words."""
        total, words = self.count(text)
        return (total / words if words else math.nan), words

    def _longest(self, words: list[str], position: int) -> tuple[float, int]:
        for phrase, is_open, weight in self._phrases.get(words[position], ()):
            here = words[position : position + len(phrase)]
            last = here[-1].startswith(phrase[-1]) if is_open else here[-1] == phrase[-1]
            if last and len(here) == len(phrase) and tuple(here[:-1]) == phrase[:-1]:
                return weight, len(phrase)
        word = words[position]
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = self._word_weight(word)
        return known, 1

    def _word_weight(self, word: str) -> float:
        exact, beginnings = self._single
        if word in exact:
            return exact[word]
        return next((beginnings[word[:n]] for n in range(len(word), 0, -1) if word[:n] in beginnings), 0.0)

    def _count_letters(self, text: str) -> tuple[float, int]:
        longest = max(map(len, self.weights))
        total, position = [], 0
        while position < len(text):
            for length in range(min(longest, len(text) - position), 0, -1):
                weight = self.weights.get(text[position : position + length])
                if weight is not None:
                    total.append(weight)
                    position += length
                    break
            else:
                position += 1
        return math.fsum(total), sum(unicodedata.category(c)[0] in "LMN" for c in text)

    @cached_property
    def _known(self) -> dict[str, float]:
        """Words that were looked up before."""
        return {}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Entries that the rule for words would not find as they are, the longest first, then words."""
        signs = sorted(
            (e for e in self.weights if not _WORDS.fullmatch(e.removesuffix("*"))), key=len, reverse=True
        )
        bounded = [
            (r"(?<!\w)" if re.match(r"\w", e) else "")
            + re.escape(e)
            + (r"(?!\w)" if re.search(r"\w\Z", e) else "")
            for e in signs
        ]
        return re.compile("|".join([*bounded, _WORD]))

    @cached_property
    def _entries(self) -> list[tuple[tuple[str, ...], bool, float]]:
        """Words of an entry, whether the last one may go on, and the weight."""
        found = []
        for entry, weight in self.weights.items():
            is_open = _is_open(entry)
            found.append((tuple(self._pattern.findall(entry[:-1] if is_open else entry)), is_open, weight))
        return found

    @cached_property
    def _single(self) -> tuple[dict[str, float], dict[str, float]]:
        """Weights of single words, and of beginnings of words."""
        single = [(words[0], is_open, weight) for words, is_open, weight in self._entries if len(words) == 1]
        return {w: weight for w, is_open, weight in single if not is_open}, {
            w: weight for w, is_open, weight in single if is_open
        }

    @cached_property
    def _phrases(self) -> dict[str, list[tuple[tuple[str, ...], bool, float]]]:
        """First word to the phrases that begin with it: the longest first, exact before open."""
        found: dict[str, list[tuple[tuple[str, ...], bool, float]]] = {}
        for entry in sorted(self._entries, key=lambda e: (-len(e[0]), e[1], -len(e[0][-1]))):
            if len(entry[0]) > 1:
                found.setdefault(entry[0][0], []).append(entry)
        return found


def read_lexicon(
    data: bytes,
    file_name: str,
    *,
    label: str,
    category: str | None = None,
    negative: str | None = None,
    spaced: bool = True,
) -> Lexicon:
    """Read a word list.

    Parameters
    ----------
    data, file_name, label
        The bytes of a .dic file (LIWC) or a .csv file with the columns word and weight, and what errors call
        it.
    category, negative
        Of a .dic file: words of `category` weigh 1, those of `negative` -1, those of both 0.
    spaced
        Whether the language puts spaces between words.

    Raises
    ------
    StudyError
        Another format, no such category, a line that cannot be read, or an asterisk that cannot be used.
    """
    text = decode(data, encoding=None, label=label).text
    ending = file_name.lower().rsplit(".", 1)[-1]
    if ending == "dic":
        weights = _from_dic(text, label, category, negative)
    elif ending == "csv":
        if category or negative:
            raise StudyError("A table of words and weights has no categories.", file=label, key="category")
        weights = _from_csv(text, label)
    else:
        raise StudyError(
            "This is no word list.", file=label, found=file_name, allowed=".dic (LIWC), .csv (word, weight)"
        )
    if not weights:
        raise StudyError("The word list has no entries.", file=label)
    for entry in weights:
        if "*" in entry and _WORD_SIGN.search(entry) and not (_is_open(entry) and spaced):
            why = "stands at the end of an entry" if spaced else "has no meaning in a language without spaces"
            raise StudyError(f"An asterisk {why}.", file=label, found=entry)
    return Lexicon(weights, spaced)


def categories(text: str, label: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Read LIWC's .dic format.

    Two lines with a percent sign enclose the categories (number, tab, name); after them each line has an
    entry and the numbers of its categories, separated by tabs.

    Returns
    -------
    names, entries
        Category number to name; entry to the numbers of its categories.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    marks = [number for number, line in enumerate(lines) if line.strip() == "%"]
    if len(marks) < 2:
        raise StudyError(
            "A .dic file lists its categories between two lines with a percent sign.", file=label
        )
    names: dict[str, str] = {}
    for number, line in _filled(lines, marks[0] + 1, marks[1]):
        cells = line.split(None, 2)
        if len(cells) < 2 or cells[0] in names:
            raise StudyError(
                "A category has a number of its own and a name.", file=f"{label}, line {number}", found=line
            )
        names[cells[0]] = cells[1]
    entries: dict[str, set[str]] = {}
    for number, line in _filled(lines, marks[1] + 1, len(lines)):
        where = f"{label}, line {number}"
        entry, *belongs = (
            [cell.strip() for cell in line.split("\t") if cell.strip()] if "\t" in line else line.split()
        )
        unknown = [cell for cell in belongs if cell not in names]
        if unknown or not belongs:
            conditional = any(sign in cell for cell in unknown for sign in "()<>/")
            raise StudyError(
                "An entry names a category that the file does not list."
                if unknown
                else "An entry has no category.",
                file=where,
                found=line.strip(),
                hint="LIWC2007 makes the categories of 'like' and 'kind' depend on the words beside them, "
                "which no other version does: give such a line plain numbers, or take it out."
                if conditional
                else "Entry and numbers are separated by tabs.",
            )
        entries.setdefault(_plain(entry), set()).update(belongs)
    return names, entries


def _from_dic(text: str, label: str, category: str | None, negative: str | None) -> dict[str, float]:
    names, entries = categories(text, label)
    numbers = {name: number for number, name in names.items()} | {number: number for number in names}
    if not category:
        raise StudyError(
            "Say which category of the word list is counted.",
            file=label,
            key="category",
            allowed=list(names.values()),
        )
    wanted = {}
    for key, name in (("category", category), ("negative", negative)):
        if name is not None and name not in numbers:
            raise StudyError(
                "There is no such category.", file=label, key=key, found=name, allowed=list(names.values())
            )
        wanted[key] = numbers.get(name or "")
    return {
        entry: float(wanted["category"] in belongs) - float(wanted["negative"] in belongs)
        for entry, belongs in entries.items()
    }


def _from_csv(text: str, label: str) -> dict[str, float]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [cell.strip().lower() for cell in next(rows, [])]
    if not {"word", "weight"} <= set(header):
        raise StudyError("The table needs the columns word and weight.", file=label, found=", ".join(header))
    word, weight = header.index("word"), header.index("weight")
    found: dict[str, float] = {}
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{label}, line {rows.line_num}"
            if len(row) != len(header):
                raise StudyError(
                    f"A row has {len(row)} cells, the header {len(header)}.", file=where, found=", ".join(row)
                )
            entry, number = _plain(row[word]).strip(), _number(row[weight])
            if not entry or number is None:
                raise StudyError(
                    "A row has a word and a number, its weight.", file=where, found=", ".join(row)
                )
            if found.setdefault(entry, number) != number:
                raise StudyError("A word has two weights.", file=where, found=entry)
    except csv.Error as error:
        raise StudyError(
            f"The quotation marks do not match ({error}).", file=f"{label}, line {rows.line_num}"
        ) from error
    return found


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _filled(lines: list[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    return ((i + 1, lines[i]) for i in range(start, end) if lines[i].strip())


def _is_open(entry: str) -> bool:
    return entry.endswith("*") and _WORDS.fullmatch(entry[:-1]) is not None


def _plain(text: str) -> str:
    """Return a text as it is matched: composed characters (NFC), straight apostrophes, lower case."""
    return unicodedata.normalize("NFC", text.translate(_APOSTROPHES)).lower()

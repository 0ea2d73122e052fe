"""Ways to break codebooks, claims and files as such in good_study/, and the words of the error."""

from __future__ import annotations

from library.broken_studies import BOOK, CLAIMS, SCALE, STUDY, Break

_POSITIVE = "  positive: {value: 1, define: A good feeling., example: I love it.}"
_NEGATIVE = "  negative: {value: -1, define: A bad feeling., example: What a waste.}"
_NEUTRAL = "  neutral: {value: 0, define: Neither., example: The meeting starts at nine.}"
_WORDING = "    {definitions}\n    Text: {text}\n    {question}"


FILE_BREAKS = [
    # Codebooks
    Break(
        "file's name",
        BOOK,
        "construct: sentiment",
        "construct: sentiments",
        ("name of its file", "sentiment.yaml"),
    ),
    Break(
        "construct's name", BOOK, "construct: sentiment", "construct: My sentiment", ("lower-case letters",)
    ),
    Break("unquoted no", BOOK, "  neutral:", "  no:", ("line 9", "unquoted key no as false", '"no"')),
    Break("unquoted Off", BOOK, "  neutral:", "  Off:", ("Off as false", '"Off"')),
    Break("unquoted null", BOOK, "  neutral:", "  null:", ("null as nothing", '"null"')),
    Break("unquoted number", BOOK, "  neutral:", "  0:", ("unquoted label 0 as a number", '"0"')),
    Break("unquoted date", BOOK, "  neutral:", "  2020-01-01:", ("as a date",)),
    Break(
        "unquoted not codable", BOOK, "label: not codable", "label: off", ("unquoted off as false", '"off"')
    ),
    Break("duplicate label", BOOK, "  neutral:", "  negative:", ("'negative' is there twice", "line 8")),
    Break("labels that differ in case", BOOK, "  neutral:", "  Negative:", ("differ only in case",)),
    Break(
        "labels that differ in white space", BOOK, "  neutral:", '  "not  codable":', ("differ only in case",)
    ),
    Break(
        "labels of two encodings",
        BOOK,
        f"{_POSITIVE}\n",
        "  caf\u00e9: {value: 1}\n  cafe\u0301: {value: 2}\n",
        ("characters are stored", "cafe\\u0301"),
    ),
    Break("not codable as a category", BOOK, "  neutral:", "  not codable:", ("also one of the categories",)),
    Break("one label", BOOK, f"{_NEGATIVE}\n{_NEUTRAL}\n", "", ("at least two labels", "positive")),
    Break("no labels", BOOK, f"\n{_POSITIVE}\n{_NEGATIVE}\n{_NEUTRAL}\n", "\n", ("at least two labels",)),
    Break(
        "list of labels",
        BOOK,
        f"\n{_POSITIVE}\n{_NEGATIVE}\n{_NEUTRAL}\n",
        " [positive, negative]\n",
        ("categories", "labels, each with"),
    ),
    Break("empty label", BOOK, "  neutral:", '  "":', ("label is empty",)),
    Break("white space around a label", BOOK, "  neutral:", '  "neutral ":', ("white space", "'neutral'")),
    Break("line break in a label", BOOK, "label: not codable", 'label: "not\\ncodable"', ("line break",)),
    Break(
        "hidden character in a label", BOOK, "label: not codable", 'label: "not\u200b codable"', ("U+200B",)
    ),
    Break("no value", BOOK, "value: 0, ", "", ("'neutral' has no value", "level is ordinal")),
    Break("same value", BOOK, "value: 0,", "value: -1,", ("same value", "negative")),
    Break("three nominal values", BOOK, "level: ordinal", "level: nominal", ("level", "mean nothing")),
    Break("no text in the wording", BOOK, _WORDING, "    {question}", ("{text} once", "0 times")),
    Break(
        "answer without a label",
        BOOK,
        "wording:\n",
        "answer: It is positive.\nwording:\n",
        ("answer", "{label} once"),
    ),
    Break(
        "answer with another placeholder",
        BOOK,
        "wording:\n",
        'answer: "{label} {text}"\nwording:\n',
        ("answer", "{text} is unknown here"),
    ),
    Break(
        "answer of two lines",
        BOOK,
        "wording:\n",
        'answer: "It is\\n{label}."\nwording:\n',
        ("answer", "one line", "It is {label}."),
    ),
    Break("text twice in the wording", BOOK, _WORDING, "    {text} {text}", ("{text} once", "2 times")),
    Break(
        "unknown placeholder",
        BOOK,
        "    {question}",
        "    {qestion}",
        ("{qestion}", "Did you mean 'question'?"),
    ),
    Break("stray brace", BOOK, "    {question}", "    {question} {", ("brace",)),
    Break(
        "text in the system message",
        BOOK,
        "You code texts.",
        "You code {text}.",
        ("system", "{text} is unknown here"),
    ),
    Break(
        "no such wording", BOOK, "prompt: {wording: main", "prompt: {wording: mian", ("Did you mean 'main'?",)
    ),
    Break(
        "scale beside categories",
        BOOK,
        "level: ordinal",
        "level: ordinal\nscale: {low: 0, high: 1}",
        ("not a scale",),
    ),
    Break("day", BOOK, "2025-03-31", "2025-02-31", ("no such day",)),
    Break(
        "scale upside down",
        SCALE,
        "  low: 0\n  high: 10",
        "  low: 10\n  high: 0",
        ("upside down", '{"low": 10, "high": 0}'),
    ),
    Break("scale of one point", SCALE, "  low: 0\n  high: 10", "  low: 3\n  high: 3", ("upside down",)),
    Break("anchor outside", SCALE, "10: entirely", "11: entirely", ("no point of the scale", "0 to 10")),
    Break("decimal scale", SCALE, "  high: 10", "  high: 9.5", ("a whole number",)),
    Break("nominal scale", SCALE, "level: interval", "level: nominal", ("ordinal or interval",)),
    Break(
        "no scale",
        SCALE,
        "scale:\n  low: 0\n  high: 10\n  anchors: {0: not at all, 10: entirely}",
        "",
        ("needs a scale",),
    ),
    # Claims
    Break(
        "duplicate claim", CLAIMS, "table4-tweets-liwc", "table4-tweets-vader", ("Claim 1 has the same id",)
    ),
    Break("unquoted figure", CLAIMS, '"0.880"', "0.880", ('"0.880"', "pearson_r", "number in quotes")),
    Break("line break after a figure", CLAIMS, '"0.880"', r'"0.880\n"', ("as printed",)),
    Break("figure in words", CLAIMS, '"0.880"', '"about .9"', ("as printed",)),
    Break(
        "no such table",
        CLAIMS,
        "{table: agreement, construct: sentiment, domain: tweets",
        "{table: agrement, construct: sentiment, domain: tweets",
        ("Did you mean 'agreement'?",),
    ),
    Break(
        "no such column",
        CLAIMS,
        "pearson_r: {table: agreement, construct: sentiment, domain: tweets",
        "pearson_r: {table: agreement, construkt: sentiment, domain: tweets",
        ("Did you mean 'construct'?",),
    ),
    Break(
        "no such measure",
        CLAIMS,
        "measure: humans_individual",
        "measure: humans_indiv",
        ("Did you mean 'humans_individual'?",),
    ),
    Break("no such domain", CLAIMS, "domain: nyt", "domain: nytimes", ("No row", "tweets, nyt, all")),
    Break(
        "tolerance without reason",
        CLAIMS,
        "    reason: The file was printed with one digit less.\n",
        "",
        ("tolerance", "reason"),
    ),
    Break(
        "not attempted without reason",
        CLAIMS,
        "    reason: licensed lexicon\n",
        "",
        ("not attempted", "reason"),
    ),
    Break("compared with nothing", CLAIMS, "    attempt: false\n", "", ("pearson_r", "'where'")),
    Break(
        "reading without cells",
        CLAIMS,
        "      where:\n        pearson_r: {table: agreement, construct: sentiment, domain: nyt, subset: all, "
        "measure: humans_individual}\n",
        "",
        ("alternative", "Nothing is compared in this reading"),
    ),
    Break("misspelt table", CLAIMS, "f1: {table:", "f1: {tabel:", ("'table' is missing", "'tabel'")),
    # Files
    Break("tab", STUDY, "  share: true", "\tshare: true", ("line 12", "tab", "spaces")),
    Break("second document", STUDY, "\nanalyses:", "\n---\nanalyses:", ("second document",)),
    Break("tag", STUDY, "  share: true", "  share: !!python/name:os.system true", ("tag", "not allowed")),
    Break("syntax", STUDY, "question: Do", "question: Do: ", ("not valid YAML", "line 2", "quotes")),
    Break("braces without quotes", BOOK, "  main: |-\n" + _WORDING, "  main: {text}", ("quotes",)),
    Break("NUL", STUDY, "  share: true", "  share: true\x00", ("NUL", "line 12")),
]

"""Ways to break config/study.yaml in good_study/, and the words that its error must contain."""

from __future__ import annotations

from dataclasses import dataclass

STUDY = "config/study.yaml"
BOOK = "config/codebooks/sentiment.yaml"
SCALE = "config/codebooks/warmth.yaml"
CLAIMS = "config/claims.yaml"

_WORDS = "file: config/dictionaries/words.dic"
_SHA = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"


@dataclass(frozen=True)
class Break:
    """`old` in `file` becomes `new`; the message contains every one of `words`."""

    name: str
    file: str
    old: str
    new: str
    words: tuple[str, ...]


STUDY_BREAKS = [
    # Keys
    Break("missing key", STUDY, "  language: en\n  licence", "  licence", ("'language' is missing", "pt-BR")),
    Break(
        "misspelt key",
        STUDY,
        "  licence: MIT",
        "  license: MIT",
        ("line 11", "license", "Did you mean 'licence'?"),
    ),
    Break("misspelt required key", STUDY, "question: Do", "qestion: Do", ("Did you mean 'question'?",)),
    Break(
        "key in the wrong place",
        STUDY,
        "  share: true",
        "  encoding: utf-8",
        ("encoding", "corpus.sources[]"),
    ),
    Break(
        "key of another coder type",
        STUDY,
        "    code: sample",
        "    folds: 5",
        ("coders.llm.folds", "type, codebooks, model, code, text, temperature, repeats", "supervised"),
    ),
    Break(
        "texts in no column",
        STUDY,
        "    code: sample",
        "    code: sample\n    text: translation",
        ("coders.llm.text", "'translation'", "domain, human_mean"),
    ),
    Break("Cyrillic letter", STUDY, "  share: true", "  sh\u0430re: true", ("CYRILLIC SMALL LETTER A",)),
    Break(
        "hidden character in a key", STUDY, "  share: true", "  sha\u202ere: true", ("U+202E", "sha\\u202ere")
    ),
    Break("duplicate key", STUDY, "title:", "title: One\ntitle:", ("'title' is there twice", "line 1")),
    Break("coder name", STUDY, "  vader:\n", "  Vader 3:\n", ("Vader 3", "lower-case letters")),
    Break("misspelt type of coder", STUDY, "type: llm", "tpye: llm", ("'type' is missing", "'tpye'")),
    # Kinds of values
    Break("wrong type", STUDY, "  n: 200", "  n: many", ("sample.n", "'many'", "a whole number")),
    Break("quoted number", STUDY, "  n: 200", '  n: "200"', ("sample.n", "Remove the quotes")),
    Break("nothing", STUDY, "  n: 200", "  n:", ("sample.n", "Nothing stands here")),
    Break("no list", STUDY, "[domain, human_mean]", "domain", ("Write it as a list: [domain]",)),
    Break(
        "Norwegian", STUDY, "  language: en\n  lic", "  language: no\n  lic", ("unquoted no as false", '"no"')
    ),
    Break("Norway", STUDY, "add: {domain: nyt}", "add: {domain: NO}", ("unquoted NO as false", '"NO"')),
    Break(
        "language in words",
        STUDY,
        "  language: en\n  lic",
        "  language: English\n  lic",
        ("English", "en, de, zh"),
    ),
    Break("too small", STUDY, "  folds: 5", "  folds: 1", ("folds", "too small", "2 or more")),
    Break(
        "misspelt choice", STUDY, "  correction: holm", "  correction: hulm", ("hulm", "Did you mean 'holm'?")
    ),
    Break(
        "unknown type of coder", STUDY, "type: llm", "type: lmm", ("coders.llm.type", "Did you mean 'llm'?")
    ),
    Break(
        "sample in words",
        STUDY,
        "sample:\n  n: 200\n  by: domain\n  seed: 1",
        "sample: some",
        ("the word all",),
    ),
    Break("stratum without n", STUDY, "  n: 200\n", "", ("sample", "'n' is missing")),
    Break(
        "sha256 too short",
        STUDY,
        f"sha256: {_SHA}\n      member",
        "sha256: 5d7c\n      member",
        ("64 hexadecimal",),
    ),
    Break(
        "ORCID", STUDY, "0000-0002-1825-0097", "0000-0002-1825", ("authors[1].orcid", "0000-0002-1825-0097")
    ),
    # Sources
    Break(
        "two origins",
        STUDY,
        "    source:\n",
        "    source:\n      file: x.csv\n",
        ("exactly one of", '["file", "pypi"]'),
    ),
    Break(
        "no sha256",
        STUDY,
        f"      sha256: {_SHA}\n      member",
        "      member",
        ("needs its sha256", "vader_2014"),
    ),
    Break(
        "version range",
        STUDY,
        "&archive\n      pypi: vaderSentiment==3.3.2",
        "&archive\n      pypi: vaderSentiment>=3",
        ("name==version",),
    ),
    Break(
        "address",
        STUDY,
        "&archive\n      pypi: vaderSentiment==3.3.2",
        "&archive\n      url: ftp://a/b",
        ("https://",),
    ),
    Break(
        "out of the study",
        STUDY,
        "config/dictionaries/words.dic",
        "../words.dic",
        ("coders.words.file", "out of the study"),
    ),
    Break("absolute path", STUDY, "config/dictionaries/words.dic", "/home/me/words.dic", ("absolute",)),
    Break("Windows path", STUDY, "config/dictionaries/words.dic", "config\\words.dic", ("backslash",)),
    Break("drive", STUDY, "config/dictionaries/words.dic", "C:/words.dic", ("absolute",)),
    Break("address as file", STUDY, "config/dictionaries/words.dic", "https://a.org/w.dic", ("'url'",)),
    Break("member out of the archive", STUDY, "hutto_ICWSM_2014/nyt", "../nyt", ("path inside an archive",)),
    Break(
        "encoding",
        STUDY,
        "      prefix: nyt-",
        "      encoding: utf-9\n      prefix: nyt-",
        ("utf-9", "Did you mean 'utf-8'?"),
    ),
    Break(
        "column twice",
        STUDY,
        "add: {domain: nyt}",
        "add: {domain: nyt, text: x}",
        ("already has a column", "text"),
    ),
    Break(
        "file and sources", STUDY, "corpus:\n", "corpus:\n  file: a.csv\n", ("either 'file' or 'sources'",)
    ),
    Break(
        "covariate in no source",
        STUDY,
        "[domain, human_mean]",
        "[domain, human_maen]",
        ("human_maen", "Did you mean 'human_mean'?"),
    ),
    Break(
        "text as covariate",
        STUDY,
        "[domain, human_mean]",
        "[domain, human_mean, text]",
        ("cannot be a covariate",),
    ),
    # Sections against each other
    Break(
        "no such codebook",
        STUDY,
        "    codebooks: [sentiment]\n    learner",
        "    codebooks: [sentimnt]\n    learner",
        ("sentimnt", "Did you mean 'sentiment'?"),
    ),
    Break(
        "no such model",
        STUDY,
        "    model: smollm2-135m",
        "    model: smollm-135m",
        ("smollm-135m", "Did you mean 'smollm2-135m'?"),
    ),
    Break(
        "repeats without chance",
        STUDY,
        "    code: sample",
        "    code: sample\n    repeats: 5",
        ("coders.llm.repeats", "temperature 0", "Found: 5", "Set a temperature"),
    ),
    Break(
        "hot model",
        STUDY,
        "    code: sample",
        "    code: sample\n    temperature: 2.5",
        ("coders.llm.temperature", "2 or less"),
    ),
    Break(
        "too many repeats",
        STUDY,
        "    code: sample",
        "    code: sample\n    temperature: 1\n    repeats: 101",
        ("coders.llm.repeats", "100 or less"),
    ),
    Break(
        "half a repeat",
        STUDY,
        "    code: sample",
        "    code: sample\n    temperature: 1\n    repeats: 1.5",
        ("coders.llm.repeats", "a whole number"),
    ),
    Break(
        "model without file",
        STUDY,
        "    file: SmolLM2-135M-Instruct.Q4_1.gguf\n",
        "",
        ("'package' and 'file'",),
    ),
    Break(
        "no such criterion",
        STUDY,
        "  criterion: humans",
        "  criterion: human",
        ("compare.criterion", "Did you mean 'humans'?"),
    ),
    Break(
        "criterion is a column",
        STUDY,
        "  criterion: humans",
        "  criterion: human_mean",
        ("score: {column: ...}",),
    ),
    Break(
        "circular criterion",
        STUDY,
        "  criterion: humans",
        "  criterion: supervised",
        ("learns from the criterion",),
    ),
    Break(
        "group by",
        STUDY,
        "  by: domain\n  thresholds",
        "  by: domains\n  thresholds",
        ("compare.by", "Did you mean 'domain'?"),
    ),
    Break("strata", STUDY, "  by: domain\n  seed", "  by: [domain, region]\n  seed", ("sample.by", "region")),
    Break("thresholds reversed", STUDY, "[0, 0]", "[0.5, -0.5]", ("reversed", "[-0.5, 0.5]")),
    Break(
        "window without windows",
        STUDY,
        "  segment: none",
        "  segment: none\n  window: 50",
        ("units.window", "segment: none"),
    ),
    Break("year column", STUDY, "  year: year_written", "  year: written", ("units.year", "year_written")),
    Break(
        "dictionary of another language",
        STUDY,
        "    language: en-US",
        "    language: de",
        ("another language", "'de'"),
    ),
    Break(
        "German corpus",
        STUDY,
        "  language: en\n  licence",
        "  language: de\n  licence",
        ("coders.vader.language", "another language"),
    ),
    Break(
        "VADER with a file",
        STUDY,
        "    rules: vader\n",
        "    rules: vader\n    file: a.csv\n",
        ("installed lexicon",),
    ),
    Break(
        "dictionary without words",
        STUDY,
        "    rules: vader\n",
        "",
        ("exactly one of 'rules', 'file' and 'source'",),
    ),
    Break("category of a table", STUDY, "words.dic", "words.csv", (".dic", "category")),
    Break(
        "no category",
        STUDY,
        "    category: posemo\n    negative: negemo\n",
        "",
        ("name the one that counts",),
    ),
    Break(
        "columns of the codes",
        STUDY,
        "    rating: ratings",
        "    rating: rating",
        ("Did you mean 'ratings'?",),
    ),
    Break(
        "published value",
        STUDY,
        "    score: {column: human_mean}",
        "    score: {column: mean}",
        ("coders.humans.score.column",),
    ),
    Break("wide without raters", STUDY, "    layout: list", "    layout: wide", ("raters",)),
    Break(
        "formula",
        STUDY,
        "sentiment_vader) *",
        "sentiment_vadr) *",
        ("Did you mean 'sentiment_vader'?", "formula"),
    ),
    Break("code in a formula", STUDY, "C(domain)", "__import__('os')", ("formula",)),
    Break(
        "incremental",
        STUDY,
        "incremental: [sentiment_llm, sentiment_vader]",
        "incremental: [sentiment_words]",
        ("incremental", "sentiment_words"),
    ),
    Break("name of a table", STUDY, "  sentiment_by_domain:", "  agreement:", ("agreement.csv",)),
    Break(
        "two columns of one name",
        STUDY,
        "  words:\n    type",
        "  vader_label:\n    type",
        ("sentiment_vader_label", "Rename"),
    ),
    Break(
        "name of single ratings",
        STUDY,
        "  words:\n    type",
        "  humans_individual:\n    type",
        ("single ratings",),
    ),
    Break(
        "one column for two constructs",
        STUDY,
        "    rating: ratings\n    codebooks: [sentiment]",
        "    rating: ratings\n    codebooks: [sentiment, warmth]",
        ("names of the constructs",),
    ),
    Break(
        "line break after a sha256",
        STUDY,
        f"sha256: {_SHA}\n      member",
        f'sha256: "{_SHA}\\n"\n      member',
        ("64 hexadecimal",),
    ),
    Break("line break in a prefix", STUDY, "prefix: nyt-", 'prefix: "nyt\\n"', ("prefix", "invisible")),
    Break("wildcard in a path", STUDY, _WORDS, "file: config/{words}.dic", ("brace", "wildcard")),
    Break("line break in a path", STUDY, _WORDS, r'file: "config/a\nb.dic"', ("nobody can see",)),
    Break("reversed path", STUDY, _WORDS, r'file: "config/\u202ecid.dic"', ("nobody can see",)),
    Break(
        "address of no machine",
        STUDY,
        "&archive\n      pypi: vaderSentiment==3.3.2",
        "&archive\n      url: https://[::1",
        ("no address of a machine",),
    ),
    Break(
        "password in an address",
        STUDY,
        "&archive\n      pypi: vaderSentiment==3.3.2",
        "&archive\n      url: https://ada:secret@example.org/x.csv",
        ("holds a password",),
    ),
    Break("language of VADER", STUDY, "    language: en-US", "    language: eng", ("another language",)),
    Break(
        "nothing to learn from",
        STUDY,
        "    codebooks: [sentiment]\n    learner",
        "    codebooks: [sentiment, warmth]\n    learner",
        ("does not code 'warmth'",),
    ),
]

"""The methods paragraphs, filled from the configuration, the instruments and the versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.claims import AS_PRINTED, NOT_ATTEMPTED
from study.codebook import Codebook
from study.instrument import Instrument
from study.report import served, words
from study.report.material import Material
from study.report.names import CORRECTIONS, Names, made_elsewhere

REFERENCES = (
    ("Label probabilities and expected score", "Licht et al. (2025), arXiv 2509.03116"),
    ("Calibration of label probabilities", "contextual: Zhao et al. (2021); batch: Zhou et al. (2023)"),
    ("Scores from comparisons", "Bradley & Terry (1952); ties: Davidson (1970)"),
    ("Krippendorff's alpha", "Krippendorff (2019), Content Analysis, 4th ed."),
    ("One-way intraclass correlation", "Shrout & Fleiss (1979); unequal numbers of ratings: Donner (1986)"),
    ("Comparison of dependent correlations", "Williams (1959), Steiger (1980)"),
    ("Attenuation by unreliability", "Spearman (1904)"),
    ("Calibration error; Brier score", "Guo et al. (2017); Brier (1950)"),
    ("Interval of a proportion", "Wilson (1927)"),
    ("Standard errors HC3", "Long & Ervin (2000)"),
    ("Multiple comparisons", "Holm (1979), Benjamini & Hochberg (1995)"),
    ("Design-based supervised learning (DSL)", "Egami, Hinck, Stewart & Wei (2023)"),
    ("Prediction-powered inference (PPI++)", "Angelopoulos, Duchi & Zrnic (2023), arXiv 2311.01453"),
    ("Likelihood of misclassified codes", "TeBlunthuis, Hase & Chan (2024)"),
    ("VADER", "Hutto & Gilbert (2014)"),
)
_PROBABILITIES = {
    served.HERE: (
        "The probability of each full answer (the label as the model says it) and the end of the turn was"
        " computed and made to sum to 1 over the labels."
    ),
    served.WHOLE: (
        "The server was asked for the probability of each full answer (the label as the model says it) and of"
        " what ends it, one request a label; they were made to sum to 1 over the labels."
    ),
    served.DECIDING: (
        "The probabilities of the labels were read off the server's list of the most probable tokens, where"
        " labels part, and made to sum to 1."
    ),
    served.NONE: "The server gave no probabilities of the labels.",
}
RULES = {"mean": "the mean", "median": "the median", "majority": "the most frequent"}


def paragraph(material: Material) -> list[str]:
    """Return the methods as paragraphs: texts and coders, then statistics, then software."""
    return [" ".join(_texts(material)), " ".join(_statistics(material)), " ".join(_software(material))]


def _texts(material: Material) -> Iterator[str]:
    study = material.study
    yield (
        f"The corpus has {words.plural(len(material.units), 'unit')} in the language"
        f" {study['corpus']['language']}{'' if material.has_texts else ', whose texts are not at hand'};"
        f" {_sample(study['sample'], len(material.sample))}."
    )
    for construct, book in material.codebooks.items():
        yield (f"{construct[:1].upper()}{construct[1:]} was coded as {book.level}, with {_answers(book)}.")
    for name, coder in study["coders"].items():
        said = _CODERS[coder["type"]](material, name, coder)
        if said:
            yield said


def _answers(book: Codebook) -> str:
    if book.type == "compare":
        return "comparisons of two texts, both orders of each pair, as answers"
    if book.closed:
        return f"the answers {words.listed(book.labels, 'or')}"
    return "passages of the text as answers" if book.type == "extract" else "numbers as answers"


def _sample(sample: str | Mapping[str, Any], drawn: int) -> str:
    if isinstance(sample, str):
        return "all of them are coded"
    by = sample["by"]
    strata = f" from each stratum of {words.listed([by] if isinstance(by, str) else by)}" if by else ""
    return (
        f"a random sample has {words.count(drawn)} of them ({words.count(sample['n'])}{strata}, seed"
        f" {sample['seed']})"
    )


def _llm(material: Material, name: str, coder: Mapping[str, Any]) -> str:
    mine = [i for i in material.instruments if i.coder == name]
    if not mine:
        return ""
    settings = mine[0].settings
    prompts = "the prompt" if sum(len(i.questions) for i in mine) == 1 else "the prompts"
    return (
        f"The coder '{name}' is {_which(material, mine)}; {_asked(material, mine, coder)}, with"
        f" {prompts} that part 3 shows verbatim ({_instruments(mine)})."
        f" {' '.join(_decoding(material, mine, coder))} A text longer than"
        f" the context of {words.plural(int(settings.get('context', 0)), 'token')} was"
        f" {'left uncoded' if settings.get('too_long') == 'refuse' else 'cut at its end'}."
    )


def _which(material: Material, mine: Sequence[Instrument]) -> str:
    """Say what model was asked: a file that ran here, or what a server has under a name."""
    model = mine[0].model
    if served.of(mine[0]):
        return served.sentence(mine[0])
    engine = words.listed([f"{k} {v}" for k, v in sorted((model.get("engine") or {}).items())])
    return (
        f"the language model {model.get('name', '')} (file {model.get('file', '')},"
        f" sha256 {model['sha256']}), run locally by {engine}"
    )


def _asked(material: Material, mine: Sequence[Instrument], coder: Mapping[str, Any]) -> str:
    """Say how often the model was asked about how many texts, and about which pairs of texts."""
    codings = material.codings.get(mine[0].coder)
    n = words.plural(0 if codings is None else codings["unit_id"].nunique(), "text")
    times = "once" if coder.get("repeats", 1) == 1 else f"{words.count(coder['repeats'])} times"
    said = [] if all(i.compares for i in mine) else [f"it was asked {times} about each of {n}"]
    for instrument in (i for i in mine if i.compares):
        pairs = material.codebooks[instrument.constructs[0]].pairs
        if pairs is not None:
            said.append(
                f"for {instrument.name} each of {n} was compared with two others in each of"
                f" {words.plural(pairs['rounds'], 'round')} (drawn with seed {pairs['seed']}), and every pair"
                f" was asked about {times} in each order"
            )
    return "; ".join(said)


def _decoding(material: Material, mine: Sequence[Instrument], coder: Mapping[str, Any]) -> Iterator[str]:
    asked = [
        (material.codebooks[question.construct], question)
        for instrument in mine
        for question in instrument.questions
        if question.construct in material.codebooks
    ]
    temperature = coder.get("temperature", 0)
    if closed := [book for book, question in asked if question.kind == "choice"]:
        yield from _scored(material, mine, closed, temperature)
    if written := [book.construct for book, question in asked if question.kind != "choice"]:
        could = "which was taken where it is" if served.of(mine[0]) else "and could write nothing but"
        yield (
            f"For {words.listed(written)} the model wrote its answer, {could} a number within bounds, or"
            " passages of the text, word for word."
        )
    for place in ("before", "after"):
        if reasoned := [book.construct for book, question in asked if question.rationale == place]:
            yield f"For {words.listed(reasoned)} the model gave its reasons {place} the answer."
    if shown := [f"{book.construct} ({len(book.examples)})" for book, _ in asked if book.examples]:
        yield f"The prompt showed answered examples for {words.listed(shown)}."
    if server := served.of(mine[0]):
        yield from _served(material, mine[0], server, temperature)
        if coder.get("repeats", 1) > 1:
            yield "The score of a text is the mean over repeats, its label the most frequent one."
    else:
        yield _drawn(temperature, coder.get("repeats", 1))


def _scored(
    material: Material, mine: Sequence[Instrument], closed: Sequence[Codebook], temperature: float
) -> Iterator[str]:
    """Say how the answers to questions with labels became labels and scores."""
    how = served.how(mine[0])
    yield _PROBABILITIES[how]
    if any(book.type != "compare" for book in closed):
        label = "was drawn with these probabilities" if temperature else "is the most probable one"
        yield (
            "The score is the value of the label that the server answered."
            if how == served.NONE
            else "The score is the mean of the labels' values weighted by these probabilities; the label"
            f" {label}."
        )
        yield from _without(material, mine)
    yield from _ordered(closed, averaged=how != served.NONE)
    yield from _calibrated(closed)
    if any(book.type == "compare" for book in closed):
        if how == served.NONE:
            yield "Of a comparison, the answer counts in full."
        yield (
            "Scores of comparisons are log-odds of the Bradley-Terry model, with a term for the order in"
            " which two texts were shown; their standard errors are from a bootstrap over pairs."
        )


def _without(material: Material, mine: Sequence[Instrument]) -> Iterator[str]:
    """Say for how many texts a server that gives probabilities gave none."""
    if served.how(mine[0]) not in (served.WHOLE, served.DECIDING):
        return
    for instrument in mine:
        for construct in (question.construct for question in instrument.questions):
            bare, n = served.lacking(material, instrument.coder, construct)
            if instrument.question(construct).kind == "choice" and bare:
                yield (
                    f"Of {construct}, the server gave no probabilities for {words.count(bare)} of"
                    f" {words.plural(n, 'text')}: there the score is the label's value."
                )


def _served(
    material: Material, instrument: Instrument, server: Mapping[str, Any], temperature: float
) -> Iterator[str]:
    """Say how a server drew, and that its model may change."""
    if served.own_temperature(server):
        yield "The temperature was the server's own."
    elif temperature:
        yield f"Answers were drawn at temperature {temperature:g}."
    else:
        yield "The temperature was 0, at which a server may still answer otherwise another time."
    yield f"{served.CHANGES}: {served.seen(material, str(instrument.model['name']))}."


def _ordered(books: Sequence[Codebook], *, averaged: bool) -> Iterator[str]:
    """Say which labels were offered in other orders than the codebook's.

    Parameters
    ----------
    averaged
        Whether there are probabilities, which can be averaged over orders.
    """
    orders: dict[tuple[str, int], list[str]] = {}
    for book in books:
        order = str(book.prompt["label_order"])
        seed = int(book.prompt["seed"]) if order == "random" else 0
        orders.setdefault((order, seed), []).append(book.construct)
    for (order, seed), constructs in orders.items():
        labels = f"The labels of {words.listed(constructs)} were offered in"
        if order == "rotated":
            what = "the probabilities averaged" if averaged else "the label is the most frequent answer"
            yield f"{labels} each rotation of their order, and {what}."
        if order == "random":
            yield f"{labels} one random order for each text (seed {seed})."


def _calibrated(books: Sequence[Codebook]) -> Iterator[str]:
    """Say which label probabilities were calibrated, and how."""
    methods: dict[tuple[str, int], list[str]] = {}
    for book in books:
        if book.calibration:
            how = (book.calibration["method"], len(book.calibration["texts"]))
            methods.setdefault(how, []).append(book.construct)
    sources = {"contextual": "Zhao et al. 2021", "batch": "Zhou et al. 2023"}
    for (method, n), constructs in methods.items():
        yield (
            f"The label probabilities of {words.listed(constructs)} were divided by their mean over"
            f" {words.plural(n, 'reference text')} ({method} calibration, {sources[method]})."
        )


def _drawn(temperature: float, repeats: int) -> str:
    if not temperature:
        return "Nothing was sampled."
    said = f"Answers were drawn at temperature {temperature:g}, with a seed of each text's and repeat's own"
    if repeats == 1:
        return f"{said}."
    return f"{said}; the score of a text is the mean over repeats, its label the most frequent one."


def _instruments(mine: list[Instrument]) -> str:
    return words.listed([f"instrument {i.instrument_id[:12]} for {i.name}" for i in mine])


def _dictionary(material: Material, name: str, coder: Mapping[str, Any]) -> str:
    version = material.versions.get("vaderSentiment")
    if coder["rules"] == "vader":
        installed = f" {version}" if version else ""
        return (
            f"The coder '{name}' is VADER{installed} as installed (Hutto & Gilbert 2014); its score is the"
            " compound score."
        )
    if coder["rules"] == "vader-2014":
        return (
            f"The coder '{name}' is VADER with the lexicon and rules of 2014, as published (Hutto & Gilbert"
            " 2014)."
        )
    where = coder["file"] or "a word list from elsewhere (config/study.yaml)"
    return f"The coder '{name}' is a dictionary, {where}."


def _supervised(material: Material, name: str, coder: Mapping[str, Any]) -> str:
    kind = "a ridge regression" if coder["learner"] == "ridge" else "a logistic regression"
    return (
        f"The coder '{name}' is {kind} on TF-IDF features, trained on"
        f" {Names(material.study).prose(material.criterion)} by cross-fitting in"
        f" {words.plural(coder['folds'], 'fold')} (seed {coder['seed']}): no text is scored by a model that"
        " saw it."
    )


def _human(material: Material, name: str, coder: Mapping[str, Any]) -> str:
    rule = coder["score"]
    score = (
        RULES[rule] + " of a text's ratings"
        if isinstance(rule, str)
        else f"the published value in the column {rule['column']}"
    )
    identified = (
        "raters are identified"
        if coder["identified"]
        else "raters are not identified, so that figures which need identified raters are not given"
    )
    role = ", the criterion," if name == material.criterion else ""
    return f"The coder '{name}'{role} is people; their score is {score}; {identified}."


def _given(material: Material, name: str, coder: Mapping[str, Any]) -> str:
    codings = material.codings.get(name)
    n = words.plural(0 if codings is None else codings["unit_id"].nunique(), "text")
    role = ", the criterion," if name == material.criterion else ""
    unknown = {
        "llm": "the model, its prompt and the probabilities of its labels are not recorded here",
        "human": "single ratings are not recorded here",
    }.get(coder["of"], "how they came about is not recorded here")
    return (
        f"The coder '{name}'{role} is {_MADE_BY[coder['of']]}, whose codes of {n} were"
        f" {made_elsewhere(coder)}; {unknown}."
    )


_MADE_BY = {
    "llm": "a language model",
    "dictionary": "a dictionary",
    "supervised": "a classifier",
    "human": "people",
}
_CODERS = {
    "llm": _llm,
    "dictionary": _dictionary,
    "supervised": _supervised,
    "human": _human,
    "given": _given,
}


def _statistics(material: Material) -> Iterator[str]:
    compare = material.study["compare"]
    criterion = Names(material.study).prose(material.criterion) if material.criterion else "no criterion"
    by = f", within each {compare['by']} and over all" if compare["by"] else ""
    yield (
        f"Measures are compared with {criterion}{by} by Pearson's r and Spearman's rho; 95% intervals are"
        f" percentiles of {words.count(compare['bootstrap'])} bootstrap resamples of texts (seed"
        f" {compare['seed']})."
    )
    yield (
        "Agreement of raters is Krippendorff's alpha (2019) and ICC (Shrout & Fleiss 1979); of labels also"
        " percent agreement, Gwet's AC1 (2008) and, where raters are known one by one, kappa (Cohen 1960,"
        " Fleiss 1971)."
    )
    yield (
        "Correlations of two measures with the same criterion are compared on the same texts by Williams's t"
        " (Steiger 1980); p-values are adjusted within a construct and subset"
        f" ({CORRECTIONS[compare['correction']]})."
    )
    yield from _regressions(material)


def _regressions(material: Material) -> Iterator[str]:
    analyses = material.study["analyses"]
    if plain := [name for name, analysis in analyses.items() if not analysis["coded"]]:
        weighted = ", weighted by the survey weight" if material.study["units"]["weight"] else ""
        which = "Regressions" if len(plain) == len(analyses) else f"The regressions of {words.listed(plain)}"
        linear = all(analyses[name]["family"] == "linear" for name in plain)
        how = "ordinary least squares" if linear else "generalised linear models"
        errors = " with HC3 standard errors (Long & Ervin 2000) and t tests" if linear else ""
        yield f"{which} are {how}{weighted}{errors}, in which errors of the measures are not corrected for."
    for name, analysis in analyses.items():
        if analysis["coded"]:
            yield from _corrected(material, name, analysis)


def _corrected(material: Material, name: str, analysis: Mapping[str, Any]) -> Iterator[str]:
    """Say how a regression was corrected for the errors of codes, and with whose codes."""
    estimators = [_ESTIMATORS[one] for one in analysis["estimators"] if one in _ESTIMATORS]
    coders = [f"'{coder}'" for coder in analysis["coders"]]
    turn = " in turn" if len(coders) > 1 else ""
    yield (
        f"In the regression {name} ({analysis['family']}), the codes of {words.listed(coders)} stand for"
        f" {words.listed(analysis['coded'])}{turn}; it is estimated with {words.listed(estimators)}."
    )
    if "dsl" in analysis["estimators"]:
        beside = f" and {words.listed(analysis['predictors'])}" if analysis["predictors"] else ""
        learner = "boosted trees" if analysis["learner"] == "boosting" else "linear regression"
        yield (
            f"For DSL, people's codes are predicted from the coder's{beside} by {learner}, cross-fitted in"
            f" {words.plural(analysis['folds'], 'fold')}; estimates are medians over"
            f" {words.plural(analysis['splits'], 'division')} (seed {analysis['seed']})."
        )
    gold = material.study["gold"]
    yield f"True codes are those of '{gold['truth']}', for units that {_chosen(gold)}."


def _chosen(gold: Mapping[str, Any]) -> str:
    """Say how the units with true codes were chosen."""
    if gold["draw"]:
        return "were drawn here with known probabilities"
    if gold["probability"] is None:
        return "are taken to have been chosen at random, each as likely as any other"
    if isinstance(gold["probability"], str):
        return f"were chosen with the probabilities in the column {gold['probability']}"
    return f"were chosen at random, each with the probability {words.r(gold['probability'], 3)}"


_ESTIMATORS = {
    "naive": "these codes as they are",
    "gold_only": "people's codes alone",
    "dsl": "design-based supervised learning (DSL, Egami et al. 2023)",
    "ppi": "prediction-powered inference (PPI++, Angelopoulos et al. 2023)",
    "likelihood": "a likelihood that allows for misclassification (TeBlunthuis et al. 2024)",
}
"""Ways to estimate a regression with codes in it; a dictionary's codes as they are go without saying."""


def _software(material: Material) -> Iterator[str]:
    yield f"Software: {words.listed([f'{name} {version}' for name, version in material.versions.items()])}."
    claims = material.tables["claims"]
    tried = claims[(claims["reading"] == AS_PRINTED) & (claims["verdict"] != NOT_ATTEMPTED)]
    if len(tried):
        figures = words.plural(len(tried), "published figure")
        yield f"{figures} {'was' if len(tried) == 1 else 'were'} compared with the study's own (part 14)."
    if unfrozen := [c for c, book in material.codebooks.items() if book.status != "frozen"]:
        yield f"The codebook of {words.listed(unfrozen)} was not frozen."
    if sampled := [c for c in material.constructs if material.subset(c) == "sample"]:
        yield (
            f"Comparisons of {words.listed(sampled)} stand on the sampled texts that every machine has coded."
        )

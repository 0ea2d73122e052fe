"""Part 3: the codebook, and the prompt exactly as the model was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from study.codebook import Codebook
from study.instrument import Instrument, Question
from study.report import beforehand, served, words
from study.report.blocks import Block, Heading, Missing, Page, Pairs, Table, Verbatim
from study.report.material import Material
from study.report.names import Names, made_elsewhere

MOST_IN_A_SENTENCE = 3
"""Constructs that the point speaks of one by one."""
_KINDS = {
    "compare": "a comparison of two texts",
    "count": "a number",
    "number": "a number",
    "extract": "passages of the text",
}
MARKS = (
    "with marks where each message to the server begins and ends (it puts them into its model's own template)"
)
_SPECIAL = re.compile(r"<\|[^|<>\n]{1,64}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<(?:bos|eos)>")
"""How tokenizers write their special tokens."""


def page(material: Material) -> Page:
    """Show every codebook with its prompts."""
    blocks: list[Block] = []
    for construct, book in material.codebooks.items():
        blocks += [Heading(construct), _facts(material, book), *_labels(book)]
        asked = [i for i in material.instruments if construct in i.constructs]
        alike: dict[tuple[tuple[str, str], ...], list[Instrument]] = {}
        for instrument in asked:
            alike.setdefault(tuple(pieces(instrument, construct)), []).append(instrument)
        for shown, instruments in alike.items():
            blocks += _prompt(material, shown, instruments, construct)
        if not asked:
            blocks.append(Missing(f"A prompt for {construct}", _why_no_prompt(material, construct)))
        blocks.append(_revisions(book))
    blocks += beforehand.blocks(material)
    return Page(3, "Codebook and prompt", _point(material), blocks)


def _why_no_prompt(material: Material, construct: str) -> str:
    names, coders = Names(material.study), material.study["coders"]
    models = [name for name in material.given("llm") if construct in coders[name]["codebooks"]]
    if not models:
        return "No language model codes it."
    each = [f"the codes of {names.prose(name)} were {made_elsewhere(coders[name])}" for name in models]
    return words.sentence(f"{words.listed(each)}; how the model was asked is not recorded here")


def pieces(instrument: Instrument, construct: str) -> list[tuple[str, str]]:
    """Return the prompt in pieces: plain text, special tokens, and the places of texts and answer.

    Where the order of the labels varies, that of the codebook is shown.
    """
    question, end = instrument.question(construct), instrument.end_of_turn
    shown = question.prompt_in_order(range(len(question.labels)))
    text = [("slot", "the text")]
    if shown.between is not None:
        text = [("slot", "the first text"), *_tokens(shown.between, end), ("slot", "the second text")]
    return [
        *_tokens(shown.before, end),
        *text,
        *_tokens(shown.after, end),
        *_with_rationale(question, _answer(question)),
        ("token", end),
    ]


def _answer(question: Question) -> list[tuple[str, str]]:
    """Return what an answer may be."""
    if question.kind == "choice":
        return [("slot", " | ".join(question.answers))]
    if question.kind == "number":
        number = [("plain", question.lead), ("slot", _number_between(question)), ("plain", question.tail)]
        return [(kind, text) for kind, text in number if text]
    lines = "a line with" if question.most == 1 else f"1 to {question.most} lines, each with"
    return [("slot", f"{lines} '- ' and words of the text | {question.none}")]


def _number_between(question: Question) -> str:
    low, high = (words.number(bound, question.decimals) for bound in (question.low, question.high))
    if not question.decimals:
        return f"a whole number from {low} to {high}"
    return f"a number from {low} to {high} with up to {words.plural(question.decimals, 'decimal')}"


def _with_rationale(question: Question, answer: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if question.rationale == "none":
        return answer
    length = words.plural(question.rationale_tokens, "token")
    rationale = ("slot", f"a rationale of one line, at most {length}")
    line = ("plain", "\n")
    return [rationale, line, *answer] if question.rationale == "before" else [*answer, line, rationale]


def _tokens(text: str, end_of_turn: str) -> list[tuple[str, str]]:
    pattern = re.compile(f"({re.escape(end_of_turn)}|{_SPECIAL.pattern})") if end_of_turn else _SPECIAL
    found, at = [], 0
    for match in pattern.finditer(text):
        found += [("plain", text[at : match.start()]), ("token", match[0])]
        at = match.end()
    return [(kind, piece) for kind, piece in [*found, ("plain", text[at:])] if piece]


def _point(material: Material) -> str:
    books = material.codebooks
    if len(books) <= MOST_IN_A_SENTENCE:
        said = [_in_short(construct, book) for construct, book in books.items()]
    else:
        kinds: dict[str, list[str]] = {}
        for construct, book in books.items():
            kinds.setdefault(_KINDS.get(book.type, "one of several labels"), []).append(construct)
        each = [f"{words.listed(names)} with {kind} as answer" for kind, names in kinds.items()]
        frozen = [construct for construct, book in books.items() if book.status == "frozen"]
        pilots = [construct for construct in books if construct not in frozen]
        status = [f"the codebook of {words.listed(frozen)} is frozen"] if frozen else []
        status += [f"that of {words.listed(pilots)} is still a pilot" if frozen else "all are still pilots"]
        said = [
            f"{words.plural(len(books), 'construct')} are coded: {words.listed(each)}",
            *(status if pilots else ["all codebooks are frozen"]),
        ]
    prompts = sum(len(instrument.questions) for instrument in material.instruments)
    shown = [f"{words.plural(prompts, 'prompt')} below, verbatim"] if prompts else []
    return words.sentence("; ".join([*said, *shown]))


def _in_short(construct: str, book: Codebook) -> str:
    status = "frozen" if book.status == "frozen" else "still a pilot"
    changes = (
        words.plural(len(book.revisions), "recorded revision") if book.revisions else "no recorded revision"
    )
    return (
        f"{construct} is {_article(book.level)} construct with {_answers(book)}; its codebook is {status},"
        f" with {changes}"
    )


def _answers(book: Codebook) -> str:
    if book.type == "compare":
        return "comparisons of two texts"
    if book.closed:
        return words.plural(len(book.labels), "answer")
    return "passages of the text as answers" if book.type == "extract" else "numbers as answers"


def _article(level: str) -> str:
    return f"{'an' if level[0] in 'aeiou' else 'a'} {level}"


def _facts(material: Material, book: Codebook) -> Pairs:
    asked = any(book.construct in instrument.constructs for instrument in material.instruments)
    frozen = (
        "frozen: the commit in which config/codebooks took this status dates it"
        + ("; a change of the prompt changes the instrument below" if asked else "")
        if book.status == "frozen"
        else "pilot: the codebook is being tried out, results are exploratory"
    )
    facts = [("Question", book.question), ("Asked for", _asked_for(book))]
    together = [c for c, other in material.codebooks.items() if other.asked_in == book.asked_in]
    if len(together) > 1:
        facts.append(
            (
                "Asked together",
                f"the {words.count(len(together))} questions of {book.asked_in}"
                f" ({words.listed(together)}); each is asked for itself, none sees another's answer",
            )
        )
    facts.append(("Level of measurement", book.level))
    if book.closed and book.type != "compare":
        offered = book.not_codable
        refused = f"answer '{offered}', counted apart, never zero" if offered else "not offered"
        facts.append(("The answer 'not codable'", refused))
    facts.append(("Status", frozen))
    return Pairs([*facts, *(_prompting(material, book) if asked else [])])


def _prompting(material: Material, book: Codebook) -> list[tuple[str, str]]:
    """Return how a language model is asked for a construct."""
    facts = [("Wording", book.prompt["wording"])]
    if book.closed:
        facts.append(("Order of the labels", _order(material, book)))
    facts.append(("Rationale", _rationale(book)))
    if book.examples:
        shown = "{examples}" in book.system + book.wording[book.prompt["wording"]]
        where = "in the prompt's own text" if shown else "as earlier turns of the conversation"
        facts.append(("Examples", f"{words.plural(len(book.examples), 'answered text')}, {where}"))
    if book.calibration:
        facts.append(("Calibration", calibration(book)))
    return facts


def _asked_for(book: Codebook) -> str:
    if book.type == "compare":
        assert book.pairs is not None
        rounds = words.plural(book.pairs["rounds"], "round")
        return (
            f"which of two texts; each text is compared with two others in each of {rounds} (drawn with seed"
            f" {book.pairs['seed']}), and every pair is asked about in both orders"
        )
    if book.type == "extract":
        return f"up to {words.plural(book.spans, 'passage')} of the text, word for word"
    if book.scale is None:
        return "one of the labels"
    low, high = (words.number(end, book.decimals) for end in book.scale)
    if not book.decimals:
        return f"a whole number from {low} to {high}"
    return f"a number from {low} to {high}, with up to {words.plural(book.decimals, 'decimal')}"


def _order(material: Material, book: Codebook) -> str:
    last = f"; '{book.not_codable}' is always the last" if book.not_codable else ""
    if book.type == "compare":
        return "as in the table, whichever text comes first"
    if book.prompt["label_order"] == "rotated":
        n = len(book.labels) - (book.not_codable is not None)
        asked = [one for one in material.instruments if book.construct in one.constructs]
        bare = any(served.how(one) == served.NONE for one in asked)
        counts = " (without probabilities, the most frequent answer counts)" if bare else ""
        return (
            f"rotated: a text is asked about in {words.plural(n, 'order')}, so that each label stands once in"
            f" each place, and the probabilities are averaged{counts}{last}; the prompt below shows the first"
            " order"
        )
    if book.prompt["label_order"] == "random":
        return (
            f"random: one order for each text, drawn with seed {book.prompt['seed']}{last}; the prompt below"
            " shows the order of the table"
        )
    return "fixed, as in the table"


def _rationale(book: Codebook) -> str:
    place, tokens = book.prompt["rationale"], words.plural(int(book.prompt["rationale_tokens"]), "token")
    return "none" if place == "none" else f"{place} the answer, one line of at most {tokens}"


def calibration(book: Codebook) -> str:
    """Say how label probabilities are calibrated, and by which reference texts."""
    assert book.calibration is not None
    texts, batch = book.calibration["texts"], book.calibration["method"] == "batch"
    named = [f"'{text}'" if text else "no text at all" for text in texts]
    which = "" if batch else f" ({words.listed(named)})"
    source = "batch calibration (Zhou et al. 2023)" if batch else "contextual calibration (Zhao et al. 2021)"
    return (
        f"{source}: label probabilities are divided by their mean over"
        f" {words.plural(len(texts), 'reference text')}{which} and made to sum to 1; the codings hold them"
        " before and after"
    )


def _labels(book: Codebook) -> list[Block]:
    if not book.categories:
        return []
    if book.type == "compare":
        meaning = ["the first text", "the second text", "neither: a tie"]
        rows = [[label, means] for label, means in zip(book.labels, meaning, strict=False)]
        return [Table.of("Answers", ["Answer", "Meaning"], rows, "ll")]
    rows = [[c.label, _number(c.value), c.define or "", c.example or ""] for c in book.categories]
    columns, align = ["Label", "Value", "Definition", "Example"], "lrll"
    kept = [i for i in range(4) if i == 0 or any(row[i] not in ("", words.MISSING) for row in rows)]
    return [
        Table.of(
            "Labels, in the codebook's order",
            [columns[i] for i in kept],
            [[row[i] for i in kept] for row in rows],
            "".join(align[i] for i in kept),
        )
    ]


def _number(value: float | None) -> str:
    return words.number(value, 0 if value is not None and float(value).is_integer() else 2)


def _prompt(
    material: Material,
    shown: Sequence[tuple[str, str]],
    instruments: Sequence[Instrument],
    construct: str,
) -> list[Block]:
    """Show a prompt, and of each language model that was asked with it how its answer came about."""
    names = Names(material.study)
    asked = [f"{names.table(i.coder)} ({i.model.get('name', '')})" for i in instruments]
    marks = MARKS if any(map(served.of, instruments)) else "with special tokens"
    blocks: list[Block] = [Verbatim(f"Prompt of {words.listed(asked)}, verbatim, {marks}", shown)]
    for instrument in instruments:
        own = [("Language model", names.table(instrument.coder))] if len(instruments) > 1 else []
        blocks.append(Pairs([*own, *_how(material, instrument, construct)]))
    return blocks


def _how(material: Material, instrument: Instrument, construct: str) -> list[tuple[str, str]]:
    model, settings = instrument.model, instrument.settings
    context = words.plural(int(settings.get("context", 0)), "token")
    too_long = {"refuse": "left uncoded, with the status too_long", "truncate": "cut at the end, and counted"}
    rule = settings.get("too_long", "")
    question, coder = instrument.question(construct), material.study["coders"].get(instrument.coder, {})
    facts = [("Instrument", instrument.instrument_id)]
    if server := served.of(instrument):
        facts += _served(material, instrument, construct)
        facts.append(("Decoding", served.decoding(question, server, settings["temperature"])))
    else:
        facts.append(("Model file", f"{model.get('file', '')}, sha256 {model['sha256']}"))
        facts.append(("Decoding", _decoding(question, settings["temperature"])))
    if (times := coder.get("repeats", 1)) > 1:
        what = "each pair, in each order," if instrument.compares else "each text"
        facts.append(("Repeats", f"{what} is asked about {words.plural(times, 'time')}"))
    if quotation := _quotation(question):
        facts.append(("Quotation", quotation))
    facts.append(("Too long for the context", f"{too_long.get(rule, rule)} (context of {context})"))
    return facts


def _served(material: Material, instrument: Instrument, construct: str) -> list[tuple[str, str]]:
    """Return how a model behind a server is asked, and what it said of itself."""
    model = instrument.model
    server = model["server"]
    facts = [
        ("Model server", served.address(server)),
        ("What it said of itself", served.reported(model)),
        ("Kept to the codebook by", served.CONSTRAINTS[server["constraint"]]),
    ]
    if server["options"]:
        facts.append(("Further settings", served.options(server)))
    if instrument.question(construct).kind == "choice":
        facts.append(("Label probabilities", served.probabilities(material, instrument, construct)))
    return facts


def _quotation(question: Question) -> str:
    marks = [mark for mark in dict.fromkeys((question.prompt.close, question.prompt.close_second)) if mark]
    if not marks:
        return ""
    return f"where a text holds {words.listed(marks, 'or')} itself, it gets a backslash, and is counted"


def _decoding(question: Question, temperature: float) -> str:
    if question.kind == "choice":
        what = "every label's probability is read off"
    else:
        what = "the model writes, and only what is allowed as an answer"
    if question.rationale == "before":
        what += ", after a rationale that it writes"
    drawn = {"choice": "label", "number": "number", "spans": "passages"}[question.kind]
    # The scores of comparisons stand on the answers' probabilities alone.
    said = [] if question.prompt.between is not None else [drawn]
    said += [] if question.rationale == "none" else ["rationale"]
    if not temperature or not said:
        return f"{what}; nothing is sampled"
    return f"{what}; drawn at temperature {temperature:g}: {words.listed(said)}"


def _revisions(book: Codebook) -> Table | Missing:
    if not book.revisions:
        return Missing("Revision log", "The codebook records no revision.")
    rows = [[str(x["date"]), x["change"], words.r(x.get("agreement"))] for x in book.revisions]
    note = "Agreement with the criterion, where it was looked at in the try-out."
    return Table.of("Revision log", ["Date", "Change", "Agreement"], rows, "llr", note)

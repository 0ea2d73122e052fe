"""Part 3: the codebook, and the prompt exactly as the model was asked."""

from __future__ import annotations

import re

from study.codebook import Codebook
from study.instrument import Instrument
from study.report import words
from study.report.blocks import Block, Heading, Missing, Page, Pairs, Table, Verbatim
from study.report.material import Material
from study.report.names import Names

_SPECIAL = re.compile(r"<\|[^|<>\n]{1,64}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<(?:bos|eos)>")
"""How tokenizers write their special tokens."""


def page(material: Material) -> Page:
    """Show every codebook with its prompts."""
    blocks: list[Block] = []
    for construct, book in material.codebooks.items():
        blocks += [Heading(construct), _facts(book), _labels(book)]
        asked = [i for i in material.instruments if i.construct == construct]
        blocks += [block for instrument in asked for block in _prompt(material, instrument)]
        if not asked:
            blocks.append(Missing(f"A prompt for {construct}", "No language model codes it."))
        blocks.append(_revisions(book))
    return Page(3, "Codebook and prompt", _point(material), blocks)


def pieces(instrument: Instrument) -> list[tuple[str, str]]:
    """Return the prompt in pieces: plain text, special tokens, and the places of text and answer."""
    answer = " | ".join(instrument.answers)
    return [
        *_tokens(instrument.before, instrument.end_of_turn),
        ("slot", "the text"),
        *_tokens(instrument.after, instrument.end_of_turn),
        ("slot", answer),
        ("token", instrument.end_of_turn),
    ]


def _tokens(text: str, end_of_turn: str) -> list[tuple[str, str]]:
    pattern = re.compile(f"({re.escape(end_of_turn)}|{_SPECIAL.pattern})") if end_of_turn else _SPECIAL
    found, at = [], 0
    for match in pattern.finditer(text):
        found += [("plain", text[at : match.start()]), ("token", match[0])]
        at = match.end()
    return [(kind, piece) for kind, piece in [*found, ("plain", text[at:])] if piece]


def _point(material: Material) -> str:
    each = []
    for construct, book in material.codebooks.items():
        status = "frozen" if book.status == "frozen" else "still a pilot"
        changes = (
            words.plural(len(book.revisions), "recorded revision")
            if book.revisions
            else "no recorded revision"
        )
        each.append(
            f"{construct} is {_article(book.level)} construct with"
            f" {words.plural(len(book.labels), 'answer')}; its codebook is {status}, with {changes}"
        )
    prompts = len(material.instruments)
    end = f"; {words.plural(prompts, 'prompt')} below, verbatim" if prompts else ""
    return words.sentence("; ".join(each) + end)


def _article(level: str) -> str:
    return f"{'an' if level[0] in 'aeiou' else 'a'} {level}"


def _facts(book: Codebook) -> Pairs:
    frozen = (
        "frozen: the commit in which config/codebooks took this status dates it; a change of the prompt"
        " changes the instrument below"
        if book.status == "frozen"
        else "pilot: the codebook is being tried out, results are exploratory"
    )
    refused = f"answer '{book.not_codable}', counted apart, never zero" if book.not_codable else "not offered"
    prompt = book.prompt
    return Pairs(
        [
            ("Question", book.question),
            ("Asked for", _asked_for(book)),
            ("Level of measurement", book.level),
            ("The answer 'not codable'", refused),
            ("Status", frozen),
            (
                "Wording",
                f"{prompt['wording']}; label order {prompt['label_order']}; rationale {prompt['rationale']}",
            ),
        ]
    )


def _asked_for(book: Codebook) -> str:
    if book.scale is None:
        return "one of the labels"
    low, high = (words.count(end) for end in book.scale)
    return f"a whole number from {low} to {high}"


def _labels(book: Codebook) -> Table:
    rows = [[c.label, _number(c.value), c.define or "", c.example or ""] for c in book.categories]
    return Table.of(
        "Labels, in the order in which they are offered",
        ["Label", "Value", "Definition", "Example"],
        rows,
        "lrll",
    )


def _number(value: float | None) -> str:
    return words.number(value, 0 if value is not None and float(value).is_integer() else 2)


def _prompt(material: Material, instrument: Instrument) -> list[Block]:
    name = Names(material.study).table(instrument.coder)
    model, settings = instrument.model, instrument.settings
    context = words.plural(int(settings.get("context", 0)), "token")
    too_long = {"refuse": "left uncoded, with the status too_long", "truncate": "cut at the end, and counted"}
    rule = settings.get("too_long", "")
    return [
        Verbatim(
            f"Prompt of {name} ({model.get('name', '')}), verbatim, with special tokens", pieces(instrument)
        ),
        Pairs(
            [
                ("Instrument", instrument.instrument_id),
                ("Model file", f"{model.get('file', '')}, sha256 {model['sha256']}"),
                (
                    "Decoding",
                    (
                        f"{settings.get('decoding', '')}: every label's probability is read off, nothing is"
                        " sampled"
                    ),
                ),
                ("Too long for the context", f"{too_long.get(rule, rule)} (context of {context})"),
            ]
        ),
    ]


def _revisions(book: Codebook) -> Table | Missing:
    if not book.revisions:
        return Missing("Revision log", "The codebook records no revision.")
    rows = [[str(x["date"]), x["change"], words.r(x.get("agreement"))] for x in book.revisions]
    note = "Agreement with the criterion, where it was looked at in the try-out."
    return Table.of("Revision log", ["Date", "Change", "Agreement"], rows, "llr", note)

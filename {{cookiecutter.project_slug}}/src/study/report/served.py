"""Models behind servers: how they are asked, what they said of themselves, and that they may change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from study.instrument import Instrument, Question
from study.report import findings, words
from study.report.blocks import Table
from study.report.material import Material
from study.report.names import Names
from study.report.notes import joined

CONSTRAINTS = {
    "json_schema": "a JSON schema, by which the server lets the model write the codebook's answers only",
    "json_object": (
        "a schema in the older form of JSON answers, by which the server lets the model write the codebook's"
        " answers only"
    ),
    "grammar": "a grammar (GBNF), by which the server lets the model write the codebook's answers only",
    "none": "the prompt alone: an answer that is none of the codebook's has the status failed",
}
HERE, WHOLE, DECIDING, NONE = "here", "whole", "deciding", "none"
NO_FIGURE = "no figure that needs probabilities (calibration, valid mass, the score's uncertainty) is given"
NO_PROBABILITIES = f"the score of a text is the value of its label, and {NO_FIGURE}"
PROBABILITIES = {
    WHOLE: "each label is asked in full, up to what ends it",
    DECIDING: "from the server's list of the most probable tokens, where labels part",
    NONE: f"not available: {NO_PROBABILITIES}",
}
RUNS_HERE = "runs here"
CHANGES = "A hosted model may change under its name"


def of(instrument: Instrument) -> Mapping[str, Any] | None:
    """Return the server of an instrument; None where the model runs here."""
    server: Mapping[str, Any] | None = instrument.model.get("server")
    return server


def how(instrument: Instrument) -> str:
    """Return where label probabilities come from: HERE, or what the configuration says of the server."""
    server = of(instrument)
    return HERE if server is None else str(server["probabilities"])


def models(material: Material) -> dict[str, Instrument]:
    """Return {model of the configuration: an instrument} of the coders whose model is behind a server."""
    found: dict[str, Instrument] = {}
    for one in material.instruments:
        if of(one):
            found.setdefault(str(one.model["name"]), one)
    return found


def names(material: Material) -> list[str]:
    """Return the models behind servers that coders, and then experiments, have asked."""
    table = material.tables["costs"]
    return list(dict.fromkeys([*models(material), *table.loc[table["server"] != "", "model"]]))


def coders(material: Material) -> list[str]:
    """Return the coders whose model is behind a server, in the configuration's order."""
    served = {one.coder for one in material.instruments if of(one)}
    return [name for name in material.study["coders"] if name in served]


def own_temperature(server: Mapping[str, Any]) -> bool:
    """Whether the configuration leaves the temperature to the server."""
    return "temperature" in server["options"]


def address(server: Mapping[str, Any]) -> str:
    """Return where the model is, and how it is asked for."""
    return f"{server['url']}, model '{server['model']}'"


def reported(model: Mapping[str, Any]) -> str:
    """Return what the server said of itself when it was first asked."""
    said = model["reported"]
    name = f"model '{said['model']}'" if said["model"] else "no name of a model"
    fingerprint = said["system_fingerprint"]
    return f"{name}, {f'fingerprint {fingerprint}' if fingerprint else 'no fingerprint'}, on {said['date']}"


def options(server: Mapping[str, Any]) -> str:
    """Return the further members of each request, as configured; empty where there are none."""
    return "; ".join(
        f"{name} left to the server" if value is None else f"{name}: {value}"
        for name, value in sorted(server["options"].items())
    )


def facts(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a card says of a model behind a server."""
    server = model["server"]
    found = [
        ("Model", str(model["name"])),
        ("Server", str(server["url"])),
        ("Asked for as", str(server["model"])),
        ("What it said of itself", reported(model)),
        ("Weights", "not known: no hash can be taken of a model behind a server"),
        ("Kept to the codebook by", CONSTRAINTS[server["constraint"]]),
        ("Label probabilities", PROBABILITIES[server["probabilities"]]),
    ]
    return [*found, ("Further settings", options(server))] if server["options"] else found


def lacking(material: Material, coder: str, construct: str) -> tuple[int, int]:
    """Count the texts with a label and without its probability, and the texts with a label, of one coder."""
    codings = material.codings.get(coder)
    if codings is None or "label" not in codings:
        return 0, 0
    own = codings[(codings["construct"] == construct) & codings["label"].notna()]
    first = f"p_{material.codebooks[construct].labels[0]}" if len(own) else ""
    if first not in own:
        return 0, own["unit_id"].nunique()
    bare = own[first].isna().groupby(own["unit_id"]).any()
    return int(bare.sum()), len(bare)


def probabilities(material: Material, instrument: Instrument, construct: str) -> str:
    """Say where label probabilities come from, and for how many texts there are none."""
    kind = how(instrument)
    if kind == NONE and instrument.compares:
        return f"not available: each answer counts in full, and {NO_FIGURE}"
    said = PROBABILITIES[kind]
    bare, n = lacking(material, instrument.coder, construct)
    if kind == NONE or not bare:
        return said
    return f"{said}; for {words.count(bare)} of {words.plural(n, 'text')} not available: {NO_PROBABILITIES}"


def no_probabilities(material: Material, construct: str) -> str:
    """Say which coders behind servers lack label probabilities of a construct; empty where none does."""
    called, said = Names(material.study), []
    for coder in coders(material):
        bare, n = lacking(material, coder, construct)
        if any(_compares_without(one, coder, construct) for one in material.instruments):
            said.append(
                f"Not available for {called.prose(coder)}: its server gives no probabilities of answers."
            )
        elif bare and bare == n:
            said.append(
                f"Not available for {called.prose(coder)}: its server gives no probabilities of labels."
            )
        elif bare:
            said.append(
                f"Not available for {words.count(bare)} of {words.plural(n, 'text')} of"
                f" {called.prose(coder)}: there its server gave no probabilities of labels."
            )
    return " ".join(said)


def _compares_without(instrument: Instrument, coder: str, construct: str) -> bool:
    mine = instrument.coder == coder and construct in instrument.constructs
    return mine and instrument.compares and how(instrument) == NONE


def no_valid_mass(material: Material, construct: str) -> str:
    """Say which coders behind servers have probabilities of a construct's labels, but no valid mass."""
    called, said = Names(material.study), []
    for coder in coders(material):
        bare, n = lacking(material, coder, construct)
        if bare < n and findings.valid_mass(material, coder, construct).empty:
            said.append(
                f"Not available for {called.prose(coder)}: its server gives probabilities only after it has"
                " ruled out whatever is no label."
            )
    return " ".join(filter(None, [no_probabilities(material, construct), *said]))


def costs(material: Material, model: str) -> pd.DataFrame:
    """Return the rows of the table of costs of one model behind a server."""
    table = material.tables["costs"]
    return table[(table["model"] == model) & (table["server"] != "") & (table["n_responses"] > 0)]


def seen(material: Material, model: str) -> str:
    """Say what was seen of a model while it answered: when, under which names, with how many fingerprints."""
    rows = costs(material, model)
    dates = [day for column in ("first_date", "last_date") for day in rows[column] if day]
    if not dates:
        return "it has answered nothing here"
    first, last = min(dates), max(dates)
    when = f"on {first}" if first == last else f"from {first} to {last}"
    itself = sorted({name for cell in rows["models_reported"] for name in cell.split("; ") if name})
    called = f"it called itself {quoted(itself)}" if itself else "it gave no name"
    # Rows of one model may share fingerprints, so the largest number is what is sure.
    n = int(rows["fingerprints"].max())
    marks = (
        words.plural(n, "different fingerprint") if n > 1 else "one fingerprint" if n else "no fingerprint"
    )
    return f"it answered {when}; {called}, and reported {marks}"


def changed(material: Material, model: str) -> bool:
    """Whether it was seen that another model answered under the same name."""
    rows = costs(material, model)
    itself = {name for cell in rows["models_reported"] for name in cell.split("; ") if name}
    return bool(len(itself) > 1 or (rows["fingerprints"] > 1).any())


def warning(material: Material) -> str:
    """Say that models behind servers may change, and what was seen of each; empty where there is none."""
    every = names(material)
    if not every:
        return ""
    was = "was" if len(every) == 1 else "were"
    each = []
    for name in every:
        did = "; so it, or what runs it, did change while it coded" if changed(material, name) else ""
        each.append(f"'{name}': {seen(material, name)}{did}")
    return (
        f"{CHANGES}: nothing but its name says that {quoted(every)} {was} the same for every text, and will"
        f" be for those who ask again. What was seen of {'; of '.join(each)}."
    )


def quoted(names: Iterable[str]) -> str:
    """Return names as in a sentence, each in quotation marks."""
    return words.listed([f"'{name}'" for name in names])


def decoding(question: Question, server: Mapping[str, Any], temperature: float) -> str:
    """Say how a server's answer comes about."""
    if question.kind != "choice":
        what = "the model writes its answer"
    elif server["probabilities"] == WHOLE:
        what = "every label's probability is asked"
    elif server["probabilities"] == DECIDING:
        what = (
            "the model writes its label, and probabilities are read off the list of the most probable tokens"
        )
    else:
        what = "the model writes its label"
    if question.rationale == "before":
        what += ", after a rationale that it writes"
    if own_temperature(server):
        return f"{what}; the temperature is the server's own"
    if temperature:
        return f"{what}; drawn at temperature {temperature:g}"
    return f"{what}; temperature 0, at which a server may still answer otherwise another time"


def cost_table(material: Material) -> Table | None:
    """Show what each coder and experiment has cost; None where no language model was asked."""
    table = material.tables["costs"]
    if table.empty:
        return None
    called = Names(material.study)
    rows = [
        [
            called.table(str(row["coder"])),
            str(row["model"]),
            words.count(row["n_responses"]),
            words.count(row["n_failed"]),
            words.count(row["tokens_read"]),
            words.count(row["tokens_written"]),
            _money(row),
            words.number(row["seconds"], 0) if row["server"] else words.MISSING,
            words.number(row["seconds_a_response"], 1) if row["server"] else words.MISSING,
        ]
        for _, row in table.iterrows()
    ]
    note = (
        "Of the responses that the study stands on, each counted once. Seconds: what the server took, added"
        " up, and the median of a response. results/tables/costs.csv has the requests and dates too."
    )
    reasons: dict[str, list[str]] = {}
    for _, row in table.iterrows():
        for reason in filter(None, str(row["note"]).split("; ")):
            own = called.table(str(row["coder"]))
            asks = own if row["coder"] in material.study["coders"] else f"{own} ({row['model']})"
            reasons.setdefault(reason, []).append(asks)
    reasons.pop(RUNS_HERE, None)
    why = [f"{words.listed(each)}: {reason}." for reason, each in reasons.items()]
    columns = [
        "Coder", "Model", "Responses", "Failed", "Tokens read", "Written", "Money", "Seconds", "Median",
    ]  # fmt: skip
    return Table.of("What it cost", columns, rows, "llrrrrrrr", joined([note, *map(words.sentence, why)]))


def _money(row: pd.Series) -> str:
    if not row["server"]:
        return RUNS_HERE
    if not words.known(row["money"]):
        return "not known"
    return f"{money(row['money'])} {row['currency']}"


def money(value: float) -> str:
    """Return a sum of money with two decimals, and a small one with two digits."""
    digits = 2 if value >= 1 or value <= 0 else max(2, 1 - math.floor(math.log10(value)))
    return words.number(value, digits)


def sentence(instrument: Instrument) -> str:
    """Say in the methods what model a coder is, and where."""
    model = instrument.model
    server = model["server"]
    kept = CONSTRAINTS[server["constraint"]].partition(",")[0]
    more = f"; further settings: {options(server)}" if server["options"] else ""
    return (
        f"the language model '{server['model']}' behind the server {server['url']}, which said of itself:"
        f" {reported(model)} (answers kept to the codebook by {kept}{more})"
    )

"""What the report says of a model behind a server: no figure that there is not, and that it may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from library import report_study
from library.report_study import changed
from study.config.names import FIXED_TABLES
from study.report import served, verdict
from study.report.blocks import Missing, Notice, Page, Pairs, Table, Text
from study.report.html import render
from study.report.material import Material, empty_table
from study.report.methods import paragraph
from study.report.pages import PAGES
from study.validity import calibration_table
from study.validity.recalibration import NO_PROBABILITIES, recalibration_table

URL = "https://models.example.org/v1"
CODERS = {"sentiment": {"llm": "llm", "vader": "dictionary", "humans": "human"}}
SCALES = {"sentiment": {"level": "ordinal", "values": {"positive": 1.0, "negative": -1.0, "neutral": 0.0}}}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A study whose model runs here."""
    return report_study.build(tmp_path_factory.mktemp("report"), n=60)


def costs(**row: Any) -> pd.DataFrame:
    whole = dict.fromkeys(FIXED_TABLES["costs"], "") | {
        "coder": "llm", "model": "small", "server": URL, "n_responses": 60.0, "n_failed": 2.0,
        "n_requests": 60.0, "tokens_read": 12_000.0, "tokens_written": 300.0, "tokens_unknown": 0.0,
        "money": 0.0123, "currency": "USD", "seconds": 90.0, "seconds_a_response": 1.5,
        "first_date": "2026-01-02", "last_date": "2026-01-02", "models_reported": "small-1",
        "fingerprints": 1.0,
    }  # fmt: skip
    return pd.DataFrame([whole | row], columns=list(FIXED_TABLES["costs"]))


def behind(
    here: Material,
    probabilities: str = "deciding",
    codings: pd.DataFrame | None = None,
    *,
    server: Mapping[str, Any] = {},
    fingerprint: str | None = "fp-1",
    **row: Any,
) -> Material:
    """Return the study with its model behind a server."""
    of = {
        "url": URL, "model": "small-latest", "constraint": "json_schema", "probabilities": probabilities,
        "options": {},
    }  # fmt: skip
    reported = {"model": "small-1", "system_fingerprint": fingerprint, "date": "2026-01-01"}
    model = {"name": "small", "server": {**of, **server}, "reported": reported}
    instrument = replace(report_study.instrument(), model=model)
    own = here.codings["llm"] if codings is None else codings
    material = replace(here, instruments=[instrument], codings={**here.codings, "llm": own})
    return changed(material, costs=costs(**row))


def bare(here: Material) -> pd.DataFrame:
    """Return codings as they are of a server without probabilities: labels, and their values as scores."""
    table = here.codings["llm"].copy()
    columns = [name for name in table if name.startswith("p_")] + ["valid_mass"]
    table[columns] = np.nan
    table["score"] = table["label"].map(SCALES["sentiment"]["values"])
    return table.assign(score_sd=np.nan)


def without(here: Material) -> Material:
    """Return the study of a server without probabilities, with the tables that are made of its codings."""
    codings = {**here.codings, "llm": bare(here)}
    how: dict[str, Any] = {"criterion": "humans"}
    tables = {
        "calibration": calibration_table(here.measures, codings, CODERS, SCALES, by="domain", **how),
        "recalibration": recalibration_table(here.measures, codings, CODERS, SCALES, resamples=50, **how),
    }
    return changed(behind(here, "none", codings["llm"]), **tables)


def facts(page: Page) -> dict[str, str]:
    return {key: value for block in page.blocks if isinstance(block, Pairs) for key, value in block.pairs}


def text_of(page: Page) -> str:
    return render(page, "A study", [(page.number, page.title)])


def missing(page: Page) -> dict[str, str]:
    return {block.what: block.why for block in page.blocks if isinstance(block, Missing)}


def test_the_codebook_says_how_a_server_is_asked(here: Material) -> None:
    found = facts(PAGES["03_codebook"](behind(here)))
    assert found["Model server"] == f"{URL}, model 'small-latest'"
    assert found["What it said of itself"] == "model 'small-1', fingerprint fp-1, on 2026-01-01"
    assert found["Kept to the codebook by"].startswith("a JSON schema")
    assert found["Label probabilities"].startswith("from the server's list of the most probable tokens")
    assert "temperature 0" in found["Decoding"]
    assert "nothing is sampled" not in found["Decoding"]
    assert not {"Model file", "Further settings"} & found.keys()
    options = {"options": {"temperature": None, "reasoning_effort": "low"}}
    found = facts(PAGES["03_codebook"](behind(here, fingerprint=None, server=options)))
    assert found["What it said of itself"] == "model 'small-1', no fingerprint, on 2026-01-01"
    assert found["Further settings"] == "reasoning_effort: low; temperature left to the server"
    assert found["Decoding"].endswith("the temperature is the server's own")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("whole", "each label is asked in full"),
        ("deciding", "most probable tokens, where labels part"),
        ("none", "not available: the score of a text is the value of its label"),
    ],
)
def test_where_probabilities_come_from_is_said_in_plain_words(kind: str, said: str, here: Material) -> None:
    material = behind(here, kind)
    assert said in facts(PAGES["03_codebook"](material))["Label probabilities"]
    assert said in facts(PAGES["15_appendix"](material))["Label probabilities"]


@pytest.mark.parametrize("constraint", ["json_schema", "json_object", "grammar", "none"])
def test_every_constraint_has_words(constraint: str, here: Material) -> None:
    material = behind(here, server={"constraint": constraint})
    assert facts(PAGES["03_codebook"](material))["Kept to the codebook by"] == served.CONSTRAINTS[constraint]


def test_the_appendix_has_the_server_what_was_seen_and_the_costs(here: Material) -> None:
    page = PAGES["15_appendix"](behind(here))
    assert "the hash of 1 instrument, and for the model behind a server" in page.point
    found = facts(page)
    assert (found["Server"], found["Asked for as"]) == (URL, "small-latest")
    assert "no hash can be taken" in found["Weights"]
    assert "sha256" not in found
    [notice] = [block for block in page.blocks if isinstance(block, Notice)]
    assert notice.text.startswith("A hosted model may change under its name: ")
    assert (
        "it answered on 2026-01-02; it called itself 'small-1', and reported one fingerprint" in notice.text
    )
    assert "did change" not in notice.text
    [table] = [b for b in page.blocks if isinstance(b, Table) and b.caption == "What it cost"]
    [(_, [row])] = table.groups
    assert row == ["LLM", "small", "60", "2", "12,000", "300", "0.012 USD", "90", "1.5"]


def test_a_change_that_was_seen_is_said(here: Material) -> None:
    seen = {"last_date": "2026-02-01", "models_reported": "small-1; small-2", "fingerprints": 3.0}
    material = behind(here, **seen)
    [notice] = [block for block in PAGES["15_appendix"](material).blocks if isinstance(block, Notice)]
    assert (
        "it answered from 2026-01-02 to 2026-02-01; it called itself 'small-1' and 'small-2', and reported 3"
        " different fingerprints; so it, or what runs it, did change while it coded" in notice.text
    )
    silent = behind(here, models_reported="", fingerprints=0.0)
    assert "it gave no name, and reported no fingerprint" in served.warning(silent)
    nothing = behind(here, n_responses=0.0)
    assert "it has answered nothing here" in served.warning(nothing)


def test_a_model_that_only_an_experiment_asks_may_change_too(here: Material) -> None:
    material = changed(here, costs=costs(coder="experiment order", model="other"))
    assert "'other' was the same for every text" in served.warning(material)
    page = PAGES["15_appendix"](material)
    assert "1 model file and 1 instrument" in page.point
    [table] = [b for b in page.blocks if isinstance(b, Table) and b.caption == "What it cost"]
    assert table.groups[0][1][0][0] == "experiment order"


def test_costs_that_are_not_known_are_said_not_to_be(here: Material) -> None:
    def money(**row: Any) -> str:
        table = served.cost_table(behind(here, **row))
        assert table is not None
        return str(table.groups[0][1][0][6])

    assert money(money=float("nan"), currency="") == "not known"
    assert money(money=0.0) == "0.00 USD"
    assert money(money=1234.567) == "1,234.57 USD"
    assert money(money=0.0000346) == "0.000035 USD"
    local = changed(here, costs=costs(server="", money=float("nan")))
    table = served.cost_table(local)
    assert table is not None
    assert table.groups[0][1][0][6:9] == ["runs here", "\N{EN DASH}", "\N{EN DASH}"]
    assert served.cost_table(changed(here, costs=empty_table("costs"))) is None


def test_the_reasons_stand_below_the_table_once_each(here: Material) -> None:
    price, shared = "the price is not in the configuration", "in the row of llm: 5 responses more"
    rows = [costs(note=price), costs(coder="experiment order", note=f"{price}; {shared}")]
    rows.append(costs(coder="experiment order", model="local", server="", note="runs here"))
    table = served.cost_table(changed(here, costs=pd.concat(rows, ignore_index=True)))
    assert table is not None
    assert table.note.endswith(
        f"the requests and dates too. LLM and experiment order (small): {price}. Experiment order (small):"
        f" {shared}."
    )


def test_the_verdict_has_one_sentence_of_it(here: Material) -> None:
    said = "'small' would give these codes again, since a hosted model may change under its name"
    page = PAGES["01_verdict"](behind(here))
    assert any(isinstance(block, Text) and said in block.text for block in page.blocks)
    [found] = [each for each in verdict.findings_on_study(behind(here)) if each.conclusion == said]
    assert found.allowed is False
    assert found.found.startswith("'small' is behind a server: it answered on 2026-01-02")
    assert "hosted" not in text_of(PAGES["01_verdict"](here))


def methods(material: Material) -> str:
    return " ".join(paragraph(material))


def test_the_methods_say_what_the_server_gave(here: Material) -> None:
    said = methods(behind(here, "whole"))
    assert f"the language model 'small-latest' behind the server {URL}, which said of itself: model" in said
    assert "one request a label" in said
    assert "A hosted model may change under its name: it answered on 2026-01-02" in said
    assert "run locally" not in said
    assert "Nothing was sampled" not in said
    said = methods(behind(here, "deciding"))
    assert "list of the most probable tokens, where labels part, and made to sum to 1" in said
    assert "The score is the mean of the labels' values weighted by these probabilities" in said
    said = methods(behind(here, "none", bare(here)))
    assert "The server gave no probabilities of the labels. The score is the value of the label" in said
    assert "weighted by these probabilities" not in said
    assert "run locally by" in methods(here)
    own = behind(here, server={"options": {"temperature": None}})
    assert "The temperature was the server's own." in methods(own)


def test_texts_without_probabilities_among_others_are_counted(here: Material) -> None:
    some = here.codings["llm"].copy()
    coded = some.index[some["label"].notna()]
    some.loc[coded[:3], [name for name in some if name.startswith("p_")]] = np.nan
    material = behind(here, "deciding", some)
    n = len(coded)
    assert served.lacking(material, "llm", "sentiment") == (3, n)
    said = facts(PAGES["03_codebook"](material))["Label probabilities"]
    assert f"for 3 of {n} texts not available: the score of a text is the value of its label" in said
    assert f"gave no probabilities for 3 of {n} texts" in methods(material)
    [table] = [
        block
        for block in PAGES["08_confusion"](material).blocks
        if isinstance(block, Table) and block.caption.startswith("Do the probabilities")
    ]
    assert f"Not available for 3 of {n} texts of the LLM" in table.note


def test_without_probabilities_no_figure_needs_one(here: Material) -> None:
    material = without(here)
    assert material.tables["calibration"].empty
    recalibration = material.tables["recalibration"]
    assert set(recalibration["note"]) == {NO_PROBABILITIES}
    assert recalibration[["accuracy", "ece", "brier"]].isna().all(axis=None)
    absent = missing(PAGES["08_confusion"](material))
    why = "Not available for the LLM: its server gives no probabilities of labels."
    assert absent["Calibration of sentiment"] == absent["Valid mass of sentiment"] == why
    assert absent["Recalibration of sentiment"] == "Not available: the labels have no probabilities."
    rules = [found.rule for found in verdict.findings_on(material, "sentiment")]
    assert not any(rule.startswith(("Valid mass", "Probabilities")) for rule in rules)


def test_a_valid_mass_that_is_not_there_has_its_own_reason(here: Material) -> None:
    masked = here.codings["llm"].assign(valid_mass=np.nan)
    page = PAGES["08_confusion"](behind(here, "deciding", masked))
    assert "only after it has ruled out whatever is no label" in missing(page)["Valid mass of sentiment"]
    assert any(isinstance(b, Table) and b.caption.startswith("Do the probabilities") for b in page.blocks)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_survives_a_coder_without_probabilities(name: str, here: Material) -> None:
    html = text_of(PAGES[name](without(here)))
    for never in ("nan", "NaN", "None"):
        assert f">{never}<" not in html
        assert f"{never}%" not in html
    assert " nan" not in html


def test_the_program_reads_what_tells_whether_there_are_probabilities(here: Material, tmp_path: Path) -> None:
    from study.report.__main__ import _shown

    books = list(here.codebooks.values())
    columns = [name for name in here.codings["llm"] if _shown(name, books)]
    assert [name for name in columns if name.startswith("p_")] == ["p_positive"]
    assert {"label", "score", "status", "valid_mass"} <= set(columns)
    slim = behind(here, "none", bare(here)[columns])
    bare_, n = served.lacking(slim, "llm", "sentiment")
    assert bare_ == n > 0

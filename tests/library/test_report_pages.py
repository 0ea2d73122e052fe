"""The pages say what the tables say, show it, and hide nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from library import report_study
from library.report_study import changed
from study import claims
from study.codebook import Codebook
from study.config.names import FIXED_TABLES
from study.errors import StudyError
from study.prompt import Prompt
from study.report import words
from study.report.__main__ import main
from study.report.blocks import Block, Missing, Page, Table, Verbatim
from study.report.html import TEMPLATES, render
from study.report.material import Material, empty_table, read_table
from study.report.pages import PAGES
from study.validity.table import write_table


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return report_study.build(tmp_path_factory.mktemp("study"))


def page(name: str, material: Material) -> Page:
    return PAGES[name](material)


def html(name: str, material: Material) -> str:
    return render(page(name, material), material.study["title"])


def texts(page_: Page) -> Iterator[str]:
    """Yield every text that a page shows."""
    yield page_.point
    for block in page_.blocks:
        yield from _texts(block)


def _texts(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from (block.caption, block.note, *block.columns)
        for title, rows in block.groups:
            yield title
            yield from (cell if isinstance(cell, str) else cell.text for row in rows for cell in row)
    elif isinstance(block, Verbatim):
        yield from (text for _, text in block.pieces)
    else:
        for value in vars(block).values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from (str(part) for part in value)


def everything(name: str, material: Material) -> str:
    return "\n".join(texts(page(name, material)))


def compared(material: Material, **cells: float) -> Material:
    """Return the material with other figures in the pooled comparison of the sample."""
    table = material.tables["comparison"].copy()
    pooled = (table["domain"] == "all") & (table["subset"] == "sample")
    assert pooled.sum() == 1
    for column, value in cells.items():
        table.loc[pooled, column] = value
    return changed(material, comparison=table)


def test_the_pages_are_the_parts_of_the_report_in_order(material: Material) -> None:
    made = [build(material) for build in PAGES.values()]
    assert [p.number for p in made] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert [f"{p.number:02}" for p in made] == [name[:2] for name in PAGES]
    assert list(PAGES) == sorted(PAGES)


def test_every_page_has_one_point_of_whole_sentences(material: Material) -> None:
    for build in PAGES.values():
        point = build(material).point
        assert re.fullmatch(r"[A-Z0-9].*\.", point), point
        assert "nan" not in point
        assert words.MISSING not in point


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"r_measure": 0.62, "r_other": 0.87, "difference": -0.25, "p_adjusted": 0.0004, "n": 800},
         "On the same 800 texts, the LLM agrees with humans less than VADER (r .62 against .87)."),
        ({"r_measure": 0.87, "r_other": 0.62, "difference": 0.25, "p_adjusted": 0.049, "n": 1200},
         "On the same 1,200 texts, the LLM agrees with humans more than VADER (r .87 against .62)."),
        ({"r_measure": 0.62, "r_other": 0.87, "difference": -0.25, "p_adjusted": 0.05, "n": 12},
         "On the same 12 texts, the LLM is not found to agree with humans more or less than VADER "
         "(r .62 against .87)."),
    ],
)  # fmt: skip
def test_the_headline_follows_the_table_of_comparisons(
    material: Material, figures: dict[str, float], said: str
) -> None:
    other = compared(material, **figures)
    assert page("01_verdict", other).point == said
    assert page("06_validity", other).point.startswith(said)


def test_the_verdict_follows_its_rules(material: Material) -> None:
    def paragraph(other: Material) -> str:
        return everything("01_verdict", other)

    less = paragraph(compared(material, difference=-0.25, p_adjusted=0.001))
    assert "that VADER agrees with the criterion more than the LLM" in less
    more = paragraph(compared(material, difference=0.25, p_adjusted=0.001))
    assert "that the LLM agrees with the criterion more than VADER" in more
    neither = paragraph(compared(material, difference=0.25, p_adjusted=0.5))
    assert re.search(
        "It may not be concluded that[^.]*the LLM and VADER differ in agreement over all texts", neither
    )


def test_a_domain_that_differs_from_all_together_is_named(material: Material) -> None:
    table = material.tables["comparison"].copy()
    table["p_adjusted"] = 0.5
    tweets = (table["domain"] == "tweets") & (table["subset"] == "sample")
    table.loc[tweets, ["r_measure", "r_other", "difference", "p_adjusted"]] = [0.58, 0.86, -0.28, 0.0001]
    shown = everything("01_verdict", changed(material, comparison=table))
    assert "It may be concluded that" in shown
    assert "VADER agrees with the criterion more than the LLM in tweets" in shown
    assert "r .58 against .86 in tweets (adjusted p < .001, n = 60)" in shown
    table["p_adjusted"] = 0.5
    assert "in tweets (adjusted" not in everything("01_verdict", changed(material, comparison=table))


def alphas(material: Material, **by_domain: float) -> Material:
    table = material.tables["reliability"].copy()
    for domain, value in by_domain.items():
        table.loc[(table["domain"] == domain) & (table["statistic"] == "krippendorff_alpha"), "estimate"] = (
            value
        )
    return changed(material, reliability=table)


def test_the_verdict_on_raters_has_three_grades(material: Material) -> None:
    good = everything("01_verdict", alphas(material, tweets=0.9, nyt=0.8))
    assert "It may be concluded that single people agree on sentiment;" in good
    mixed = everything("01_verdict", alphas(material, tweets=0.799, nyt=0.666))
    assert "single people agree on sentiment in tweets, tentatively" in mixed
    assert re.search("It may not be concluded that[^.]*single people agree on sentiment in nyt", mixed)


def test_one_person_is_the_measure_of_a_model(material: Material) -> None:
    table = material.tables["agreement"].copy()
    llm, human = table["measure"] == "llm", table["measure"] == "humans_leave_one_out"
    table.loc[human, ["pearson_r", "ci_low", "ci_high"]] = [0.7, 0.65, 0.75]
    clause = "the LLM agrees with people as well as one person does"
    for low, high, verdict in (
        (0.5, 0.6, "may not be"),
        (0.71, 0.8, "may be"),
        (0.6, 0.8, "cannot tell whether"),
    ):
        table.loc[llm, ["ci_low", "ci_high"]] = [low, high]
        text = everything("01_verdict", changed(material, agreement=table))
        assert re.search(f"{verdict}[^.]*{clause}", text), verdict


def test_probabilities_are_judged_by_what_was_observed(material: Material) -> None:
    table = material.tables["calibration"].copy()
    for stated, hits, said in (
        (0.9, 0.5, "it says to be surer than it is right"),
        (0.5, 0.9, "it is right more often than it says"),
        (0.7, 0.72, "on average it is right as often as it says"),
    ):
        table["mean_probability"], table["observed_share"] = stated, hits
        point = page("08_confusion", changed(material, calibration=table)).point
        assert said in point
        assert f"mean probability of {words.r(stated)} and is right in {round(100 * hits)}%" in point
    table["ece"] = 0.101
    assert re.search(
        "may not be concluded[^.]*chances of being right",
        everything("01_verdict", changed(material, calibration=table)),
    )
    table["ece"] = 0.1
    assert re.search(
        "may be concluded[^.]*chances of being right",
        everything("01_verdict", changed(material, calibration=table)),
    )


def test_the_flow_counts_what_was_left_out_and_what_failed(material: Material) -> None:
    assert page("02_flow", material).point == (
        "Of 304 rows read, 4 were left out, which gives 300 units; the LLM was given 120 and gave 118 codes "
        "(1 too long and 1 failed)."
    )
    shown = page("02_flow", material).blocks[1]
    assert isinstance(shown, Table)
    assert list(shown.groups[0][1][0]) == ["LLM", "sentiment", "120", "118", "0", "1", "0", "1"]


def test_codes_and_sample_in_the_flow_are_no_ratings(material: Material) -> None:
    rows = [("sample", "nyt", 60.0, ""), ("coded: ok", "llm sentiment", 118.0, "")]
    more = pd.DataFrame(rows, columns=["step", "group", "n", "note"])
    flow = pd.concat([material.tables["flow"], more], ignore_index=True)
    shown = page("02_flow", changed(material, flow=flow)).blocks[2]
    assert isinstance(shown, Table)
    assert [row[0] for row in shown.groups[0][1]] == ["ratings", "units with ratings"]


def test_the_prompt_is_shown_whole_with_its_special_tokens(material: Material) -> None:
    verbatim = next(b for b in page("03_codebook", material).blocks if isinstance(b, Verbatim))
    shown = "".join(text for _, text in verbatim.pieces)
    assert (
        shown == f"{report_study.BEFORE}the text{report_study.AFTER}positive | negative | neutral<|im_end|>"
    )
    assert [t for kind, t in verbatim.pieces if kind == "token"] == [
        "<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>",
    ]  # fmt: skip
    text = html("03_codebook", material)
    assert "&lt;|im_start|&gt;" in text
    assert report_study.instrument().instrument_id in text
    assert "The examples were made shorter." in text


def test_texts_are_shown_only_where_they_may_be_shared(material: Material) -> None:
    def shown(other: Material) -> list[str]:
        whole = "\n".join("\n".join(texts(build(other))) for build in PAGES.values())
        return [text for text in other.units["text"] if text[:30] in whole]

    assert len(shown(material)) == 2  # one of each domain
    corpus = {**material.study["corpus"], "share": False}
    assert shown(replace(material, study={**material.study, "corpus": corpus})) == []


def test_contamination_is_said_where_texts_were_public(material: Material) -> None:
    corpus = {**material.study["corpus"], "public_since": None}
    never = replace(material, study={**material.study, "corpus": corpus})
    for name in ("01_verdict", "04_corpus"):
        assert "Public since 2014." in everything(name, material)
        assert "trained on" not in everything(name, never)


def test_a_codebook_that_is_no_longer_tried_out_is_said_to_be_frozen(material: Material) -> None:
    assert "its codebook is frozen" in page("03_codebook", material).point
    pilot = replace(
        material, codebooks={"sentiment": replace(material.codebooks["sentiment"], status="pilot")}
    )
    assert "its codebook is still a pilot" in page("03_codebook", pilot).point
    assert re.search("may not be concluded[^.]*confirm anything", everything("01_verdict", pilot))


def test_claims_show_counts_readings_and_what_does_not_reproduce(material: Material) -> None:
    made = page("14_claims", material)
    assert made.point.startswith(
        "Of 3 published figures, 2 are compared and 1 of these reproduces; in another reading"
    )
    captions = [block.caption for block in made.blocks if isinstance(block, Table)]
    assert captions[:2] == ["Verdicts", "Figures that do not reproduce, as printed"]
    assert "Both readings, figure by figure" in captions
    shown = "\n".join(texts(made))
    assert "licensed lexicon" in shown
    assert ".100" in shown
    table = material.tables["claims"].copy()
    table.loc[table["verdict"] == claims.NOT_REPRODUCED, "verdict"] = claims.REPRODUCED
    good = changed(material, claims=table)
    assert "Every attempted figure reproduces." in everything("14_claims", good)
    assert re.search(
        "may be concluded[^.]*the published figures reproduce here", everything("01_verdict", good)
    )


def test_published_values_stand_beside_the_rows_they_are_compared_with(material: Material) -> None:
    tables = [b for b in page("06_validity", material).blocks if isinstance(b, Table)]
    printed = {
        (title, str(row[0])): row[-1]
        for table in tables
        if "subset 'all'" in table.caption
        for title, rows in table.groups
        for row in rows
        if row[-1]
    }
    assert printed == {("tweets", "VADER"): ".100", ("nyt", "VADER"): ".100*"}


def test_regressions_come_with_a_caution_and_the_increment(material: Material) -> None:
    table = material.tables["incremental_r2"].copy()
    table[["r2_full", "r2_reduced", "incremental_r2", "ci_low", "ci_high"]] = [0.75, 0.5, 0.25, 0.1, 0.4]
    made = page("12_regressions", changed(material, incremental_r2=table))
    assert "R2 of by_domain falls from .75 to .50, by .250 [.100, .400]" in made.point
    shown = "\n".join(texts(made))
    assert "not corrected for" in shown
    assert "sentiment_llm × domain: tweets" in shown


def test_the_methods_are_filled_from_the_configuration(material: Material) -> None:
    shown = everything("15_appendix", material)
    for fact in (
        "file small.gguf, sha256 " + "5d" * 32,
        "guidance 0.3.1 and llama-cpp-python 0.3.16",
        "120 of them (60 from each stratum of domain, seed 1)",
        "VADER 3.3.2 as installed",
        "200 bootstrap resamples of texts",
        "Holm (1979)",
        "2 published figures were compared",
        "Python 3.11.2, pandas 3.1.1",
        "dvc pull",
        "sha256 " + "ab" * 32,
    ):
        assert fact in shown, fact


def test_without_results_every_page_says_why(material: Material) -> None:
    bare = replace(
        material,
        tables={name: empty_table(name) for name in FIXED_TABLES},
        analyses={},
        codings={},
        instruments=[],
        figures={},
    )
    for name, build in PAGES.items():
        made = build(bare)
        assert re.fullmatch(r"[A-Z0-9].*\.", made.point), name
        for block in made.blocks:
            if isinstance(block, Missing):
                assert block.why.endswith("."), block
    assert "no text has both a code and a criterion" in page("06_validity", bare).point
    assert "no text has two ratings" in page("05_reliability", bare).point


def test_a_study_without_language_model_says_so(material: Material) -> None:
    coders = {name: c for name, c in material.study["coders"].items() if name != "llm"}
    tables = {
        name: table[(table["measure"] != "llm")] if "measure" in table else table
        for name, table in material.tables.items()
    }
    codings = {name: table for name, table in material.codings.items() if name != "llm"}
    without = replace(
        material, study={**material.study, "coders": coders}, tables=tables, codings=codings, instruments=[]
    )
    assert page("01_verdict", without).point.startswith(
        "On 118 texts, the correlation with humans (r, 95% CI) is .72 ["
    )
    assert "no language model codes it" in page("09_comparison", without).point
    assert "The study uses no language model." in everything("15_appendix", without)
    assert "trained on these texts" in everything("04_corpus", without)


def test_a_construct_of_names_without_values_has_no_correlation(material: Material) -> None:
    book = Codebook.from_dict(
        {"construct": "sentiment", "question": "Q?", "type": "classify", "level": "nominal",
         "categories": {"a": {}, "b": {}, "c": {}}}
    )  # fmt: skip
    agreement = material.tables["agreement"].copy()
    agreement[["pearson_r", "ci_low", "ci_high"]] = float("nan")
    nominal = replace(
        changed(material, agreement=agreement, comparison=empty_table("comparison")),
        codebooks={"sentiment": book},
    )
    assert "labels are names without an order" in page("06_validity", nominal).point


def test_repeats_are_no_further_texts(material: Material) -> None:
    """Asked twice, a text is one text: in the numbers of texts, in valid mass, and among the failures."""
    once = material.codings["llm"]
    twice = pd.concat([once, once.assign(repeat=2)], ignore_index=True)
    repeated = replace(material, codings={**material.codings, "llm": twice})
    for name in ("01_verdict", "02_flow", "08_confusion"):
        assert everything(name, repeated) == everything(name, material)
    rows = [
        row
        for block in page("15_appendix", repeated).blocks
        if isinstance(block, Table) and block.caption == "Texts without a usable code"
        for _, group in block.groups
        for row in group
    ]
    assert [row[3] for row in rows] == ["1", "1"]
    # A text with a code in one of its repeats is coded.
    half = twice.assign(status=twice["status"].where(twice["repeat"] == 1, "ok"))
    shown = everything("01_verdict", replace(material, codings={**material.codings, "llm": half}))
    assert "stand for all that it was given" not in shown


def test_several_constructs_are_named_where_they_are_spoken_of(material: Material) -> None:
    two = replace(material, codebooks={"mood": material.codebooks["sentiment"], **material.codebooks})
    assert re.search(r"Sentiment: on the same \d+ texts, the LLM ", page("01_verdict", two).point)
    assert "Whether measures of mood agree with people cannot be said" in page("01_verdict", two).point
    without = replace(two, tables={**two.tables, "comparison": empty_table("comparison")})
    assert re.search(r"Sentiment: on \d+ texts, the correlation with", page("06_validity", without).point)


def test_numbers_without_classes_are_said_to_have_none(material: Material) -> None:
    book = Codebook.from_dict(
        {"construct": "sentiment", "question": "How many?", "type": "count", "scale": {"low": 0, "high": 9}}
    )
    empty = {name: empty_table(name) for name in ("classification", "confusion", "calibration")}
    codings = {name: table.drop(columns="valid_mass") for name, table in material.codings.items()}
    counted = replace(changed(material, **empty), codebooks={"sentiment": book}, codings=codings)
    made = page("08_confusion", counted)
    assert made.point == "Sentiment: its scores are numbers without classes; part 6 correlates them."
    why = {block.what: block.why for block in made.blocks if isinstance(block, Missing)}
    assert why["Valid mass of sentiment"].startswith("There are no labels that could share the probability")
    assert why["Confusions of sentiment"] == "Its scores are numbers without classes; part 6 correlates them."
    # Numbers on both sides of zero have classes by sign, and the table of them says so.
    signed = replace(counted, tables={**counted.tables, "classification": material.tables["classification"]})
    assert "without classes" not in page("08_confusion", signed).point


def test_a_correlation_without_an_interval_is_said_without_one(material: Material) -> None:
    agreement = material.tables["agreement"].copy()
    agreement[["ci_low", "ci_high"]] = float("nan")
    bare = changed(material, agreement=agreement, comparison=empty_table("comparison"))
    point = page("06_validity", bare).point
    assert re.search(r"\(r, 95% CI\) is \.\d\d for (the LLM|VADER) and \.\d\d for (the LLM|VADER)\.", point)


def test_texts_that_could_not_be_compared_are_in_the_flow(material: Material) -> None:
    codes = material.codings["llm"].copy()
    codes.loc[codes.index[:3], "status"] = "not_compared"
    codings = {**material.codings, "llm": codes}
    shown = everything("02_flow", replace(material, codings=codings))
    assert "3 not compared" in shown
    assert "Not compared" in shown
    assert "ot compared" not in everything("02_flow", material)


HOSTILE = "</style></pre><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\x00\u202e"


class Tags(HTMLParser):
    """Collect the names of elements, and attributes that could act or point outside."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {
            (name, (value or "")[:5]) for name, value in attrs if name not in ("class", "scope")
        }


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "h1", "h2", "p", "span",
    "strong", "aside", "ul", "li", "dl", "div", "dt", "dd", "figure", "figcaption", "pre", "img",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def test_nothing_that_a_study_holds_becomes_markup(material: Material) -> None:
    """Titles, domains, labels, prompts, claims, notes and texts are anybody's."""
    anybodys = {"note", "domain", "group", "source", "statement", "reading", "reason", "family", "term"}
    tables = {
        name: table.assign(**dict.fromkeys(anybodys & set(table), HOSTILE))
        for name, table in material.tables.items()
    }
    book = material.codebooks["sentiment"]
    categories = tuple(
        replace(c, label=f"{c.label}{HOSTILE}", define=HOSTILE, example=HOSTILE) for c in book.categories
    )
    revisions = ({"date": "2025-03-31", "change": HOSTILE, "agreement": None},)
    asked = report_study.instrument()
    question = replace(
        asked.questions[0], prompt=Prompt(HOSTILE, HOSTILE), labels=(HOSTILE, "b"), answers=(HOSTILE, "b")
    )
    model = {**asked.model, "title": HOSTILE, "licence": HOSTILE, "architecture": HOSTILE}
    study = {
        **material.study,
        "title": HOSTILE,
        "question": HOSTILE,
        "authors": [{"name": HOSTILE}],
        "corpus": {**material.study["corpus"], "description": HOSTILE, "licence": HOSTILE},
    }
    hostile = replace(
        material,
        study=study,
        tables=tables,
        units=material.units.assign(text=HOSTILE, domain=HOSTILE),
        codebooks={"sentiment": replace(book, question=HOSTILE, categories=categories, revisions=revisions)},
        instruments=[replace(asked, questions=(question,), model=model)],
        figures={"agreement_sentiment": b"\x89PNG"},
    )
    for name, build in PAGES.items():
        made = render(build(hostile), study["title"])
        parser = Tags()
        parser.feed(made)
        assert parser.tags <= ALLOWED, name
        assert {a for a, _ in parser.attributes} <= {
            "lang",
            "charset",
            "name",
            "content",
            "colspan",
            "src",
            "alt",
        }
        assert {v for a, v in parser.attributes if a == "src"} <= {"data:"}
        assert made.count("</style>") == 1
        assert ("{{ 7 * 7 }}" in made) == ("alert(1)" in made)
        assert "\x00" not in made
        assert "\u202e" not in made


def test_pages_have_no_script_and_no_outside_address(material: Material) -> None:
    for name in PAGES:
        text = html(name, material)
        assert "<script" not in text
        assert not re.search(r"https?://|url\(|@import|\bon\w+=|href=", text), name
        assert text.startswith("<!doctype html>")


def test_the_program_writes_the_pages_it_is_asked_for(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = report_study.configuration(tmp_path)
    book = study["codebooks"]["sentiment"]
    for name, table in material.tables.items():
        write_table(table, tmp_path / "tables" / f"{name}.csv")
    material.units.to_parquet(tmp_path / "units.parquet")
    material.measures.to_parquet(tmp_path / "measures.parquet")
    material.sample.to_csv(tmp_path / "sample.csv", index=False)
    material.codings["llm"].to_parquet(tmp_path / "llm.parquet")
    (tmp_path / "llm.sentiment.json").write_text(report_study.instrument().to_json(), encoding="utf-8")
    (tmp_path / "agreement_sentiment.png").write_bytes(b"\x89PNG")
    (tmp_path / "requirements.lock").write_bytes(b"pandas==3.1.1\n")
    given: dict[str, Any] = {
        "study": study,
        "codebooks": [book],
        "units_file": tmp_path / "units.parquet",
        "sample_file": tmp_path / "sample.csv",
        "measures_file": tmp_path / "measures.parquet",
        "tables_files": sorted((tmp_path / "tables").glob("*.csv")),
        "codings_files": [tmp_path / "llm.parquet"],
        "instruments": [tmp_path / "llm.sentiment.json"],
        "figures": [tmp_path / "agreement_sentiment.png"],
        "lock": tmp_path / "requirements.lock",
    }
    pages = [tmp_path / "report" / f"{name}.html" for name in ("06_validity", "15_appendix")]
    monkeypatch.chdir(tmp_path)  # Snakemake runs programs in the study's folder
    pointer = Path("data", "imported", "other.dvc")
    pointer.parent.mkdir(parents=True)
    pointer.write_text(
        "deps: [{path: data/responses, repo: {url: ../other, rev_lock: 51e0967}}]\n"
        "outs: [{md5: c1e4.dir, path: other}]\n",
        encoding="utf-8",
    )
    main(**given, pages=pages, imports=[pointer])
    assert "data/responses of ../other" in pages[1].read_text(encoding="utf-8")
    png = base64.b64encode(b"\x89PNG").decode("ascii")
    assert f'src="data:image/png;base64,{png}"' in pages[0].read_text(encoding="utf-8")
    assert page("06_validity", material).point in unescape(pages[0].read_text(encoding="utf-8"))
    digest = hashlib.sha256(b"pandas==3.1.1\n").hexdigest()
    assert f"sha256 {digest}" in pages[1].read_text(encoding="utf-8")
    with pytest.raises(StudyError, match="06_validity"):
        main(**given, pages=[tmp_path / "06_validty.html"])


def test_what_was_imported_is_shown_with_its_origin(material: Material) -> None:
    assert "imported" not in everything("15_appendix", material)
    origin = {
        "path": "data/imported/other",
        "url": "ssh://example.org/other.git",
        "source": "data/responses",
        "revision": "51e096709a94fd955c13dee9846dbd8a88909a17",
        "md5": "c1e402764e9b4074076d104aedfb70ef.dir",
    }
    shown = everything("15_appendix", replace(material, imports=[origin]))
    assert "What was imported from other studies" in shown
    assert "data/responses of ssh://example.org/other.git" in shown
    assert all(origin[part] in shown for part in ("path", "revision", "md5"))


def test_a_domain_may_be_named_as_missing_values_are(tmp_path: Path) -> None:
    (tmp_path / "agreement.csv").write_text(
        "construct,domain,n,pearson_r\nx,NA,3,\nx,nan,4,0.5\n", encoding="utf-8"
    )
    table = read_table(tmp_path / "agreement.csv")
    assert list(table["domain"]) == ["NA", "nan"]
    assert table["pearson_r"].isna().tolist() == [True, False]


def test_the_templates_of_the_rule_are_those_of_the_package() -> None:
    rule = TEMPLATES.parents[3] / "workflow" / "rules" / "report.smk"
    listed = set(re.findall(r"src/study/report/templates/([\w.]+)", rule.read_text(encoding="utf-8")))
    assert listed == {path.name for path in TEMPLATES.iterdir()}


def test_the_rule_writes_every_page_with_a_caption() -> None:
    workflow = TEMPLATES.parents[3] / "workflow"
    listed = re.findall(
        r'^    "(\d\d_\w+)": "(\d\d) ', (workflow / "rules" / "report.smk").read_text(encoding="utf-8"), re.M
    )
    assert [name for name, _ in listed] == list(PAGES)
    assert all(name.startswith(number) for name, number in listed)
    for name in PAGES:
        caption = (workflow / "report" / f"page_{name[3:]}.rst").read_text(encoding="utf-8")
        assert 1 <= len(caption.splitlines()) <= 6
    assert Path(workflow / "report" / "workflow.rst").is_file()

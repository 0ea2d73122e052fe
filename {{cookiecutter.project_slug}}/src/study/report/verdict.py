"""What may and what may not be concluded, by rules that are stated beside what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from study.claims import AS_PRINTED, NOT_REPRODUCED, REPRODUCED
from study.report import corrected, findings, served, words
from study.report.limits import ALPHA, CALIBRATION_ERROR, CODED, TENTATIVE, VALID_MASS
from study.report.material import Material
from study.report.names import Names


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes
    ----------
    rule
        What it looks at, and where it draws the line.
    found
        The figures.
    conclusion
        A clause that follows 'it may be concluded that' or 'it may not be concluded that'.
    allowed
        Which of the two; None where the study cannot tell.
    """

    rule: str
    found: str
    conclusion: str
    allowed: bool | None


def findings_on(material: Material, construct: str) -> list[Finding]:
    """Apply every rule about one construct."""
    rules: list[Callable[[Material, str, Names], Iterator[Finding]]] = [
        _humans_agree,
        _criterion_reliable,
        _beside_one_human,
        _against_others,
        _own_words,
        _probabilities,
        _may_replace,
        _error_depends,
        _coded,
        _frozen,
    ]
    names = Names(material.study)
    return [finding for rule in rules for finding in rule(material, construct, names)]


def findings_on_study(material: Material) -> list[Finding]:
    """Apply the rules about the study as a whole."""
    return [
        *_claims(material),
        *_hypotheses(material),
        *_analyses(material),
        *_contamination(material),
        *_served(material),
    ]


def paragraph(found: list[Finding]) -> str:
    """Put conclusions together: first what may, then what may not be concluded."""
    may = [finding.conclusion for finding in found if finding.allowed]
    may_not = [finding.conclusion for finding in found if finding.allowed is False]
    untold = [finding.conclusion for finding in found if finding.allowed is None]
    parts = []
    if may:
        parts.append(f"It may be concluded that {'; that '.join(may)}.")
    if may_not:
        parts.append(f"It may not be concluded that {'; nor that '.join(may_not)}.")
    if untold:
        parts.append(f"This study cannot tell whether {'; nor whether '.join(untold)}.")
    return " ".join(parts) or "Nothing can be concluded: no rule found anything to judge."


def _humans_agree(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    rows = material.rows(
        "reliability", construct, subset="all", raters=material.criterion, statistic="krippendorff_alpha"
    )
    rows = rows[(rows["level"] == material.codebooks[construct].level) & findings.known(rows, "estimate")]
    limits = f"{words.r(ALPHA, 3)}, tentatively {words.r(TENTATIVE, 3)}"
    rule = f"One person agrees with another: Krippendorff's alpha of at least {limits}, in every domain."
    conclusion = f"single people agree on {construct}"
    if rows.empty:
        yield Finding(rule, "No alpha: no text has two ratings.", conclusion, None)
        return
    rows = rows[rows["domain"].isin(findings.judged(rows))]
    found = _each(rows)
    for low, high, clause, allowed in (
        (ALPHA, 2.0, conclusion, True),
        (TENTATIVE, ALPHA, f"{conclusion}{{}}, tentatively", True),
        (-2.0, TENTATIVE, conclusion, False),
    ):
        there = list(rows.loc[(rows["estimate"] >= low) & (rows["estimate"] < high), "domain"])
        if there:
            where = "" if len(there) == len(rows) else _where(there)
            text = clause.format(where) if "{}" in clause else clause + where
            yield Finding(rule, found, text, allowed)


def _criterion_reliable(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    if material.study["coders"].get(material.criterion, {}).get("score") not in ("mean", "median"):
        published = material.study["coders"].get(material.criterion, {}).get("score")
        if not isinstance(published, dict):
            return
    rows = material.rows("reliability", construct, subset="all", raters=material.criterion, statistic="icc1k")
    rows = rows[findings.known(rows, "estimate")]
    if rows.empty:
        return
    rows = rows[rows["domain"].isin(findings.judged(rows))]
    weak = list(rows.loc[rows["estimate"] < ALPHA, "domain"])
    yield Finding(
        f"The criterion is reliable: ICC(1,k) of a text's mean rating of at least {words.r(ALPHA, 3)}, in"
        " every domain.",
        _each(rows),
        f"the mean of several people is a reliable criterion of {construct}{_where(weak)}",
        not weak,
    )


def _each(rows: pd.DataFrame) -> str:
    return "; ".join(f"{words.r(row['estimate'])} ({row['domain']})" for _, row in rows.iterrows())


def _where(domains: list[str]) -> str:
    return "" if domains in ([], [findings.POOLED]) else f" in {words.listed(domains)}"


def _beside_one_human(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    agreement = material.rows("agreement", construct)
    people = agreement[agreement["measure"] == f"{material.criterion}_leave_one_out"].set_index("domain")
    for model in _models(material, construct):
        own = names.prose(model)
        rule = (
            f"Beside one person, in every domain: no where the 95% interval of r of {own} lies below that of"
            " single people (own rating left out), yes where it lies above their r."
        )
        conclusion = f"{own} agrees with people as well as one person does"
        pairs, below, above = [], [], []
        for domain in findings.judged(agreement):
            machine = findings.one(agreement, measure=model, domain=domain)
            if machine is None or domain not in people.index or not words.known(machine["ci_low"]):
                continue
            person = people.loc[domain]
            if not words.known(person["ci_low"]):
                continue
            pairs.append(f"{words.r(machine['pearson_r'])} against {words.r(person['pearson_r'])} ({domain})")
            below += [domain] if machine["ci_high"] < person["ci_low"] else []
            above += [domain] if machine["ci_low"] > person["pearson_r"] else []
        if not pairs:
            yield Finding(rule, "No single ratings with others beside them.", conclusion, None)
        elif below:
            where = "" if len(below) == len(pairs) else _where(below)
            yield Finding(rule, "; ".join(pairs), conclusion + where, False)
        else:
            yield Finding(rule, "; ".join(pairs), conclusion, True if len(above) == len(pairs) else None)


def _against_others(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    rule = (
        "Against other measures, on the same texts: Williams's t, adjusted p below"
        f" {words.r(findings.LEVEL)}, all domains together; single domains where they differ from that."
    )
    for model in _models(material, construct):
        own = names.prose(model)
        rows = [row for _, row in findings.rivals(material, construct, model).iterrows()]
        alike = _alike(rows)
        for way, same in alike.items():
            yield Finding(rule, *_at_once(own, same, way))
        for row in rows:
            way = findings.direction(row) if words.known(row["p_adjusted"]) else ""
            if way in alike:
                yield from _in_single_domains(material, construct, row, rule, names)
                continue
            other = names.prose(row["other"])
            if not words.known(row["p_adjusted"]):
                yield Finding(rule, "No difference could be tested.", f"{own} agrees more than {other}", None)
                continue
            found = (
                f"r {words.r(row['r_measure'])} against {words.r(row['r_other'])} ({other}), difference "
                f"{words.r(row['difference'])} {words.interval(row['ci_low'], row['ci_high'])}, adjusted "
                f"{words.p_phrase(row['p_adjusted'])}, n = {words.count(row['n'])}"
            )
            pooled = findings.direction(row)
            if pooled == findings.OPEN:
                yield Finding(rule, found, f"{own} and {other} differ in agreement over all texts", False)
            else:
                yield Finding(rule, found, _closer(own, other, pooled), True)
            yield from _in_single_domains(material, construct, row, rule, names)


def _alike(rows: Sequence[pd.Series]) -> dict[str, list[pd.Series]]:
    """Return the comparisons that are said at once, by direction: those of which there are many."""
    found: dict[str, list[pd.Series]] = {}
    for row in rows:
        if words.known(row["p_adjusted"]):
            found.setdefault(findings.direction(row), []).append(row)
    return {way: same for way, same in found.items() if len(same) > findings.MOST_NAMED}


def _at_once(own: str, rows: Sequence[pd.Series], way: str) -> tuple[str, str, bool]:
    """Return what was found of many comparisons, what may be concluded from it, and whether."""
    many = f"each of {words.count(len(rows))} other automatic measures"
    p = sorted(float(row["p_adjusted"]) for row in rows)
    n = sorted(int(row["n"]) for row in rows)
    sizes = words.count(n[0]) if n[0] == n[-1] else f"{words.count(n[0])} to {words.count(n[-1])}"
    bound = f"adjusted {words.p_phrase(p[0])} to {words.p_phrase(p[-1])}"
    if words.p_phrase(p[0]) == words.p_phrase(p[-1]):
        bound = f"adjusted {words.p_phrase(p[0])} each"
    found = f"{findings.several(rows)}, {bound}, n = {sizes}; part 9 has each"
    if way == findings.OPEN:
        others = f"{words.count(len(rows))} other automatic measures"
        return found, f"{own} and {others} differ in agreement over all texts", False
    return found, _closer(own, many, way), True


def _in_single_domains(
    material: Material, construct: str, pooled: pd.Series, rule: str, names: Names
) -> Iterator[Finding]:
    """Yield what single domains say that all texts together do not."""
    own, other = names.prose(pooled["measure"]), names.prose(pooled["other"])
    rows = material.rows("comparison", construct, measure=pooled["measure"], other=pooled["other"])
    rows = rows[rows["domain"].isin(findings.judged(rows)) & (rows["domain"] != findings.POOLED)]
    for way in (findings.LESS, findings.MORE):
        there = [row for _, row in rows.iterrows() if findings.direction(row) == way]
        if there and way != findings.direction(pooled):
            each = [
                f"r {words.r(row['r_measure'])} against {words.r(row['r_other'])} in {row['domain']} "
                f"(adjusted {words.p_phrase(row['p_adjusted'])}, n = {words.count(row['n'])})"
                for row in there
            ]
            where = _where([row["domain"] for row in there])
            yield Finding(rule, "; ".join(each), _closer(own, other, way) + where, True)


def _closer(own: str, other: str, way: str) -> str:
    first, second = (own, other) if way == findings.MORE else (other, own)
    return f"{first} agrees with the criterion more than {second}"


def _own_words(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    rule = (
        f"Valid mass: the labels are at least {words.r(VALID_MASS)} of what the model would say, in the"
        " median text."
    )
    for model in _models(material, construct):
        mass = findings.valid_mass(material, model, construct)
        if mass.empty:
            continue
        found = f"median {words.r(float(mass.median()))}, n = {words.count(len(mass))}"
        yield Finding(
            rule,
            found,
            f"the labels are answers of {names.prose(model)} itself rather than imposed",
            bool(mass.median() >= VALID_MASS),
        )


def _probabilities(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    rule = (
        f"Probabilities mean what they say: calibration error (ECE) of at most {words.r(CALIBRATION_ERROR)}."
    )
    for model in _models(material, construct):
        rows = material.rows("calibration", construct, measure=model, domain=findings.POOLED)
        if rows.empty:
            continue
        n, stated, hits, ece, _ = findings.confidence(rows)
        found = (
            f"ECE {words.r(ece)}: {words.percent(stated, 1)} stated, {words.percent(hits, 1)} right, n ="
            f" {words.count(n)}"
        )
        conclusion = f"the label probabilities of {names.prose(model)} can be read as chances of being right"
        yield Finding(rule, found, conclusion, ece <= CALIBRATION_ERROR)


def _may_replace(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    for model in _models(material, construct):
        rows = material.rows("alternative_annotator", construct, measure=model)
        rows = rows[findings.known(rows, "winning_rate")]
        for _, row in rows.iterrows():
            yield Finding(
                "Alternative annotator test (Calderon et al. 2025): the model wins against at least half"
                " of the"
                f" people, epsilon {words.r(row['epsilon'])}.",
                f"winning rate {words.r(row['winning_rate'])} of {words.count(row['n_humans'])} people,"
                " advantage"
                f" probability {words.r(row['advantage_probability'])}, n = {words.count(row['n_items'])}",
                f"{names.prose(model)} may code in the place of one of these people",
                bool(row["passed"] in (True, "True")),
            )


def _error_depends(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    for model in _models(material, construct):
        rows = material.rows("error_by_covariates", construct, measure=model, test="joint")
        for _, row in rows[findings.known(rows, "p_value")].iterrows():
            yield Finding(
                "Error: a measure's error depends on no covariate under which it is studied (joint F-test"
                " at .05).",
                f"{words.p_phrase(row['p_value'])}, n = {words.count(row['n'])}",
                f"comparisons of groups with the codes of {names.prose(model)} as they are would be unbiased",
                False if row["differential"] in (True, "True") else None,
            )


def _coded(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    rule = f"Complete: at least {words.percent(CODED, 1)} of the texts given to the model have a usable code."
    for model in _models(material, construct):
        codings = material.codings.get(model)
        own = codings[codings["construct"] == construct] if codings is not None else pd.DataFrame()
        if own.empty:
            continue
        coded = (own["status"] == "ok").groupby(own["unit_id"]).any()  # in one of its repeats
        usable, given = int(coded.sum()), len(coded)
        found = f"{words.count(usable)} of {words.count(given)} ({words.percent(usable, given)})"
        complete = usable / given >= CODED
        if not complete:
            yield Finding(
                rule,
                found,
                f"the texts that {names.prose(model)} coded stand for all that it was given",
                False,
            )


def _frozen(material: Material, construct: str, names: Names) -> Iterator[Finding]:
    status = material.codebooks[construct].status
    if status != "frozen":
        rule = "Confirmatory: the codebook was frozen before the coding that counts."
        yield Finding(
            rule,
            f"status {status}",
            f"the results on {construct} confirm anything: the codebook is being tried out",
            False,
        )


def _claims(material: Material) -> Iterator[Finding]:
    claims = material.tables["claims"]
    printed = claims[(claims["reading"] == AS_PRINTED) & claims["verdict"].isin([REPRODUCED, NOT_REPRODUCED])]
    if printed.empty:
        return
    good = int((printed["verdict"] == REPRODUCED).sum())
    all_of_them = good == len(printed)
    yield Finding(
        "Published figures: every one that is attempted comes out within its tolerance, read as printed.",
        f"{words.count(good)} of {words.count(len(printed))}",
        (
            "the published figures reproduce here"
            if all_of_them
            else "all published figures reproduce here (part 14)"
        ),
        all_of_them,
    )


def _hypotheses(material: Material) -> Iterator[Finding]:
    """What was expected, by the estimator that supposes least about the coder's errors."""
    rule = (
        "Hypotheses: the 95% interval that allows for a coder's errors lies on the expected side of zero"
        " (DSL where"
        " there is one, else PPI++, likelihood, people's codes alone)."
    )
    names = Names(material.study)
    for outcome in corrected.outcomes(material):
        conclusion = f"{outcome.name} holds ({outcome.statement})"
        row = outcome.deciding
        if row is None:
            yield Finding(rule, "no estimate allows for errors of the codes", conclusion, None)
            continue
        gold = f", gold n = {words.count(row['n_gold'])}" if words.known(row["n_gold"]) else ""
        found = (
            f"{corrected.estimator(names, row)}: {corrected.figure_of(row)}, n ="
            f" {words.count(row['n'])}{gold}:"
            f" {outcome.verdict}"
        )
        yield Finding(rule, found, conclusion, outcome.verdict == corrected.SUPPORTED)
        if outcome.misled:
            others = [corrected.estimator(names, other) for other in outcome.misled]
            each = [f"{corrected.estimator(names, o)}: {corrected.figure_of(o)}" for o in outcome.misled]
            yield Finding(
                "Errors of measurement: codes as they are say the same about a hypothesis as corrected ones.",
                "; ".join(each),
                f"{outcome.name} could be judged by {words.listed(others)}",
                False,
            )


def _analyses(material: Material) -> Iterator[Finding]:
    machines = [name for name in material.study["coders"] if name not in material.coders("human")]
    measures = {f"{construct}_{name}" for construct in material.constructs for name in machines}
    affected = []
    for name, analysis in material.study["analyses"].items():
        if analysis.get("coded"):
            table = material.analyses.get(name, pd.DataFrame(columns=["estimator", "estimate"]))
            known = table[findings.known(table, "estimate")]
            if not set(known["estimator"]) & set(corrected.PREFERRED):
                affected.append(name)
        elif any(measure in analysis["formula"] for measure in measures):
            affected.append(name)
    if affected:
        yield Finding(
            "Errors of measurement: an analysis with measures in it corrects for their errors.",
            f"{words.listed(affected)}: not corrected",
            "the coefficients of the regressions are those of what is meant to be measured, since the"
            " measures' errors are in them",
            False,
        )


def _contamination(material: Material) -> Iterator[Finding]:
    year = material.study["corpus"]["public_since"]
    if year is not None and material.coders("llm"):
        yield Finding(
            "Contamination: the texts and ratings were never public.",
            f"public since {year}",
            "a language model would agree as well on texts that it cannot have been trained on",
            False,
        )


def _served(material: Material) -> Iterator[Finding]:
    models = served.names(material)
    if models:
        each = [f"'{model}' is behind a server: {served.seen(material, model)}" for model in models]
        yield Finding(
            f"Repeatable: the model that coded can be told from others, and asked again. {served.CHANGES}.",
            "; ".join(each),
            f"{served.quoted(models)} would give these codes again, since a hosted model may change under its"
            " name",
            False,
        )


def contamination_notice(material: Material) -> tuple[str, str] | None:
    """Return title and text of the notice, where texts and ratings have been public."""
    year = material.study["corpus"]["public_since"]
    if year is None:
        return None
    return (
        f"Public since {year}.",
        (
            "Language models may have been trained on these texts and on people's ratings of them. Agreement"
            " found here may be better than agreement on texts that are new."
        ),
    )


def _models(material: Material, construct: str) -> list[str]:
    return [m for m in material.coders("llm") if m in findings.coders_of(material, construct)]

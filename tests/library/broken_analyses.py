"""Ways to break the sections gold, analyses and hypotheses in good_study/, and what their errors must say."""

from __future__ import annotations

from library.broken_studies import STUDY, Break

_DRAW = "  draw: {n: 100, by: domain, pilot: 20}"
_CODED = "    coded: [sentiment]\n    cluster: domain"
_FORMULA = "    formula: sentiment ~ C(domain) + year\n"
_HYPOTHESIS = '  H1: {analysis: domains, term: "C(domain)[T.tweets]", direction: positive}'

ANALYSIS_BREAKS = [
    # The gold sample
    Break(
        "truth of nobody",
        STUDY,
        _DRAW,
        f"  truth: human\n{_DRAW}",
        ("gold.truth", "'human'", "Did you mean 'humans'?"),
    ),
    Break("pilot of all", STUDY, "pilot: 20", "pilot: 100", ("gold.draw.pilot", "0 to 99")),
    Break(
        "drawn by nothing", STUDY, "{n: 100, by: domain", "{n: 100, by: domian", ("gold.draw.by", "'domain'")
    ),
    Break(
        "probability of what is drawn",
        STUDY,
        _DRAW,
        f"  probability: 0.5\n{_DRAW}",
        ("gold.probability", "known already"),
    ),
    Break(
        "impossible probability", STUDY, _DRAW, "  probability: 1.5", ("gold.probability", "1.5", "1 or less")
    ),
    Break("no such probability", STUDY, _DRAW, "  probability: chance", ("gold.probability", "'chance'")),
    Break("seal without a draw", STUDY, _DRAW, "  seal: true", ("gold.seal", "gold.draw")),
    Break(
        "uncertain dictionary",
        STUDY,
        "pilot: 20",
        "pilot: 20, uncertain: vader",
        ("gold.draw.uncertain", "'vader'", "llm"),
    ),
    Break(
        "rater with a slash",
        STUDY,
        _DRAW,
        f"  raters: [../anna]\n{_DRAW}",
        ("gold.raters", "../anna", "letters"),
    ),
    # Analyses
    Break(
        "coded by nobody",
        STUDY,
        "    coded: [sentiment]\n    cluster",
        "    coded: [sentimnt]\n    cluster",
        ("analyses.domains.coded", "Did you mean 'sentiment'?"),
    ),
    Break(
        "coded and not used",
        STUDY,
        _FORMULA,
        "    formula: year ~ C(domain)\n",
        ("analyses.domains.coded", "not in the formula", "'sentiment'"),
    ),
    Break(
        "coded measure",
        STUDY,
        _FORMULA,
        "    formula: sentiment_llm ~ C(domain) + year\n",
        ("analyses.domains.formula", "sentiment_llm", "Did you mean 'sentiment'?"),
    ),
    Break(
        "truth as a coder",
        STUDY,
        _CODED,
        f"{_CODED}\n    coders: [humans]",
        ("analyses.domains.coders", "beside the truth", "vader"),
    ),
    Break(
        "no such cluster", STUDY, "cluster: domain", "cluster: school", ("analyses.domains.cluster", "school")
    ),
    Break(
        "misspelt estimator",
        STUDY,
        _CODED,
        f"{_CODED}\n    estimators: [dls]",
        ("analyses.domains.estimators", "Did you mean 'dsl'?"),
    ),
    Break(
        "misspelt family",
        STUDY,
        _CODED,
        f"{_CODED}\n    family: logistic",
        ("analyses.domains.family", "logit", "poisson", "ordered"),
    ),
    Break(
        "persons that nobody named",
        STUDY,
        _CODED,
        f"{_CODED}\n    aggregate: person",
        ("analyses.domains.aggregate", "units.person"),
    ),
    Break(
        "increment of a coded construct",
        STUDY,
        _CODED,
        f"{_CODED}\n    incremental: [year]",
        ("analyses.domains.incremental", "without 'coded'"),
    ),
    Break(
        "increment of odds",
        STUDY,
        "    incremental: [sentiment_llm",
        "    family: logit\n    incremental: [sentiment_llm",
        ("analyses.sentiment_by_domain.incremental", "R2", "logit"),
    ),
    Break(
        "coders of measures",
        STUDY,
        "    incremental: [sentiment_llm",
        "    coders: [llm]\n    incremental: [sentiment_llm",
        ("analyses.sentiment_by_domain.coders", "coded"),
    ),
    Break(
        "one fold",
        STUDY,
        _CODED,
        f"{_CODED}\n    folds: 1",
        ("analyses.domains.folds", "too small", "2 or more"),
    ),
    # Hypotheses
    Break(
        "no such analysis",
        STUDY,
        "analysis: domains,",
        "analysis: domain,",
        ("hypotheses.H1.analysis", "Did you mean 'domains'?"),
    ),
    Break(
        "no such term",
        STUDY,
        _HYPOTHESIS,
        "  H1: {analysis: domains, term: month, direction: positive}",
        ("hypotheses.H1.term", "month", "C(domain)", "year"),
    ),
    Break(
        "half a term",
        STUDY,
        "C(domain)[T.tweets]",
        "C(domain)[T.tweets",
        ("hypotheses.H1.term", "C(domain)[T.nyt]"),
    ),
    Break(
        "direction in other words",
        STUDY,
        "direction: positive",
        "direction: larger",
        ("hypotheses.H1.direction", "positive, negative, different"),
    ),
    Break("name of a hypothesis", STUDY, "  H1: {", "  1: {", ("hypotheses", "beginning with a letter")),
    Break(
        "epsilon",
        STUDY,
        "  correction: holm",
        "  correction: holm\n  epsilon: 15",
        ("compare.epsilon", "too large"),
    ),
    Break(
        "error by nothing",
        STUDY,
        "  correction: holm",
        "  correction: holm\n  error_by: [age]",
        ("compare.error_by", "age"),
    ),
]

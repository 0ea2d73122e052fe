# Two programs draw all figures of constructs and of analyses: each process takes a second to start.
from study.claims import printed

# Kind of figure -> what it shows, and its part of the report.
OF_CONSTRUCTS = {
    "agreement": ("Agreement with the criterion", "06 Validity"),
    "scatter": ("Scores against the criterion", "07 Score against criterion"),
    "labels": ("Label distributions and valid mass", "08 Confusion and calibration"),
    "calibration": ("Calibration of the probabilities", "08 Confusion and calibration"),
    "errors": ("Mean error by covariate", "10 Error by covariate"),
    "aggregate": ("Validity of texts and of means", "11 Aggregate validity"),
}
OF_ANALYSES = {
    "estimates": ("Coefficients under every estimator", "12 Regressions"),
    "planning": ("Power by the size of the gold sample", "12 Regressions"),
}
# Analyses in which coders' codes stand for constructs, under every estimator.
CORRECTED = sorted(name for name, analysis in study["analyses"].items() if analysis["coded"])
EXPECTED = {
    name: {key: hypothesis[key] for key in ("analysis", "term")}
    for name, hypothesis in study["hypotheses"].items()
}


rule figures:
    input:
        measures="results/measures.parquet",
        codings=CODINGS,
        agreement="results/tables/agreement.csv",
        calibration="results/tables/calibration.csv",
        levels="results/tables/error_levels.csv",
        aggregate="results/tables/aggregate_validity.csv",
        code=code("study.figures.constructs"),
    output:
        png=[
            figure_png(kind, construct, shows, category)
            for kind, (shows, category) in OF_CONSTRUCTS.items()
            for construct in CONSTRUCTS
        ],
        pdf=expand(
            "results/figures/{kind}_{construct}.pdf",
            kind=OF_CONSTRUCTS,
            construct=CONSTRUCTS,
        ),
    log:
        "logs/figures.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by", "thresholds", "error_by")),
        published=as_json(printed(study["claims"], "agreement", "pearson_r")),
    message:
        "Drawing the figures of every construct"
    shell:
        "python -m study.figures.constructs --measures-file {input.measures:q}"
        " --codings-files {input.codings:q} --agreement-file {input.agreement:q}"
        " --calibration-file {input.calibration:q} --error-levels-file {input.levels:q}"
        " --aggregate-file {input.aggregate:q} --folder results/figures --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} --published {params.published:q}"
        " &> {log:q}"


rule figures_of_analyses:
    input:
        tables=expand("results/tables/{analysis}.csv", analysis=CORRECTED),
        planning="results/tables/planning.csv",
        code=code("study.figures.analyses"),
    output:
        png=[
            figure_png(kind, analysis, shows, category)
            for kind, (shows, category) in OF_ANALYSES.items()
            for analysis in CORRECTED
        ],
        pdf=expand(
            "results/figures/{kind}_{analysis}.pdf",
            kind=OF_ANALYSES,
            analysis=CORRECTED,
        ),
    log:
        "logs/figures_of_analyses.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json({name: role(keys) for name, keys in study["coders"].items()}),
        coded=as_json({analysis: study["analyses"][analysis]["coded"] for analysis in CORRECTED}),
        expected=as_json(EXPECTED),
    message:
        "Drawing the figures of every corrected analysis"
    shell:
        "python -m study.figures.analyses --table-files {input.tables:q}"
        " --planning-file {input.planning:q} --folder results/figures --coders {params.coders:q}"
        " --coded {params.coded:q} --expected {params.expected:q} &> {log:q}"


FIGURES = [
    *rules.figures.output,
    *rules.figures_of_analyses.output,
]

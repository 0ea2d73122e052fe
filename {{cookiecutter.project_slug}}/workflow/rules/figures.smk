# One program draws a kind of figure for every construct: each process costs seconds to start.
from study.claims import printed

FIGURES = expand(
    "results/figures/{kind}_{construct}.{format}",
    kind=["agreement", "scatter", "labels", "calibration", "errors", "aggregate"],
    construct=CONSTRUCTS,
    format=["png", "pdf"],
)


# Analyses in which coders' codes stand for constructs, under every estimator.
CORRECTED = sorted(name for name, analysis in study["analyses"].items() if analysis["coded"])
EXPECTED = {
    name: {key: hypothesis[key] for key in ("analysis", "term")}
    for name, hypothesis in study["hypotheses"].items()
}
FIGURES += expand(
    "results/figures/{kind}_{analysis}.{format}",
    kind=["estimates", "planning"],
    analysis=CORRECTED,
    format=["png", "pdf"],
)


rule figure_agreement:
    input:
        agreement="results/tables/agreement.csv",
        code=code("study.figures.agreement"),
    output:
        png=[
            figure_png("agreement", construct, "Agreement with the criterion", "06 Validity")
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/agreement_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_agreement.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared()),
        published=as_json(printed(study["claims"], "agreement", "pearson_r")),
    message:
        "Drawing the agreement of every measure with the criterion"
    shell:
        "python -m study.figures.agreement --agreement-file {input.agreement:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} --published {params.published:q}"
        " &> {log:q}"


rule figure_scatter:
    input:
        measures="results/measures.parquet",
        code=code("study.figures.scatter"),
    output:
        png=[
            figure_png(
                "scatter",
                construct,
                "Scores against the criterion",
                "07 Score against criterion",
            )
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/scatter_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_scatter.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by")),
    message:
        "Drawing every measure's scores against the criterion"
    shell:
        "python -m study.figures.scatter --measures-file {input.measures:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"


rule figure_labels:
    input:
        measures="results/measures.parquet",
        codings=CODINGS,
        code=code("study.figures.labels"),
    output:
        png=[
            figure_png(
                "labels",
                construct,
                "Label distributions and valid mass",
                "08 Confusion and calibration",
            )
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/labels_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_labels.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by", "thresholds")),
    message:
        "Drawing the label distributions of every coder with probabilities"
    shell:
        "python -m study.figures.labels --measures-file {input.measures:q} --codings-files {input.codings:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"


rule figure_calibration:
    input:
        calibration="results/tables/calibration.csv",
        code=code("study.figures.calibration"),
    output:
        png=[
            figure_png(
                "calibration",
                construct,
                "Calibration of the probabilities",
                "08 Confusion and calibration",
            )
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/calibration_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_calibration.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared()),
    message:
        "Drawing whether probabilities mean what they say"
    shell:
        "python -m study.figures.calibration --calibration-file {input.calibration:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"


rule figure_errors:
    input:
        levels="results/tables/error_levels.csv",
        code=code("study.figures.errors"),
    output:
        png=[
            figure_png("errors", construct, "Mean error by covariate", "10 Error by covariate")
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/errors_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_errors.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("error_by")),
    message:
        "Drawing the mean error of every measure by covariate"
    shell:
        "python -m study.figures.errors --error-levels-file {input.levels:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"


rule figure_aggregate:
    input:
        aggregate="results/tables/aggregate_validity.csv",
        code=code("study.figures.aggregate"),
    output:
        png=[
            figure_png("aggregate", construct, "Validity of texts and of means", "11 Aggregate validity")
            for construct in CONSTRUCTS
        ],
        pdf=expand("results/figures/aggregate_{construct}.pdf", construct=CONSTRUCTS),
    log:
        "logs/figure_aggregate.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by")),
    message:
        "Drawing the validity of texts and of means"
    shell:
        "python -m study.figures.aggregate --aggregate-file {input.aggregate:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"


rule figure_estimates:
    input:
        tables=expand("results/tables/{analysis}.csv", analysis=CORRECTED),
        code=code("study.figures.estimates"),
    output:
        png=[
            figure_png("estimates", analysis, "Coefficients under every estimator", "12 Regressions")
            for analysis in CORRECTED
        ],
        pdf=expand("results/figures/estimates_{analysis}.pdf", analysis=CORRECTED),
    log:
        "logs/figure_estimates.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        coders=as_json({name: role(keys) for name, keys in study["coders"].items()}),
        coded=as_json({analysis: study["analyses"][analysis]["coded"] for analysis in CORRECTED}),
        expected=as_json(EXPECTED),
    message:
        "Drawing the coefficients under every estimator"
    shell:
        "python -m study.figures.estimates --table-files {input.tables:q} --png-files {output.png:q}"
        " --pdf-files {output.pdf:q} --coders {params.coders:q} --coded {params.coded:q}"
        " --expected {params.expected:q} &> {log:q}"


rule figure_planning:
    input:
        planning="results/tables/planning.csv",
        code=code("study.figures.planning"),
    output:
        png=[
            figure_png("planning", analysis, "Power by the size of the gold sample", "12 Regressions")
            for analysis in CORRECTED
        ],
        pdf=expand("results/figures/planning_{analysis}.pdf", analysis=CORRECTED),
    log:
        "logs/figure_planning.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        names=lambda wildcards: CORRECTED,
        coders=as_json({name: role(keys) for name, keys in study["coders"].items()}),
        expected=as_json(EXPECTED),
    message:
        "Drawing what more gold units would bring"
    shell:
        "python -m study.figures.planning --planning-file {input.planning:q} --png-files {output.png:q}"
        " --pdf-files {output.pdf:q} --names {params.names} --coders {params.coders:q}"
        " --expected {params.expected:q} &> {log:q}"

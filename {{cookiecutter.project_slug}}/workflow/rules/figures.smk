# One program draws a kind of figure for every construct: each process costs seconds to start.
from study.claims import printed

FIGURES = expand(
    "results/figures/{kind}_{construct}.{format}",
    kind=["agreement", "scatter", "labels", "calibration"],
    construct=CONSTRUCTS,
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
        compare=as_json(without(study["compare"], "by", "thresholds", "bootstrap", "seed", "correction")),
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
        compare=as_json(without(study["compare"], "thresholds", "bootstrap", "seed", "correction")),
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
        compare=as_json(without(study["compare"], "bootstrap", "seed", "correction")),
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
        compare=as_json(without(study["compare"], "by", "thresholds", "bootstrap", "seed", "correction")),
    message:
        "Drawing whether probabilities mean what they say"
    shell:
        "python -m study.figures.calibration --calibration-file {input.calibration:q}"
        " --png-files {output.png:q} --pdf-files {output.pdf:q} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} &> {log:q}"

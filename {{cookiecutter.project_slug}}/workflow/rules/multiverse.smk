# The multiverse: one analysis with the codes of every instrument, under every decision rule, corrected and not.
MULTIVERSE = study["multiverse"]
# Coders as they are; and those whose settings experiments vary, for constructs that an experiment does not ask about.
VARIANTS = MULTIVERSE["experiments"] if MULTIVERSE else []
CODED_BY = sorted(
    {*MULTIVERSE["coders"], *(study["experiments"][name]["coder"] for name in VARIANTS)} if MULTIVERSE else ()
)


# Without a multiverse the tables have no rows: they are made for claims only.
if MULTIVERSE:
    TABLES += [
        "results/tables/multiverse.csv",
        "results/tables/multiverse_summary.csv",
        "results/tables/multiverse_variance.csv",
    ]
    FIGURES += expand(
        "results/figures/specification_{analysis}.{format}",
        analysis=MULTIVERSE["analysis"],
        format=["png", "pdf"],
    )


rule multiverse:
    input:
        measures="results/measures.parquet" if MULTIVERSE else [],
        sample="data/corpus/sample.csv" if MULTIVERSE else [],
        gold="data/gold/sample.csv" if MULTIVERSE else [],
        codings=expand("results/codings/{coder}.parquet", coder=CODED_BY),
        experiments=expand("results/experiments/{experiment}.parquet", experiment=VARIANTS),
        code=code("study.multiverse.tables"),
    output:
        specifications=report(
            "results/tables/multiverse.csv",
            category="13 Specification curve",
            labels={"result": "3 Table: Every specification"},
            caption="../report/multiverse.rst",
        ),
        summary=report(
            "results/tables/multiverse_summary.csv",
            category="13 Specification curve",
            labels={"result": "3 Table: What the specifications come to"},
            caption="../report/multiverse_summary.rst",
        ),
        variance=report(
            "results/tables/multiverse_variance.csv",
            category="13 Specification curve",
            labels={"result": "3 Table: Which choices matter"},
            caption="../report/multiverse_variance.rst",
        ),
    log:
        "logs/multiverse.log",
    conda:
        ENVIRONMENT
    params:
        multiverse=as_json(MULTIVERSE),
        analyses=as_json(
            {MULTIVERSE["analysis"]: study["analyses"][MULTIVERSE["analysis"]]} if MULTIVERSE else {}
        ),
        coders=as_json(types),
        codebooks=as_json(
            {construct: {key: keys[key] for key in MEANING} for construct, keys in scales.items()}
        ),
        experiments=as_json({name: study["experiments"][name]["coder"] for name in VARIANTS}),
        gold=as_json({key: study["gold"][key] for key in ("truth", "probability", "draw")}),
        weight=["--weight", "weight"] if study["units"]["weight"] else [],
    message:
        "Repeating an analysis under every choice"
    shell:
        "python -m study.multiverse.tables --multiverse {params.multiverse:q} --analyses {params.analyses:q}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --experiments {params.experiments:q}"
        " --gold {params.gold:q} --measures-files {input.measures} --sample-files {input.sample}"
        " --gold-files {input.gold} --codings-files {input.codings} --experiment-files {input.experiments}"
        " --specifications-file {output.specifications} --summary-file {output.summary}"
        " --variance-file {output.variance} {params.weight} &> {log}"


rule figure_specification:
    input:
        specifications="results/tables/multiverse.csv",
        summary="results/tables/multiverse_summary.csv",
        code=code("study.figures.specification"),
    output:
        png=report(
            "results/figures/specification_{analysis}.png",
            category="13 Specification curve",
            labels={"result": "2 Figure: Every specification ({analysis})"},
            caption="../report/figure_specification.rst",
        ),
        pdf="results/figures/specification_{analysis}.pdf",
    log:
        "logs/figure_specification/{analysis}.log",
    wildcard_constraints:
        analysis=MULTIVERSE["analysis"] if MULTIVERSE else "(?!)",
    conda:
        ENVIRONMENT
    threads: 1
    message:
        "Drawing the specification curve of {wildcards.analysis}"
    shell:
        "python -m study.figures.specification --specifications-file {input.specifications}"
        " --summary-file {input.summary} --png-file {output.png} --pdf-file {output.pdf} &> {log}"

# The study's regressions.
rule regressions:
    input:
        measures="results/measures.parquet",
        code=code("study.inference.regression"),
    output:
        tables=[
            report(
                f"results/tables/{analysis}.csv",
                category="12 Regressions",
                labels={"result": f"3 Table: Regression {analysis}"},
                caption="../report/analysis.rst",
            )
            for analysis in sorted(study["analyses"])
        ],
        incremental=report(
            "results/tables/incremental_r2.csv",
            category="12 Regressions",
            labels={"result": "3 Table: Incremental R2"},
            caption="../report/incremental_r2.rst",
        ),
    log:
        "logs/regressions.log",
    conda:
        ENVIRONMENT
    params:
        analyses=as_json(study["analyses"]),
        compare=as_json(without(study["compare"], "criterion", "by", "thresholds")),
        weight=["--weight", "weight"] if study["units"]["weight"] else [],
    message:
        "Estimating the regressions"
    shell:
        "python -m study.inference.regression --measures-file {input.measures} --analyses {params.analyses:q}"
        " --compare {params.compare:q} --table-files {output.tables} --incremental-file {output.incremental}"
        " {params.weight} &> {log}"

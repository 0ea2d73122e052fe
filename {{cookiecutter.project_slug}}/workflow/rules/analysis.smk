# The study's regressions.
rule regressions:
    input:
        measures="results/measures.parquet",
        code=code("study.inference.regression"),
    output:
        tables=report(
            expand("results/tables/{analysis}.csv", analysis=sorted(study["analyses"])),
            category="12 Regressions",
            caption="../report/analysis.rst",
        ),
        incremental=report(
            "results/tables/incremental_r2.csv",
            category="12 Regressions",
            labels={"table": "Incremental R2"},
            caption="../report/incremental_r2.rst",
        ),
    log:
        "logs/regressions.log",
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

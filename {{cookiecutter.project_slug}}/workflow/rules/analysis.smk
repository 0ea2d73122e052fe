# The study's regressions: with each coder's codes, and corrected with the gold sample for the coders' errors.
MEANING = ("level", "values")


rule regressions:
    input:
        measures="results/measures.parquet",
        sample="data/corpus/sample.csv",
        gold="data/gold/sample.csv",
        code=code("study.inference.analyses"),
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
        hypotheses=report(
            "results/tables/hypotheses.csv",
            category="12 Regressions",
            labels={"result": "3 Table: Hypotheses"},
            caption="../report/hypotheses.rst",
        ),
        prevalence=report(
            "results/tables/prevalence.csv",
            category="12 Regressions",
            labels={"result": "3 Table: Shares and means"},
            caption="../report/prevalence.rst",
        ),
        planning=report(
            "results/tables/planning.csv",
            category="12 Regressions",
            labels={"result": "3 Table: How many more gold units"},
            caption="../report/planning.rst",
        ),
        diagnostics=report(
            "results/tables/diagnostics.csv",
            category="12 Regressions",
            labels={"result": "3 Table: Warnings"},
            caption="../report/diagnostics.rst",
        ),
    log:
        "logs/regressions.log",
    conda:
        ENVIRONMENT
    params:
        analyses=as_json(study["analyses"]),
        expected=as_json(study["hypotheses"]),
        coders=as_json(types),
        codebooks=as_json(
            {construct: {key: keys[key] for key in MEANING} for construct, keys in scales.items()}
        ),
        compare=as_json({key: study["compare"][key] for key in ("bootstrap", "seed", "correction")}),
        gold=as_json({key: study["gold"][key] for key in ("truth", "probability", "draw")}),
        weight=["--weight", "weight"] if study["units"]["weight"] else [],
    message:
        "Estimating the regressions"
    shell:
        "python -m study.inference.analyses --measures-file {input.measures} --sample-file {input.sample}"
        " --gold-file {input.gold} --analyses {params.analyses:q} --expected {params.expected:q}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --compare {params.compare:q}"
        " --gold {params.gold:q} --table-files {output.tables} --incremental-file {output.incremental}"
        " --hypotheses-file {output.hypotheses} --prevalence-file {output.prevalence}"
        " --planning-file {output.planning} --diagnostics-file {output.diagnostics} {params.weight} &> {log}"

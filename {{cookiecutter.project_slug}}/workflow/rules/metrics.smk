# The main figures in one small file: `dvc metrics` and `dvc plots` compare versions of the study (dvc.yaml). And
# what language models have cost.
METRICS = ["results/metrics.json", "results/plots/agreement.csv"]


rule metrics:
    input:
        agreement="results/tables/agreement.csv",
        claims="results/tables/claims.csv",
        codings=expand("results/codings/{coder}.parquet", coder=sorted(LLM_CODERS)),
        code=code("study.metrics"),
    output:
        metrics=METRICS[0],
        plot=METRICS[1],
    log:
        "logs/metrics.log",
    conda:
        ENVIRONMENT
    message:
        "Collecting the main figures"
    shell:
        "python -m study.metrics --agreement {input.agreement} --claims-table {input.claims}"
        " --codings {input.codings} --metrics-file {output.metrics} --plot-file {output.plot} &> {log}"


rule costs:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        instruments=instruments(LLM_CODERS),
        indexes=sorted({file for keys in LLM_CODERS.values() for file in indexes_of(keys["model"])}),
        trials=expand("results/experiments/{experiment}.json", experiment=sorted(EXPERIMENTS)),
        trial_indexes=[
            f"results/index/experiments/{experiment}.{model}.csv"
            for experiment in sorted(EXPERIMENTS)
            for model in sorted(ASKED_BY[experiment])
        ],
        code=code("study.llm.costs"),
    output:
        table=report(
            "results/tables/costs.csv",
            category="15 Appendix",
            labels={"result": "3 Table: What language models have cost"},
            caption="../report/costs.rst",
        ),
    log:
        "logs/costs.log",
    conda:
        ENVIRONMENT
    params:
        asked=as_json({name: asked(name) for name in LLM_CODERS}),
        prices=as_json({name: serving["price"] for name, serving in study["serving"].items()}),
        store=lambda wildcards: STORE,
    message:
        "Adding up what language models have cost"
    shell:
        "python -m study.llm.costs --units {input.units} --sample {input.sample}"
        " --instruments {input.instruments} --asked {params.asked:q} --prices {params.prices:q}"
        " --indexes {input.indexes} --trials {input.trials} --trial-indexes {input.trial_indexes}"
        " --store {params.store} --table {output.table} &> {log}"

# How well people agree, and how well each measure agrees with them.
scales = {construct: scale(book) for construct, book in study["codebooks"].items()}
TABLES = [
    f"results/tables/{name}.csv"
    for name in (
        "flow", "reliability", "agreement", "classification", "confusion", "calibration", "comparison",
        "incremental_r2", *study["analyses"],
    )
]  # fmt: skip


rule reliability:
    input:
        measures="results/measures.parquet",
        ratings="data/gold/ratings.parquet",
        code=code("study.validity.reliability"),
    output:
        table=report(
            "results/tables/reliability.csv",
            category="05 Reliability",
            labels={"result": "3 Table: How well people agree"},
            caption="../report/reliability.rst",
        ),
    log:
        "logs/reliability.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(without(study["compare"], "thresholds", "correction")),
    message:
        "Measuring how well people agree"
    shell:
        "python -m study.validity.reliability --measures-file {input.measures} --ratings-file {input.ratings}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --compare {params.compare:q}"
        " --table-file {output.table} &> {log}"


rule agreement:
    input:
        measures="results/measures.parquet",
        ratings="data/gold/ratings.parquet",
        code=code("study.validity.agreement"),
    output:
        table=report(
            "results/tables/agreement.csv",
            category="06 Validity",
            labels={"result": "3 Table: Agreement with the criterion"},
            caption="../report/agreement.rst",
        ),
    log:
        "logs/agreement.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        compare=as_json(without(study["compare"], "thresholds", "correction")),
    message:
        "Comparing every measure with the criterion"
    shell:
        "python -m study.validity.agreement --measures-file {input.measures} --ratings-file {input.ratings}"
        " --coders {params.coders:q} --compare {params.compare:q} --table-file {output.table} &> {log}"


rule classification:
    input:
        measures="results/measures.parquet",
        ratings="data/gold/ratings.parquet",
        code=code("study.validity.classification"),
    output:
        classification=report(
            "results/tables/classification.csv",
            category="08 Confusion and calibration",
            labels={"result": "3 Table: Precision, recall and F1"},
            caption="../report/classification.rst",
        ),
        confusion=report(
            "results/tables/confusion.csv",
            category="08 Confusion and calibration",
            labels={"result": "3 Table: Confusions"},
            caption="../report/confusion.rst",
        ),
    log:
        "logs/classification.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(without(study["compare"], "bootstrap", "seed", "correction")),
    message:
        "Comparing classes with the criterion's"
    shell:
        "python -m study.validity.classification --measures-file {input.measures}"
        " --ratings-file {input.ratings} --coders {params.coders:q} --codebooks {params.codebooks:q}"
        " --compare {params.compare:q} --classification-file {output.classification}"
        " --confusion-file {output.confusion} &> {log}"


rule calibration:
    input:
        measures="results/measures.parquet",
        codings=CODINGS,
        code=code("study.validity.calibration"),
    output:
        table=report(
            "results/tables/calibration.csv",
            category="08 Confusion and calibration",
            labels={"result": "3 Table: Calibration"},
            caption="../report/calibration.rst",
        ),
    log:
        "logs/calibration.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(without(study["compare"], "bootstrap", "seed", "correction")),
    message:
        "Comparing probabilities with what was observed"
    shell:
        "python -m study.validity.calibration --measures-file {input.measures} --codings-files {input.codings}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --compare {params.compare:q}"
        " --table-file {output.table} &> {log}"


rule comparison:
    input:
        measures="results/measures.parquet",
        code=code("study.validity.comparison"),
    output:
        table=report(
            "results/tables/comparison.csv",
            category="09 LLM minus dictionary",
            labels={"result": "3 Table: Differences between correlations"},
            caption="../report/comparison.rst",
        ),
    log:
        "logs/comparison.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        compare=as_json(without(study["compare"], "thresholds")),
    message:
        "Comparing language models with the other measures"
    shell:
        "python -m study.validity.comparison --measures-file {input.measures} --coders {params.coders:q}"
        " --compare {params.compare:q} --table-file {output.table} &> {log}"

# How well people agree, and how well each measure agrees with them.
scales = {construct: scale(book) for construct, book in study["codebooks"].items()}
# Counts and comparisons have scales of their own.
typed = {
    construct: scales[construct] | {"type": book["type"]} for construct, book in study["codebooks"].items()
}
REPEATED = sorted(
    [name for name, keys in coders("given").items() if keys["repeat"] is not None]
    + [name for name, keys in coders("llm").items() if keys["repeats"] > 1]
)
identified = {name: keys.get("identified", True) for name, keys in coders("human").items()}
TABLES = [
    f"results/tables/{name}.csv"
    for name in (
        "flow", "reliability", "coder_agreement", "alternative_annotator", "alternative_annotator_humans",
        "agreement", "disattenuated", "aggregate_validity", "multitrait_multimethod", "campbell_fiske",
        "classification", "confusion", "calibration", "recalibration", "comparison", "error_by_covariates",
        "error_terms", "error_levels", "incremental_r2", "hypotheses", "prevalence", "planning", "diagnostics",
        "deviations", "pilot_rounds", "missing_codes", "costs", *(["repeated_codes"] if REPEATED else []),
        *study["analyses"],
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
        codebooks=as_json(typed),
        identified=as_json(identified),
        compare=as_json(compared("by", "bootstrap", "seed")),
    message:
        "Measuring how well people agree"
    shell:
        "python -m study.validity.reliability --measures-file {input.measures} --ratings-file {input.ratings}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --identified {params.identified:q}"
        " --compare {params.compare:q} --table-file {output.table} &> {log}"


rule coder_agreement:
    input:
        measures="results/measures.parquet",
        ratings="data/gold/ratings.parquet",
        code=code("study.validity.coder_agreement"),
    output:
        agreement=report(
            "results/tables/coder_agreement.csv",
            category="05 Reliability",
            labels={"result": "3 Table: How well coders agree with the criterion"},
            caption="../report/coder_agreement.rst",
        ),
        annotator=report(
            "results/tables/alternative_annotator.csv",
            category="06 Validity",
            labels={"result": "3 Table: Alternative annotator test"},
            caption="../report/alternative_annotator.rst",
        ),
        humans=report(
            "results/tables/alternative_annotator_humans.csv",
            category="06 Validity",
            labels={"result": "3 Table: Alternative annotator test, person by person"},
            caption="../report/alternative_annotator_humans.rst",
        ),
    log:
        "logs/coder_agreement.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(typed),
        identified=as_json(identified),
        compare=as_json(compared("by", "bootstrap", "seed", "epsilon")),
    message:
        "Measuring how well coders agree with people, and whether they may stand in for them"
    shell:
        "python -m study.validity.coder_agreement --measures-file {input.measures}"
        " --ratings-file {input.ratings} --coders {params.coders:q} --codebooks {params.codebooks:q}"
        " --identified {params.identified:q} --compare {params.compare:q}"
        " --agreement-file {output.agreement} --annotator-file {output.annotator}"
        " --humans-file {output.humans} &> {log}"


rule repeated_codes:
    input:
        measures="results/measures.parquet",
        codings=expand("results/codings/{coder}.parquet", coder=REPEATED),
        code=code("study.validity.repeated_codes"),
    output:
        table=report(
            "results/tables/repeated_codes.csv",
            category="06 Validity",
            labels={"result": "3 Table: One code of several"},
            caption="../report/repeated_codes.rst",
        ),
    log:
        "logs/repeated_codes.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by", "thresholds")),
    message:
        "Comparing each of several codes with the criterion"
    shell:
        "python -m study.validity.repeated_codes --measures-file {input.measures}"
        " --codings-files {input.codings} --coders {params.coders:q} --codebooks {params.codebooks:q}"
        " --compare {params.compare:q} --table-file {output.table} &> {log}"


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
        compare=as_json(compared("by", "bootstrap", "seed")),
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
        compare=as_json(compared("by", "thresholds")),
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
        code=code("study.validity.recalibration"),
    output:
        table=report(
            "results/tables/calibration.csv",
            category="08 Confusion and calibration",
            labels={"result": "3 Table: Calibration"},
            caption="../report/calibration.rst",
        ),
        recalibration=report(
            "results/tables/recalibration.csv",
            category="08 Confusion and calibration",
            labels={"result": "3 Table: Recalibration"},
            caption="../report/recalibration.rst",
        ),
    log:
        "logs/calibration.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(scales),
        compare=as_json(compared("by", "thresholds", "bootstrap", "seed")),
    message:
        "Comparing probabilities with what was observed"
    shell:
        "python -m study.validity.recalibration --measures-file {input.measures} --codings-files {input.codings}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --compare {params.compare:q}"
        " --table-file {output.table} --recalibration-file {output.recalibration} &> {log}"


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
        compare=as_json(compared("by", "bootstrap", "seed", "correction")),
    message:
        "Comparing language models with the other measures"
    shell:
        "python -m study.validity.comparison --measures-file {input.measures} --coders {params.coders:q}"
        " --compare {params.compare:q} --table-file {output.table} &> {log}"


rule error_by_covariates:
    input:
        measures="results/measures.parquet",
        code=code("study.validity.error_tables"),
    output:
        tests=report(
            "results/tables/error_by_covariates.csv",
            category="10 Error by covariate",
            labels={"result": "3 Table: Does the error depend on covariates?"},
            caption="../report/error_by_covariates.rst",
        ),
        terms=report(
            "results/tables/error_terms.csv",
            category="10 Error by covariate",
            labels={"result": "3 Table: Regressions of the error"},
            caption="../report/error_terms.rst",
        ),
        levels=report(
            "results/tables/error_levels.csv",
            category="10 Error by covariate",
            labels={"result": "3 Table: Mean error by covariate"},
            caption="../report/error_levels.rst",
        ),
    log:
        "logs/error_by_covariates.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(typed),
        compare=as_json(compared("by", "correction", "error_by")),
    message:
        "Regressing errors on covariates"
    shell:
        "python -m study.validity.error_tables --measures-file {input.measures} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --compare {params.compare:q} --tests-file {output.tests}"
        " --terms-file {output.terms} --levels-file {output.levels} &> {log}"


rule aggregate_validity:
    input:
        measures="results/measures.parquet",
        agreement="results/tables/agreement.csv",
        reliability="results/tables/reliability.csv",
        code=code("study.validity.aggregate_validity"),
    output:
        aggregate=report(
            "results/tables/aggregate_validity.csv",
            category="11 Aggregate validity",
            labels={"result": "3 Table: Validity of units and of means"},
            caption="../report/aggregate_validity.rst",
        ),
        disattenuated=report(
            "results/tables/disattenuated.csv",
            category="06 Validity",
            labels={"result": "3 Table: Correlations corrected for attenuation"},
            caption="../report/disattenuated.rst",
        ),
        matrix=report(
            "results/tables/multitrait_multimethod.csv",
            category="06 Validity",
            labels={"result": "3 Table: Multitrait-multimethod matrix"},
            caption="../report/multitrait_multimethod.rst",
        ),
        criteria=report(
            "results/tables/campbell_fiske.csv",
            category="06 Validity",
            labels={"result": "3 Table: Convergent and discriminant validity"},
            caption="../report/campbell_fiske.rst",
        ),
    log:
        "logs/aggregate_validity.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        codebooks=as_json(typed),
        scores=as_json({name: keys.get("score", "mean") for name, keys in coders("human").items()}),
        compare=as_json(compared("by", "bootstrap", "seed", "correction")),
    message:
        "Comparing units with means, and constructs with each other"
    shell:
        "python -m study.validity.aggregate_validity --measures-file {input.measures}"
        " --agreement-file {input.agreement} --reliability-file {input.reliability}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} --scores {params.scores:q}"
        " --compare {params.compare:q} --aggregate-file {output.aggregate}"
        " --disattenuated-file {output.disattenuated} --matrix-file {output.matrix}"
        " --criteria-file {output.criteria} &> {log}"

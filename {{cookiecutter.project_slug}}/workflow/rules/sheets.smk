# Coding by hand: sheets to fill in, what coders do not agree on, and which codes are missing.
from study.gold.sheets.folder import files_in

SHEETS = {name: keys for name, keys in HUMANS.items() if keys["layout"] == "sheets"}
RETURNED = sorted({path.as_posix() for keys in SHEETS.values() for path in files_in(Path(keys["folder"]))})
# The covariates with which codes may be missing, and the units that people were given.
COVARIATES = list(dict.fromkeys([*filter(None, [study["compare"]["by"]]), *study["compare"]["error_by"]]))
GIVEN = {
    name: ["gold", "pilot"] if study["gold"]["draw"] else ["sample"] if name in SHEETS else []
    for name in HUMANS
}


localrules:
    sheets,
    adjudicate,


rule sheets:
    # The sheets are no outputs: Snakemake would delete them first, and somebody may have begun to fill one in.
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        gold="data/gold/sample.csv",
        returned=RETURNED,
        code=code("study.gold.sheets.make"),
    log:
        "logs/sheets.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(SHEETS),
        codebooks=as_json(codebooks_of(SHEETS)),
        raters=lambda wildcards: study["gold"]["raters"],
    message:
        "Making coding sheets"
    shell:
        "python -m study.gold.sheets.make --units-file {input.units} --sample-file {input.sample}"
        " --gold-sample {input.gold} --coders {params.coders:q} --codebooks {params.codebooks:q}"
        " --raters {params.raters} 2>&1 | tee {log}"


rule adjudicate:
    input:
        units="data/corpus/units.parquet",
        ratings="data/gold/ratings.parquet",
        returned=RETURNED,
        code=code("study.gold.sheets.adjudication"),
    log:
        "logs/adjudicate.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(SHEETS),
        codebooks=as_json(codebooks_of(SHEETS)),
    message:
        "Looking for texts on which coders do not agree"
    shell:
        "python -m study.gold.sheets.adjudication --units-file {input.units} --ratings-file {input.ratings}"
        " --coders {params.coders:q} --codebooks {params.codebooks:q} 2>&1 | tee {log}"


rule missing_codes:
    input:
        measures="results/measures.parquet",
        codings=CODINGS,
        code=code("study.validity.missing_codes"),
    output:
        table=report(
            "results/tables/missing_codes.csv",
            category="02 Flow",
            labels={"result": "3 Table: Missing codes"},
            caption="../report/missing_codes.rst",
        ),
    log:
        "logs/missing_codes.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(types),
        given=as_json(GIVEN),
        covariates=as_json(COVARIATES),
        correction=lambda wildcards: study["compare"]["correction"],
    message:
        "Counting which codes are missing"
    shell:
        "python -m study.validity.missing_codes --measures-file {input.measures}"
        " --codings-files {input.codings} --coders {params.coders:q} --given {params.given:q}"
        " --covariates {params.covariates:q} --correction {params.correction} --table-file {output.table}"
        " &> {log}"

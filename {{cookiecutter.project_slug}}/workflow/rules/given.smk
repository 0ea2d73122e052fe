# Codes that were made elsewhere, and are columns of the corpus.
MADE_ELSEWHERE = coders("given")


rule given:
    input:
        units="data/corpus/units.parquet",
        code=code("study.coders.given"),
    output:
        codings="results/codings/{coder}.parquet",
    log:
        "logs/given/{coder}.log",
    wildcard_constraints:
        coder="|".join(MADE_ELSEWHERE) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        columns=as_json(lambda wildcards: MADE_ELSEWHERE[wildcards.coder]["columns"]),
        codebooks=as_json(lambda wildcards: codebooks_of([wildcards.coder])),
    message:
        "Reading the codes of {wildcards.coder}"
    shell:
        "python -m study.coders.given --units-file {input.units} --name {wildcards.coder}"
        " --columns {params.columns:q} --codebooks {params.codebooks:q} --codings-file {output.codings} &> {log}"

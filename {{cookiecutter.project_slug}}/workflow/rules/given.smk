# Codes that were made elsewhere: columns of the corpus, or tables of their own.
MADE_ELSEWHERE = coders("given")


rule given:
    input:
        units="data/corpus/units.parquet",
        sources=lambda wildcards: source_files(MADE_ELSEWHERE[wildcards.coder]),
        code=code("study.coders.given"),
    output:
        codings="results/codings/{coder}.parquet",
        flow="results/flow/given/{coder}.csv",
    log:
        "logs/given/{coder}.log",
    wildcard_constraints:
        coder="|".join(MADE_ELSEWHERE) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        coder=as_json(lambda wildcards: without(MADE_ELSEWHERE[wildcards.coder], "type", "of", "codebooks")),
        codebooks=as_json(lambda wildcards: codebooks_of([wildcards.coder])),
        corpus_id=lambda wildcards: study["corpus"]["id"],
    message:
        "Reading the codes of {wildcards.coder}"
    shell:
        "python -m study.coders.given --units-file {input.units} --name {wildcards.coder}"
        " --coder {params.coder:q} --codebooks {params.codebooks:q} --corpus-id {params.corpus_id:q}"
        " --codings-file {output.codings} --flow-file {output.flow} &> {log}"

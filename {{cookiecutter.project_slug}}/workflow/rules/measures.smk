# The other coders (dictionaries, people, classifiers), and the table of all measures.
DICTIONARIES = coders("dictionary")
HUMANS = coders("human")
SUPERVISED = coders("supervised")
SEALED = study["gold"]["seal"] and not FROZEN


rule dictionary:
    input:
        units="data/corpus/units.parquet",
        sources=lambda wildcards: source_files(DICTIONARIES[wildcards.coder]),
        code=code("study.coders.dictionary"),
    output:
        codings="results/codings/{coder}.parquet",
    log:
        "logs/dictionary/{coder}.log",
    wildcard_constraints:
        coder="|".join(DICTIONARIES) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        coder=as_json(lambda wildcards: DICTIONARIES[wildcards.coder]),
        constructs=lambda wildcards: DICTIONARIES[wildcards.coder]["codebooks"],
        language=lambda wildcards: study["corpus"]["language"],
    message:
        "Looking the words of {wildcards.coder} up"
    shell:
        "python -m study.coders.dictionary --units-file {input.units} --name {wildcards.coder}"
        " --coder {params.coder:q} --constructs {params.constructs} --language {params.language:q}"
        " --codings-file {output.codings} &> {log}"


rule human:
    input:
        units="data/corpus/units.parquet",
        sources=sorted({file for keys in HUMANS.values() for file in source_files(keys)}),
        # Read only while its codes are sealed: another gold sample changes nothing else that people coded.
        gold=["data/gold/sample.csv"] if SEALED else [],
        code=code("study.coders.human"),
    output:
        ratings="data/gold/ratings.parquet",
        flow="results/flow/human.csv",
        codings=expand("results/codings/{coder}.parquet", coder=HUMANS),
    log:
        "logs/human.log",
    conda:
        ENVIRONMENT
    params:
        coders=as_json(HUMANS),
        codebooks=as_json(codebooks_of(HUMANS)),
        corpus_id=lambda wildcards: study["corpus"]["id"],
        sealed=lambda wildcards, input: [f"--gold-sample {file} --sealed" for file in input.gold],
    message:
        "Reading what people coded"
    shell:
        "python -m study.coders.human --units-file {input.units} --coders {params.coders:q}"
        " --codebooks {params.codebooks:q} --corpus-id {params.corpus_id:q} --ratings-file {output.ratings}"
        " --flow-file {output.flow} --codings-files {output.codings} {params.sealed} &> {log}"


rule supervised:
    input:
        units="data/corpus/units.parquet",
        criterion=f"results/codings/{study['compare']['criterion']}.parquet",
        code=code("study.coders.supervised"),
    output:
        codings="results/codings/{coder}.parquet",
    log:
        "logs/supervised/{coder}.log",
    wildcard_constraints:
        coder="|".join(SUPERVISED) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        coder=as_json(lambda wildcards: SUPERVISED[wildcards.coder]),
        codebooks=as_json(lambda wildcards: codebooks_of([wildcards.coder])),
        language=lambda wildcards: study["corpus"]["language"],
    message:
        "Training {wildcards.coder}, cross-fitted"
    shell:
        "python -m study.coders.supervised --units-file {input.units} --criterion-file {input.criterion}"
        " --name {wildcards.coder} --coder {params.coder:q} --codebooks {params.codebooks:q}"
        " --language {params.language:q} --codings-file {output.codings} &> {log}"


rule measures:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        gold="data/gold/sample.csv",
        codings=CODINGS,
        code=code("study.measures"),
    output:
        measures="results/measures.parquet",
    log:
        "logs/measures.log",
    conda:
        ENVIRONMENT
    params:
        texts=lambda wildcards: ["--texts", *texts_beside()] if texts_beside() else [],
    message:
        "Joining the codings of all coders"
    shell:
        "python -m study.measures --units-file {input.units} --sample-file {input.sample}"
        " --gold-file {input.gold} --codings-files {input.codings} --measures-file {output.measures}"
        " {params.texts:q} &> {log}"


rule flow:
    input:
        flows=[
            "results/flow/corpus.csv",
            "results/flow/human.csv",
            *expand("results/flow/given/{coder}.csv", coder=MADE_ELSEWHERE),
        ],
        sample="data/corpus/sample.csv",
        codings=CODINGS,
        code=code("study.flow"),
    output:
        table=report(
            "results/tables/flow.csv",
            category="02 Flow",
            labels={"result": "3 Table: What became of the texts"},
            caption="../report/flow.rst",
        ),
    log:
        "logs/flow.log",
    conda:
        ENVIRONMENT
    message:
        "Counting what became of the texts"
    shell:
        "python -m study.flow --flows {input.flows} --sample {input.sample} --codings {input.codings}"
        " --table {output.table} &> {log}"

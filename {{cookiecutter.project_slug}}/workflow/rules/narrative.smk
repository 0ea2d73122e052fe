# What tables of agreement and regressions say, in sentences: the tables decide what, a model may decide the words.
NARRATOR = study["narrative"]
NARRATED = ["agreement", "comparison", *study["analyses"]]
NARRATIVE = {
    "constructs": CONSTRUCTS,
    "coders": {
        name: {key: keys[key] for key in ("type", "of", "rules") if key in keys}
        for name, keys in study["coders"].items()
    },
    "criterion": study["compare"]["criterion"],
    "analyses": {
        name: {key: keys[key] for key in ("formula", "coded")} for name, keys in study["analyses"].items()
    },
    "hypotheses": {
        name: {key: keys[key] for key in ("analysis", "term")} for name, keys in study["hypotheses"].items()
    },
}
TABLES.append("results/tables/narrative.csv")


rule ask_wordings:
    input:
        tables=expand("results/tables/{table}.csv", table=NARRATED),
        code=code("study.narrative.asking"),
    output:
        asked="results/narrative/asked.csv",
        index="results/narrative/index.csv",
    log:
        "logs/ask_wordings.log",
    conda:
        ENVIRONMENT
    threads: study["coding"]["threads"]
    resources:
        **JOB,
    params:
        settings=as_json(NARRATIVE),
        name=lambda wildcards: NARRATOR,
        model=as_json(lambda wildcards: study["models"][NARRATOR]),
        kept=lambda wildcards: (CARDS / f"{NARRATOR}.json").as_posix(),
        fingerprint=as_json(
            lambda wildcards: fingerprint(
                study["models"][NARRATOR], Path(), CARDS, NARRATOR, Path(".snakemake/study")
            )
        ),
        store=lambda wildcards: STORE,
    message:
        "Asking {params.name} how sentences on the tables are to be put"
    shell:
        "python -m study.narrative.asking --tables {input.tables} --settings {params.settings:q}"
        " --model {params.model:q} --name {params.name} --kept {params.kept} --threads {threads}"
        " --store {params.store} --asked {output.asked} --index {output.index} 2>&1 | tee {log} >&2"


rule narrative:
    input:
        tables=expand("results/tables/{table}.csv", table=NARRATED),
        asked=["results/narrative/asked.csv", "results/narrative/index.csv"] if NARRATOR else [],
        code=code("study.narrative.telling"),
    output:
        table=report(
            "results/tables/narrative.csv",
            category="06 Validity",
            labels={"result": "3 Table: The tables in sentences"},
            caption="../report/narrative.rst",
        ),
    log:
        "logs/narrative.log",
    conda:
        ENVIRONMENT
    params:
        settings=as_json(NARRATIVE),
        store=lambda wildcards: STORE,
    message:
        "Putting the tables into sentences"
    shell:
        "python -m study.narrative.telling --tables {input.tables} --settings {params.settings:q}"
        " --asked {input.asked} --store {params.store} --table-file {output.table} &> {log}"

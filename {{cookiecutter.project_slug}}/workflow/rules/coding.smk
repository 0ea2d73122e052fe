# Language models: what each instrument is, asking what is not known yet, and the table of codings.
from study.llm.model import fingerprint

LLM_CODERS = coders("llm")
STORE = "data/responses"
CARDS = Path(STORE, "models")
SHARDS = study["coding"]["shards"]
MODELS = dict(study["models"])
# A server is asked by one job at a time, from here: it sets its own pace, and other machines may not reach it.
SERVERS = "|".join(re.escape(name) for name in study["serving"]) or "(?!)"
# What a coding job asks a cluster for; Snakemake takes None as 'not asked for'.
JOB = {
    "mem": study["coding"]["memory"],
    "runtime": study["coding"]["minutes"],
    "gpu": study["coding"]["gpus"] or None,
}
# Rationales and passages quote the texts: where these may not be shared, they lie beside them.
QUOTING = {} if study["corpus"]["share"] else {"written": "data/corpus/written/{coder}.parquet"}


rule model:
    input:
        code=code("study.llm.model"),
    output:
        card="results/models/{model}.json",
    log:
        "logs/model/{model}.log",
    conda:
        ENVIRONMENT
    params:
        model=as_json(lambda wildcards: MODELS[wildcards.model]),
        kept=lambda wildcards: CARDS.as_posix(),
        fingerprint=as_json(
            lambda wildcards: fingerprint(
                MODELS[wildcards.model],
                Path(),
                CARDS,
                wildcards.model,
                Path(".snakemake/study"),
            )
        ),
    message:
        "Identifying the model {wildcards.model}"
    shell:
        "python -m study.llm.model --model {params.model:q} --name {wildcards.model}"
        " --kept {params.kept}/{wildcards.model}.json --card {output.card} &> {log}"


rule instrument:
    input:
        card=lambda wildcards: f"results/models/{LLM_CODERS[wildcards.coder]['model']}.json",
        code=code("study.instrument"),
    output:
        instrument="results/instruments/{coder}.{codebook}.json",
    log:
        "logs/instrument/{coder}.{codebook}.log",
    conda:
        ENVIRONMENT
    params:
        codebooks=as_json(
            lambda wildcards: questionnaires([wildcards.coder])[wildcards.coder][wildcards.codebook]
        ),
        settings=as_json(
            lambda wildcards: {
                "context": study["coding"]["context"],
                "too_long": study["units"]["too_long"],
                "temperature": LLM_CODERS[wildcards.coder]["temperature"],
            }
        ),
    message:
        "Writing down how {wildcards.coder} is asked for {wildcards.codebook}"
    shell:
        "python -m study.instrument --codebooks {params.codebooks:q} --coder {wildcards.coder}"
        " --card {input.card} --settings {params.settings:q} --instrument {output.instrument} &> {log}"


rule ask:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        instruments=lambda wildcards: instruments(coders_of(wildcards.model)),
        code=code("study.llm.coding"),
    output:
        index="results/index/{model}.{shard}-of-{shards}.csv",
    log:
        "logs/ask/{model}.{shard}-of-{shards}.log",
    wildcard_constraints:
        model=f"(?!({SERVERS})\\.[0-9]).+",
        shard="[0-9]+",
        shards="[0-9]+",
    conda:
        ENVIRONMENT
    threads: study["coding"]["threads"]
    resources:
        **JOB,
    params:
        model=as_json(lambda wildcards: study["models"][wildcards.model]),
        asked=as_json(lambda wildcards: {name: asked(name) for name in coders_of(wildcards.model)}),
        store=lambda wildcards: STORE,
    message:
        "Asking {wildcards.model} what is not known yet (shard {wildcards.shard} of {wildcards.shards})"
    shell:
        # The log and the terminal: a researcher wants to see how far it is.
        "python -m study.llm.coding --units {input.units} --sample {input.sample}"
        " --instruments {input.instruments} --model {params.model:q} --asked {params.asked:q}"
        " --threads {threads} --shard {wildcards.shard} --shards {wildcards.shards} --store {params.store} --index {output.index}"
        " 2>&1 | tee {log} >&2"


use rule ask as ask_server with:
    wildcard_constraints:
        model=SERVERS,
        shard="0",
        shards="1",
    threads: 1
    resources:
        server=1,


rule plan:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        instruments=instruments(LLM_CODERS),
        trials=expand("results/experiments/{experiment}.json", experiment=sorted(study["experiments"])),
        code=code("study.llm.plan"),
    log:
        "logs/plan.log",
    conda:
        ENVIRONMENT
    threads: study["coding"]["threads"]
    params:
        models=as_json(study["models"]),
        model_of=as_json({name: keys["model"] for name, keys in LLM_CODERS.items()}),
        asked=as_json({name: asked(name) for name in LLM_CODERS}),
        store=lambda wildcards: STORE,
    message:
        "What coding will cost"
    shell:
        "python -m study.llm.plan --units {input.units} --sample {input.sample}"
        " --instruments {input.instruments} --models {params.models:q} --model-of {params.model_of:q}"
        " --asked {params.asked:q} --trials {input.trials} --threads {threads} --store {params.store} 2>&1"
        " | tee {log}"


rule codings:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        instruments=lambda wildcards: instruments([wildcards.coder]),
        indexes=lambda wildcards: indexes_of(LLM_CODERS[wildcards.coder]["model"]),
        code=code("study.codings"),
    output:
        **QUOTING,
        codings="results/codings/{coder}.parquet",
    log:
        "logs/codings/{coder}.log",
    wildcard_constraints:
        coder="|".join(LLM_CODERS) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        codebooks=as_json(
            lambda wildcards: [
                book
                for books in questionnaires([wildcards.coder])[wildcards.coder].values()
                for book in books
            ]
        ),
        asked=as_json(lambda wildcards: {wildcards.coder: asked(wildcards.coder)}),
        store=lambda wildcards: STORE,
        written=lambda wildcards, output: ["--written", output.written] if QUOTING else [],
    message:
        "Tabulating the codings of {wildcards.coder}"
    shell:
        "python -m study.codings --units {input.units} --sample {input.sample}"
        " --instruments {input.instruments} --codebooks {params.codebooks:q} --indexes {input.indexes}"
        " --asked {params.asked:q} --store {params.store} --codings {output.codings}"
        " {params.written} &> {log}"

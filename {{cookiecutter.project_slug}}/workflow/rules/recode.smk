# A random share of the recorded responses, coded again: does this machine answer as recorded?
from study.config.overrides import recode_options


rule recode:
    # Nothing that other rules make is an input: it would be made anew instead of being looked at.
    input:
        code=code("study.llm.recode"),
    log:
        "logs/recode.log",
    conda:
        ENVIRONMENT
    threads: study["coding"]["threads"]
    params:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        instruments=lambda wildcards: instruments(LLM_CODERS),
        models=as_json(
            {name: study["models"][name] for name in {keys["model"] for keys in LLM_CODERS.values()}}
        ),
        model_of=as_json({name: keys["model"] for name, keys in LLM_CODERS.items()}),
        asked=as_json({name: asked(name) for name in LLM_CODERS}),
        store=lambda wildcards: STORE,
        report="verification/recode.json",
        options=recode_options(config),
    message:
        "Coding a share of the responses again"
    shell:
        "python -m study.llm.recode --units {params.units} --sample {params.sample}"
        " --instruments {params.instruments} --models {params.models:q} --model-of {params.model_of:q}"
        " --asked {params.asked:q} --store {params.store} --report {params.report}"
        " --fraction {params.options[fraction]} --seed {params.options[seed]} --threads {threads}"
        " 2>&1 | tee {log}"

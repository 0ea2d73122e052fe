# Does the study give what it records? It is computed again elsewhere and compared; nothing here is changed.
localrules:
    verify,


rule verify:
    # Nothing is an input: Snakemake would make it anew instead of having it judged.
    log:
        "logs/verify.log",
    conda:
        ENVIRONMENT
    # As many as Snakemake has: fewer where it has fewer.
    threads: 8
    params:
        asked=as_json({name: asked(name) for name in LLM_CODERS}),
        overrides=as_json(config),
    message:
        "Verifying the study"
    shell:
        # What was found goes to the terminal; the log has what kept it from being found.
        "python -m study.verify --asked {params.asked:q} --overrides {params.overrides:q} --cores {threads}"
        " 2> {log}"

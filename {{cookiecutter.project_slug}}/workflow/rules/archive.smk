# One zip file for a repository of research data; it stands outside `rule all`.
localrules:
    archive,


rule archive:
    # All that `rule all` makes, so that what is archived is current.
    input:
        rules.pages.output,
        rules.claims.output,
        TABLES,
        FIGURES,
        METRICS,
        code=code("study.sharing.archive"),
    log:
        "logs/archive.log",
    conda:
        ENVIRONMENT
    message:
        "Archiving the study"
    shell:
        "python -m study.sharing.archive 2>&1 | tee {log}"

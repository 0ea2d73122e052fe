from study.claims import tables_of


rule claims:
    input:
        claims=["config/claims.yaml"] if study["claims"] else [],
        tables=[f"results/tables/{table}.csv" for table in tables_of(study["claims"])],
        code=code("study.claims"),
    output:
        table=report(
            "results/tables/claims.csv",
            category="14 Claims",
            labels={"result": "3 Table: Published figures and the study's own"},
            caption="../report/claims.rst",
        ),
        copied="results/claims.csv",
    log:
        "logs/claims.log",
    conda:
        ENVIRONMENT
    message:
        "Comparing published figures with the study's own"
    shell:
        "python -m study.claims --claims {input.claims:q} --tables {input.tables:q}"
        " --table-file {output.table:q} --copy-file {output.copied:q} &> {log:q}"

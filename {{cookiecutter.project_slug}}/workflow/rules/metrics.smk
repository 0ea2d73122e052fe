# The main figures in one small file: `dvc metrics` and `dvc plots` compare versions of the study (dvc.yaml).
METRICS = ["results/metrics.json", "results/plots/agreement.csv"]


rule metrics:
    input:
        agreement="results/tables/agreement.csv",
        claims="results/tables/claims.csv",
        codings=expand("results/codings/{coder}.parquet", coder=sorted(LLM_CODERS)),
        code=code("study.metrics"),
    output:
        metrics=METRICS[0],
        plot=METRICS[1],
    log:
        "logs/metrics.log",
    conda:
        ENVIRONMENT
    message:
        "Collecting the main figures"
    shell:
        "python -m study.metrics --agreement {input.agreement} --claims-table {input.claims}"
        " --codings {input.codings} --metrics-file {output.metrics} --plot-file {output.plot} &> {log}"

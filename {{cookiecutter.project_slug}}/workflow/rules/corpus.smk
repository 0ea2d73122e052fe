# From the sources to the table of units, and the sample that costly coders code.
_listed = [
    source for holder in (study["corpus"], *study["coders"].values()) for source in sources.listed(holder)
]
DOWNLOADS = {
    sources.name(source): {key: source[key] for key in (sources.kind(source), "sha256")}
    for source in _listed
    if sources.kind(source) in ("pypi", "url")
}


rule download:
    input:
        code=code("study.sources"),
    output:
        # Not deleted when the job is forced: it may be the only copy that there is.
        update(f"{sources.DOWNLOADS.as_posix()}/{{name}}"),
    log:
        "logs/download/{name}.log",
    wildcard_constraints:
        name="|".join(map(re.escape, DOWNLOADS)) or "(?!)",
    conda:
        ENVIRONMENT
    params:
        source=as_json(lambda wildcards: DOWNLOADS[wildcards.name]),
    message:
        "Downloading {wildcards.name}"
    shell:
        "python -m study.sources --source {params.source:q} --output {output:q} &> {log:q}"


rule corpus:
    input:
        sources=source_files(study["corpus"]),
        code=code("study.corpus"),
    output:
        units="data/corpus/units.parquet",
        flow="results/flow/corpus.csv",
    log:
        "logs/corpus.log",
    conda:
        ENVIRONMENT
    params:
        corpus=as_json(without(study["corpus"], "description", "licence", "share", "public_since")),
        units=as_json(without(study["units"], "too_long")),
    message:
        "Reading the corpus"
    shell:
        "python -m study.corpus --corpus {params.corpus:q} --units {params.units:q}"
        " --units-file {output.units} --flow-file {output.flow} &> {log}"


rule sample:
    input:
        units="data/corpus/units.parquet",
        code=code("study.sample"),
    output:
        sample="data/corpus/sample.csv",
    log:
        "logs/sample.log",
    conda:
        ENVIRONMENT
    params:
        sample=as_json(study["sample"]),
    message:
        "Drawing the sample"
    shell:
        "python -m study.sample --units-file {input.units} --sample {params.sample:q}"
        " --sample-file {output.sample} &> {log}"

# The report's pages; `snakemake --report report.html` puts them, figures and tables into one file.
PAGES = {
    "01_verdict": "01 Verdict",
    "02_flow": "02 Flow",
    "03_codebook": "03 Codebook and prompt",
    "04_corpus": "04 Corpus",
    "05_reliability": "05 Reliability",
    "06_validity": "06 Validity",
    "07_score": "07 Score against criterion",
    "08_confusion": "08 Confusion and calibration",
    "09_comparison": "09 LLM minus dictionary",
    "10_error": "10 Error by covariate",
    "11_aggregate": "11 Aggregate validity",
    "12_regressions": "12 Regressions",
    "13_specification": "13 Specification curve",
    "14_claims": "14 Claims",
    "15_appendix": "15 Appendix",
    "16_laboratory": "16 Laboratory",
}
READ_FROM = ("sources", "source", "id", "text")


rule pages:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        measures="results/measures.parquet",
        tables=[*TABLES, "results/tables/claims.csv"],
        codings=CODINGS,
        instruments=instruments(LLM_CODERS),
        figures=[figure for figure in FIGURES if figure.endswith(".png")],
        imports=[pointer.as_posix() for pointer in imported.pointers(Path())],
        frozen=FROZEN,
        lock="requirements.lock",
        templates=[
            "src/study/report/templates/page.html",
            "src/study/report/templates/style.css",
        ],
        code=code("study.report.__main__"),
    output:
        [
            report(
                f"results/report/{page}.html",
                category=category,
                labels={"result": f"1 Page: {category[3:]}"},
                caption=f"../report/page_{page.partition('_')[2]}.rst",
            )
            for page, category in PAGES.items()
        ],
    log:
        "logs/pages.log",
    conda:
        ENVIRONMENT
    params:
        study=as_json(
            {
                key: study[key]
                for key in ("title", "question", "authors", "units", "sample", "compare", "analyses", "gold")
            }
            | {
                "hypotheses": study["hypotheses"],
                "experiments": EXPERIMENTS,
                "multiverse": MULTIVERSE,
                # Where texts and ratings are read from is no part of the report.
                "corpus": without(study["corpus"], *READ_FROM),
                "coders": {name: without(keys, *READ_FROM) for name, keys in study["coders"].items()},
            }
        ),
        codebooks=as_json([study["codebooks"][construct] for construct in CONSTRUCTS]),
        frozen=lambda wildcards, input: [f"--frozen {file}" for file in input.frozen],
    message:
        "Writing the report's pages"
    shell:
        "python -m study.report --study {params.study:q} --codebooks {params.codebooks:q}"
        " --units-file {input.units} --sample-file {input.sample} --measures-file {input.measures}"
        " --tables-files {input.tables} --codings-files {input.codings} --instruments {input.instruments}"
        " --figures {input.figures} --lock {input.lock} --imports {input.imports:q} {params.frozen}"
        " --pages {output} &> {log}"

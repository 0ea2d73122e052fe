# The laboratory: settings of a language-model coder are varied, and every combination is tried on the same texts.
from study.config.experiments import base
from study.experiment.models import models_of
from study.report.factors import kinds

EXPERIMENTS = study["experiments"]
VARIED = {
    name: {key: experiment[key] for key in ("coder", "factors", "fraction", "texts", "repeats", "mask")}
    | {
        "base": base(study, experiment),
        "which": study["coders"][experiment["coder"]]["code"],
        "column": study["coders"][experiment["coder"]]["text"],
        "context": study["coding"]["context"],
        "too_long": study["units"]["too_long"],
    }
    for name, experiment in EXPERIMENTS.items()
}
# Models that only experiments ask: other storage types of a model, and sparser versions of it.
ASKED_BY = {name: models_of(settings, study["models"]) for name, settings in VARIED.items()}
MODELS |= {name: entry for models in ASKED_BY.values() for name, entry in models.items()}


rule trials:
    input:
        cards=lambda wildcards: expand(
            "results/models/{model}.json", model=sorted(ASKED_BY[wildcards.experiment])
        ),
        code=code("study.experiment.instruments"),
    output:
        trials="results/experiments/{experiment}.json",
    log:
        "logs/trials/{experiment}.log",
    conda:
        ENVIRONMENT
    params:
        settings=as_json(lambda wildcards: VARIED[wildcards.experiment]),
        codebooks=as_json(varied_codebooks),
        models=as_json(study["models"]),
    message:
        "Writing down what the experiment {wildcards.experiment} varies"
    shell:
        "python -m study.experiment.instruments --experiment {wildcards.experiment}"
        " --settings {params.settings:q} --codebooks {params.codebooks:q} --models {params.models:q}"
        " --cards {input.cards} --trials-file {output.trials} &> {log}"


rule ask_trials:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        trials="results/experiments/{experiment}.json",
        code=code("study.experiment.asking"),
    output:
        index="results/index/experiments/{experiment}.{model}.csv",
    log:
        "logs/ask_trials/{experiment}.{model}.log",
    wildcard_constraints:
        model=f"(?!({SERVERS})[.]csv$).+",
    conda:
        ENVIRONMENT
    threads: study["coding"]["threads"]
    resources:
        **JOB,
    params:
        model=as_json(lambda wildcards: MODELS[wildcards.model]),
        store=lambda wildcards: STORE,
    message:
        "Asking {wildcards.model} what the experiment {wildcards.experiment} does not know yet"
    shell:
        "python -m study.experiment.asking --units {input.units} --sample {input.sample}"
        " --trials {input.trials} --name {wildcards.model} --model {params.model:q} --threads {threads}"
        " --store {params.store} --index {output.index} 2>&1 | tee {log} >&2"


use rule ask_trials as ask_server_trials with:
    wildcard_constraints:
        model=SERVERS,
    threads: 1
    resources:
        server=1,


rule trial_codings:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        trials="results/experiments/{experiment}.json",
        indexes=lambda wildcards: expand(
            "results/index/experiments/{experiment}.{model}.csv",
            experiment=wildcards.experiment,
            model=sorted(ASKED_BY[wildcards.experiment]),
        ),
        code=code("study.experiment.codings"),
    output:
        codings="results/experiments/{experiment}.parquet",
    log:
        "logs/trial_codings/{experiment}.log",
    conda:
        ENVIRONMENT
    params:
        codebooks=as_json(varied_codebooks),
        store=lambda wildcards: STORE,
    message:
        "Tabulating the codings of the experiment {wildcards.experiment}"
    shell:
        "python -m study.experiment.codings --units {input.units} --sample {input.sample}"
        " --trials {input.trials} --codebooks {params.codebooks:q} --indexes {input.indexes}"
        " --store {params.store} --codings {output.codings} &> {log}"


LABORATORY = {
    "cells": "Every trial",
    "levels": "Every level",
    "effects": "Effects of the factors",
    "variance": "What the codes vary with",
    "flips": "Codes that change",
    "stability": "Stability",
    "positions": "Position of a label",
}
KINDS = {
    "effects": "Agreement and codes by level",
    "sparsity": "What is left of a compressed model",
    "rationale": "With and without a rationale",
    "positions": "Position of a label",
}
DRAWN = [
    (kind, name) for name, experiment in sorted(EXPERIMENTS.items()) for kind in kinds(experiment["factors"])
]


if EXPERIMENTS:
    TABLES += [f"results/tables/experiment_{table}.csv" for table in LABORATORY]
    FIGURES += [
        f"results/figures/{kind}_{name}.{format}" for kind, name in DRAWN for format in ("png", "pdf")
    ]


rule laboratory:
    input:
        measures="results/measures.parquet",
        codings=expand("results/experiments/{experiment}.parquet", experiment=sorted(EXPERIMENTS)),
        code=code("study.experiment.tables"),
    output:
        **{
            table: report(
                f"results/tables/experiment_{table}.csv",
                category="16 Laboratory",
                labels={"result": f"3 Table: {shows}"},
                caption=f"../report/experiment_{table}.rst",
            )
            for table, shows in LABORATORY.items()
        },
    log:
        "logs/laboratory.log",
    conda:
        ENVIRONMENT
    params:
        experiments=as_json(
            {name: {"factors": experiment["factors"]} for name, experiment in EXPERIMENTS.items()}
        ),
        codebooks=as_json(scales),
        compare=as_json(compared("bootstrap", "seed", "thresholds", "correction")),
    message:
        "Measuring what each setting does to the codes"
    shell:
        "python -m study.experiment.tables --measures-file {input.measures} --experiment-files {input.codings}"
        " --experiments {params.experiments:q} --codebooks {params.codebooks:q} --compare {params.compare:q}"
        " --cells-file {output.cells} --levels-file {output.levels} --effects-file {output.effects}"
        " --variance-file {output.variance} --flips-file {output.flips}"
        " --stability-file {output.stability} --positions-file {output.positions} &> {log}"


rule figures_of_laboratory:
    input:
        cells="results/tables/experiment_cells.csv",
        levels="results/tables/experiment_levels.csv",
        effects="results/tables/experiment_effects.csv",
        flips="results/tables/experiment_flips.csv",
        positions="results/tables/experiment_positions.csv",
        code=code("study.figures.laboratory"),
    output:
        png=[
            report(
                f"results/figures/{kind}_{name}.png",
                caption=f"../report/figure_{kind}.rst",
                category="16 Laboratory",
                labels={"result": f"2 Figure: {KINDS[kind]} ({name})"},
            )
            for kind, name in DRAWN
        ],
        pdf=[f"results/figures/{kind}_{name}.pdf" for kind, name in DRAWN],
    log:
        "logs/figures_of_laboratory.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        drawn=as_json([list(each) for each in DRAWN]),
        experiments=as_json(
            {name: {"factors": experiment["factors"]} for name, experiment in EXPERIMENTS.items()}
        ),
        coders=as_json({name: role(keys) for name, keys in study["coders"].items()}),
    message:
        "Drawing what each setting does to the codes"
    shell:
        "python -m study.figures.laboratory --cells-file {input.cells} --levels-file {input.levels}"
        " --effects-file {input.effects} --flips-file {input.flips} --positions-file {input.positions}"
        " --drawn {params.drawn:q} --experiments {params.experiments:q} --coders {params.coders:q}"
        " --png-files {output.png} --pdf-files {output.pdf} &> {log}"

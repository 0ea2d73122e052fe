# The gold sample, and what is decided before its codes are looked at: pilot rounds, the freeze, deviations.
from study.gold import frozen as freezing
from study.gold.deviations import deviations
from study.gold.options import others
from study.gold.rounds import ROUNDS


localrules:
    freeze,
    pilot_round,


DRAW = study["gold"]["draw"]
UNCERTAIN = DRAW["uncertain"] if DRAW else None
# Files of the study that are not there yet are no inputs.
FROZEN = [str(file) for file in (freezing.FROZEN,) if file.is_file()]
PILOT_ROUNDS = [str(file) for file in (ROUNDS,) if file.is_file()]
HAND_CODERS = sorted(name for name, keys in study["coders"].items() if role(keys) == "human")

try:
    DEVIATIONS = freezing.sha256(deviations(freezing.read(freezing.FROZEN), study))
except StudyError as error:
    sys.exit(f"Error: {error}")


rule gold_sample:
    input:
        units="data/corpus/units.parquet",
        sample="data/corpus/sample.csv",
        codings=[f"results/codings/{UNCERTAIN}.parquet"] if UNCERTAIN else [],
        code=code("study.gold.draw"),
    output:
        # Not deleted when the job is forced: what a model's answers have drawn cannot be drawn again.
        gold=update("data/gold/sample.csv"),
        settings=update("data/gold/sample.json"),
    log:
        "logs/gold_sample.log",
    conda:
        ENVIRONMENT
    params:
        draw=as_json(DRAW),
        closed=as_json(with_labels(UNCERTAIN) if UNCERTAIN else {}),
    message:
        "Drawing the gold sample"
    shell:
        "python -m study.gold.draw --units-file {input.units} --sample-file {input.sample}"
        " --draw {params.draw:q} --closed {params.closed:q} --codings {input.codings}"
        " --gold-file {output.gold} --settings-file {output.settings} &> {log}"


rule pilot_round:
    input:
        gold="data/gold/sample.csv",
        measures="results/measures.parquet",
        ratings="data/gold/ratings.parquet",
        code=code("study.gold.rounds"),
    log:
        "logs/pilot_round.log",
    conda:
        ENVIRONMENT
    params:
        overrides=as_json(config),
    message:
        "Recording how well coders agree on the pilot"
    shell:
        "python -m study.gold.rounds --overrides {params.overrides:q} --sample {input.gold}"
        " --measures {input.measures} --ratings {input.ratings} 2>&1 | tee {log}"


rule pilot_rounds:
    input:
        rounds=PILOT_ROUNDS,
        code=code("study.gold.round_table"),
    output:
        table=report(
            "results/tables/pilot_rounds.csv",
            category="03 Codebook and prompt",
            labels={"result": "3 Table: Pilot rounds"},
            caption="../report/pilot_rounds.rst",
        ),
    log:
        "logs/pilot_rounds.log",
    conda:
        ENVIRONMENT
    message:
        "Tabulating the pilot rounds"
    shell:
        "python -m study.gold.round_table --rounds {input.rounds} --table {output.table} &> {log}"


rule freeze:
    input:
        gold="data/gold/sample.csv",
        codings=hand_coded,
        code=code("study.gold.freeze"),
    log:
        "logs/freeze.log",
    conda:
        ENVIRONMENT
    params:
        overrides=as_json(config),
    message:
        "Freezing codebooks, hypotheses and analyses"
    shell:
        "python -m study.gold.freeze --overrides {params.overrides:q} --sample {input.gold}"
        " --codings {input.codings} 2>&1 | tee {log}"


rule deviations:
    input:
        frozen=FROZEN,
        code=code("study.gold.deviations"),
    output:
        table=report(
            "results/tables/deviations.csv",
            category="15 Appendix",
            labels={"result": "3 Table: Deviations from what was frozen"},
            caption="../report/deviations.rst",
        ),
    log:
        "logs/deviations.log",
    conda:
        ENVIRONMENT
    params:
        # The program reads the configuration itself; this says when it has to.
        found=DEVIATIONS,
        overrides=as_json(others(config)),
    message:
        "Comparing the study with what was frozen"
    shell:
        "python -m study.gold.deviations --frozen {input.frozen} --overrides {params.overrides:q}"
        " --table {output.table} &> {log}"

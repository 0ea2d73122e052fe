# The checked configuration, and what rules are made of: the code, the settings and the files of a program.
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir).parent / "src"))
os.environ |= {
    # Programs run the study's own code, with the Python that runs Snakemake.
    "PYTHONPATH": "src",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    # Sums are added in one order, so that figures are the same on any number of cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Threads that wait must not take the processor from those that work.
    "GOMP_SPINCOUNT": "1000",
}

from study import cluster, imported, sources
from study.codebook import Codebook, asked_together
from study.config import load
from study.config.experiments import files_of
from study.config.names import role
from study.errors import StudyError
from study.gold.sheets.folder import files_in
from study.job import to_json
from study.provenance import pointers
from study.provenance.closure import import_closure
from study.provenance.hashes import Hashes
from study.server.settings import SERVING

try:
    study = load(Path(), config)
    if workflow.is_main_process:
        with Hashes(Path()) as hashes:
            notes = pointers.check(Path(), hashes)
        imported.check(Path())
        for note in notes:
            print(note, file=sys.stderr)
except StudyError as error:
    # One paragraph for the researcher, without the traceback that Snakemake would add.
    sys.exit(f"Error: {error}")

# How fast servers are asked and what they charge changes no code, so it is no parameter of a rule.
os.environ[SERVING] = to_json(study["serving"])


def code(module):
    """Return the files that a program of the study consists of, as inputs of its rule."""
    return import_closure(module, Path("src"))


def as_json(value):
    """Return a param that hands a setting (or a function of wildcards that returns it) to a program.

    A function, because Snakemake would read the braces of a plain string as wildcards.
    """
    return lambda wildcards: to_json(value(wildcards) if callable(value) else value)


def without(section, *keys):
    """Return a section of the configuration without what cannot change a rule's results."""
    return {key: value for key, value in section.items() if key not in keys}


def compared(*keys):
    """Return the criterion and those keys of `compare` that can change a rule's results."""
    return {key: study["compare"][key] for key in ("criterion", *keys)}


def coders(kind):
    """Return the coders of one type by name."""
    return {name: keys for name, keys in study["coders"].items() if keys["type"] == kind}


def source_files(holder):
    """Return the files that the corpus or a coder is read from."""
    if holder.get("layout") == "sheets":
        return [path.as_posix() for path in files_in(Path(holder["folder"]))]
    files = []
    for source in sources.listed(holder):
        place = sources.location(source)
        files += sorted(place.rglob("*.txt")) if source.get("folder") else [place]
    return sorted({path.as_posix() for path in files})


def codebooks_of(names):
    """Return the codebooks that people and classifiers use, without how a language model is asked."""
    used = {construct for name in names for construct in study["coders"][name]["codebooks"]}
    return [without(study["codebooks"][construct], *HISTORY, *ASKING) for construct in sorted(used)]


def coders_of(model):
    """Return the names of the language-model coders that ask one model."""
    return [name for name, keys in coders("llm").items() if keys["model"] == model]


def questionnaires(names):
    """Return for each coder the codebook files that it asks about, with the codebooks of their questions."""
    together = asked_together(study["codebooks"])
    return {
        name: {
            file: [without(study["codebooks"][construct], *HISTORY) for construct in constructs]
            for file, constructs in together.items()
            if set(constructs) & set(study["coders"][name]["codebooks"])
        }
        for name in names
    }


def instruments(names):
    """Return the instruments of some language-model coders, one a codebook file."""
    return [
        f"results/instruments/{name}.{file}.json"
        for name, files in questionnaires(names).items()
        for file in files
    ]


def asked(name):
    """Return what a language-model coder is asked: which texts, how often, which pairs and reference texts."""
    keys = study["coders"][name]
    books = {
        file: [Codebook.from_dict(book) for book in books]
        for file, books in questionnaires([name])[name].items()
    }
    return ({"text": keys["text"]} if keys["text"] else {}) | {
        "which": keys["code"],
        "repeats": keys["repeats"],
        "designs": {file: dict(each[0].pairs) for file, each in books.items() if each[0].pairs},
        "references": {
            file: book.calibration["texts"]
            for file, each in books.items()
            for book in each
            if book.calibration
        },
    }


def indexes_of(model):
    """Return the files that say where the responses of one model are."""
    shards = 1 if model in study["serving"] else study["coding"]["shards"]
    return [f"results/index/{model}.{shard}-of-{shards}.csv" for shard in range(shards)]


def varied_codebooks(wildcards):
    """Return the codebooks of the constructs that an experiment asks about."""
    experiment = study["experiments"][wildcards.experiment]
    constructs = files_of(study, experiment["coder"])[experiment["codebook"]]
    return [without(study["codebooks"][construct], *HISTORY) for construct in constructs]


def send_away(*names):
    """Make jobs of these rules where there are other machines; all other rules run beside Snakemake.

    Only what ran elsewhere is tried again, as often as `--retries` says: a machine may have gone down, and what a
    job has asked is kept. What fails here fails again.
    """
    here = [each for each in workflow.rules if each.name not in names]
    workflow.localrules(*[each.name for each in here])
    if workflow.resource_settings.nodes:
        for each in here:
            each.restart_times = 0


def check_cluster():
    """Stop before the first job is submitted where something would go wrong with it."""
    if all(job.is_local for job in workflow.dag.needrun_jobs(exclude_finished=False)):
        return
    try:
        cluster.check_threads(study["coding"]["threads"], workflow.resource_settings.cores)
        if workflow.executor_plugin.name == "slurm":
            note = cluster.check_slurm(Path(), workflow.executor_settings.status_command)
            if note:
                print(note, file=sys.stderr)
    except StudyError as error:
        sys.exit(f"Error: {error}")


def texts_beside():
    """Return the columns that hold texts beside `corpus.text`."""
    return sorted({keys["text"] for keys in coders("llm").values() if keys["text"]})


def scale(codebook):
    """Return a codebook's level, the value of each label of a text but 'not codable', and if there are classes.

    Numbers have classes (their sign) where they can be on both sides of zero.
    """
    book = Codebook.from_dict(codebook)
    of_a_text = book.closed and book.type != "compare"
    values = {
        category.label: category.value
        for category in book.categories
        if of_a_text and category.label != book.not_codable
    }
    signed = book.type == "number" and book.scale[0] < 0 < book.scale[1]
    return {"level": book.level, "values": values, "classes": of_a_text or signed}


def with_labels(name):
    """Return the labels of a language model's constructs that have some, as its codings name them."""
    books = [Codebook.from_dict(study["codebooks"][c]) for c in study["coders"][name]["codebooks"]]
    return {book.construct: book.labels for book in books if book.closed and book.type != "compare"}


def hand_coded(wildcards):
    """Return the codings by people, as far as there is anything to read: a study may be frozen before."""
    for keys in HUMANS.values():
        folder = keys.get("folder")
        if folder and not any(file.is_file() for file in Path(folder).rglob("*")):
            return []
        if not all(Path(f).is_file() or Path(f).parent == sources.DOWNLOADS for f in source_files(keys)):
            return []
    return expand("results/codings/{coder}.parquet", coder=HAND_CODERS)


def figure_png(kind, construct, shows, category):
    """Return the figure that the report shows; the other format is for the paper."""
    file = f"results/figures/{kind}_{construct}.png"
    labels = {"result": f"2 Figure: {shows} ({construct})"}
    return report(file, caption=f"../report/figure_{kind}.rst", category=category, labels=labels)


ENVIRONMENT = "../envs/study.yaml"
# What changes no code, and what changes those of language models only.
HISTORY = ("status", "revisions")
ASKING = ("system", "prompt", "wording", "answer", "reason", "examples", "calibration")
CONSTRUCTS = sorted(study["codebooks"])
CODINGS = expand("results/codings/{coder}.parquet", coder=sorted(study["coders"]))

types = {
    construct: {
        name: role(keys) for name, keys in sorted(study["coders"].items()) if construct in keys["codebooks"]
    }
    for construct in CONSTRUCTS
}


wildcard_constraints:
    coder="[a-z][a-z0-9_]*",
    codebook="[a-z][a-z0-9_]*",
    construct="[a-z][a-z0-9_]*",
    experiment="[a-z][a-z0-9_]*",
    model="[A-Za-z0-9._-]+",


onstart:
    check_cluster()

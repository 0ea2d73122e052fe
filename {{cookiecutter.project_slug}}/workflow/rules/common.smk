# What every rule needs: the checked configuration, and how a rule names its program's code and settings.
import os
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
}

from study.config import load
from study.errors import StudyError
from study.job import to_json
from study.provenance import check_responses, import_closure

try:
    study = load(Path(), config)
    if workflow.is_main_process:
        check_responses(Path())
except StudyError as error:
    # One paragraph for the researcher, without the traceback that Snakemake would add.
    sys.exit(f"Error: {error}")


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


def coders(kind):
    """Return the coders of one type by name."""
    return {name: keys for name, keys in study["coders"].items() if keys["type"] == kind}


CONSTRUCTS = sorted(study["codebooks"])
CODINGS = expand("results/codings/{coder}.parquet", coder=sorted(study["coders"]))

types = {
    construct: {
        name: keys["type"] for name, keys in sorted(study["coders"].items()) if construct in keys["codebooks"]
    }
    for construct in CONSTRUCTS
}


wildcard_constraints:
    coder="[a-z][a-z0-9_]*",
    construct="[a-z][a-z0-9_]*",
    model="[A-Za-z0-9._-]+",

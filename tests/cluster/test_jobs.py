"""Which rules are jobs on a cluster, how often they are tried, and what they ask for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from end_to_end.studies import environment, generate, settings, write_settings
from study.provenance.closure import import_closure

JOBS = {"ask", "ask_trials", "ask_wordings"}
# They know models too: to see how fast one is, to compare it with what is recorded, or it is behind a server.
HERE = {"plan", "recode", "ask_server", "ask_server_trials"}

READ = """
import json
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.resources import Resources
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

def asked(resource):
    return "computed" if resource.is_evaluable() else resource.raw

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    # As Snakemake has it for other machines.
    resources = ResourceSettings(nodes=NODES, cores=2, default_resources=Resources.default("full"))
    workflow = api.workflow(resource_settings=resources, snakefile=Path("workflow/Snakefile"))._workflow
    print(json.dumps({
        rule.name: {
            "local": rule.name in workflow._localrules,
            "tried": rule._restart_times,
            "command": rule.shellcmd or "",
            "asks": {name: asked(rule.resources.get(name)) for name in ("mem_mb", "runtime", "gpu")},
        }
        for rule in workflow.rules
    }))
"""


def rules(study: Path, nodes: int | None) -> dict[str, dict[str, Any]]:
    """Return what Snakemake knows of every rule, with other machines and without."""
    done = subprocess.run(
        [sys.executable, "-c", READ.replace("NODES", str(nodes))],
        cwd=study,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("jobs"), "blank")


@pytest.fixture(scope="module")
def elsewhere(study: Path) -> dict[str, dict[str, Any]]:
    """The rules of a study that may use ten other machines."""
    return rules(study, nodes=10)


def test_what_opens_a_model_for_many_texts_is_a_job_and_nothing_else_is(
    study: Path, elsewhere: dict[str, dict[str, Any]]
) -> None:
    assert {name for name, rule in elsewhere.items() if not rule["local"]} == JOBS
    opens = {
        name
        for name, rule in elsewhere.items()
        for program in re.findall(r"python -m (study[\w.]*)", rule["command"])
        if any(file.endswith("llm/engine.py") for file in import_closure(program, study / "src"))
    }
    assert opens == JOBS | HERE


def test_only_what_ran_elsewhere_is_tried_again(study: Path, elsewhere: dict[str, dict[str, Any]]) -> None:
    assert {name for name, rule in elsewhere.items() if rule["tried"] is None} == JOBS
    assert {rule["tried"] for rule in rules(study, nodes=None).values()} == {None}


def test_without_settings_jobs_ask_for_what_the_cluster_gives(elsewhere: dict[str, dict[str, Any]]) -> None:
    for name in JOBS:
        assert elsewhere[name]["asks"] == {"mem_mb": None, "runtime": None, "gpu": None}
    # What Snakemake would ask for by itself: twice the size of the inputs, and a gigabyte at least.
    assert elsewhere["codings"]["asks"]["mem_mb"] == "computed"


def test_jobs_ask_for_what_the_configuration_says(study: Path) -> None:
    write_settings(study, settings(study) | {"coding": {"gpus": 2, "memory": 4000, "minutes": 90}})
    found = rules(study, nodes=10)
    for name in JOBS:
        assert found[name]["asks"] == {"mem_mb": 4000, "runtime": 90, "gpu": 2}

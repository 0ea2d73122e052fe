"""Every key of a profile is an option of Snakemake or of the executor's plugin, and its value arrives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_args
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

WORKFLOW = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "workflow"
PROFILES = WORKFLOW / "profiles"
CLUSTERS = ("slurm", "kubernetes", "cluster-generic")


def content(profile: str) -> dict[str, Any]:
    return yaml.safe_load((PROFILES / profile / "config.yaml").read_text(encoding="utf-8"))


def parsed(*arguments: str) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Parse a command line as `snakemake` does, with the profiles that it names."""
    parser, args = parse_args([*arguments, "--snakefile", str(WORKFLOW / "Snakefile")])
    return parser, args


@pytest.fixture
def in_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WORKFLOW.parent)


@pytest.mark.usefixtures("in_a_study")
@pytest.mark.parametrize("profile", CLUSTERS)
def test_every_key_is_an_option_and_its_value_arrives(profile: str) -> None:
    parser, args = parsed("--profile", f"workflow/profiles/{profile}")
    options = {name: action for action in parser._actions for name in action.option_strings}
    settings = ExecutorPluginRegistry().get_plugin(args.executor).get_settings(args)
    prefix = f"{args.executor}-"
    for key, value in content(profile).items():
        assert f"--{key}" in options, key
        if key.startswith(prefix):
            found = getattr(settings, key.removeprefix(prefix).replace("-", "_"))
        else:
            found = getattr(args, options[f"--{key}"].dest)
        assert written(found) == written(value), key


def written(value: Any) -> str | list[str]:
    """Return a value as the profile has it: sizes in words, volumes as name:path."""
    if isinstance(value, list):
        return [str(written(one)) for one in value]
    if hasattr(value, "unparse"):
        return str(value.unparse())
    if value == 10 * 1000**3:
        return "10GB"
    return str(value)


@pytest.mark.usefixtures("in_a_study")
@pytest.mark.parametrize("how", ["--profile", "--workflow-profile"])
@pytest.mark.parametrize("profile", CLUSTERS)
def test_a_cluster_s_profile_says_what_the_default_one_says(profile: str, how: str) -> None:
    _, usual = parsed()
    _, args = parsed(how, f"workflow/profiles/{profile}")
    assert usual.max_checksum_file_size == args.max_checksum_file_size > 10**9
    for name in ("rerun_incomplete", "show_failed_logs", "printshellcmds"):
        assert getattr(args, name) == getattr(usual, name), name


@pytest.mark.usefixtures("in_a_study")
def test_a_key_that_no_plugin_knows_would_be_noticed(tmp_path: Path) -> None:
    text = (PROFILES / "slurm/config.yaml").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text.replace("slurm-logdir", "slurm-log-dir"), encoding="utf-8")
    with pytest.raises(SystemExit):
        parsed("--profile", str(tmp_path))


@pytest.mark.parametrize("profile", ["kubernetes", "cluster-generic"])
def test_a_profile_that_was_not_run_on_its_cluster_says_so(profile: str) -> None:
    assert "This profile was not run on such a cluster." in (PROFILES / profile / "config.yaml").read_text()


@pytest.mark.usefixtures("in_a_study")
def test_responses_stay_in_the_place_where_the_study_looks_for_them() -> None:
    store = next(
        line.split('"')[1]
        for line in (WORKFLOW / "rules/coding.smk").read_text(encoding="utf-8").splitlines()
        if line.startswith("STORE = ")
    )
    assert content("kubernetes")["kubernetes-persistent-volumes"] == [f"responses:/workdir/{store}"]

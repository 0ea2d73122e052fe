"""What was pushed to a remote arrives in a clone, byte for byte, on every kind of server."""

from __future__ import annotations

from pathlib import Path

from configobj import ConfigObj
from jinja2 import Environment

from sharing.kinds import ALL, INSTEAD, on
from sharing.server import Server
from sharing.small_study import clone, contents, dvc
from template.making import TEMPLATE, git


@on([*ALL, *INSTEAD])
def test_a_clone_has_the_same_bytes(server: Server, study: Path, tmp_path: Path) -> None:
    server.configure(study)
    assert "files pushed" in dvc(study, *server.push)
    copy = clone(study, tmp_path / "clone")
    server.log_in(copy)
    dvc(copy, "pull")
    assert contents(copy) == contents(study)
    assert "up to date" in dvc(copy, "status")
    assert "in sync" in dvc(copy, "status", "--cloud")
    assert "No changes" in dvc(copy, "data", "status", "--not-in-remote")
    assert git(copy, "status", "--porcelain") == ""


@on(ALL)
def test_a_remote_named_at_generation_has_the_documented_settings(server: Server, study: Path) -> None:
    server.configure(study)
    documented = ConfigObj(str(study / ".dvc" / "config"))['remote "storage"']
    template = (TEMPLATE / ".dvc" / "config").read_text(encoding="utf-8")
    answers = {"dvc_remote": documented["url"]}
    rendered = Environment(autoescape=False).from_string(template).render(cookiecutter=answers)
    named = ConfigObj(rendered.splitlines())['remote "storage"']
    # Only the author knows the address of an S3 server that is not Amazon's.
    documented.pop("endpointurl", None)
    assert dict(named) == dict(documented)
    assert named["verify"] == "true"

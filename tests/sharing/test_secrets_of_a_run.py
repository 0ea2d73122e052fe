"""A password that a run could see is in nothing that the run leaves: logs, records, report, archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from end_to_end.studies import generate, run, snakemake
from sharing.server import Server
from sharing.test_secrets import LOCAL, in_git, on_disk
from sharing.webdav import WebDav

pytestmark = pytest.mark.slow

IN_ENVIRONMENT = "planted-in-the-environment"


def inside(name: str, data: bytes) -> bytes:
    """Return a file as it reads: what a table holds compressed is text again."""
    if name.endswith(".parquet"):
        return pyarrow.parquet.read_table(io.BytesIO(data)).to_pandas().to_csv().encode()
    return data


def test_what_a_run_leaves_lacks_the_secrets(
    running: Callable[[type[Server]], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = running(WebDav)
    server.clear()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", IN_ENVIRONMENT)
    study = generate(tmp_path, "blank")
    server.configure(study)
    said = [snakemake(study)]
    run(study, "git", "commit", "--quiet", "--all", "--message", "Say where the data are kept, and run")
    said.append(run(study, "dvc", *server.push))
    for target in (["--report", "report.html"], ["verify"], ["archive"]):
        said.append(snakemake(study, *target))

    assert (study / "report.html").is_file()
    assert (study / "verification/report.html").is_file()
    (archive,) = (study / "archive").glob("*.zip")
    with zipfile.ZipFile(archive) as members:
        content = {name: inside(name, members.read(name)) for name in members.namelist()}
    assert "ro-crate-metadata.json" in content
    assert LOCAL not in content
    for secret in (server.secret, IN_ENVIRONMENT):
        assert on_disk(study, secret) == ([LOCAL] if secret == server.secret else [])
        assert not in_git(study, secret)
        assert [name for name, data in content.items() if secret.encode() in data] == []
        assert [one.args for one in said if secret in one.stdout + one.stderr] == []
    tables = {
        path.name: inside(path.name, path.read_bytes()) for path in (study / "results").rglob("*.parquet")
    }
    assert [name for name, data in tables.items() if server.secret.encode() in data] == []

"""environment.py with the real pip, on packages that are made here: no network is needed."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from template.making import TEMPLATE


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with environment.py and locks of one small package, which pip finds in a folder."""
    folder = tmp_path / "a study's folder"
    folder.mkdir()
    (tmp_path / "wheels").mkdir()
    shutil.copy(TEMPLATE / "environment.py", folder)
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    lock(folder, "1.0")
    return folder


def lock(study: Path, version: str) -> None:
    """Make a version of the package and lock both files of requirements to it."""
    wheel = study.parent / "wheels" / f"little-{version}-py3-none-any.whl"
    code = f"VERSION = {version!r}\n".encode()
    info = f"little-{version}.dist-info"
    files = {
        "little.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: little\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for name, data in files.items()
    ]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name in ("requirements.lock", "requirements-llm.lock"):
        (study / name).write_text(f"little=={version} --hash=sha256:{digest}\n")


def run(study: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run environment.py."""
    environment = os.environ | ({"PATH": path} if path is not None else {})
    command = [sys.executable, str(study / "environment.py"), *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def version_in(environment: Path) -> str:
    """Return what the activated environment has."""
    command = 'source "$0/bin/activate" && python -c "import little; print(little.VERSION)"'
    done = subprocess.run(
        ["bash", "-c", command, str(environment)], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def files_of(environment: Path) -> set[Path]:
    """Return every file of an environment."""
    return {path for path in environment.rglob("*") if path.is_file()}


def no_more_wheels(study: Path) -> None:
    """From now on nothing can be installed that is not installed already."""
    for wheel in (study.parent / "wheels").iterdir():
        wheel.unlink()


@pytest.fixture
def environment() -> ModuleType:
    """Import environment.py."""
    spec = importlib.util.spec_from_file_location("environment", TEMPLATE / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_makes_once_and_again_when_the_lock_changes(study: Path) -> None:
    made = run(study)
    assert made.returncode == 0, made.stderr
    assert "This takes" in made.stdout
    assert version_in(study / ".venv") == "1.0"

    before = files_of(study / ".venv")
    again = run(study)
    assert again.stdout == f"The environment {study / '.venv'} is complete.\n"
    assert files_of(study / ".venv") >= before

    lock(study, "2.0")
    assert run(study).returncode == 0
    assert version_in(study / ".venv") == "2.0"


def test_what_is_installed_is_never_deleted(
    study: Path, environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(study)
    assert made.returncode == 0, made.stderr
    path = study / ".venv"
    mine = next((path / "lib").glob("python3*/site-packages")) / "mine.py"
    mine.write_text("")
    installed = files_of(path)

    monkeypatch.setattr(environment, "STUDY", study)
    environment.complete(path, "requirements.lock")
    assert files_of(path) >= installed

    # Stopped before its end: the mark is not yet there, nor can the environment be activated.
    (path / environment.STAMP).unlink()
    for script in (path / "bin").glob("*ctivate*"):
        script.unlink()
    no_more_wheels(study)
    mended = run(study)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert files_of(path) >= installed
    assert version_in(path) == "1.0"


def test_stopped_in_the_middle_and_run_again(study: Path) -> None:
    package = study.parent / "wheels" / "little-1.0-py3-none-any.whl"
    ready = study.parent / "ready.whl"
    package.rename(ready)
    os.mkfifo(package)  # pip waits for what never comes, as on a network that hangs
    command = [sys.executable, str(study / "environment.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while "Processing" not in running.stdout.readline():
            assert running.poll() is None
        (child,) = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGINT)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "Run the same command again to go on." in said
    assert "Traceback" not in said
    assert not list((study / ".venv" / "bin").glob("*ctivate*"))

    ready.replace(package)
    again = run(study)
    assert again.returncode == 0, again.stderr
    assert version_in(study / ".venv") == "1.0"


def test_a_study_that_was_moved_gets_an_environment_of_its_own(study: Path) -> None:
    assert run(study).returncode == 0
    moved = study.rename(study.parent / "moved")
    study.mkdir()  # what the programs in the environment still name
    made = run(moved)
    assert made.returncode == 0, made.stderr
    assert "it is made anew" in made.stdout
    assert version_in(moved / ".venv") == "1.0"
    pip = subprocess.run([moved / ".venv/bin/pip", "--version"], check=True, capture_output=True, text=True)
    assert str(moved) in pip.stdout
    assert "is complete" in run(moved).stdout


def test_half_an_environment_does_not_look_complete(study: Path) -> None:
    elsewhere = study.parent / "elsewhere"
    good = (study / "requirements.lock").read_text()
    (study / "requirements.lock").write_text(good.replace("sha256:", "sha256:0")[:-2] + "\n")
    failed = run(study, "--path", str(elsewhere))
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert "pip could not install" in failed.stderr
    assert "HASH" in failed.stderr.upper()
    assert not list((elsewhere / "bin").glob("*ctivate*"))

    (study / "requirements.lock").write_text(good)
    done = run(study, "--path", str(elsewhere))
    assert done.returncode == 0, done.stderr
    assert version_in(elsewhere) == "1.0"
    assert not (study / ".venv").exists()

    # An update that fails takes the marks of completeness away, too.
    (study / "requirements.lock").write_text("not-there==1.0 --hash=sha256:" + "0" * 64 + "\n")
    assert "not-there" in run(study, "--path", str(elsewhere)).stderr
    assert not list((elsewhere / "bin").glob("*ctivate*"))
    (study / "requirements.lock").write_text(good)
    assert run(study, "--path", str(elsewhere)).returncode == 0
    assert version_in(elsewhere) == "1.0"


def test_the_local_model_needs_a_compiler(study: Path, tmp_path: Path) -> None:
    failed = run(study, "--llm", path=str(tmp_path / "nothing"))
    assert failed.returncode == 1
    assert "sudo apt install build-essential" in failed.stderr
    assert "xcode-select --install" in failed.stderr
    assert not (study / ".venv").exists()


def test_the_larger_environment_is_complete_for_the_smaller_lock(study: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cc", "c++"):
        (tools / name).symlink_to(shutil.which("true") or "/bin/true")
    assert run(study, "--llm", path=str(tools)).returncode == 0
    assert "is complete" in run(study).stdout


def test_a_folder_with_something_else_is_left_alone(study: Path) -> None:
    failed = run(study, "--path", str(study.parent / "wheels"))
    assert failed.returncode == 1
    assert "is no environment" in failed.stderr
    assert len(list((study.parent / "wheels").iterdir())) == 1


def test_an_environment_of_another_python_is_left_alone(study: Path) -> None:
    theirs = study.parent / "theirs"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.8.10\n")
    (theirs / "precious").write_text("")
    failed = run(study, "--path", str(theirs))
    assert failed.returncode == 1
    assert "this program did not make it" in failed.stderr
    assert sorted(path.name for path in theirs.iterdir()) == ["precious", "pyvenv.cfg"]


def test_an_old_python_is_told_so(
    environment: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(environment, "OLDEST", (99, 0))
    assert environment.main(["--path", str(tmp_path / "x")]) == 1
    assert "needs 99.0 or later" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_uv_is_used_where_pip_has_no_index_of_its_own(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "uv").symlink_to(shutil.which("true") or "/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.uses_uv()
    (tmp_path / "pip.conf").write_text("[global]\nfind-links = /srv/wheels\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert not environment.uses_uv()
    monkeypatch.setenv("UV_FIND_LINKS", "/srv/wheels")
    assert environment.uses_uv()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert not environment.uses_uv()


def test_the_larger_lock_holds_the_smaller_one() -> None:
    small, large = (
        {line.split()[0] for line in (TEMPLATE / name).read_text().splitlines() if line[:1].isalnum()}
        for name in ("requirements.lock", "requirements-llm.lock")
    )
    assert small
    assert small <= large

"""Make the study's environment: a folder with Python and the exact packages that the study was made with.

    python3 environment.py          dictionaries, classifiers, human coders, analyses; no compiler needed
    python3 environment.py --llm    the same with the local language model, which is compiled here
    python3 environment.py --path DIR    somewhere else than in .venv

It also tells git, in this clone, how to unite the data of two people.

Every package has the version and the sha256 of requirements.lock (or requirements-llm.lock). A second run
finds that all is there and does nothing; one that was stopped goes on where it was. Only the standard library
is used: any Python 3.11 or later will do.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

STUDY = Path(__file__).resolve().parent
OLDEST = (3, 11)
LOCK, LOCK_LLM = "requirements.lock", "requirements-llm.lock"
STAMP = "study-environment.json"
LAST_LINES = 15

LLAMA_CPP = (
    "LLAVA_BUILD",
    "LLAMA_BUILD_TOOLS",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_BUILD_SERVER",
    "LLAMA_BUILD_TESTS",
    "LLAMA_CURL",
)
"""Parts of llama.cpp that a study does not use; without them it compiles in less than half the time."""

UV_INDEX = (
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_CONFIG_FILE",
)


class EnvironmentFailedError(Exception):
    """Why there is no environment, and what to do: one paragraph."""


class Unfinished(venv.EnvBuilder):
    """Makes an environment that cannot be activated yet: half an environment must not look complete."""

    def ensure_directories(self, env_dir):  # type: ignore[no-untyped-def]
        """Sign the folder as soon as it is there, so that a later run goes on with it."""
        context = super().ensure_directories(env_dir)
        mark(Path(env_dir), {"path": str(Path(env_dir).resolve())})
        return context

    def setup_scripts(self, context):  # type: ignore[no-untyped-def]
        """Leave the scripts to `complete`."""


def main(argv: list[str] | None = None) -> int:
    """Make the environment, unless it is there; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llm", action="store_true", help="with the local language model (needs a compiler)")
    parser.add_argument(
        "--path", type=Path, default=STUDY / ".venv", help="where to make it (default: .venv)"
    )
    arguments = parser.parse_args(argv)
    try:
        make(arguments.path.absolute(), LOCK_LLM if arguments.llm else LOCK)
    except EnvironmentFailedError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def make(path: Path, lock: str) -> None:
    """Make the environment in `path` with the packages of `lock`."""
    check_python()
    if is_complete(path, lock):
        teach_git(path)
        print(f"The environment {path} is complete.")
        return
    check_folder(path)
    if lock == LOCK_LLM:
        check_compiler()
    installer = "uv" if uses_uv() else "pip"
    how_long = "5 to 15 minutes, most of it to compile llama.cpp" if lock == LOCK_LLM else "1 to 5 minutes"
    print(f"Making the environment {path} from {lock} with {installer}. This takes {how_long}.", flush=True)
    prepare(path, with_pip=installer == "pip")
    install(path, lock, installer)
    complete(path, lock)
    teach_git(path)
    script = shlex.quote(str(bin_folder(path) / "activate"))
    print(f"\nThe environment is complete. To use it: source {script}")


def check_python() -> None:
    """Refuse a Python that is too old for the packages."""
    if sys.version_info < OLDEST:
        raise EnvironmentFailedError(
            f"This is Python {sys.version.split()[0]}, and the study needs {OLDEST[0]}.{OLDEST[1]} or later. "
            f"Install one and run it by its name, such as: python3.12 environment.py"
        )


def is_complete(path: Path, lock: str) -> bool:
    """Return whether the environment was made to its end from this lock (or from the larger one)."""
    try:
        stamp = json.loads((path / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return stamp in [stamp_of(path, name) for name in {lock, LOCK_LLM}] and python_of(path).exists()


def stamp_of(path: Path, lock: str) -> dict[str, str]:
    """Return what tells one environment from another; its programs work only where it was made."""
    content = (STUDY / lock).read_bytes()
    return {
        "path": str(path.resolve()),
        "lock": lock,
        "sha256": hashlib.sha256(content).hexdigest(),
        "python": "{}.{}".format(*sys.version_info),
    }


def check_folder(path: Path) -> None:
    """Refuse a folder that holds something else: what others put there is neither mixed in nor deleted."""
    if (path / STAMP).is_file() or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / "pyvenv.cfg").is_file():
        raise EnvironmentFailedError(
            f"{path} is there already, and is no environment. Give another folder with --path."
        )
    if not can_be_kept(path):
        raise EnvironmentFailedError(
            f"{path} is an environment of another Python, and this program did not make it. Delete it, or "
            "give another folder with --path."
        )


def can_be_kept(path: Path) -> bool:
    """Return whether the packages in the environment fit this Python and the place where they lie now."""
    try:
        config = (path / "pyvenv.cfg").read_text(encoding="utf-8")
        stamp = (path / STAMP).read_text(encoding="utf-8") if (path / STAMP).is_file() else "{}"
        made_at = json.loads(stamp).get("path", str(path.resolve()))
    except (OSError, ValueError):
        return False
    same_python = f"version = {'{}.{}.'.format(*sys.version_info)}" in config
    return same_python and made_at == str(path.resolve()) and python_of(path).exists()


def check_compiler() -> None:
    """Refuse to begin what can only fail: llama.cpp is compiled on this machine."""
    wanted = {"C": ("CC", ("cc", "gcc", "clang")), "C++": ("CXX", ("c++", "g++", "clang++"))}
    for language, (variable, names) in wanted.items():
        chosen = os.environ.get(variable, "").split()[:1]
        if not any(shutil.which(name) for name in chosen or names):
            raise EnvironmentFailedError(
                f"The local language model is compiled here, and there is no {language} compiler. "
                "Install one (Debian and Ubuntu: sudo apt install build-essential; macOS: xcode-select "
                "--install) and run the same command again. Without --llm no compiler is needed."
            )


def uses_uv() -> bool:
    """Return whether to install with uv: it is there, and pip has no index of its own, which uv ignores."""
    if shutil.which("uv") is None:
        return False
    if any(os.environ.get(name) for name in UV_INDEX):
        return True
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return not any(key in said for key in ("index-url", "find-links", "no-index"))


def prepare(path: Path, *, with_pip: bool) -> None:
    """Make the bare environment, or take the marks of a complete one from an older environment.

    Only an environment of another Python, or one that was moved, is made from nothing: it cannot run.
    """
    kept = can_be_kept(path)
    if (path / "pyvenv.cfg").is_file() and not kept:
        print("The environment there is of another Python or another place: it is made anew.", flush=True)
    builder = Unfinished(with_pip=with_pip, clear=not kept, symlinks=os.name != "nt")
    try:
        for script in bin_folder(path).glob("*ctivate*"):
            script.unlink()
        builder.create(path)
    except subprocess.CalledProcessError as error:
        raise EnvironmentFailedError(
            "This Python cannot make environments, since it lacks ensurepip. Debian and Ubuntu: "
            "sudo apt install python3-venv; or install uv. Then run the same command again."
        ) from error
    except OSError as error:
        raise EnvironmentFailedError(f"The folder {path} cannot be made: {error.strerror}.") from error


def install(path: Path, lock: str, installer: str) -> None:
    """Install the packages of the lock, each checked by its hash; go on where a run before was stopped."""
    python = str(python_of(path))
    pip = (
        ["uv", "pip", "install", "--python", python]
        if installer == "uv"
        else [python, "-m", "pip", "install"]
    )
    command = [*pip, "--require-hashes", "--requirement", str(STUDY / lock)]
    off = [f"-D{part}=OFF" for part in LLAMA_CPP]
    environment = os.environ | {
        "CMAKE_ARGS": " ".join([*off, os.environ.get("CMAKE_ARGS", "")]).strip(),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_PROGRESS_BAR": "off",
    }
    environment.pop("PIP_USER", None)  # packages belong into the environment, whatever is the habit here
    last: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "errors": "replace"}
    with subprocess.Popen(command, env=environment, **said) as running:  # type: ignore[call-overload]
        for line in running.stdout:
            print(line, end="", flush=True)
            last.append(line.rstrip())
    if running.returncode:
        lines = "\n  ".join(line for line in last if line)
        raise EnvironmentFailedError(
            f"{installer} could not install the packages of {lock}; what it said last stands below. Without "
            "network, or with a package index of your own, set up pip first (pip config). Then run the same "
            f"command again: it goes on where it stopped.\n  {lines}"
        )


def complete(path: Path, lock: str) -> None:
    """Make the environment usable, now that it has everything; nothing in it is deleted."""
    builder = venv.EnvBuilder(clear=False)
    builder.setup_scripts(builder.ensure_directories(str(path)))
    mark(path, stamp_of(path, lock))


def teach_git(path: Path) -> None:
    """Tell git in this clone how data of two people unite: .gitattributes names only the files."""
    if not (STUDY / ".git").exists() or shutil.which("git") is None:
        return
    sides = "--ancestor %O --ours %A --theirs %B --path %P"
    driver = f"PYTHONPATH=src {shlex.quote(str(python_of(path)))} -m study.provenance.merge {sides}"
    for key, value in {"name": "unite the data of a study", "driver": driver}.items():
        subprocess.run(["git", "-C", str(STUDY), "config", f"merge.study.{key}", value], check=False)


def mark(path: Path, stamp: dict[str, str]) -> None:
    """Write down that this program makes the environment, and how far it has come."""
    unfinished = path / f"{STAMP}.new"
    unfinished.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path / STAMP)


def bin_folder(path: Path) -> Path:
    """Return where the environment's programs are."""
    return path / ("Scripts" if os.name == "nt" else "bin")


def python_of(path: Path) -> Path:
    """Return the environment's Python."""
    return bin_folder(path) / ("python.exe" if os.name == "nt" else "python")


if __name__ == "__main__":
    sys.exit(main())

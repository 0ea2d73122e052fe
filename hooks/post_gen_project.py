"""Finish a study: lay its starter and licence into place, and put it under git.

The answers enter as data: cookiecutter renders this file, and JSON is all that it puts into it. Nothing here
fails when git or a name for its commits is missing: the command to run is printed instead.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONTEXT = r"""{{ cookiecutter | tojson }}"""

FIRST_COMMIT = "Start the study"
NETWORK = re.compile(r"(https?|ssh|git)://|[^/:]+@[^/:]+:")
"""How the address of a repository begins that others can reach."""
OF_THE_GALLERY = ("gallery.md", "small.yaml", "verdicts.csv")
"""Files of a starter that say what the template's gallery needs to know, and are no part of a study."""
REPOSITORY_VARIABLES = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
}
"""They would make git work on another repository than the folder's, as inside one of git's own hooks."""


def run(*command: str) -> tuple[int, str]:
    """Run a program; return its exit status and what it said. A program that is missing has status 127."""
    environment = {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, env=environment, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


def lay_parts(starter: str, licence: str) -> None:
    """Move the chosen starter and licence to where the study has them, and drop the others."""
    # A template that is used where it lies may hold the caches of Python and its tools.
    for folder in [*Path().rglob("__pycache__"), *Path().glob(".*_cache")]:
        shutil.rmtree(folder)
    chosen = Path("starters", starter)
    for path in sorted(chosen.rglob("*")):
        target = path.relative_to(chosen)
        if path.is_file() and target.as_posix() not in OF_THE_GALLERY:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    Path("licences", licence).replace("LICENSE")
    for folder in (Path("starters"), Path("licences")):
        shutil.rmtree(folder)
    Path("data", "corpus").mkdir(exist_ok=True)


def origin(context: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `cruft update` needs to know of the template, None where it has no history."""
    said, used = context["_template"], context["_repo_dir"]
    folder = _template_folder(context)
    if folder is None:
        return None
    git = ("git", "-C", str(folder))
    status, commit = run(*git, "rev-parse", "HEAD")
    if status:
        return None
    address = run(*git, "remote", "get-url", "origin")[1]
    is_copy = said != used
    is_public = NETWORK.match(address) and run(*git, "branch", "--remotes", "--contains", commit)[1]
    template = re.sub(r"^(https?://)[^/@]*@", r"\1", address) if is_copy or is_public else str(folder)
    answers = {name: value for name, value in context.items() if not name.startswith("_")}
    return {
        "template": template,
        "commit": commit,
        "checkout": context["_checkout"],
        "context": {"cookiecutter": {**answers, "_template": template, "_commit": commit}},
        "directory": None,
    }


def _template_folder(context: Mapping[str, Any]) -> Path | None:
    """Return where the template lies: what cookiecutter says may be relative to where it was started."""
    used = context["_repo_dir"]
    places = [
        # Where Linux tells it, since cookiecutter stands in the template meanwhile.
        Path(f"/proc/{os.getppid()}/cwd"),
        Path(os.environ.get("PWD", "."), used),
        Path(context["_output_dir"], used),
    ]
    for place in [Path(used)] if Path(used).is_absolute() else places:
        if (place / "cookiecutter.json").is_file() and (place / ".git").exists():
            return place.resolve()
    return None


def start_history(name: str, email: str) -> str:
    """Make the folder a git repository with a first commit; return a sentence that says what came of it."""
    if Path(".git").exists():
        return "This folder was under git before: commit what has changed yourself."
    commit = ("commit", "--quiet", "--message", FIRST_COMMIT)
    # Old versions of git know no `init --initial-branch`.
    steps = [("init", "--quiet"), ("symbolic-ref", "HEAD", "refs/heads/main"), ("add", "--all"), commit]
    for number, step in enumerate(steps):
        status, said = run("git", *step)
        if status:
            left = [shlex.join(["git", *rest]) for rest in steps[number:-1]]
            left.append(shlex.join(["git", "-c", f"user.name={name}", "-c", f"user.email={email}", *commit]))
            reason = said.splitlines()[-1] if said else f"git {step[0]} failed"
            return f"Not under git yet ({reason}). To put it there, run in the study:\n  {' && '.join(left)}"
    return "It is a git repository with a first commit."


def main() -> None:
    """Finish the study in the current folder, and say what to do next."""
    context = json.loads(CONTEXT)
    # A terminal that cannot show a letter is no reason to fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    lay_parts(context["starter"], context["code_licence"])
    if "_commit" in context:
        print(
            "Git is left to you, since cruft made these files. For a new study, run in it:\n"
            f"  git init && git add --all && git commit --message {shlex.quote(FIRST_COMMIT)}"
        )
    else:
        template = origin(context)
        if template is not None:
            text = json.dumps(template, ensure_ascii=False, indent=2)
            Path(".cruft.json").write_text(text + "\n", encoding="utf-8")
        history = start_history(context["author_name"], context["author_email"])
        print(f"\nThe study is in {context['project_slug']}. {history}")
        if template is None:
            print("The template has no git history here: `cruft update` cannot update the study later.")
        elif not NETWORK.match(template["template"]):
            print(f".cruft.json names the template by a folder of this machine: {template['template']}")
    print(
        f"\nNext:\n  cd {context['project_slug']}\n  python3 environment.py --llm\n"
        "  source .venv/bin/activate && snakemake\n"
    )


if __name__ == "__main__":
    main()

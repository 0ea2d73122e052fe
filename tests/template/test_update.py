"""`cruft update` brings what the template improves into a study, however and whenever the study was made."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cruft
import pytest
from cookiecutter.main import cookiecutter

from template.making import ROOT, STUDY, Bake, commit, git

ANSWERS = {"project_name": "Zoë's letters", "starter": "blank", "dvc_remote": "../store"}
OWN_RULE = """rule own:
    output:
        "results/own.txt",
    shell:
        "date > {output}"
"""
EDITS = {
    "config/study.yaml": ("  threads: 2\n", "  threads: 1  # an old computer\n"),
    "config/codebooks/{codebook}.yaml": ("    value: -1\n", "    value: -2\n"),
    "README.md": ("## ", "This study is for Zoë.\n\n## "),
    "workflow/Snakefile": (
        'include: "rules/analysis.smk"\n',
        'include: "rules/analysis.smk"\ninclude: "rules/own.smk"\n',
    ),
}
"""What a researcher changes: in which file, and which passage (its first) becomes which."""


def improve(template: Path) -> str:
    """Change files of the template of each kind: rendered, copied, a starter's, a new one."""
    for name, line in {
        "README.md": "\nA better ending.\n",
        "src/study/errors.py": "\nIMPROVED = True\n",
        "starters/blank/config/dictionaries/satisfaction.csv": "splendid,1\n",
        "workflow/NEW.md": "New.\n",
    }.items():
        path = template / STUDY / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(text + line, encoding="utf-8")
    return commit(template)


def check_improved(study: Path, new: str) -> None:
    assert (study / "README.md").read_text(encoding="utf-8").endswith("A better ending.\n")
    assert "IMPROVED = True" in (study / "src" / "study" / "errors.py").read_text(encoding="utf-8")
    words = (study / "config" / "dictionaries" / "satisfaction.csv").read_text(encoding="utf-8")
    assert "splendid,1\n" in words
    assert "mine,1\n" in words
    assert (study / "workflow" / "NEW.md").is_file()
    assert not (study / "starters").exists()
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["commit"] == new
    assert not list(study.rglob("*.rej"))


def work_on(study: Path) -> None:
    """Change the study, as its researcher would, and commit."""
    words = study / "config" / "dictionaries" / "satisfaction.csv"
    words.write_text(
        words.read_text(encoding="utf-8").replace("good,1\n", "good,1\nmine,1\n"), encoding="utf-8"
    )
    commit(study)


def test_made_by_cruft(template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = cruft.create(str(template), output_dir=tmp_path, extra_context=ANSWERS)
    assert not (study / ".git").exists()
    said = capfd.readouterr().out
    assert "Git is left to you" in said
    command = next(line for line in said.splitlines() if line.startswith("  git init"))
    subprocess.run(["bash", "-c", command], cwd=study, check=True, capture_output=True)
    work_on(study)
    new = improve(template)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)


def test_made_by_cookiecutter(bake: Bake, template: Path) -> None:
    old = git(template, "rev-parse", "HEAD")
    study = bake(template, **ANSWERS)
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["commit"] == old
    assert cruft.check(study)
    work_on(study)
    new = improve(template)
    assert not cruft.check(study)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)
    changed = git(study, "status", "--porcelain").splitlines()
    assert {line.split()[-1] for line in changed} == {
        ".cruft.json",
        "README.md",
        "config/dictionaries/satisfaction.csv",
        "src/study/errors.py",
        "workflow/NEW.md",
    }


def test_made_by_cookiecutter_where_the_template_lies(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", ".", "--no-input", "--output-dir", "../studies"]
    subprocess.run(command, cwd=template, check=True, capture_output=True)
    said = json.loads((tmp_path / "studies" / "my-study" / ".cruft.json").read_text(encoding="utf-8"))
    assert said["template"] == said["context"]["cookiecutter"]["_template"] == str(template)


def test_made_by_cookiecutter_from_an_address(template: Path, tmp_path: Path) -> None:
    address = template.as_uri()
    command = [sys.executable, "-m", "cookiecutter", f"git+{address}", "--no-input", "starter=blank"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    study = tmp_path / "my-study"
    assert json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["template"] == address
    work_on(study)
    new = improve(template)
    assert cruft.update(study, skip_apply_ask=True)
    check_improved(study, new)


def test_a_public_address_is_better_than_a_folder(bake: Bake, template: Path) -> None:
    git(template, "remote", "add", "origin", "https://ada:token@example.org/template.git")
    assert json.loads((bake(template) / ".cruft.json").read_text())["template"] == str(template)
    git(template, "update-ref", "refs/remotes/origin/main", "HEAD")
    named = json.loads((bake(template, project_name="Another") / ".cruft.json").read_text())
    assert named["template"] == "https://example.org/template.git"
    assert "token" not in json.dumps(named)


def whole_history(repository: Path, target: Path) -> Path:
    """Clone the template with all its commits; what is not committed yet becomes the last one."""
    said = git(repository, "rev-parse", "--is-shallow-repository", "HEAD").split()
    n = git(repository, "rev-list", "--count", "HEAD")
    assert said[0] == "false", (
        f"{repository} is a shallow clone: it has only the last {n} of its commits. Studies are to be "
        "updated from the template's older versions, so fetch the others: git fetch --unshallow"
    )
    git(repository, "clone", "--quiet", "--no-checkout", str(repository), str(target))
    git(target, "checkout", "--quiet", "-B", "main", said[1])
    for tracked in git(target, "ls-files", "-z").split("\0"):
        if tracked:
            (target / tracked).unlink()
    for present in git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(
        "\0"
    ):
        if present and (repository / present).is_file():
            (target / present).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / present, target / present)
    if git(target, "status", "--porcelain"):
        commit(target)
    return target


@pytest.fixture(scope="module")
def history(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_history(ROOT, tmp_path_factory.mktemp("history") / "template")


def versions(history: Path) -> list[str]:
    """Return the commits from which studies could be generated, the oldest first."""
    commits = git(history, "rev-list", "--reverse", "HEAD", "--", "hooks", STUDY).splitlines()
    kept = [one for one in commits if git(history, "ls-tree", one, "hooks/post_gen_project.py")]
    assert len(kept) > 2, f"the template has {len(kept)} versions: too few to update from one to another"
    return kept


def made_from(history: Path, version: str, output: Path, **answers: str) -> Path:
    """Make a study from a version of the template, as from an address."""
    return Path(
        cookiecutter(
            f"git+{history.as_uri()}",
            checkout=version,
            no_input=True,
            output_dir=str(output),
            extra_context=ANSWERS | {"project_slug": "letters"} | answers,
        )
    )


def contents(study: Path) -> dict[str, bytes]:
    """Return what git has of a study, but for the note of cruft."""
    names = git(study, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return {name: (study / name).read_bytes() for name in names if name and name != ".cruft.json"}


def edited(content: dict[str, bytes], codebook: str) -> dict[str, bytes]:
    """Return a study's files as the researcher leaves them."""
    changed = dict(content)
    for name, (old, new) in EDITS.items():
        file = name.format(codebook=codebook)
        text = content[file].decode("utf-8")
        assert old in text, f"{file} holds no {old!r}"
        changed[file] = text.replace(old, new, 1).encode("utf-8")
    return changed | {"workflow/rules/own.smk": OWN_RULE.encode("utf-8")}


def write(study: Path, content: dict[str, bytes]) -> None:
    for name, what in content.items():
        (study / name).write_bytes(what)
    commit(study)


@pytest.mark.parametrize(
    ("age", "starter", "codebook"),
    [
        (1.0, "blank", "satisfaction"),
        (1.0, "hutto-gilbert-2014", "sentiment"),
        (0.5, "blank", "satisfaction"),
    ],
)
def test_an_older_study_becomes_a_new_one_with_its_edits(
    age: float, starter: str, codebook: str, history: Path, tmp_path: Path
) -> None:
    old = versions(history)
    study = made_from(history, old[round((1 - age) * len(old))], tmp_path / "old", starter=starter)
    new = made_from(history, "main", tmp_path / "new", starter=starter)
    before, after = contents(study), contents(new)
    assert before != after
    write(study, edited(before, codebook))

    assert cruft.update(study, skip_apply_ask=True)

    note = json.loads((study / ".cruft.json").read_text(encoding="utf-8"))
    assert note["commit"] == git(history, "rev-parse", "HEAD")
    assert contents(study) == edited(after, codebook)
    check = [sys.executable, "-m", "study.config"]
    environment = os.environ | {"PYTHONPATH": "src"}
    done = subprocess.run(check, cwd=study, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The configuration is in order" in done.stdout
    commit(study)
    assert cruft.check(study)


def test_a_line_that_both_have_changed_is_marked(history: Path, tmp_path: Path) -> None:
    study, file, mine, theirs = _both_changed(history, tmp_path)
    assert cruft.update(study, skip_apply_ask=True)
    text = (study / file).read_text(encoding="utf-8")
    assert f"<<<<<<< ours\n{mine}=======\n{theirs}>>>>>>> theirs\n" in text
    assert git(study, "diff", "--name-only", "--diff-filter=U") == file
    assert not list(study.rglob("*.rej"))


def test_what_cannot_be_merged_is_left_beside(history: Path, tmp_path: Path) -> None:
    # Git has no common ancestor of a file that was changed before the first commit.
    study, file, mine, theirs = _both_changed(history, tmp_path)
    shutil.rmtree(study / ".git")
    git(study, "init", "--quiet")
    commit(study)
    assert cruft.update(study, skip_apply_ask=True)
    assert [path.relative_to(study).as_posix() for path in study.rglob("*.rej")] == [f"{file}.rej"]
    assert mine in (study / file).read_text(encoding="utf-8")
    rejected = (study / f"{file}.rej").read_text(encoding="utf-8")
    assert "".join(f"+{line}\n" for line in theirs.splitlines()) in rejected


def _both_changed(history: Path, folder: Path) -> tuple[Path, str, str, str]:
    """Make an old study in which a line is changed that the template changed too, in another way.

    Returns
    -------
    The study, the file, its passage there, and that of the template.
    """
    study = made_from(history, versions(history)[0], folder / "old")
    new = made_from(history, "main", folder / "new")
    file = "README.md"
    before, after = (
        (one / file).read_text(encoding="utf-8").splitlines(keepends=True) for one in (study, new)
    )
    changes = difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
    start, end, first, last = next(place for kind, *place in changes if kind == "replace")
    mine = "What we have written here instead.\n"
    (study / file).write_text("".join([*before[:start], mine, *before[end:]]), encoding="utf-8")
    commit(study)
    return study, file, mine, "".join(after[first:last])


def test_a_shallow_clone_is_refused(history: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", history.as_uri(), "shallow")
    with pytest.raises(AssertionError, match=r"only the last 1 of its commits\..*git fetch --unshallow"):
        whole_history(tmp_path / "shallow", tmp_path / "clone")

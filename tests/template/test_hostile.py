"""Whatever is typed is kept as it is or refused with a sentence, and never executed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import create_env_with_context
from hypothesis import given, settings
from hypothesis import strategies as st

from study.config import load
from template.making import ROOT, TEMPLATE, Bake

FREE = ("project_name", "question", "author_name")
ANSWERS = {
    "project_name": "A study",
    "project_slug": "a-study",
    "question": "Why?",
    "author_name": "Ada Lovelace",
    "author_email": "ada@example.org",
    "orcid": "",
    "dvc_remote": "",
}

KEPT = [
    'it\'s "quoted" and \'\'\'thrice\'\'\' and """so"""',
    "one { brace } and two }} and %} and #}",
    "back\\slash \\n \\u0041 \\",
    "  spaces around  ",
    "ünï 中文 العربية हिन्दी 👩‍🔬 𝔘",
    "[a](b) <script>alert(1)</script> & `touch canary` $(touch canary); touch canary",
    "''' + __import__('os').system('touch canary') + r'''",
    "- yes: [no, *x, &y, !!z] | > # % @ ~",
    "null",
    "../../x",
    "100%",
    "C'est quoi\u202f?",
]

REFUSED = [
    "",
    "   ",
    "two\nlines",
    "carriage\rreturn",
    "a\ttab",
    "nul\0",
    "escape \x1b[2J",
    "line\u2028separator",
    "right\u202eto left",
    "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "{% for x in y %}",
    "{# comment",
    "x" * 501,
]


def hook(name: str) -> ModuleType:
    """Import a hook as it stands in the template."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = hook("pre_gen_project")


@pytest.mark.parametrize("answer", KEPT)
def test_kept_as_typed(bake: Bake, answer: str) -> None:
    assert list(check.problems(ANSWERS | dict.fromkeys(FREE, answer))) == []
    study = bake(**ANSWERS | dict.fromkeys(FREE, answer))

    config = load(study)
    assert [config["title"], config["question"], config["authors"][0]["name"]] == [answer] * 3
    citation = yaml.safe_load((study / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["title"], citation["abstract"]) == (answer, answer)
    author = citation["authors"][0]
    assert [*author.get("given-names", "").split(), author["family-names"]] == answer.split()
    kept = json.loads((study / ".cruft.json").read_text(encoding="utf-8"))["context"]["cookiecutter"]
    assert [kept[name] for name in FREE] == [answer] * 3
    assert f" {answer}\n" in (study / "LICENSE").read_text(encoding="utf-8")
    assert f" {answer}\n" in (study / "LICENSE-data").read_text(encoding="utf-8")
    assert "<script>" not in (study / "README.md").read_text(encoding="utf-8")
    assert not list(study.parent.rglob("canary"))


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("answer", REFUSED)
def test_refused_with_a_sentence(name: str, answer: str) -> None:
    found = list(check.problems(ANSWERS | {name: answer}))
    assert len(found) == 1
    assert found[0].startswith(f"{name} ")
    assert found[0].isprintable()


WRONG = {
    "project_slug": ["../x", "/tmp/x", "a/b", "A", "1a", "", "a b", "a.b", "é", "a" * 65],
    "author_email": ["", "ada", "ada@example", "a b@example.org", "a@b@example.org"],
    "orcid": ["0000-0002-1825-0098", "https://orcid.org/0000-0002-1825-0097", "x"],
    "dvc_remote": ['a"b', "a%(b)s", "a\nb", " x", "gs://bucket", "s3://", "ssh://ada:secret@example.org/x"],
}

RIGHT = {
    "project_slug": ["a", "letters_2024-b"],
    "author_email": ["o'neil+x@sub.example.museum", "ü@example.org"],
    "orcid": ["0000-0002-1825-0097", "0000-0002-1694-233X"],
    "dvc_remote": [
        "s3://b/c",
        "ssh://ada@example.org:22/x",
        "/srv/my data",
        "../x",
        "webdav://example.org/x",
    ],
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in WRONG for answer in WRONG[name]])
def test_wrong_answers_are_refused(name: str, answer: str) -> None:
    found = list(check.problems(ANSWERS | {name: answer}))
    assert found
    assert all(sentence.startswith(f"{name} ") and "secret" not in sentence for sentence in found)


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in RIGHT for answer in RIGHT[name]])
def test_right_answers_are_not(name: str, answer: str) -> None:
    assert list(check.problems(ANSWERS | {name: answer})) == []


@pytest.mark.parametrize("slug", ["../x", "{out}/../y"])
def test_a_hostile_folder_is_refused_before_anything_is_written(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], slug: str
) -> None:
    with pytest.raises(FailedHookException):
        bake(project_slug=slug.format(out=tmp_path / "out"))
    assert "No study was made.\nproject_slug is the name of a folder" in capfd.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


def test_what_is_typed_at_the_prompts_is_not_executed(tmp_path: Path) -> None:
    evil = "{{ cycler.__init__.__globals__.os.system('touch canary') }}"
    typed = ["A study", "", "", evil, "Ada Lovelace", "ada@example.org", "", "", "", ""]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "--output-dir", str(tmp_path)],
        cwd=tmp_path,
        input="\n".join(typed) + "\n",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "question holds two opening braces" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_typed_at_the_prompts(tmp_path: Path) -> None:
    typed = [
        "Brontë's letters",
        "",
        "2",
        "Who wrote 'them'?",
        "Ada Lovelace",
        "ada@example.org",
        "",
        "2",
        "",
        "",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "--output-dir", str(tmp_path)],
        cwd=tmp_path,
        input="\n".join(typed) + "\n",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    study = tmp_path / "brontes-letters"
    assert load(study)["title"] == "Brontë's letters"
    assert "Apache License" in (study / "LICENSE").read_text(encoding="utf-8")
    assert (study / "config" / "codebooks" / "satisfaction.yaml").is_file()
    assert (
        "  cd brontes-letters\n  python3 environment.py --llm\n  source .venv/bin/activate && snakemake\n"
        in done.stdout
    )


def run_check(context: dict[str, str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook as cookiecutter does, with its context in place of the command."""
    code = (ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    rendered = tmp_path / "hook.py"
    rendered.write_text(code.replace("{{ cookiecutter | tojson }}", json.dumps(context)), encoding="utf-8")
    return subprocess.run([sys.executable, rendered], check=False, capture_output=True, text=True)


def test_an_old_cookiecutter_is_told_so(tmp_path: Path) -> None:
    year = {"__year": "2024"}
    by_cookiecutter, by_cruft = {"_repo_dir": "x"}, {"_commit": "x"}
    # Version 1.7 keeps private values as they are written, and 2.1 does not say where the template is.
    for context in ({"__year": "{% now 'utc' %}"} | by_cruft, year):
        old = run_check(ANSWERS | context, tmp_path)
        assert old.returncode == 1
        assert "version 2.3 or later" in old.stderr
    for context in (year | by_cookiecutter, year | by_cruft):
        assert run_check(ANSWERS | context, tmp_path).returncode == 0


FOLDERS = {
    "☃": "study",
    "2024": "study-2024",
    "Zoë’s letters": "zoes-letters",
    "中文": "zhong-wen",
    "1" * 500: "study-" + "1" * 58,
}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_name_gives_a_folder(bake: Bake, name: str) -> None:
    assert bake(project_name=name).name == FOLDERS[name]


TEMPLATES = {
    starter.name: create_env_with_context({"cookiecutter": {}}).from_string(
        (starter / "config" / "study.yaml").read_text(encoding="utf-8")
    )
    for starter in sorted((TEMPLATE / "starters").iterdir())
}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(TEMPLATES)), st.text(max_size=40))
def test_any_text_that_is_not_refused_parses_back(starter: str, text: str) -> None:
    answers = ANSWERS | dict.fromkeys(FREE, text)
    if list(check.problems(answers)):
        return
    config = yaml.safe_load(TEMPLATES[starter].render(cookiecutter=answers))
    assert [config["title"], config["question"], config["authors"][0]["name"]] == [text] * 3

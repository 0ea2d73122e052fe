"""A study whose model is behind a server: faults, budgets and keys, in real runs of Snakemake."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from end_to_end.studies import (
    asked,
    contents,
    generate,
    planned,
    run,
    settings,
    snakemake,
    write_settings,
)
from server import proxy as fault
from server.llama_server import ALIAS, llama_server
from server.proxy import Proxy

pytestmark = pytest.mark.slow

KEY = "sk-planted-Zx81TqW7pLm3VnD4"
VARIABLE = "HOSTED_KEY"
NOTHING = "Nothing to be done"
CODINGS = "results/codings/far.parquet"
URL = "http://127.0.0.1:18000/v1"
"""Where the configuration says that the server is; the environment says where it is today."""

TEXTS = (
    "What a wonderful day!", "I hate the broken lift.", "The desk opens at nine.", "Thank you for the songs!",
    "My bag was stolen.", "There are three rooms.", "The soup was cold and bad.", "We love the new garden.",
)  # fmt: skip
BOOK = {
    "construct": "tone",
    "question": "Is it positive or negative?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"positive": {"value": 1}, "negative": {"value": -1}},
    "system": "Answer with one word, positive or negative.",
    "wording": {"main": "{text}\n\n{question}"},
}
SERVER: dict[str, Any] = {
    "url": URL,
    "model": ALIAS,
    "key": VARIABLE,
    "constraint": "grammar",
    "probabilities": "none",
    "limits": {"at_once": 2, "timeout": 8},
}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real server that accepts one key."""
    with llama_server(tmp_path_factory.mktemp("server"), key=KEY) as address:
        yield address


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, KEY)
        patch.setenv("LLM_STUDY_URL_HOSTED", "")  # it is as before when these tests are over
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("LLM_STUDY_MODEL_UNREACHABLE", raising=False)
        yield patch


def through(proxy: Proxy) -> Proxy:
    """Let studies that are run now reach the server through a proxy."""
    os.environ["LLM_STUDY_URL_HOSTED"] = proxy.address
    return proxy


@pytest.fixture(scope="module")
def identified(
    upstream: str, environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a study whose model has a card; no text is coded yet. Tests work on copies."""
    folder = tmp_path_factory.mktemp("server-study")
    study = generate(folder, "blank")
    changed = settings(study)
    changed |= {
        "models": {"hosted": {"server": SERVER}},
        "analyses": {},
        "compare": {},
        "gold": {},
        "hypotheses": {},
    }
    changed["coders"] = {"far": {"type": "llm", "model": "hosted"}}
    changed["corpus"] = {
        "description": "Eight sentences.", "language": "en", "licence": "CC0-1.0", "share": True,
        "file": "data/corpus/sentences.csv", "id": "id", "text": "text",
    }  # fmt: skip
    write_settings(study, changed)
    for book in (study / "config/codebooks").glob("*.yaml"):
        book.unlink()
    (study / "config/codebooks/tone.yaml").write_text(yaml.safe_dump(BOOK, sort_keys=False))
    rows = pd.DataFrame({"id": [f"s{i}" for i in range(len(TEXTS))], "text": TEXTS})
    rows.to_csv(study / "data/corpus/sentences.csv", index=False)
    with Proxy(upstream) as proxy:
        through(proxy)
        snakemake(study, "results/instruments/far.tone.json", "data/corpus/sample.csv")
        assert len(proxy.requests) == 1
    return study


@pytest.fixture
def study(identified: Path, tmp_path: Path) -> Path:
    return shutil.copytree(identified, tmp_path / "study")


@pytest.fixture
def proxy(upstream: str) -> Iterator[Proxy]:
    """Return a proxy that knows one model and one key."""
    with Proxy(upstream, models=[ALIAS], key=KEY) as running:
        yield through(running)


def configure(study: Path, **keys: Any) -> None:
    changed = settings(study)
    changed["models"]["hosted"]["server"] |= keys
    write_settings(study, changed)


def codings(study: Path) -> pd.DataFrame:
    return pd.read_parquet(study / CODINGS).sort_values("unit_id", ignore_index=True)


def log(study: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted((study / "logs/ask").glob("*.log")))


def paragraph(said: str) -> str:
    """Return the paragraph with which a program of the study ended; Snakemake repeats its log."""
    found = set(re.findall(r"^Error: (.+)$", said, re.M))
    assert len(found) == 1, said
    assert "Traceback" not in said
    return str(found.pop())


def holding(folder: Path, secret: bytes) -> list[str]:
    """Return every file below a folder that holds some bytes, packed ones unpacked, and git's objects."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and any(secret in content for content in unpacked(path)):
            found.append(path.relative_to(folder).as_posix())
    if (folder / ".git").is_dir():
        command = ["git", "cat-file", "--batch-all-objects", "--batch"]
        objects = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
        assert objects
        found += ["git's objects"] if secret in objects else []
    return found


def unpacked(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if path.suffix == ".parquet":
        yield pd.read_parquet(path).to_csv().encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name)


# One study through every fault, and what becomes of it.


@dataclass
class Story:
    """A study that was run through every fault, then to the end, and shared."""

    study: Path
    said: str
    first: pd.DataFrame
    first_log: str
    proxy: Proxy
    again: int
    last: pd.DataFrame
    undisturbed: pd.DataFrame


FAULTS = {
    "busy for a second": (fault.busy("1"), "The server is busy (429"),
    "busy": (fault.busy(), "of the kind: busy"),
    "broken": (fault.broken(500), "The server failed (500"),
    "cut": (fault.cut(), "The connection was cut before the answer was complete"),
    "stalled": (fault.stalled(20), "The server has not answered within 8 s"),
    "malformed": (fault.malformed(), "The server's answer cannot be read"),
    "outside": (fault.outside("none of the labels~"), "1 texts could not be evaluated"),
}


@pytest.fixture(scope="module")
def story(identified: Path, upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    calm, study = (shutil.copytree(identified, folder / name) for name in ("calm", "study"))
    run(study, "dvc", "remote", "add", "--default", "storage", str(folder / "storage"))
    with Proxy(upstream, models=[ALIAS], key=KEY) as proxy:
        through(proxy)
        snakemake(calm, CODINGS)
        assert len(proxy.requests) == len(TEXTS)
    with Proxy(upstream, models=[ALIAS], key=KEY) as proxy:
        through(proxy).at(1, *(spoilt for spoilt, _ in FAULTS.values()))
        done = snakemake(study, CODINGS)
        first, first_log = codings(study), log(study)
        before = len(proxy.requests)
        again = snakemake(study, "--forcerun", "ask_server")
        said = done.stdout + done.stderr + again.stdout + again.stderr
        story = Story(
            study, said, first, first_log, proxy, len(proxy.requests) - before, codings(study), codings(calm)
        )
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Code the sentences")
    run(study, "dvc", "push", "--quiet")
    return story


def test_one_run_gets_over_every_fault(story: Story) -> None:
    assert [one.fault for one in story.proxy.requests[: len(FAULTS)]] == [
        each.name for each, _ in FAULTS.values()
    ]
    assert sorted(story.first["status"]) == ["failed"] + ["ok"] * (len(TEXTS) - 1)
    assert story.first.loc[story.first["status"] == "failed", "label"].isna().all()


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_in_a_line(name: str, story: Story) -> None:
    lines = [line for line in story.first_log.splitlines() if FAULTS[name][1] in line]
    assert len(lines) == 1, story.first_log
    assert lines[0] in story.said


def test_nothing_is_asked_twice(story: Story) -> None:
    assert story.proxy.asked_twice() == []
    # What was spoilt in a way that passes was sent once more, and the failed text in the second run.
    assert len(story.proxy.requests) == len(TEXTS) + len(FAULTS) - 1 + 1
    assert story.again == 1


def test_the_results_are_those_of_an_undisturbed_run(story: Story) -> None:
    pd.testing.assert_frame_equal(story.last, story.undisturbed)
    undisturbed = story.undisturbed.set_index("unit_id")
    there = story.first[story.first["status"] == "ok"].set_index("unit_id")
    pd.testing.assert_frame_equal(there, undisturbed.loc[there.index])


def test_the_key_is_in_no_file_and_in_no_output(story: Story) -> None:
    archived = snakemake(story.study, "archive")
    said = story.said + archived.stdout + archived.stderr
    assert list(story.study.glob("archive/*.zip"))
    history = run(story.study, "git", "log", "-p", "--all").stdout
    for secret in (KEY, KEY[3:]):
        assert holding(story.study, secret.encode()) == []
        assert secret not in said
        assert secret not in history
    # The search finds what is there.
    assert "config/study.yaml" in holding(story.study, VARIABLE.encode())
    assert "git's objects" in holding(story.study, VARIABLE.encode())


@pytest.fixture
def clone(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone of the study, where there is no key and no server."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("LLM_STUDY_URL_HOSTED", "http://127.0.0.1:9/v1")
    run(tmp_path, "git", "clone", "--quiet", str(story.study), "clone")
    run(tmp_path / "clone", "dvc", "pull", "--quiet")
    return tmp_path / "clone"


def test_a_clone_needs_neither_key_nor_server(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert NOTHING in snakemake(clone).stderr
    monkeypatch.setenv("LLM_STUDY_MODEL_UNREACHABLE", "1")
    before = contents(clone / "results")
    snakemake(clone, CODINGS, "--forceall")
    assert asked(clone) == 0
    after = contents(clone / "results")
    assert {name for name in before if after[name] != before[name]} == set()


def test_what_is_new_in_a_clone_needs_the_key_and_a_server(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (clone / "data/corpus/sentences.csv").open("a", encoding="utf-8") as rows:
        rows.write("new,One more sentence.\n")
    done = snakemake(clone, CODINGS, check=False)
    assert done.returncode == 1
    assert f"export {VARIABLE}=" in paragraph(done.stderr)
    monkeypatch.setenv("LLM_STUDY_MODEL_UNREACHABLE", "1")
    done = snakemake(clone, CODINGS, check=False)
    assert done.returncode == 1
    assert "LLM_STUDY_MODEL_UNREACHABLE forbids it" in paragraph(done.stderr)
    monkeypatch.delenv("LLM_STUDY_MODEL_UNREACHABLE")
    monkeypatch.setenv(VARIABLE, KEY)
    configure(clone, limits={"retries": 0})
    done = snakemake(clone, CODINGS, check=False)
    assert done.returncode == 1
    assert "The server cannot be reached" in paragraph(done.stderr)
    assert "LLM_STUDY_URL_HOSTED" in paragraph(done.stderr)


def test_what_changes_no_code_asks_nothing_and_what_does_asks_anew(
    story: Story, tmp_path: Path, proxy: Proxy
) -> None:
    study = shutil.copytree(story.study, tmp_path / "study")
    asking = {"model", "instrument", "ask_server", "codings"}
    price = {"read": 1.5, "written": 6, "currency": "EUR"}
    configure(study, limits={"at_once": 7, "retries": 1}, price=price, budget={"money": 3, "tokens": 10**6})
    assert not asking & planned(study)
    configure(study, options={"top_p": 0.9})
    assert asking <= planned(study)
    configure(study, options={}, probabilities="deciding")
    assert asking <= planned(study)
    snakemake(study, CODINGS)
    assert asked(study) == len(TEXTS)
    assert len(proxy.requests) >= len(TEXTS) + 2
    found = codings(study)
    assert found["p_positive"].between(0, 1).all()
    assert (found["status"] == "ok").all()


# What stops a run: one paragraph, what was answered is kept, and the rest alone is asked later.


def stopped(study: Path) -> str:
    done = snakemake(study, CODINGS, check=False)
    assert done.returncode == 1
    assert KEY not in done.stdout + done.stderr
    assert holding(study, KEY.encode()) == []
    assert not (study / CODINGS).exists()
    return paragraph(done.stdout + done.stderr)


def finished(study: Path, proxy: Proxy) -> None:
    snakemake(study, CODINGS)
    assert (codings(study)["status"] == "ok").all()
    assert len(proxy.answered) == len(TEXTS)
    assert proxy.asked_twice() == []


def test_a_wrong_model_name(study: Path, proxy: Proxy) -> None:
    configure(study, model="smollm3")
    said = stopped(study)
    assert "The server has no model of this name" in said
    assert "models.hosted.server.model" in said
    assert f"Allowed: {ALIAS}" in said
    assert proxy.answered == []
    configure(study, model=ALIAS)
    finished(study, proxy)


def test_a_key_that_expires_in_the_middle(study: Path, proxy: Proxy) -> None:
    proxy.when(lambda request: (request.number or 0) > 3, fault.expired())
    said = stopped(study)
    assert "The server does not accept the key" in said
    assert f"the environment variable {VARIABLE}" in said
    assert "Incorrect API key provided: [key]" in said
    kept = len(proxy.answered)
    assert 0 < kept < len(TEXTS)
    proxy.healed()
    finished(study, proxy)
    assert asked(study) == len(TEXTS) - kept


def test_a_budget_that_is_used_up_in_the_middle(study: Path, proxy: Proxy) -> None:
    configure(study, budget={"tokens": 300})
    said = stopped(study)
    assert "The budget of the model 'hosted' (300 tokens) does not suffice" in said
    assert "models.hosted.server.budget" in said
    kept = len(proxy.answered)
    assert 0 < kept < len(TEXTS)
    # Without more, nothing more is asked.
    assert "does not suffice" in stopped(study)
    assert len(proxy.answered) == kept
    configure(study, budget={"tokens": 5000})
    finished(study, proxy)
    assert asked(study) == len(TEXTS) - kept

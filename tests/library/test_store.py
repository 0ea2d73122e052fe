"""No response is lost, asked twice or changed unseen, whatever happens to the job that writes it."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import study
from study import store as module
from study.errors import StudyError
from study.store import ResponseStore, response_key

WRITE_FOR_EVER = """
import itertools, sys
from pathlib import Path
from study.store import ResponseStore
with ResponseStore(Path(sys.argv[1])).write() as journal:
    for n in itertools.count():
        journal.add({"key": f"k{n}", "status": "ok", "log_p": [-0.1 * n] * 300})
        print(n, flush=True)
"""
WRITE_ONE_AND_WAIT = """
import sys
from pathlib import Path
from study.store import ResponseStore
with ResponseStore(Path(sys.argv[1])).write() as journal:
    journal.add({"key": "theirs", "status": "ok"})
    print("written", flush=True)
    sys.stdin.read()
"""
WRITE_LONG_ONES_AND_DIE = """
import os, signal, sys
from pathlib import Path
from study import store
store.SEGMENT_BYTES = 10**9
with store.ResponseStore(Path(sys.argv[1])).write() as journal:
    for n in range(3000):
        journal.add({"key": f"k{n}", "status": "ok", "rationale": "long " * 2000})
    os.kill(os.getpid(), signal.SIGKILL)
"""
RECOVER_FOR_EVER = """
import sys
from pathlib import Path
from study.store import ResponseStore
print("started", flush=True)
while True:
    ResponseStore(Path(sys.argv[1])).recover()
"""
WRITE_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from study.store import ResponseStore
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
with ResponseStore(Path(sys.argv[1])).write() as journal:
    for n in range(1000):
        journal.add({"key": f"k{n}", "status": "ok"})
        print(n, flush=True)
"""


def program(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def response(key: str, status: str = "ok", **others: Any) -> dict[str, Any]:
    return {"key": key, "status": status, **others}


def write(folder: Path, *responses: dict[str, Any]) -> None:
    with ResponseStore(folder).write() as journal:
        for one in responses:
            journal.add(one)


def read(folder: Path, *keys: str) -> dict[str, dict[str, Any]]:
    store = ResponseStore(folder)
    return {one["key"]: one for one in store.read(store.find(keys)[0])}


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "segments").iterdir())


def journals(folder: Path) -> list[Path]:
    return sorted((folder / "journals").iterdir())


def test_a_key_is_of_instrument_text_and_repeat() -> None:
    assert response_key("i", "t", 1) == hashlib.sha256(b"i|t|1").hexdigest()
    assert len({response_key(i, t, r) for i in "ab" for t in "ab" for r in (1, 2)}) == 8


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(anything, min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("responses")
    written = {f"k{n}": response(f"k{n}", value=value) for n, value in enumerate(values)}
    write(folder, *written.values())
    assert read(folder, *written, "unknown") == written
    assert journals(folder) == []


def by_hand(folder: Path, *responses: dict[str, Any]) -> Path:
    """Write a segment as any program might that knows the format."""
    lines = [json.dumps(one, sort_keys=True, separators=(",", ":")) + "\n" for one in responses]
    content = "".join(lines).encode("ascii")
    path = folder / "segments" / f"{hashlib.sha256(content).hexdigest()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found_by_parsing(folder: Path, wanted: Iterable[str]) -> tuple[dict[str, str], set[str]]:
    """Find responses in the plain way."""
    good: dict[str, str] = {}
    failed: dict[str, str] = {}
    for path in segments(folder):
        for line in path.read_text(encoding="ascii").splitlines():
            one = json.loads(line)
            (failed if one["status"] == "failed" else good).setdefault(one["key"], path.stem)
    keys = set(wanted)
    only_failed = {key for key in failed if key in keys and key not in good}
    return {key: place for key, place in (failed | good).items() if key in keys}, only_failed


confusing = st.sampled_from(
    ["key", '"key', '\\"key', "status", "failed", "k", '"key":"k"', '","key":"k', "é\\"]
)
inner = st.recursive(
    confusing, lambda inside: st.lists(inside, max_size=2) | st.dictionaries(confusing, inside, max_size=3)
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.dictionaries(confusing, inner, max_size=4), min_size=1, max_size=4), st.data())
def test_nothing_in_a_response_can_be_taken_for_its_key_or_status(
    tmp_path_factory: pytest.TempPathFactory, members: list[dict[str, Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("responses")
    status = st.sampled_from(["ok", "failed", "too_long"])
    for one in members:
        by_hand(folder, one | response(data.draw(confusing), data.draw(status)))
    wanted = ["key", '"key', '\\"key', "status", "failed", "k", '"key":"k"', '","key":"k', "é\\"]
    store = ResponseStore(folder)
    where, failed = store.find(wanted)
    assert (where, failed) == found_by_parsing(folder, wanted)
    assert {one["key"] for one in store.read(where)} == set(where)


def test_fifty_thousand_keys_are_found_as_by_parsing_every_line(tmp_path: Path) -> None:
    rng = random.Random(1)
    keys = [response_key("i", str(n), 1) for n in range(50_000)]
    absent = [response_key("i", str(n), 2) for n in range(5_000)]
    for part in range(8):
        # Segments overlap: some keys are in several, with another status or another answer.
        by_hand(
            tmp_path,
            *(
                response(
                    key,
                    rng.choice(["ok"] * 8 + ["failed", "empty"]),
                    instrument_id="i",
                    log_p=[rng.uniform(-20, 0) for _ in range(5)],
                    rationale=rng.choice(
                        [
                            f'"key":"{absent[0]}"',
                            f'{{"key":"{absent[1]}","status":"failed"}}',
                            "\\",
                            "'\n\0\x85é",
                        ]
                    ),
                    quote={"key": absent[2], "status": "failed"} if rng.random() < 0.1 else None,
                )
                for key in rng.sample(keys, 9_000) + keys[part * 6_000 : (part + 1) * 6_000]
            ),
        )
    store = ResponseStore(tmp_path)
    wanted = rng.sample(keys, 40_000) + absent
    where, failed = store.find(wanted)
    assert (where, failed) == found_by_parsing(tmp_path, wanted)
    assert 30_000 < len(where) < 40_000
    assert 500 < len(failed) < 5_000

    read_here = {one["key"]: one for one in store.read(where)}
    assert set(read_here) == set(where)
    assert {key for key, one in read_here.items() if one["status"] == "failed"} == failed
    for path in segments(tmp_path):
        answers: dict[str, list[dict[str, Any]]] = {}
        for line in path.read_bytes().splitlines():
            one = json.loads(line)
            answers.setdefault(one["key"], []).append(one)
        for key in (key for key, place in where.items() if place == path.stem):
            assert read_here[key] in answers[key]


def test_a_line_that_only_looks_like_a_response_gives_no_wrong_row(tmp_path: Path) -> None:
    # Not as this module writes: a space after the colon, and an inner object that names another key.
    content = b'{"a":{"key":"mine"},"key": "other","status":"ok"}\n'
    name = hashlib.sha256(content).hexdigest()
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / f"{name}.jsonl").write_bytes(content)
    with pytest.raises(StudyError, match="1 are missing from their segment"):
        list(ResponseStore(tmp_path).read({"mine": name}))


def memory(of: Callable[[], object]) -> float:
    """Return how many megabytes a call needed at most."""
    tracemalloc.start()
    try:
        of()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_large_segment_is_not_held_in_memory(tmp_path: Path) -> None:
    path = by_hand(tmp_path, *(response(f"k{n}", rationale="long " * 2_000) for n in range(3_000)))
    assert path.stat().st_size > 30e6
    store = ResponseStore(tmp_path)
    keys = [f"k{n}" for n in range(3_000)]
    where, _ = store.find(keys)
    assert memory(lambda: store.find(keys)) < 3
    assert memory(lambda: sum(1 for _ in store.read(where))) < 3
    assert sum(1 for _ in store.read(where)) == 3_000


def test_a_large_journal_becomes_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = program(WRITE_LONG_ONES_AND_DIE, tmp_path)
    assert job.wait() == -signal.SIGKILL
    job.communicate()
    [journal] = journals(tmp_path)
    assert journal.stat().st_size > 30e6
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1_000_000)
    assert memory(lambda: ResponseStore(tmp_path).recover()) < 6
    assert len(segments(tmp_path)) == 30
    assert max(path.stat().st_size for path in segments(tmp_path)) < 1_020_000
    keys = [f"k{n}" for n in range(3_000)]
    where, failed = ResponseStore(tmp_path).find(keys)
    assert set(where) == set(keys)
    assert failed == set()
    assert journals(tmp_path) == []


def test_what_a_long_job_has_written_can_be_shared_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1_000)
    keys = [f"k{n:02d}" for n in range(100)]
    with ResponseStore(tmp_path).write() as journal:
        for n, key in enumerate(keys):
            journal.add(response(key))
            [path] = journals(tmp_path)
            assert path.stat().st_size < 1_000
            seen = set(read(tmp_path, *keys))
            assert seen == set(keys[: len(seen)])
            assert n - 40 < len(seen) <= n + 1
    assert set(read(tmp_path, *keys)) == set(keys)
    assert len(segments(tmp_path)) == 4
    assert journals(tmp_path) == []


def test_a_text_with_half_a_character_and_line_breaks(tmp_path: Path) -> None:
    hostile = response("k", text="\ud800 \r\n\u2028\x85\0 a\x1cb")
    write(tmp_path, hostile)
    assert read(tmp_path, "k") == {"k": hostile}


def test_a_segment_is_named_by_its_content(tmp_path: Path) -> None:
    write(tmp_path, response("b"), response("a"))
    [segment] = segments(tmp_path)
    content = segment.read_bytes()
    assert segment.name == f"{hashlib.sha256(content).hexdigest()}.jsonl"
    assert [json.loads(line)["key"] for line in content.splitlines()] == ["a", "b"]


def test_the_same_responses_are_one_segment_in_any_order(tmp_path: Path) -> None:
    write(tmp_path, response("a"), response("b"))
    write(tmp_path, response("b"), response("a"))
    assert len(segments(tmp_path)) == 1


def test_a_job_without_responses_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert journals(tmp_path) == []
    assert not (tmp_path / "segments").exists()


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "none")
    assert store.find(["k"]) == ({}, set())
    assert store.recover() == 0
    assert not (tmp_path / "none").exists()


def test_an_error_or_an_interruption_saves_what_was_written(tmp_path: Path) -> None:
    def job(error: type[BaseException]) -> None:
        with ResponseStore(tmp_path).write() as journal:
            journal.add(response(error.__name__))
            raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            job(error)
    assert set(read(tmp_path, "ValueError", "KeyboardInterrupt")) == {"ValueError", "KeyboardInterrupt"}
    assert journals(tmp_path) == []


def test_kill_9_loses_at_most_the_response_in_flight(tmp_path: Path) -> None:
    job = program(WRITE_FOR_EVER, tmp_path)
    assert job.stdout is not None
    for line in job.stdout:
        if int(line) == 100:
            os.kill(job.pid, signal.SIGKILL)
            break
    rest = job.stdout.read().split()  # with what the pipe still holds
    job.communicate()
    written = int(rest[-1]) + 1 if rest else 101
    assert job.returncode == -signal.SIGKILL
    assert len(journals(tmp_path)) == 1
    assert not (tmp_path / "segments").exists()

    store = ResponseStore(tmp_path)
    saved = store.recover()
    assert written <= saved <= written + 1  # one may be on disk whose job could not say so any more
    where, failed = store.find(f"k{n}" for n in range(saved + 10))
    assert set(where) == {f"k{n}" for n in range(saved)}
    assert failed == set()
    assert [one["log_p"] for one in store.read({"k7": where["k7"]})] == [[-0.1 * 7] * 300]
    assert journals(tmp_path) == []
    assert store.recover() == 0


def test_kill_9_at_every_line_of_this_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 120)
    dead, _ = torn(tmp_path / "whole")
    for nth in itertools.count(1):
        folder = tmp_path / str(nth)
        (folder / "journals").mkdir(parents=True)
        (folder / "journals/dead.journal").write_bytes(dead)
        written = folder / "written"
        written.touch()
        child = os.fork()
        if child == 0:
            job_that_is_killed(folder, written, nth)
        status = os.waitpid(child, 0)[1]
        store = ResponseStore(folder)
        store.recover()
        known = set(written.read_text(encoding="ascii").split()) | {"first"}
        there = set(read(folder, "first", *"abcde"))
        assert known <= there
        assert len(there - known) <= 1
        assert journals(folder) == []
        assert store.recover() == 0
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert there == {"first", *"abcde"}
    assert nth > 200


def job_that_is_killed(folder: Path, written: Path, nth: int) -> None:
    """Recover and write, and die before the nth line of the module that is run; never return."""
    ran = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal ran
        if frame.f_code.co_filename != module.__file__:
            return None
        ran += event == "line"
        if ran == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    status = 1
    try:
        sys.settrace(trace)
        store = ResponseStore(folder)
        store.recover()
        with store.write() as journal, written.open("a", encoding="ascii") as log:
            for key in "abcde":
                journal.add(response(key))
                log.write(f"{key}\n")
                log.flush()
        status = 0
    finally:
        os._exit(status)


def test_a_living_job_keeps_its_journal(tmp_path: Path) -> None:
    theirs = program(WRITE_ONE_AND_WAIT, tmp_path)
    assert theirs.stdout is not None
    assert theirs.stdout.readline() == "written\n"
    store = ResponseStore(tmp_path)
    with store.write() as journal:
        journal.add(response("mine"))
        assert len(journals(tmp_path)) == 2
        assert store.recover() == 0
        assert len(journals(tmp_path)) == 2
        journal.add(response("mine too"))
    assert set(read(tmp_path, "mine", "mine too", "theirs")) == {"mine", "mine too"}
    assert theirs.communicate()[1] == ""  # the end of its input ends it
    assert set(read(tmp_path, "mine", "mine too", "theirs")) == {"mine", "mine too", "theirs"}
    assert journals(tmp_path) == []


def test_jobs_that_begin_while_another_recovers_lose_nothing(tmp_path: Path) -> None:
    other = program(RECOVER_FOR_EVER, tmp_path)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "started\n"
        keys = [f"k{n}" for n in range(150)]
        for key in keys:
            write(tmp_path, response(key))
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()
    assert set(read(tmp_path, *keys)) == set(keys)
    assert journals(tmp_path) == []


def test_a_journal_that_is_taken_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ResponseStore(tmp_path)
    lock, recovered = module._locked, []

    def recover_first(file: BinaryIO, path: Path, *, wait: bool) -> bool:
        if wait and not recovered:
            recovered.append(path)
            assert store.recover() == 0
            assert not path.exists()
        return lock(file, path, wait=wait)

    monkeypatch.setattr(module, "_locked", recover_first)
    with store.write() as journal:
        journal.add(response("k"))
        # In a file that has a name: what is written to another one would be lost in a crash.
        assert len(journals(tmp_path)) == 1
        assert journals(tmp_path) != recovered
        assert b'"k"' in journals(tmp_path)[0].read_bytes()
    assert set(read(tmp_path, "k")) == {"k"}


def test_a_full_disk_stops_the_job_and_loses_no_earlier_response(tmp_path: Path) -> None:
    job = program(WRITE_ON_A_FULL_DISK, tmp_path)
    out, err = job.communicate()
    keys = [f"k{n}" for n in out.split()]
    assert re.search(r"\.journal: Responses could not be written to disk\. Found: 'File too large'\.", err)
    assert 50 < len(keys) < 1000
    assert set(read(tmp_path, *keys, f"k{len(keys)}")) == set(keys)


def torn(tmp_path: Path) -> tuple[bytes, bytes]:
    """Return a journal's first line and its second."""
    with ResponseStore(tmp_path).write() as journal:
        journal.add(response("first"))
        journal.add(response("second", text="é"))
        [path] = journals(tmp_path)
        first, second = path.read_bytes().splitlines(keepends=True)
    return first, second


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    first, second = torn(tmp_path / "whole")
    for cut in range(len(second) + 1):
        folder = tmp_path / str(cut)
        (folder / "journals").mkdir(parents=True)
        (folder / "journals/dead.journal").write_bytes(first + second[:cut])
        whole = cut == len(second)
        assert ResponseStore(folder).recover() == 1 + whole
        assert set(read(folder, "first", "second")) == {"first", *(["second"] if whole else [])}


def test_a_damaged_line_is_dropped(tmp_path: Path) -> None:
    first, second = torn(tmp_path / "whole")
    for at in range(len(first)):
        folder = tmp_path / str(at)
        (folder / "journals").mkdir(parents=True)
        damaged = first[:at] + bytes([first[at] ^ 1]) + first[at + 1 :]
        (folder / "journals/dead.journal").write_bytes(damaged + second)
        assert "first" not in read(folder, "first", "second")
        ResponseStore(folder).recover()
        assert "first" not in read(folder, "first", "second")


def test_half_a_segment_is_none_and_is_written_again(tmp_path: Path) -> None:
    first, second = torn(tmp_path / "whole")
    folder = tmp_path / "journals"
    folder.mkdir()
    (folder / "dead.journal").write_bytes(first + second)
    (folder / "dead.part").write_bytes(first[9:20])  # the job died while it was sealing
    assert ResponseStore(tmp_path).recover() == 2
    assert set(read(tmp_path, "first", "second")) == {"first", "second"}
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"{}\n", lambda b: b.replace(b"ok", b"no")]
)
def test_a_changed_segment_is_refused(tmp_path: Path, change: Any) -> None:
    write(tmp_path, response("a"))
    store = ResponseStore(tmp_path)
    where, _ = store.find(["a"])
    [segment] = segments(tmp_path)
    segment.write_bytes(change(segment.read_bytes()))
    with pytest.raises(StudyError, match=r"was changed after it was written.*dvc checkout"):
        store.find(["a"])
    with pytest.raises(StudyError, match=r"was changed after it was written.*dvc checkout"):
        list(store.read(where))


def test_a_missing_segment_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, response("a"))
    store = ResponseStore(tmp_path)
    where, _ = store.find(["a"])
    segments(tmp_path)[0].unlink()
    with pytest.raises(StudyError, match="Run 'dvc pull'") as error:
        list(store.read(where))
    assert f"{where['a']}.jsonl" in str(error.value)


def test_a_segment_without_a_response_that_it_should_have(tmp_path: Path) -> None:
    write(tmp_path, response("a"))
    [segment] = segments(tmp_path)
    with pytest.raises(StudyError, match=r"1 are missing from their segment.*'b'"):
        list(ResponseStore(tmp_path).read({"a": segment.stem, "b": segment.stem}))


def test_a_failed_response_gives_way_to_one_that_did_not_fail(tmp_path: Path) -> None:
    orders = set()
    for n in range(8):  # names of segments sort either way
        folder = tmp_path / str(n)
        write(folder, response("a", "failed", n=n), response("b", "failed"), response("c", "too_long"))
        [failed] = segments(folder)
        store = ResponseStore(folder)
        assert store.find("abcd") == (dict.fromkeys("abc", failed.stem), {"a", "b"})
        write(folder, response("a", n=n))
        [good] = set(segments(folder)) - {failed}
        orders.add(good > failed)
        where, still = store.find("abcd")
        assert where == {"a": good.stem, "b": failed.stem, "c": failed.stem}
        assert still == {"b"}
        found = {one["key"]: one["status"] for one in store.read(where)}
        assert found == {"a": "ok", "b": "failed", "c": "too_long"}
    assert orders == {True, False}


def test_a_failed_response_gives_way_within_a_segment_too(tmp_path: Path) -> None:
    for n, statuses in enumerate([("failed", "ok"), ("ok", "failed")]):
        folder = tmp_path / str(n)
        write(folder, *[response("a", status, order=i) for i, status in enumerate(statuses)])
        store = ResponseStore(folder)
        where, failed = store.find(["a"])
        assert failed == set()
        assert [one["status"] for one in store.read(where)] == ["ok"]


def test_two_stores_unite_by_putting_their_files_together(tmp_path: Path) -> None:
    write(tmp_path / "ann", response("both"), response("ann"), response("not yet", "failed"))
    write(tmp_path / "bob", response("both"), response("bob"), response("not yet"))
    for mine, other in (("ann", "bob"), ("bob", "ann")):
        united = tmp_path / f"{mine} and {other}"
        shutil.copytree(tmp_path / mine, united)
        shutil.copytree(tmp_path / other, united, dirs_exist_ok=True)
        found = read(united, "both", "ann", "bob", "not yet")
        assert {key: one["status"] for key, one in found.items()} == dict.fromkeys(
            ("both", "ann", "bob", "not yet"), "ok"
        )


# Other studies' responses.


def test_imported_responses_are_found_after_the_study_s_own(tmp_path: Path) -> None:
    own, others = tmp_path / "responses", tmp_path / "imported"
    write(own, response("both", from_="own"), response("again", "failed"), response("lost", "failed"))
    write(others / "a", response("both", from_="a"), response("again", from_="a"), response("of a"))
    write(others / "b", response("of b"), response("lost", "failed"))
    write(tmp_path / "elsewhere", response("elsewhere"))
    found = read(own, "both", "again", "lost", "of a", "of b", "elsewhere")
    assert {key: one.get("from_", one["status"]) for key, one in found.items()} == {
        "both": "own",
        "again": "a",
        "lost": "failed",
        "of a": "ok",
        "of b": "ok",
    }
    assert ResponseStore(own).find(["again", "lost"])[1] == {"lost"}


def test_imported_responses_alone_are_a_store(tmp_path: Path) -> None:
    write(tmp_path / "imported" / "a", response("k", status="ok"))
    assert set(read(tmp_path / "responses", "k")) == {"k"}
    assert not (tmp_path / "responses").exists()


def test_imported_segments_are_only_read(tmp_path: Path) -> None:
    theirs = tmp_path / "imported" / "a"
    write(theirs, response("theirs"))
    dead = theirs / "journals" / "dead.journal"
    dead.write_bytes(b"another study's")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    write(tmp_path / "responses", response("own"))
    assert ResponseStore(tmp_path / "responses").recover() == 0
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before
    assert len(segments(tmp_path / "responses")) == 1


def test_a_segment_that_both_have_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "responses", response("k"))
    shutil.copytree(tmp_path / "responses", tmp_path / "imported" / "a")
    where, _ = ResponseStore(tmp_path / "responses").find(["k"])
    shutil.rmtree(tmp_path / "responses")
    # Its name is its content: where it lies does not matter.
    assert [one["key"] for one in ResponseStore(tmp_path / "responses").read(where)] == ["k"]


def test_a_changed_imported_segment_is_named(tmp_path: Path) -> None:
    write(tmp_path / "imported" / "a", response("k"))
    [segment] = segments(tmp_path / "imported" / "a")
    segment.write_bytes(segment.read_bytes().replace(b"ok", b"no"))
    with pytest.raises(StudyError, match=r"was changed after .*dvc checkout .*imported/a'"):
        read(tmp_path / "responses", "k")

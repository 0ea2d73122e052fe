"""Whatever stops a coding job: nothing is lost, nothing is asked twice, and no row is wrong."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import study
from library.coding_jobs import TONE, instrument
from library.embedded import MODEL, model_file
from study.digest import text_sha256
from study.llm.model import read_card
from study.store import ResponseStore

pytestmark = pytest.mark.slow

TEXTS = 48
KILLS = 25
ASKED = {"llm": {"which": "all", "repeats": 1, "designs": {}, "references": {}}}

# The real program, which writes down each key before the model is asked. Jobs that are to run side by side
# wait before their first text for each other's list (WAIT_FOR).
CODE = """
import os, resource, sys, time
from study.job import run
from study.llm import coding

if "FILE_SIZE" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_SIZE"]),) * 2)
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
code = coding.code

def code_and_log(engine, task, request):
    os.write(log, f"{request.key}\\n".encode("ascii"))
    while "WAIT_FOR" in os.environ and not os.path.getsize(os.environ["WAIT_FOR"]):
        time.sleep(0.01)
    return code(engine, task, request)

coding.code = code_and_log
run(coding.main, sys.argv[2:])
"""


def instrument_json() -> str:
    return instrument(read_card(model_file(), "smollm2", None)).to_json()


class Study:
    """A study's folder, and its programs as the rules call them."""

    def __init__(self, root: Path, texts: Iterable[int], store: Path | None = None) -> None:
        self.root, self.store = root, store or root / "responses"
        self.index, self.model = root / "index.csv", MODEL
        self.log, self.codings = root / "asked.log", root / "codings.parquet"
        root.mkdir(parents=True)
        self.log.touch()
        (root / "tone.json").write_text(instrument_json(), encoding="utf-8")
        (root / "sample.csv").write_text("unit_id,stratum\n", encoding="utf-8")
        self.write(texts)

    def write(self, texts: Iterable[int]) -> None:
        numbers = list(texts)
        table = {"unit_id": [f"u{n:02d}" for n in numbers], "text": [f"It was day {n}." for n in numbers]}
        table["text_sha256"] = [text_sha256(text) for text in table["text"]]
        pd.DataFrame(table).to_parquet(self.root / "units.parquet")

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Begin to code."""
        return self._begin(
            [sys.executable, "-c", CODE, str(self.log)],
            {
                "units": self.root / "units.parquet",
                "sample": self.root / "sample.csv",
                "instruments": self.root / "tone.json",
                "model": self.model,
                "asked": ASKED,
                "threads": 1,
                "shard": 0,
                "shards": 1,
                "store": self.store,
                "index": self.index,
            },
            environment,
        )

    def code(self, **environment: str) -> tuple[int, str]:
        """Code; return the exit status and what was said."""
        return ended(self.start(**environment))

    def tabulate(self) -> tuple[int, str]:
        """Make the coding table; return the exit status and what was said."""
        return ended(
            self._begin(
                [sys.executable, "-m", "study.codings"],
                {
                    "units": self.root / "units.parquet",
                    "sample": self.root / "sample.csv",
                    "instruments": self.root / "tone.json",
                    "codebooks": [TONE],
                    "indexes": self.index,
                    "asked": ASKED,
                    "store": self.store,
                    "codings": self.codings,
                },
                {},
            )
        )

    def asked(self) -> list[str]:
        """Return the keys that the model was asked, in that order, by all jobs so far."""
        return self.log.read_text(encoding="ascii").split()

    def responses(self) -> dict[str, str]:
        """Return {key: response in JSON} of what the index names; equal JSON is equal bit by bit."""
        with self.index.open(encoding="ascii", newline="") as rows:
            where = {row["key"]: row["segment"] for row in csv.DictReader(rows)}
        found = ResponseStore(self.store).read(where)
        return {one["key"]: json.dumps(one, sort_keys=True) for one in found}

    def segments(self) -> list[Path]:
        return sorted((self.store / "segments").glob("*"))

    def _begin(
        self, words: list[str], arguments: dict[str, Any], environment: dict[str, str]
    ) -> subprocess.Popen[str]:
        for name, value in arguments.items():
            words += [f"--{name}", json.dumps(value) if isinstance(value, dict | list) else str(value)]
        source = str(Path(study.__file__).parents[1])
        return subprocess.Popen(
            words,
            env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", **environment},
            stderr=subprocess.PIPE,
            text=True,
        )


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    with job:
        said = job.communicate(timeout=120)[1]
    return job.returncode, said


def refused(result: tuple[int, str], words: str) -> None:
    """Check that a program stopped with one paragraph that says what is wrong."""
    status, said = result
    assert status == 1, said
    assert "Traceback" not in said
    [error] = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert said.endswith(f"{error}\n")
    assert words in error


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the responses to all texts of a job that nothing stopped."""
    here = Study(tmp_path_factory.mktemp("undisturbed") / "study", range(TEXTS))
    status, said = here.code()
    assert status == 0, said
    assert len(here.asked()) == TEXTS
    return here.responses()


def killed_at_random(here: Study, rng: random.Random) -> int:
    """Code and kill -9 the job somewhere: while it starts, asks, writes or ends; return its exit status."""
    before = len(here.asked())
    texts = rng.randrange(8)
    pause = rng.uniform(0, 0.2) if texts else rng.uniform(0, 2)
    with here.start() as job:
        while job.poll() is None and len(here.asked()) < before + texts:
            time.sleep(0.001)
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.wait(pause)
        job.kill()
        job.communicate()
    return job.returncode


def test_25_times_kill_9(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    rng = random.Random(25)
    kills = 0
    for n in itertools.count():
        here = Study(tmp_path / str(n), range(TEXTS))
        in_flight: list[str] = []
        status = None
        while status != 0 and kills < KILLS:
            before = len(here.asked())
            status = killed_at_random(here, rng)
            assert status in (0, -signal.SIGKILL)
            if status != 0:
                kills += 1
                in_flight += here.asked()[before:][-1:]
        if status != 0:
            status, said = here.code()
            assert status == 0, said
        assert here.responses() == undisturbed
        assert not Counter(here.asked()) - Counter([*undisturbed, *in_flight])
        assert list((here.store / "journals").iterdir()) == []
        if kills == KILLS:
            break


def test_two_jobs_at_once_on_one_store(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    store = tmp_path / "responses"
    ann = Study(tmp_path / "ann", range(12), store)
    bob = Study(tmp_path / "bob", range(6, 18), store)
    jobs = [ann.start(WAIT_FOR=str(bob.log)), bob.start(WAIT_FOR=str(ann.log))]
    for status, said in map(ended, jobs):
        assert status == 0, said
    for here in (ann, bob):
        # Neither saw what the other was about to write: each asked all of its own.
        assert len(here.asked()) == 12
        assert set(here.asked()) == set(here.responses())
        assert here.responses().items() <= undisturbed.items()
    both = set(ann.responses()) | set(bob.responses())
    assert len(both) == 18
    assert set(ResponseStore(store).find(undisturbed)[0]) == both
    assert len(ann.segments()) == 2

    united = Study(tmp_path / "united", range(18), store)
    assert united.code() == (0, "All 18 responses are in the store; the model was asked 0 times.\n")
    assert set(united.responses()) == both
    assert united.responses().items() <= undisturbed.items()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Callable[[int], dict[str, str]], Callable[[], None]]]:
    """Make a folder on a disk that can be filled.

    Yields what fills it but for some bytes, and returns the environment in which programs notice it; and what
    makes room. Without the right to mount a disk, programs are forbidden files longer than a third of that.
    """
    folder.mkdir(parents=True)
    filler, page = folder / "filler", 4096
    can_mount = os.geteuid() == 0 and shutil.which("mount") and resource.getpagesize() == page
    mount = ["mount", "-t", "tmpfs", "-o", f"size={64 * page}", "none", str(folder)]
    if not can_mount or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        yield lambda left: {"FILE_SIZE": str(left // 3)}, lambda: None
        return

    def fill(left: int) -> dict[str, str]:
        free = os.statvfs(folder).f_bavail - left // page
        filler.write_bytes(bytes(free * page))
        return {}

    try:
        yield fill, filler.unlink
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_while_responses_are_written(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    with small_disk(tmp_path / "disk") as (fill, make_room):
        here = Study(tmp_path / "study", range(TEXTS), tmp_path / "disk/responses")
        full = fill(12_288)
        in_flight = []
        for _ in range(2):  # a disk that is still full is no new trouble
            refused(here.code(**full), "Responses could not be written to disk.")
            in_flight.append(here.asked()[-1])
            assert 10 < len(here.asked()) < TEXTS
            assert not here.index.exists()
        make_room()
        status, said = here.code()
        assert status == 0, said
        assert here.responses() == undisturbed
        assert not Counter(here.asked()) - Counter([*undisturbed, *in_flight])
        assert list((here.store / "journals").iterdir()) == []


def test_a_disk_that_is_full_while_the_index_is_written(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    here = Study(tmp_path / "study", range(18))
    assert here.code()[0] == 0
    with small_disk(tmp_path / "disk") as (fill, make_room):
        here.index = tmp_path / "disk/index.csv"
        refused(here.code(**fill(1_024)), "The index of the responses could not be written.")
        assert not here.index.exists()
        make_room()
        status, said = here.code()
        assert status == 0, said
        assert len(here.responses()) == 18
        assert here.responses().items() <= undisturbed.items()
    assert len(here.asked()) == 18


def remove(model: Path) -> None:
    model.unlink()


def exchange(model: Path) -> None:
    """Change a weight, and nothing that a look at the folder shows: the model loads and answers."""
    real = model.resolve()
    model.unlink()
    shutil.copyfile(real, model)
    with model.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1000, os.SEEK_END)
        file.write(bytes([byte ^ 0x40]))
    os.utime(model, ns=(real.stat().st_atime_ns, real.stat().st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove, "Texts are to be coded, but the model is not installed here."),
        (exchange, "are not those of this study's instruments"),
    ],
)
def test_the_model_is_not_what_the_instruments_say(
    change: Callable[[Path], None], words: str, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    here = Study(tmp_path / "study", range(2))
    model = tmp_path / "model.gguf"
    model.symlink_to(model_file())
    here.model = {"path": str(model)}
    assert here.code()[0] == 0
    index, segments = here.index.read_bytes(), here.segments()

    here.write(range(4))
    change(model)
    refused(here.code(), words)
    assert len(here.asked()) == 2
    assert (here.index.read_bytes(), here.segments()) == (index, segments)

    model.unlink(missing_ok=True)
    model.symlink_to(model_file())
    status, said = here.code()
    assert status == 0, said
    assert len(here.asked()) == 4
    assert len(here.responses()) == 4
    assert here.responses().items() <= undisturbed.items()


def less_probable(segment: bytes) -> bytes:
    """Edit one log-probability."""
    edited, found = re.subn(rb'("log_p":\[+-)', rb"\g<1>1", segment, count=1)
    assert found == 1
    return edited


def test_a_log_probability_that_was_edited_by_hand(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    here = Study(tmp_path / "study", range(3))
    assert here.code()[0] == 0
    index = here.index.read_bytes()
    [segment] = here.segments()
    content = segment.read_bytes()
    segment.write_bytes(less_probable(content))
    for program in (here.code, here.tabulate):
        refused(program(), f"{segment}: This segment of responses was changed after it was written")
    here.write(range(4))
    refused(here.code(), "changed after it was written")
    assert here.index.read_bytes() == index
    assert not here.codings.exists()
    assert len(here.asked()) == 3

    segment.write_bytes(content)
    for program in (here.code, here.tabulate):
        status, said = program()
        assert status == 0, said
    assert len(here.asked()) == 4
    assert here.responses().items() <= undisturbed.items()
    table = pd.read_parquet(here.codings)
    assert list(table["unit_id"]) == ["u00", "u01", "u02", "u03"]
    assert table["p_good"].notna().all()


def test_an_edited_segment_under_the_name_that_fits_it(tmp_path: Path) -> None:
    here = Study(tmp_path / "study", range(2))
    assert here.code()[0] == 0
    [segment] = here.segments()
    edited = less_probable(segment.read_bytes())
    segment.unlink()
    with ResponseStore(here.store).write() as journal:
        for line in edited.splitlines():
            journal.add(json.loads(line))
    assert segment not in here.segments()
    refused(here.tabulate(), f"{segment}: Responses that the study has recorded are not here.")
    assert not here.codings.exists()

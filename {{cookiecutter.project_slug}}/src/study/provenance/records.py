"""Snakemake's records of jobs, kept in git: a clone knows what was made of what, with which settings.

Snakemake keeps a record of each output in `.snakemake/metadata` and compares it with what the rules say now.
These records are lost in a clone, and lie after a `git checkout`. So each successful run writes them to
`provenance/`, one file a job, with the sha256 of every input and output. When Snakemake starts, `restore`
gives it the record that fits the file on disk. An output that no record fits, or whose inputs have other
contents than its record says, is dated back: whatever the times of the files, which mean nothing in a clone,
Snakemake then finds it older than its inputs and compares their contents.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from study.provenance.hashes import Hashes
from study.provenance.pointers import TRACKED, files_below

PROVENANCE = Path("provenance")
LONG_AGO = 315_619_200
"""1980-01-02 in seconds since 1970: what an output is dated back to (zip files know nothing earlier)."""

_SNAKEMAKE = Path(".snakemake")
_METADATA, _INCOMPLETE, _LOCKS = (_SNAKEMAKE / name for name in ("metadata", "incomplete", "locks"))
_DIGEST = "checksum"


@dataclass(frozen=True)
class Job:
    """What one job was made of.

    Attributes
    ----------
    name
        Unique: the name of its log without folder and ending, such as 'ask/smollm2-135m.0-of-1'.
    rule
        Of Snakemake.
    outputs, inputs
        {path in the study: sha256}. An input that Snakemake takes no checksum of, as it is too large, has ''.
    params
        The settings, as Snakemake writes them.
    code, command
        The rule's shell command before and after the names are filled in.
    log
        Files.
    started, ended
        Seconds since 1970.
    software
        Snakemake's hash of the rule's software environment.
    format
        The version of Snakemake's records.
    """

    name: str
    rule: str
    outputs: dict[str, str]
    inputs: dict[str, str]
    params: list[str]
    code: str | None
    command: str | None
    log: list[str]
    started: float
    ended: float
    software: str
    format: int

    def same_work(self, other: Job) -> bool:
        """Whether two jobs made the same of the same, at whatever time."""
        return self._work() == other._work()

    def _work(self) -> dict[str, Any]:
        work = asdict(self)
        del work["started"], work["ended"]
        return work


def jobs(root: Path) -> list[Job]:
    """Return the jobs that `provenance/` records, by name; records that were changed by hand are left out."""
    found = (_read(root, path) for path in sorted((root / PROVENANCE).rglob("*.json")))
    return sorted((job for job in found if job is not None), key=lambda job: job.name)


def export(root: Path, hashes: Hashes, withheld: Collection[str] = ()) -> bool:
    """Write what Snakemake recorded to `provenance/`; return whether anything in it has changed.

    A job that did again what is recorded leaves its record alone. Records whose outputs are gone go too, but
    for outputs that were never here: those `withheld`, and those in a folder of which nothing is here.
    """
    before = {job.name: job for job in jobs(root)}
    made: dict[str, Job] = {}
    for output, record in _own(root):
        if not _fits_time(root / output, record):
            continue
        digest = hashes.sha256(output)
        if digest is not None:
            job = _job(output, digest, record)
            same = made.get(job.name)
            made[job.name] = _with_outputs(job, {**same.outputs, **job.outputs}) if same else job
    empty = tuple(f"{folder}/" for folder in TRACKED if next(files_below(root / folder), None) is None)
    changed = False
    for name in sorted({*before, *made}):
        old, new = before.get(name), made.get(name)
        elsewhere = {
            output: digest
            for output, digest in (old.outputs if old else {}).items()
            if not (root / output).is_file() and (output in withheld or output.startswith(empty))
        }
        if new is None and old is not None:
            if not elsewhere and not any((root / output).is_file() for output in old.outputs):
                _file(root, name).unlink()
                changed = True
        elif new is not None:
            new = _with_outputs(new, {**elsewhere, **new.outputs})
            if old is None or not old.same_work(new):
                _write(root, new)
                changed = True
    return changed


def restore(root: Path, hashes: Hashes, made: Sequence[re.Pattern[str]]) -> list[str]:
    """Give Snakemake the record that fits each output on disk; return the outputs that none fits.

    Parameters
    ----------
    root
        The study.
    hashes
        Of its files.
    made
        What the paths of the files that rules make look like.
    """
    if any((root / _LOCKS).glob("*")):
        return []  # another run is at work on these files
    (root / _INCOMPLETE).mkdir(
        parents=True, exist_ok=True
    )  # else Snakemake takes the records for an old format
    recorded = {(output, digest): job for job in jobs(root) for output, digest in job.outputs.items()}
    own = dict(_own(root))
    unknown: list[str] = []
    for output in _outputs_on_disk(root, made, {output for output, _ in recorded} | set(own)):
        if _record_path(root / _INCOMPLETE, output).is_file():
            continue  # Snakemake makes it again
        path = root / output
        digest = hashes.sha256(output) or ""
        kept = recorded.get((output, digest))
        candidates = []
        if kept is not None:
            candidates.append(_record(kept, path))
        if output in own and _fits_time(path, own[output]):
            candidates.append(own[output])
        # Both are true. Git's goes with the settings in git; a run that was cut short left only the other.
        current = [record for record in candidates if _is_current(record, hashes)]
        best = next(iter(current or candidates), None)
        if best is None:
            unknown.append(output)
            _record_path(root / _METADATA, output).unlink(missing_ok=True)
        elif best != own.get(output):
            _put(_record_path(root / _METADATA, output), best)
        if not current and path.stat().st_mtime != LONG_AGO:
            os.utime(path, (LONG_AGO, LONG_AGO))
    return sorted(unknown)


def left_over(root: Path, made: Collection[str]) -> list[str]:
    """Return the recorded outputs on disk that the study no longer makes: a coder that was taken out, say.

    Parameters
    ----------
    root
        The study.
    made
        Every output of a whole run.
    """
    recorded = {output for job in jobs(root) for output in job.outputs}
    return sorted(output for output in recorded - set(made) if (root / output).is_file())


def _is_current(record: Mapping[str, Any], hashes: Hashes) -> bool:
    """Whether every input has the content that the record says; a missing one is Snakemake's matter."""
    sums = record["input_checksums"] or {}
    return all(hashes.sha256(path) in (None, _sha256(checksum)) for path, checksum in sums.items())


def _outputs_on_disk(root: Path, made: Sequence[re.Pattern[str]], known: Iterable[str]) -> list[str]:
    """Return the files that a rule makes or that a record names."""
    found = {path for path in known if (root / path).is_file()}
    for folder in TRACKED:
        paths = (f"{folder}/{name}" for name in files_below(root / folder))
        found |= {path for path in paths if any(pattern.match(path) for pattern in made)}
    return sorted(found)


def _fits_time(path: Path, record: Mapping[str, Any]) -> bool:
    """Whether Snakemake's own record is about the file on disk: it keeps the file's time, and no hash."""
    try:
        return bool(path.stat().st_mtime == record["endtime"])
    except OSError:
        return False


def _job(output: str, digest: str, record: Mapping[str, Any]) -> Job:
    logs = list(record["log"] or [])
    name = logs[0] if logs else output
    sums = record["input_checksums"] or {}
    return Job(
        name=re.sub(r"^logs/|\.log$", "", name),
        rule=record["rule"],
        outputs={output: digest},
        inputs={path: _sha256(sums.get(path, "")) for path in record["input"] or []},
        params=list(record["params"] or []),
        code=record["code"],
        command=record["shellcmd"],
        log=logs,
        started=record["starttime"],
        ended=record["endtime"],
        software=record["software_stack_hash"],
        format=record["record_format_version"],
    )


def _with_outputs(job: Job, outputs: dict[str, str]) -> Job:
    return Job(**asdict(job) | {"outputs": dict(sorted(outputs.items()))})


def _record(job: Job, path: Path) -> dict[str, Any]:
    """Return Snakemake's record of one output of a job; its time is that of the file here."""
    return {
        "rule": job.rule,
        "input": sorted(job.inputs),
        "log": job.log,
        "shellcmd": job.command,
        "params": job.params,
        "code": job.code,
        "record_format_version": job.format,
        "conda_env": None,
        "container_img_url": None,
        "software_stack_hash": job.software,
        "job_hash": None,
        "starttime": job.started,
        "endtime": path.stat().st_mtime,
        "incomplete": False,
        "external_jobid": None,
        "input_checksums": {path: f"sha256:{digest}" for path, digest in job.inputs.items() if digest},
    }


def _sha256(checksum: str) -> str:
    return checksum.removeprefix("sha256:")


def _own(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield Snakemake's own records here, by output."""
    folder = root / _METADATA
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file():
            continue
        # Long names are cut into folders whose names begin with '@'.
        encoded = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
        try:
            output = base64.urlsafe_b64decode(encoded).decode("utf-8")
            record = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue  # half-written
        if isinstance(record, dict) and record.get("rule") and not record.get("incomplete"):
            yield output, record


def _record_path(folder: Path, output: str) -> Path:
    """Return where Snakemake keeps what it knows of an output."""
    encoded = base64.urlsafe_b64encode(output.encode()).decode()
    length = (os.pathconf(folder if folder.exists() else ".", "PC_NAME_MAX") or 255) - 1
    parts = [encoded[i : i + length] for i in range(0, len(encoded), length)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def _put(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def _file(root: Path, name: str) -> Path:
    return root / PROVENANCE / f"{name}.json"


def _write(root: Path, job: Job) -> None:
    path = _file(root, job.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = asdict(job)
    text = json.dumps({**body, _DIGEST: _checksum(body)}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read(root: Path, path: Path) -> Job | None:
    """Read a record; None where it was changed, as by a merge that mixed two, or leads out of the study."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        checksum = body.pop(_DIGEST)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    if checksum != _checksum(body) or set(body) != {field.name for field in fields(Job)}:
        return None
    inside = all(
        not PurePosixPath(path).is_absolute() and ".." not in path.split("/") for path in body["outputs"]
    )
    return Job(**body) if inside and path == _file(root, body["name"]) else None


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

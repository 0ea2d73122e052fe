"""A study as an RO-Crate: who made it, under which licences, and which job made which file of which others.

The profile is Provenance Run Crate 0.5 (Leo et al. 2024, doi 10.1371/journal.pone.0309210), on RO-Crate 1.1:
a `CreateAction` for each job, with the sha256 of what went in and came out. Only what the study records is
said: nothing here asks the clock or the machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import yaml

from study.provenance.records import PROVENANCE, Job

METADATA = "ro-crate-metadata.json"
WORKFLOW = "workflow/Snakefile"
CARDS, SCRIPTS = Path("data/responses/models"), "src/"

CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
CONTEXT = [
    f"{CRATE}/context",
    # The one term of the profile's own vocabulary that is used here.
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
MANUAL = "https://snakemake.readthedocs.io"
DONE = "http://schema.org/CompletedActionStatus"

FORMATS = {
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json",
    ".jsonl": "application/jsonl", ".yaml": "application/yaml", ".md": "text/markdown",
    ".html": "text/html", ".css": "text/css", ".txt": "text/plain", ".rst": "text/x-rst",
    ".py": "text/x-python", ".pdf": "application/pdf", ".png": "image/png", ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet", ".cff": "application/yaml", ".toml": "application/toml",
}  # fmt: skip

_LICENCES = (
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only",
    "GPL-3.0-or-later", "LGPL-3.0-or-later", "AGPL-3.0-or-later", "MPL-2.0", "EUPL-1.2", "CC0-1.0",
    "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "Unlicense", "LLAMA2",
)  # fmt: skip
"""SPDX identifiers; model files spell them in lower-case letters."""
SPDX = {licence.casefold(): licence for licence in _LICENCES}

Entity = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What is known of a file.

    Attributes
    ----------
    sha256, size
        The size in bytes.
    reason
        Why it is not in the crate, as a sentence; empty where it is.
    """

    sha256: str
    size: int
    reason: str = ""

    @classmethod
    def of(cls, data: bytes) -> Content:
        """Describe what is not on disk."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


@dataclass(frozen=True)
class Licences:
    """Under which licences code, data and texts are: SPDX identifiers or words, None where there is none."""

    code: str | None
    data: str | None
    texts: str | None


def licences(root: Path, study: Mapping[str, Any]) -> Licences:
    """Read which licences were chosen: of the code in CITATION.cff, of data in LICENSE-data, of texts in
    the configuration."""
    try:
        code = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8")).get("license")
    except (OSError, yaml.YAMLError, AttributeError):
        code = None
    try:
        words = re.findall(r"\(([\w.+-]+)\)", (root / "LICENSE-data").read_text(encoding="utf-8"))
    except OSError:
        words = []
    data = next((SPDX[word.casefold()] for word in words if word.casefold() in SPDX), None)
    return Licences(code, data, study["corpus"]["licence"])


def cards(root: Path) -> list[dict[str, Any]]:
    """Return the cards of the models that were asked (`study.llm.model`, `study.server.card`), by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((root / CARDS).glob("*.json"))]


def packages(root: Path) -> dict[str, str]:
    """Return {package: version} of what the study asks for itself, from its lock with language models."""
    asked = set()
    for name in ("requirements.in", "requirements-llm.in"):
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8").splitlines()
            asked |= {match[0].casefold() for line in lines if (match := re.match(r"[A-Za-z0-9._-]+", line))}
    for name in ("requirements-llm.lock", "requirements.lock"):
        if (root / name).is_file():
            lock = (root / name).read_text(encoding="utf-8")
            pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock, re.MULTILINE)
            return {package: version for package, version in pins if package.casefold() in asked}
    return {}


def describe(
    study: Mapping[str, Any],
    jobs: Sequence[Job],
    files: Mapping[str, Content],
    *,
    chosen: Licences,
    models: Sequence[Mapping[str, Any]],
    versions: Mapping[str, str],
    origins: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the crate's metadata.

    Parameters
    ----------
    study
        The configuration: title, question, authors.
    jobs
        Those that the study records, at least one.
    files
        Every file of the crate, and those that are kept back, by path.
    chosen, models, versions
        As `licences`, `cards` and `packages` return them.
    origins
        What was imported from other studies, as `study.imported.origins` returns it.
    """
    in_order = sorted(jobs, key=lambda job: (job.started, job.name))
    return _Crate(study, in_order, files, chosen, models, versions, origins).build()


def to_json(metadata: Mapping[str, Any]) -> bytes:
    """Return the content of `ro-crate-metadata.json`."""
    return (json.dumps(metadata, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


@dataclass
class _Crate:
    """The entities, each under its id; the fields are what `describe` is given."""

    study: Mapping[str, Any]
    jobs: Sequence[Job]
    files: Mapping[str, Content]
    chosen: Licences
    models: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    origins: Sequence[Mapping[str, str]]
    entities: dict[str, Entity] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)

    def build(self) -> dict[str, Any]:
        authors = [self._author(number, author) for number, author in enumerate(self.study["authors"], 1)]
        self.programs = {_program(job) for job in self.jobs}
        for path in sorted(self.files):
            self._file(path)
        for model in self.models:
            self._model(model)
        steps = self._steps()
        self._workflow(steps, authors)
        actions = self._run(steps, authors)
        self._root(authors, actions)
        return {"@context": CONTEXT, "@graph": list(self.entities.values())}

    def _add(self, at: str, kind: str | list[str], **properties: Any) -> Entity:
        """Keep an entity without what is not known, and return a reference to it."""
        known = {key: _single(value) for key, value in properties.items() if value not in (None, "", [])}
        self.entities.setdefault(at, {"@id": at, "@type": kind, **known})
        return {"@id": at}

    def _root(self, authors: list[Entity], actions: list[Entity]) -> None:
        profiles = [
            self._add(address, "CreativeWork", name=name, version=version)
            for address, (name, version) in PROFILES.items()
        ]
        chosen = [self._licence("LICENSE"), self._licence("LICENSE-data")]
        if chosen[0] == chosen[1]:
            del chosen[1]
        descriptor = {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": CRATE}, {"@id": WORKFLOW_CRATE}],
        }
        root = {
            "@id": "./",
            "@type": "Dataset",
            "name": self.study["title"],
            "description": self.study["question"],
            "datePublished": _day(max(job.ended for job in self.jobs)),
            "license": _single(chosen),
            "author": _single(authors),
            "conformsTo": profiles,
            "mainEntity": {"@id": WORKFLOW},
            "hasPart": [{"@id": _id(path)} for path in sorted(self.files) if not self.files[path].reason],
            "mentions": actions,
        }
        if not authors:
            del root["author"]
        if self.origins:
            root["isBasedOn"] = [self._origin(number, one) for number, one in enumerate(self.origins, 1)]
        self.entities = {METADATA: descriptor, "./": root, **self.entities}

    def _origin(self, number: int, origin: Mapping[str, str]) -> Entity:
        name = f"{origin['source']} of another study, in {origin['path']}"
        url, version = origin["url"], origin["revision"]
        return self._add(f"#import-{number}", "Dataset", name=name, url=url, version=version)

    def _author(self, number: int, author: Mapping[str, Any]) -> Entity:
        orcid = f"https://orcid.org/{author['orcid']}" if author.get("orcid") else f"#author-{number}"
        return self._add(orcid, "Person", name=author["name"], email=author.get("email"))

    def _licence(self, of: str) -> Entity:
        """Return the licence of code (LICENSE), data (LICENSE-data) or texts ('texts')."""
        name = {"LICENSE": self.chosen.code, "LICENSE-data": self.chosen.data, "texts": self.chosen.texts}[of]
        if name is None and of == "texts":
            return self._add(
                "#licence-of-the-texts", "CreativeWork", name="The licence of the texts is not stated"
            )
        if name is None:
            return {"@id": of}  # the file says that all rights are reserved
        return self._named_licence(name)

    def _named_licence(self, name: str) -> Entity:
        spdx = SPDX.get(name.casefold())
        if spdx:
            address = f"https://spdx.org/licenses/{spdx}"
            return self._add(address, "CreativeWork", name=spdx, description=f"The licence {spdx}")
        return self._add(f"#licence-{quote(name, safe='')}", "CreativeWork", name=name, description=name)

    def _file(self, path: str) -> Entity:
        content = self.files[path]
        known = {"name": path, "sha256": content.sha256, "contentSize": str(content.size)}
        if content.reason:
            return self._add(_absent(path), "CreativeWork", **known, description=content.reason)
        suffix = PurePosixPath(path).suffix
        kind: str | list[str] = "File"
        if path == WORKFLOW:
            return {"@id": WORKFLOW}
        if path in self.programs:
            kind = ["File", "SoftwareSourceCode"]
            known["programmingLanguage"] = self._add(  # type: ignore[assignment]
                "https://www.python.org/", "ComputerLanguage", name="Python", url="https://www.python.org/"
            )
        texts = path.startswith("data/corpus/")
        licence = self._licence(
            "texts" if texts else "LICENSE-data" if path.startswith(("data/", "results/")) else "LICENSE"
        )
        if path in ("LICENSE", "LICENSE-data"):
            return self._add(
                path,
                ["File", "CreativeWork"],
                **known,
                description=f"The licence of {'data and text' if path == 'LICENSE-data' else 'the code'}",
                encodingFormat="text/plain",
            )
        return self._add(
            _id(path),
            kind,
            **known,
            encodingFormat=FORMATS.get(
                suffix, "text/plain" if "." not in path else "application/octet-stream"
            ),
            license=licence,
            about={"@id": "./"} if path == "README.md" else None,
        )

    def _model(self, card: Mapping[str, Any]) -> Entity:
        """Describe the weights that were asked, and those that they were made of; or the server."""
        if server := card.get("server"):
            return self._server(card, server)
        source = card.get("source") or {}
        origin = None
        quantised = card.get("quantisation")
        if quantised and source:
            origin = self._add(
                f"#weights-{source['sha256']}",
                "CreativeWork",
                name=source["file"],
                sha256=source["sha256"],
                contentSize=str(source["size"]),
                license=self._named_licence(card["licence"]) if card.get("licence") else None,
            )
        engine = ", ".join(f"{name} {version}" for name, version in sorted(card["engine"].items()))
        made = f", made by llama.cpp from {source['file']}" if origin else ""
        if card.get("sparsity"):
            made += f" with the smallest {card['sparsity']:.0%} of the weights set to zero"
        return self._add(
            _model_id(card["name"]),
            "CreativeWork",
            name=card.get("title") or card["name"],
            alternateName=card["name"],
            description=f"Weights of a language model ({card.get('file_type') or 'GGUF'}{made}), run by"
            f" {engine}. They are not in this archive: the sha256 identifies them.",
            sha256=card["sha256"],
            contentSize=str(card["size"]),
            license=self._named_licence(card["licence"]) if card.get("licence") else None,
            isBasedOn=origin,
        )

    def _server(self, card: Mapping[str, Any], server: Mapping[str, Any]) -> Entity:
        """Describe a model behind a server: a service, of which no file is known."""
        said = card["reported"]
        fingerprint = said["system_fingerprint"]
        version = ", ".join(
            filter(
                None, [said["model"], fingerprint and f"fingerprint {fingerprint}", f"as of {said['date']}"]
            )
        )
        return self._add(
            _model_id(card["name"]),
            ["SoftwareApplication", "WebAPI"],
            name=server["model"],
            alternateName=card["name"],
            description=f"A language model behind a server, asked on {said['date']} for the first time. No"
            " hash of its weights is known, and it may change under its name: softwareVersion is what the"
            " server said of itself.",
            url=server["url"],
            softwareVersion=version,
        )

    def _steps(self) -> dict[str, tuple[Entity, Entity]]:
        """Return {rule: (its step, its program)}, in the order in which rules began."""
        found: dict[str, tuple[Entity, Entity]] = {}
        for job in self.jobs:
            if job.rule in found:
                continue
            path = _program(job)
            if path in self.files and not self.files[path].reason:
                program = {"@id": _id(path)}
            else:
                program = self._add(f"#program-{quote(job.rule)}", "SoftwareApplication", name=job.rule)
            step = self._add(
                f"{WORKFLOW}#{quote(job.rule)}",
                "HowToStep",
                name=f"Rule {job.rule}",
                position=str(len(found) + 1),
                workExample=program,
            )
            found[job.rule] = step, program
        return found

    def _workflow(self, steps: Mapping[str, tuple[Entity, Entity]], authors: list[Entity]) -> None:
        content = self.files[WORKFLOW]
        version = self.versions.get("snakemake")
        self._add(BIOSCHEMAS, "CreativeWork", name="Bioschemas ComputationalWorkflow", version="1.0-RELEASE")
        language = self._add(
            "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
            "ComputerLanguage",
            name="Snakemake",
            version=version,
            identifier=MANUAL,
            url=MANUAL,
        )
        programs = {program["@id"]: program for _, program in steps.values()}
        self._add(
            WORKFLOW,
            ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            name=f"The workflow of {self.study['title']}",
            description="From the texts to the report, in Snakemake",
            sha256=content.sha256,
            contentSize=str(content.size),
            encodingFormat="text/plain",
            programmingLanguage=language,
            conformsTo={"@id": BIOSCHEMAS},
            license=self._licence("LICENSE"),
            author=authors,
            hasPart=[programs[name] for name in sorted(programs)],
            step=[step for step, _ in steps.values()],
            softwareRequirements=[self._package(package) for package in sorted(self.versions)],
        )

    def _run(self, steps: Mapping[str, tuple[Entity, Entity]], authors: list[Entity]) -> list[Entity]:
        """Add the run of the workflow and of each job; return references to all actions."""
        jobs, controls = [], []
        for job in self.jobs:
            step, program = steps[job.rule]
            action = self._add(
                f"#job/{quote(job.name)}",
                "CreateAction",
                name=job.name,
                description=f"The rule {job.rule}, which runs {_program(job) or 'a command of its own'}",
                instrument=program,
                agent=authors,
                startTime=_time(job.started),
                endTime=_time(job.ended),
                actionStatus=DONE,
                object=[*self._references(job.inputs), *self._models_of(job)],
                result=self._references(job.outputs),
                subjectOf=self._record(job),
            )
            control = self._add(
                f"#control/{quote(job.name)}",
                "ControlAction",
                name=f"Snakemake runs {job.name}",
                description=f"The step {job.rule} of the workflow, for {job.name}",
                instrument=step,
                object=action,
                actionStatus=DONE,
            )
            jobs.append(action)
            controls.append(control)
        made = {path for job in self.jobs for path in job.outputs}
        given = {path: digest for job in self.jobs for path, digest in job.inputs.items()}
        started, ended = (
            _time(min(job.started for job in self.jobs)),
            _time(max(job.ended for job in self.jobs)),
        )
        run = self._add(
            "#run",
            "CreateAction",
            name=self.study["title"],
            description="All jobs whose results are here, of one or more runs of the workflow",
            instrument={"@id": WORKFLOW},
            agent=authors,
            startTime=started,
            endTime=ended,
            actionStatus=DONE,
            object=self._references({path: given[path] for path in sorted(given.keys() - made)}),
            result=self._references(dict.fromkeys(sorted(made), "")),
        )
        organize = self._add(
            "#organize",
            "OrganizeAction",
            name="Snakemake runs the workflow",
            description="Snakemake orders the jobs",
            instrument=self._package("snakemake"),
            agent=authors,
            startTime=started,
            endTime=ended,
            actionStatus=DONE,
            object=controls,
            result=run,
        )
        return [run, organize, *jobs]

    def _package(self, name: str) -> Entity:
        """Describe a package by its package URL (the standard Ecma-427), which is an address of nothing."""
        version = self.versions.get(name)
        return self._add(
            f"pkg:pypi/{name}@{version}" if version else f"pkg:pypi/{name}",
            "SoftwareApplication",
            name=name,
            softwareVersion=version,
            url=MANUAL if name == "snakemake" else None,
        )

    def _references(self, paths: Mapping[str, str]) -> list[Entity]:
        """Refer to files; one that neither is here nor was kept back is described by what the job says."""
        found = []
        for path, digest in paths.items():
            if path in self.files:
                found.append({"@id": _absent(path) if self.files[path].reason else _id(path)})
            else:
                found.append(self._add(_absent(path), "CreativeWork", name=path, sha256=digest))
        return found

    def _models_of(self, job: Job) -> list[Entity]:
        """Refer to the model that a job has asked."""
        if not _program(job).startswith("src/study/llm/"):
            return []
        asked = re.sub(r"\.\d+-of-\d+$", "", job.name.partition("/")[2])
        return [{"@id": _model_id(card["name"])} for card in self.models if card["name"] == asked]

    def _record(self, job: Job) -> Entity | None:
        path = f"{PROVENANCE.as_posix()}/{job.name}.json"
        return {"@id": _id(path)} if path in self.files else None


def _single(value: Any) -> Any:
    """Return the one value of a list of one, as RO-Crate wants it."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _program(job: Job) -> str:
    """Return the file of the program that a job ran, '' where its command names none."""
    match = re.search(r"python -m ([\w.]+)", job.code or "")
    if not match:
        return ""
    module = f"{SCRIPTS}{match[1].replace('.', '/')}"
    candidates = (f"{module}.py", f"{module}/__main__.py", f"{module}/__init__.py")
    return next((path for path in candidates if path in job.inputs), "")


def _id(path: str) -> str:
    return quote(path)


def _absent(path: str) -> str:
    return f"#withheld/{quote(path)}"


def _model_id(name: str) -> str:
    return f"#model-{quote(name)}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()

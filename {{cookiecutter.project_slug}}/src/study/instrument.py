"""Everything but the text that decides a language model's answer, and its identity.

An instrument is computed from the codebook, the coder's settings and the model's card alone, so that anyone
can compute it without the model. `instrument_id` is the sha256 of its canonical JSON: whatever could change
an answer changes the id, and whatever could not (a label's numeric value, say) does not.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from study import prompt as prompts
from study.codebook import Codebook
from study.errors import StudyError
from study.prompt import Prompt

SCORING_VERSION = 2
"""Raised by us when scoring changes its meaning, so that older responses are not taken for new ones."""

NOT_KEPT = ("chat_template", "special_tokens", "seconds")
"""Parts of a model's card that an instrument leaves out: the rendered prompt holds what they do."""


@dataclass(frozen=True)
class Question:
    """What is asked for one construct.

    Attributes
    ----------
    construct
        What is measured; not part of the identity.
    kind
        'choice' (one of several labels, all of which are scored), 'number' or 'spans' (written by the model).
    prompt
        What the model is shown around the text.
    labels, answers
        The closed set of labels, in the codebook's order, and what the model says for each; the probabilities
        of the answers are those of the labels.
    label_order, listed
        In which orders the labels are offered: `fixed`, `reversed`, `rotation_1` (beginning with the second
        label), `rotation_2` and so on (counted round where there are fewer labels), `rotated` (each rotation)
        or `random` (one for each text, which the seed decides); for each slot of the prompt what it says
        about each label.
    seed
        Of what is left to chance: another one gives other random orders, and draws other answers. 1 where
        nothing is.
    held_back
        How many labels keep their place at the end ('not codable').
    lead, tail
        What stands around a number.
    low, high, decimals
        Between which numbers, and with how many decimals.
    most, none
        How many passages at most, and what is said when there is none.
    rationale, rationale_tokens
        Whether the model gives reasons: `none`, `before` or `after` the answer; in how many tokens at most.
    """

    construct: str
    kind: str
    prompt: Prompt
    labels: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    label_order: str = "fixed"
    seed: int = 1
    listed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    held_back: int = 0
    lead: str = ""
    tail: str = ""
    low: float = 0
    high: float = 0
    decimals: int = 0
    most: int = 0
    none: str = ""
    rationale: str = "none"
    rationale_tokens: int = 0

    def orders(self, text_sha256: str) -> list[tuple[int, ...]]:
        """Return in which orders the labels are offered with one text."""
        n = len(self.labels) - self.held_back
        last = tuple(range(n, len(self.labels)))

        def rotation(first: int) -> tuple[int, ...]:
            return tuple((first + i) % n for i in range(n)) + last

        if self.label_order == "rotated":
            return [rotation(first) for first in range(n)]
        if self.label_order.startswith("rotation_"):
            return [rotation(int(self.label_order.removeprefix("rotation_")))]
        if self.label_order == "reversed":
            return [tuple(reversed(range(n))) + last]
        if self.label_order == "random":

            def place(label: int) -> str:
                return hashlib.sha256(f"{self.seed}|{text_sha256}|{label}".encode()).hexdigest()

            return [tuple(sorted(range(n), key=place)) + last]
        return [tuple(range(len(self.labels)))]

    def prompt_in_order(self, order: Sequence[int]) -> Prompt:
        """Return the prompt that offers the labels in an order."""
        return self.prompt.in_order(self.listed, order)

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the defaults, as plain JSON types, the construct first."""
        record = asdict(self)
        defaults = {each.name: each.default for each in fields(self)}
        kept = {k: v for k, v in record.items() if k == "construct" or v not in (defaults[k], {}, ())}
        kept["prompt"] = {k: v for k, v in record["prompt"].items() if v is not None and v != ""}
        return json.loads(json.dumps(kept))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Question:
        """Read what `to_dict` wrote."""
        known = dict(record)
        known["prompt"] = Prompt(**{"before": "", "after": "", **known["prompt"]})
        for name in ("labels", "answers"):
            known[name] = tuple(known.get(name, ()))
        known["listed"] = {slot: tuple(parts) for slot, parts in known.get("listed", {}).items()}
        return cls(**known)


@dataclass(frozen=True)
class Instrument:
    """One way to ask a model about a text.

    Attributes
    ----------
    name, coder
        The codebook file's name, and the coder's in the configuration; not part of the identity.
    questions
        What is asked, a question a construct; the text is read once for all of them.
    compares
        Whether two texts are compared.
    end_of_turn
        The special token that ends an answer.
    model
        The model's card (`study.llm.model.read_card`, `study.server.card.describe`) without its template: the
        rendered prompt holds what the template does.
    settings
        context, too_long, temperature.
    """

    name: str
    coder: str
    questions: tuple[Question, ...]
    end_of_turn: str
    model: dict[str, Any]
    settings: dict[str, Any]

    @property
    def compares(self) -> bool:
        """Whether two texts are compared."""
        return self.questions[0].prompt.between is not None

    @property
    def constructs(self) -> list[str]:
        """What is measured, in the order of the questions."""
        return [question.construct for question in self.questions]

    def question(self, construct: str) -> Question:
        """Return what is asked for one construct."""
        return self.questions[self.constructs.index(construct)]

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides an answer, and nothing else."""
        asked = [question.to_dict() for question in self.questions]
        for question in asked:
            del question["construct"]
        return {
            "scoring_version": SCORING_VERSION,
            "questions": asked,
            "end_of_turn": self.end_of_turn,
            **self._of_model,
            "settings": self.settings,
        }

    @property
    def _of_model(self) -> dict[str, Any]:
        """What of the model decides an answer: its weights, or what a server says of itself."""
        if "server" in self.model:
            return {"server": self.model["server"], "reported": self.model["reported"]}
        return {"model_sha256": self.model["sha256"], "engine": self.model["engine"]}

    @functools.cached_property
    def instrument_id(self) -> str:
        """sha256 of the identity's canonical JSON."""
        canonical = json.dumps(self.identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", errors="surrogatepass")).hexdigest()

    def to_json(self) -> str:
        """Write the instrument as JSON, its id first."""
        record = {
            "instrument_id": self.instrument_id,
            "name": self.name,
            "coder": self.coder,
            "model": {key: value for key, value in self.model.items() if key not in NOT_KEPT},
            **{key: value for key, value in self.identity.items() if key not in self._of_model},
            "questions": [question.to_dict() for question in self.questions],
        }
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Instrument:
        """Read an instrument, and check that its id is that of its content.

        Raises
        ------
        StudyError
            When the file is no instrument, or was edited.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise _no_instrument(error, path) from error
        return cls.from_record(record, path)

    @classmethod
    def from_record(cls, record: Any, path: Path) -> Instrument:
        """Build an instrument from what `to_json` wrote into a file, and check that its id is right.

        Raises
        ------
        StudyError
            When it is no instrument, or was edited.
        """
        try:
            instrument = cls(
                name=record["name"],
                coder=record["coder"],
                questions=tuple(Question.from_dict(question) for question in record["questions"]),
                end_of_turn=record["end_of_turn"],
                model=record["model"],
                settings=record["settings"],
            )
            instrument_id = instrument.instrument_id
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _no_instrument(error, path) from error
        if instrument_id != record.get("instrument_id"):
            raise StudyError(
                "The instrument's id is not that of its content: the file was edited by hand.",
                file=path,
                found=record.get("instrument_id"),
                allowed=instrument_id,
                hint="Delete the file and run again.",
            )
        return instrument


def _no_instrument(error: Exception, path: Path) -> StudyError:
    return StudyError(
        "This is no instrument.",
        file=path,
        found=f"{type(error).__name__}: {error}",
        hint="Delete the file and run again.",
    )


def build(
    codebooks: Sequence[Codebook],
    coder: str,
    card: dict[str, Any],
    *,
    context: int,
    too_long: str,
    temperature: float = 0,
) -> Instrument:
    """Render the prompts of what is asked together in the model's own chat template.

    Parameters
    ----------
    codebooks
        What to ask, a codebook a construct, all from one file.
    coder
        The coder's name in the configuration.
    card
        The model's card (`study.llm.model.read_card`).
    context
        Tokens that prompt, text and answers may have together.
    too_long
        What happens to a longer text: 'refuse' or 'truncate'.
    temperature
        0 takes the most probable answer; above, answers are drawn with their probabilities to the power of
        1 / temperature.

    Raises
    ------
    StudyError
        When the context is larger than that of the model's training, or the model's chat template cannot be
        applied.
    """
    trained = card["trained_context"]
    if trained and context > trained:
        raise StudyError(
            f"The model '{card['name']}' was trained for {trained} tokens at most.",
            file="config/study.yaml",
            key="coding.context",
            found=context,
            allowed=f"at most {trained}",
        )
    rendered = [prompts.render(codebook, card) for codebook in codebooks]
    return Instrument(
        name=codebooks[0].asked_in,
        coder=coder,
        questions=tuple(
            _question(book, shown, drawn=temperature > 0)
            for book, (shown, _) in zip(codebooks, rendered, strict=True)
        ),
        end_of_turn=rendered[0][1],
        model=card,
        settings={"context": context, "too_long": too_long, "temperature": float(temperature)},
    )


def _question(codebook: Codebook, shown: Prompt, *, drawn: bool) -> Question:
    settings = codebook.prompt
    common: dict[str, Any] = {"rationale": settings["rationale"]}
    if settings["rationale"] != "none":
        common["rationale_tokens"] = settings["rationale_tokens"]
    if drawn or settings["label_order"] == "random":
        common["seed"] = int(settings["seed"])
    if codebook.closed:
        return Question(
            codebook.construct,
            "choice",
            shown,
            labels=tuple(codebook.labels),
            answers=tuple(codebook.answers),
            label_order=settings["label_order"],
            listed={slot: parts for slot, parts in prompts.listed(codebook).items() if shown.has(slot)},
            held_back=0 if codebook.not_codable is None else 1,
            **common,
        )
    if codebook.type == "extract":
        return Question(codebook.construct, "spans", shown, most=codebook.spans, none=codebook.none, **common)
    lead, _, tail = codebook.answer.partition("{label}")
    assert codebook.scale is not None
    low, high = codebook.scale
    return Question(
        codebook.construct,
        "number",
        shown,
        lead=lead,
        tail=tail,
        low=low,
        high=high,
        decimals=codebook.decimals,
        **common,
    )


def main(
    *,
    codebooks: list,  # type: ignore[type-arg]
    coder: str,
    card: Path,
    settings: dict,  # type: ignore[type-arg]
    instrument: Path,
) -> None:
    """Write the instrument of one coder and one codebook file."""
    built = build(
        [Codebook.from_dict(codebook) for codebook in codebooks],
        coder,
        json.loads(card.read_text(encoding="utf-8")),
        **settings,
    )
    instrument.write_text(built.to_json(), encoding="utf-8")


if __name__ == "__main__":
    from study.job import run

    run(main)

"""The gold sample: whose codes are true, and how the units are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from study.config.document import Document
from study.config.names import covariates
from study.errors import StudyError


def check_gold(document: Document, config: dict[str, Any]) -> Iterator[StudyError]:
    """Yield what is wrong with the gold sample; `config` is the study with defaults and its codebooks."""
    gold, coders = config["gold"], config["coders"]
    if gold["truth"] is not None and gold["truth"] not in coders:
        yield document.error(
            ("gold", "truth"), "This is no coder of the study.", found=gold["truth"], allowed=coders
        )
    known = covariates(config)
    if isinstance(gold["probability"], str) and known is not None and gold["probability"] not in known:
        yield document.error(
            ("gold", "probability"),
            "There is no such column among the covariates of the corpus.",
            found=gold["probability"],
            allowed=known,
        )
    if gold["draw"] is None:
        if gold["seal"]:
            yield document.error(
                ("gold", "seal"),
                "Only a gold sample that is drawn here can be sealed.",
                found=True,
                hint="Say under gold.draw how it is drawn.",
            )
        return
    if gold["probability"] is not None:
        yield document.error(
            ("gold", "probability"),
            "The gold sample is drawn here, so its probabilities are known already.",
            found=gold["probability"],
            hint="Remove 'probability', or 'draw'.",
        )
    if gold["draw"]["pilot"] >= gold["draw"]["n"]:
        yield document.error(
            ("gold", "draw", "pilot"),
            "The pilot is a part of the units that are drawn, and others must be left.",
            found=gold["draw"]["pilot"],
            allowed=f"0 to {gold['draw']['n'] - 1}",
        )
    models = [name for name, coder in coders.items() if coder["type"] == "llm"]
    if gold["draw"]["uncertain"] is not None and gold["draw"]["uncertain"] not in models:
        yield document.error(
            ("gold", "draw", "uncertain"),
            "Only language models say how certain they are.",
            found=gold["draw"]["uncertain"],
            allowed=models,
        )

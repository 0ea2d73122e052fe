"""The study that is verified, as the checks need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.verify.rebuild import Rebuilt
from study.verify.recorded import Recorded

CORPUS = "data/corpus"


@dataclass(frozen=True)
class Subject:
    """A study, what it records, and what it gives.

    Attributes
    ----------
    root
        The study's folder.
    config
        Its configuration, with a value for every key.
    recorded
        What it should be.
    rebuilt
        What it gives; or, in a sentence, why it cannot be computed again here.
    asked
        {coder: what it is asked}, see `study.requests.tasks`.
    """

    root: Path
    config: Mapping[str, Any]
    recorded: Recorded
    rebuilt: Rebuilt | str
    asked: Mapping[str, Any]

    def withheld(self, path: str) -> bool:
        """Whether a file holds texts that may not travel with the study."""
        if self.recorded.withheld(path):
            return True
        # Older studies do not say which files they keep back.
        return not self.config["corpus"]["share"] and path.startswith(f"{CORPUS}/")

    def table(self, name: str) -> Path | None:
        """Return a file as it was computed again, else as it is recorded; None where there is neither."""
        made = {} if isinstance(self.rebuilt, str) else self.rebuilt.made()
        if name in made:
            return made[name]
        return self.recorded.content(name) if name in self.recorded.files else None

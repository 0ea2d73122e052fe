"""guidance's own loop, but for the system message: it is shown once, and every text goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks import Task

from systems import guidance_loop


class System(guidance_loop.System):
    """A guidance model that keeps the system message."""

    def __init__(self, task: Task, model: Path) -> None:
        """Load the model; show it the system message of each question."""
        super().__init__(task, model)
        self._shown: dict[str, Any] = {}

    def _begin(self, system_text: str) -> Any:
        if system_text not in self._shown:
            self._shown[system_text] = super()._begin(system_text)
        return self._shown[system_text]

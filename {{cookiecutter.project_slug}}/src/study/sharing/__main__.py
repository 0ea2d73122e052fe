"""Version data and results now: `PYTHONPATH=src python -m study.sharing`."""

from __future__ import annotations

from pathlib import Path

from study.job import run
from study.sharing.track import track


def main(root: Path = Path()) -> None:
    """Write provenance, and version data and results with DVC."""
    print(track(root))


if __name__ == "__main__":
    run(main)

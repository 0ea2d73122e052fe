"""Check a study's configuration: `python -m study.config`."""

from __future__ import annotations

from pathlib import Path

from study.codebook import asked_together
from study.config import load


def main(root: Path = Path()) -> None:
    """Check the configuration in config/, and say that it is in order or what is wrong."""
    config = load(root)
    files, constructs = len(asked_together(config["codebooks"])), len(config["codebooks"])
    sizes = [_sized(len(config[f"{noun}s"]), noun) for noun in ("coder", "claim")]
    books = _sized(files, "codebook") + (f" of {constructs} constructs" if constructs != files else "")
    print(f"The configuration is in order: {', '.join([books, *sizes])}.")


def _sized(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else f'{noun}s'}"


if __name__ == "__main__":
    from study.job import run

    run(main)

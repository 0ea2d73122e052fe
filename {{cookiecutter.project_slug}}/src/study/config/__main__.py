"""Check a study's configuration: `python -m study.config`."""

from __future__ import annotations

from pathlib import Path

from study.config import load


def main(root: Path = Path()) -> None:
    """Check the configuration in config/, and say that it is in order or what is wrong."""
    config = load(root)
    print(
        f"The configuration is in order: {len(config['codebooks'])} codebooks, "
        f"{len(config['coders'])} coders, {len(config['claims'])} claims."
    )


if __name__ == "__main__":
    from study.job import run

    run(main)

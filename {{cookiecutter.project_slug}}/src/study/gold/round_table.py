"""The table of pilot rounds, made of config/rounds.json."""

from __future__ import annotations

from pathlib import Path

from study.gold.rounds import read, round_table
from study.validity.table import write_table


def main(*, rounds: list[Path], table: Path) -> None:
    """Write the table; without rounds it has its header only."""
    write_table(round_table([one for file in rounds for one in read(file)]), table)


if __name__ == "__main__":
    from study.job import run

    run(main)

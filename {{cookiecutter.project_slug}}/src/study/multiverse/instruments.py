"""The instruments of a multiverse: coders, and the cells of experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from study.errors import StudyError
from study.experiment.factors import FACTORS
from study.multiverse.decisions import Coding, coding


@dataclass(frozen=True)
class Instrument:
    """Whatever makes codes.

    Attributes
    ----------
    coder
        Who codes; of an experiment, whose settings are varied.
    codings
        By construct.
    experiment, cell
        Where it is a cell of an experiment; empty and 0 for a coder as it is.
    settings
        The factors of an experiment, as text; empty for a coder as it is.
    asked
        The texts that it was asked about, coded or not.
    """

    coder: str
    codings: Mapping[str, Coding] = field(repr=False)
    asked: frozenset[str] = field(repr=False)
    experiment: str = ""
    cell: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it: 'coder llm', or 'experiment order, cell 3'."""
        return f"experiment {self.experiment}, cell {self.cell}" if self.experiment else f"coder {self.coder}"


def of_coders(
    names: Sequence[str], codings: Mapping[str, pd.DataFrame], constructs: Sequence[str]
) -> Iterator[Instrument]:
    """Yield coders as they are.

    Parameters
    ----------
    names
        The coders.
    codings
        The coding table of each.
    constructs
        Those that the analysis needs.
    """
    for name in names:
        yield Instrument(name, *_read(codings[name], constructs))


def of_experiment(
    name: str,
    cells: pd.DataFrame,
    coder: str,
    codings: Mapping[str, pd.DataFrame],
    constructs: Sequence[str],
) -> Iterator[Instrument]:
    """Yield the cells of an experiment, in order.

    Parameters
    ----------
    name
        Of the experiment.
    cells
        Its codings: a row a cell, unit, construct and repeat.
    coder, codings, constructs
        Whose settings are varied. A construct that the experiment does not ask about has the codes of the
        coder as it is in every cell.
    """
    varied = [construct for construct in constructs if construct in set(cells["construct"])]
    if not varied:
        raise StudyError(
            f"The experiment '{name}' has no codings of the constructs that the analysis needs.",
            file="config/study.yaml",
            key="multiverse.experiments",
            found=name,
            allowed=", ".join(constructs),
        )
    others = [construct for construct in constructs if construct not in varied]
    same, everywhere = _read(codings[coder], others) if others else ({}, None)
    for cell, rows in cells.groupby("cell", sort=True):
        own, asked = _read(rows, varied)
        first = rows.iloc[0]
        yield Instrument(
            coder,
            {construct: (own | same)[construct] for construct in constructs},
            asked if everywhere is None else asked & everywhere,
            experiment=name,
            cell=int(str(cell)),
            settings={factor: _level(first[factor]) for factor in FACTORS},
        )


def _read(rows: pd.DataFrame, constructs: Sequence[str]) -> tuple[dict[str, Coding], frozenset[str]]:
    own = {construct: rows[rows["construct"] == construct] for construct in constructs}
    asked = frozenset.intersection(*(frozenset(part["unit_id"]) for part in own.values()))
    return {construct: coding(part) for construct, part in own.items()}, asked


def _level(value: object) -> str:
    """Write a level as a researcher would: 0.5, 7, rotation_1."""
    return f"{value:g}" if isinstance(value, float) else str(value)

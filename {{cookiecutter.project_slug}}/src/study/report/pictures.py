"""Figures on pages: the file where it was drawn, and a sentence where it was not."""

from __future__ import annotations

from study.report.blocks import Block, Figure, Missing
from study.report.material import Material


def figure(material: Material, kind: str, construct: str, caption: str) -> list[Block]:
    """Return the figure of one kind and construct."""
    png = material.figures.get(f"{kind}_{construct}")
    if png is None:
        return [Missing(caption.split(".", maxsplit=1)[0], f"No figure '{kind}' of {construct} was drawn.")]
    return [Figure(caption, png)]

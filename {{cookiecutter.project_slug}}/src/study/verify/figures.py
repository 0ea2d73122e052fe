"""Compare figures: what they show follows from the tables, which are compared.

Another machine draws the same lines with other shades at their edges. So a picture must have the same size,
show something, and look the same; a PDF must have the same pages.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from study.verify.values import Difference

VISIBLE = 64
"""Of 255: by how much a colour must differ to be seen as another one."""
MOST = 0.02
"""The share of the picture that may differ visibly. Figures of the same study with another sample differ in 3
to 7 per cent, and those that another processor draws in nothing."""

_BOX = re.compile(rb"/MediaBox\s*\[\s*([^\]]+?)\s*\]")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)


def compare_png(recorded: bytes, now: bytes) -> Iterator[Difference]:
    """Yield what differs in two pictures; a blank one differs from every other, blank ones included."""
    one, other = _pixels(recorded), _pixels(now)
    if one.shape != other.shape:
        yield Difference("size in pixels", _size(one), _size(other))
        return
    blank = [bool((picture == picture[0, 0]).all()) for picture in (one, other)]
    if any(blank):
        words = ["a blank one" if each else "a figure" for each in blank]
        yield Difference("picture", words[0], words[1])
        return
    share = float((np.abs(one - other).max(axis=2) > VISIBLE).mean())
    if share > MOST:
        yield Difference("picture", "a figure", f"one that differs visibly in {share:.0%} of its area")


def compare_pdf(recorded: Path, now: Path) -> Iterator[Difference]:
    """Yield what differs in the pages of two PDF files: their number and their sizes."""
    one, other = _pages(recorded.read_bytes()), _pages(now.read_bytes())
    if one != other:
        yield Difference("pages", one, other)


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"


def _pages(data: bytes) -> str:
    """Return in words how many pages a PDF file has, and of which size in points."""
    if not data.startswith(b"%PDF-"):
        raise ValueError("it is no PDF file")
    parts = [data, *(_unpacked(match.group(1)) for match in _STREAM.finditer(data))]
    boxes = [
        " ".join(f"{float(number):.1f}" for number in box.split())
        for part in parts
        for box in _BOX.findall(part)
    ]
    return f"{sum(len(_PAGE.findall(part)) for part in parts)} of size {'; '.join(sorted(boxes))}"


def _unpacked(stream: bytes) -> bytes:
    """Return what a stream holds: some programs pack the descriptions of pages."""
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""

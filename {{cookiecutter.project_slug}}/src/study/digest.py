"""What names a text wherever its words would be too long."""

from __future__ import annotations

import hashlib


def text_sha256(text: str) -> str:
    """Return the sha256 of a text in UTF-8; half a character counts as it is stored."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()

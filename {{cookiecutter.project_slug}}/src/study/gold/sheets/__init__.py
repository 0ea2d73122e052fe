"""Coding by hand: blinded sheets that people fill in, what comes back, and what they do not agree on.

A sheet is a workbook or a CSV file with one row a text. It shows the text and the codebook, and nothing that
could tell a coder what to expect: no code of anybody, no covariate, no id, and not what the study asks.
"""

from __future__ import annotations

TEXT_NUMBER, TEXT, COMMENT, CODER = "text_number", "text", "comment", "coder"
"""Columns of every sheet, beside one for each construct."""

CONSTRUCT, DECISION = "construct", "decision"
"""Columns of an adjudication sheet, which has a row for each construct and text."""

TEXTS = "Texts"
"""The sheet of a workbook that holds the table."""

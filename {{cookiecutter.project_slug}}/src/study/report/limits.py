"""Where the report draws its lines.

Thresholds of alpha are Krippendorff's (2019): .800, and .667 for tentative conclusions.
"""

from __future__ import annotations

ALPHA, TENTATIVE = 0.8, 0.667
CALIBRATION_ERROR = 0.1
"""Expected calibration error, at most."""
VALID_MASS = 0.5
"""The labels' probability in the model's own words, at least."""
CODED = 0.95
"""The share of texts with a usable code, at least."""

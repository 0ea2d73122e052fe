"""Does the study give what it records? Everything is computed again elsewhere, and compared."""

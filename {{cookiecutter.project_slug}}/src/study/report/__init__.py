"""The report: a self-contained page for each part, which says its point in one sentence and shows it."""

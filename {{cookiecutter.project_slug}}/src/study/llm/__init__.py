"""Ask a language model: find its file, score labels, store what it answers."""

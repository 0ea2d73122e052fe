"""Experiments on language models as coders: designs, surfaces of texts, and what their codes show."""

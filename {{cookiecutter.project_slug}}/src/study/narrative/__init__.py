"""Paragraphs about tables: what is said is computed, and a language model may choose how it is put.

`facts` reads what a table says, `wordings` has the sentences that say it, `asking` lets a model choose among
them, and `telling` writes the paragraphs down.
"""

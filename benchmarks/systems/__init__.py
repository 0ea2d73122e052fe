"""The systems that are compared: each codes a text with one of the labels, from the same prompt.

A system is a module with a class `Coder(task, model)` that has two methods: `code(text)` returns the label,
and `prompt(text)` what the model was shown, so that a test can see that all of them show the same.
"""

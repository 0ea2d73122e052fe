"""What a study costs from a thousand texts to a million (`make scale`).

`corpora` makes texts, `stub` stands for the model, `studies` generates a study of them, `steps` runs it step
by step as a researcher would, with `measured` around every program, `runs` keeps what is finished, `page` and
`figure` show it. See docs/explanation/how-it-scales.md.
"""

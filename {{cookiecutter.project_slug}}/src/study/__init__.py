"""Turn texts into data with language models, and check that the data deserve trust."""

"""Models behind a server that speaks OpenAI's protocol: asking for the same codes as a model that runs here."""

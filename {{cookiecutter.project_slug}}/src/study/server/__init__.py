"""Models behind servers that speak OpenAI's protocol, asked for the same codes as models that run here."""

"""The gold sample: units that people code too, drawn with known probabilities and kept apart."""

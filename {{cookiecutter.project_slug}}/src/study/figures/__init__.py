"""The figures of the report: each module draws one kind, a file for every construct."""

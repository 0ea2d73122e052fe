"""The systems that the benchmark compares, a module each with a class `System`."""

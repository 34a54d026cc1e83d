"""NumPy definitions of `segalgo.random_fields`."""

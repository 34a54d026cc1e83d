"""NumPy definitions of `segalgo.labels`."""

"""NumPy definitions of `segalgo.layers`."""

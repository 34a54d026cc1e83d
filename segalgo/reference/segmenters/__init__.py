"""NumPy definitions of `segalgo.segmenters`."""

"""NumPy definitions of `segalgo.metrics`."""

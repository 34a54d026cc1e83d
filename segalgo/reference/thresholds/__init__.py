"""NumPy definitions of `segalgo.thresholds`."""

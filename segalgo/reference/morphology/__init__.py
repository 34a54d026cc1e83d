"""NumPy definitions of `segalgo.morphology`."""

"""NumPy definitions of `segalgo.masks`."""

"""Launch code of `segalgo.labels`."""

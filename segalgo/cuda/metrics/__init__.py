"""Launch code of `segalgo.metrics`."""

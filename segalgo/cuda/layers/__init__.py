"""Launch code of `segalgo.layers`."""

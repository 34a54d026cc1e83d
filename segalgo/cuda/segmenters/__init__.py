"""Launch code of `segalgo.segmenters`."""

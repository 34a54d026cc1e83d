"""Launch code of `segalgo.thresholds`."""

"""Launch code of `segalgo.morphology`."""

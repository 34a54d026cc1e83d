"""Launch code of `segalgo.random_fields`."""

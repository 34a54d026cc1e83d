"""The NumPy reference of `segalgo.objects`."""

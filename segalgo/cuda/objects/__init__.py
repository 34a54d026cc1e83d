"""Launch code of the kernels of `segalgo.objects`."""

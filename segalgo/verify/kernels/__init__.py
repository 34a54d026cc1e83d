"""Kernels under verification: CUDA source and the description of its launch."""

"""Kernels that are wrong on purpose, and right ones that are written differently from ours."""

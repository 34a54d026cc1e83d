"""Operators of TensorFlow Lite files."""

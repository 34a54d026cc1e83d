"""Weights and checkpoints: reading, writing, names used elsewhere."""

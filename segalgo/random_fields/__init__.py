"""Fully connected conditional random fields, and filters in feature space."""

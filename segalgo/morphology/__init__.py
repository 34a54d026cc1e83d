"""Morphology: distances, growth, watersheds."""

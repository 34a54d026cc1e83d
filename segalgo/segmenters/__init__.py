"""Whole segmentation methods: from a picture to labelled objects."""

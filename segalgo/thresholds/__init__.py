"""Thresholds: global ones from a histogram, local ones from windows, binarization."""

"""The NumPy wing: what every operation means, written to be read. Imports NumPy alone."""

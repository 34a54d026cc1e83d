"""Verification in a process of its own, with guarded memory and limits of time."""

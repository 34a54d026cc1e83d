"""Planned passes: folded, packed and fused layers with reused memory."""

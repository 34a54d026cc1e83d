"""Label maps: connected components, relabeling, measurement, boundaries."""

"""From a picture to a label map: preprocessing, tiles, symmetries, samples."""

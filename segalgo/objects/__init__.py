"""Objects in pictures: instances, panoptic maps, recognition by shape."""

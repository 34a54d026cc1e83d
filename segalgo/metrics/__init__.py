"""Scores of segmentations: of classes, boundaries, instances, detections, panoptic maps and partitions.

One rule for undefined scores, those whose formula reads 0 / 0, as of a class that occurs nowhere: they are nan, or
what the caller gives as `empty`; means are over the scores that are not nan.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

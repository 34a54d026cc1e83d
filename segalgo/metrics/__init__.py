"""Scores of segmentations: of classes, boundaries, instances, detections, panoptic maps and partitions.

One rule for undefined scores, those whose formula reads 0 / 0, as of a class that occurs nowhere: they are nan, or
what the caller gives as `empty`; means are over the scores that are not nan.
"""

from segalgo.metrics.boundaries import boundary_f1
from segalgo.metrics.confusion import ConfusionMatrix, confusion_matrix
from segalgo.metrics.detections import AveragePrecision, average_precision
from segalgo.metrics.instances import InstanceMatches, match_instances
from segalgo.metrics.panoptic import PanopticQuality, id_of_rgb, panoptic_quality
from segalgo.metrics.partitions import adapted_rand_error, variation_of_information
from segalgo.metrics.scores import (
    class_accuracy,
    dice,
    frequency_weighted_iou,
    iou,
    mean_iou,
    pixel_accuracy,
    precision,
    recall,
)

__all__ = [
    "AveragePrecision",
    "ConfusionMatrix",
    "InstanceMatches",
    "PanopticQuality",
    "adapted_rand_error",
    "average_precision",
    "boundary_f1",
    "class_accuracy",
    "confusion_matrix",
    "dice",
    "frequency_weighted_iou",
    "id_of_rgb",
    "iou",
    "match_instances",
    "mean_iou",
    "panoptic_quality",
    "pixel_accuracy",
    "precision",
    "recall",
    "variation_of_information",
]

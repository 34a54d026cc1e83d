"""Scores of segmentations: of classes, boundaries, instances, panoptic maps and partitions."""

from segalgo.metrics.confusion import ConfusionMatrix, confusion_matrix
from segalgo.metrics.detections import AveragePrecision, average_precision
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
    "average_precision",
    "class_accuracy",
    "confusion_matrix",
    "dice",
    "frequency_weighted_iou",
    "iou",
    "mean_iou",
    "pixel_accuracy",
    "precision",
    "recall",
]

"""Masks as data: run-length codes, polygons, a canvas for labels made by hand, colour maps, palette pictures."""

from segalgo.masks.polygons import polygon_to_mask, polygon_to_rle
from segalgo.masks.run_lengths import (
    compress_rle,
    decompress_rle,
    mask_to_counts,
    mask_to_rle,
    merge_rles,
    rle_area,
    rle_bounding_box,
    rle_iou,
    rle_to_mask,
)

__all__ = [
    "compress_rle",
    "decompress_rle",
    "mask_to_counts",
    "mask_to_rle",
    "merge_rles",
    "polygon_to_mask",
    "polygon_to_rle",
    "rle_area",
    "rle_bounding_box",
    "rle_iou",
    "rle_to_mask",
]

"""Masks as data: run-length codes, polygons, a canvas for labels made by hand, colour maps, palette pictures."""

from segalgo.masks.canvas import Canvas
from segalgo.masks.colors import colormap, colors_to_labels, labels_to_colors, one_hot
from segalgo.masks.contours import mask_to_polygons
from segalgo.masks.palette import read_palette_picture, write_palette_picture
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
    "Canvas",
    "colormap",
    "colors_to_labels",
    "compress_rle",
    "decompress_rle",
    "labels_to_colors",
    "mask_to_counts",
    "mask_to_polygons",
    "mask_to_rle",
    "merge_rles",
    "one_hot",
    "polygon_to_mask",
    "polygon_to_rle",
    "read_palette_picture",
    "rle_area",
    "rle_bounding_box",
    "rle_iou",
    "rle_to_mask",
    "write_palette_picture",
]

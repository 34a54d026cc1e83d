"""Pictures for people: coloured objects, class maps, histograms, confusion, and what a network computes.

`overlay` and `blur_background` return pictures as arrays. The ``show_...`` functions draw with matplotlib (extra
``plot``): ``ax=`` in, axes out; without ``ax`` they make a figure.
"""

from segalgo.plot.background import blur_background
from segalgo.plot.colours import COLOURS
from segalgo.plot.figures import legend, show_confusion, show_histogram, side_by_side
from segalgo.plot.objects import show_instances
from segalgo.plot.overlays import overlay, overlay_classes
from segalgo.plot.tracing import show_trace

__all__ = [
    "COLOURS",
    "blur_background",
    "legend",
    "overlay",
    "overlay_classes",
    "show_confusion",
    "show_histogram",
    "show_instances",
    "show_trace",
    "side_by_side",
]

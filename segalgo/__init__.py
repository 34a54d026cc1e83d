"""Image segmentation, every operation three times: NumPy reference, Cython kernel, CUDA kernel.

Names are loaded when first used, so importing the package is quick and never imports CuPy, scikit-image or
matplotlib. The list of names with their types is in ``__init__.pyi``.
"""

from importlib import import_module
from typing import Any

from segalgo._version import __version__

_NAMES = {
    "_backends": ("BackendStatus", "backends"),
    "_dispatch": ("use_backend",),
    "activation": ("gelu", "leaky_relu", "log_softmax", "relu", "sigmoid", "softmax"),
    "average_pooling": ("adaptive_avg_pool2d", "avg_pool2d"),
    "binarization": ("apply_hysteresis_threshold", "binarize"),
    "boundaries": ("find_boundaries",),
    "convolution": ("bilinear_weight", "conv2d", "conv_transpose2d"),
    "cross_entropy": ("threshold_li",),
    "fully_connected": ("linear",),
    "index_conventions": ("plane_to_tensor_indices", "tensor_to_plane_indices"),
    "instance_recognition": ("InstanceRecognizer", "describe_objects"),
    "instances": (
        "Instances",
        "Panoptic",
        "bounding_boxes",
        "count_objects",
        "instances_to_semantic",
        "semantic_to_instances",
        "to_panoptic",
    ),
    "interpolation": ("interpolate", "pad"),
    "labeling": ("Partition", "label", "same_partition"),
    "local_thresholding": (
        "threshold_bradley",
        "threshold_local",
        "threshold_niblack",
        "threshold_phansalkar",
        "threshold_sauvola",
        "threshold_wolf",
    ),
    "measurement": ("LabelStatistics", "contacts", "euler_number", "label_statistics"),
    "normalization": ("batch_norm", "layer_norm", "local_response_norm"),
    "output_sizes": ("input_sizes", "output_size"),
    "pictures": ("PictureError", "read_picture", "to_grey", "write_label_map", "write_picture"),
    "plot": (
        "blur_background",
        "legend",
        "overlay",
        "show_confusion",
        "show_histogram",
        "show_instances",
        "show_trace",
        "side_by_side",
    ),
    "pooling": ("max_pool2d", "max_unpool2d"),
    "prepared_convolution": ("PreparedConv2d", "prepare_conv2d"),
    "relabeling": (
        "LabelMap",
        "clear_border",
        "fill_holes",
        "largest_components",
        "relabel_sequential",
        "remove_small_objects",
    ),
    "segmentation": ("Segmentation", "segment"),
    "threshold_gallery": ("try_all_thresholds",),
    "thresholding": (
        "threshold_entropy",
        "threshold_isodata",
        "threshold_mean",
        "threshold_minimum",
        "threshold_multiotsu",
        "threshold_otsu",
        "threshold_triangle",
        "threshold_yen",
    ),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
_PACKAGES = ("cuda", "datasets", "masks", "metrics", "models", "reference", "verify")
_SUBMODULES = (*_PACKAGES, *(module for module in _NAMES if module[0] != "_"))

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(import_module(f"segalgo.{_MODULE_OF[name]}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"segalgo.{name}")
    else:
        raise AttributeError(f"module 'segalgo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})

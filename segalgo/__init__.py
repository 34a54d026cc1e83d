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
    "convolution": ("PreparedConv2d", "bilinear_weight", "conv2d", "conv_transpose2d", "prepare_conv2d"),
    "pooling": ("max_pool2d", "max_unpool2d"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
_SUBMODULES = ("convolution", "cuda", "pooling", "reference")

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

"""Networks for segmentation, written to be read and built from the public operations of segalgo alone."""

from importlib import import_module
from typing import Any

_NAMES = {
    "checkpoints": ("from_checkpoint", "load_encoder"),
    "classes": ("Classes",),
    "network": ("Network",),
    "prediction": ("Sampling",),
    "preprocessing": ("Preprocessing",),
    "pretrained": ("available", "load"),
    "segnet": ("SegNet",),
    "segnet_basic": ("SegNetBasic",),
    "summary": ("Summary", "SummaryRow"),
    "unet": ("UNet",),
    "weights": ("load_weights", "save_weights"),
    "weights_error": ("WeightsError",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'segalgo.models' has no attribute {name!r}")
    value = getattr(import_module(f"segalgo.models.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Segment a picture with a network: classes of pixels, and objects where the network is made for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import segalgo
from segalgo.models import Classes, Network, available, from_checkpoint, load
from segalgo.models.files.graph_files import named_classes, set_preprocessing
from segalgo.segmenters.threshold import Segmentation, find_objects


@dataclass(frozen=True)
class ModelSegmentation:
    """The classes of a picture's pixels, and its objects if the network is made to find some."""

    labels: np.ndarray
    """(H, W) int32: the class of each pixel."""
    classes: Classes
    objects: Segmentation | None
    """Connected parts of the class that `Classes.objects` names."""

    def shares(self) -> list[tuple[int, str, int, float]]:
        """Return number, name, pixels and share of every class."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return [
            (k, name, int(counts[k]), float(counts[k]) / self.labels.size) for k, name in enumerate(self.classes.names)
        ]


def open_model(word: str, **options: Any) -> Network:
    """Return the network that a word names: one that comes with segalgo, or a file of weights or of a graph.

    Parameters
    ----------
    word : str
    **options
        What the file may not say: `names` of the classes, `channels`, `mean` and `scale` of the preprocessing, and
        `layout` of an ONNX file; None for what the file, or the network, has.

    Raises
    ------
    ValueError
        If there is neither, or the file does not fit (`WeightsError`), or an option does not.
    """
    given = {name: value for name, value in options.items() if value is not None}
    names = available()
    if word in names:
        return _with_options(load(word), given)
    if not Path(word).suffix:
        raise ValueError(f"{word!r}: expected {', '.join((*names, 'a weight file'))}")
    if Path(word).suffix.lower() in (".onnx", ".tflite"):
        if "layout" in given and Path(word).suffix.lower() == ".tflite":
            raise ValueError(f"layout={given['layout']!r}: expected none, TensorFlow Lite has one order of axes")
        return from_checkpoint(word, **given)
    return _with_options(from_checkpoint(word), given)


def _with_options(model: Network, given: dict[str, Any]) -> Network:
    """Replace the preprocessing and the names of a network as far as they are given."""
    if "layout" in given:
        raise ValueError(f"layout={given['layout']!r}: expected with an ONNX file alone")
    set_preprocessing(model, *(given.get(name) for name in ("channels", "mean", "scale")))
    if "names" in given:
        model.classes = named_classes(given["names"], model.num_classes)
    return model


def segment_with_model(
    model: Network,
    image: Any,
    *,
    tile: int | None = None,
    augment: bool = False,
    threshold: float = 0.5,
    connectivity: int = 4,
    min_area: int = 1,
    fill_holes: bool = False,
    clear_border: bool = False,
    grey: Any = None,
) -> ModelSegmentation:
    """Find the classes of a picture's pixels, and its objects.

    Parameters
    ----------
    model : Network
    image : array, (H, W), (H, W, 3) or (H, W, 4)
        As `Network.predict` takes it.
    tile, augment
        As in `Network.predict`.
    threshold : float, default 0.5
        An object's pixels have at least about this probability (strictly more), 0 to 1.
    connectivity, min_area, fill_holes, clear_border
        For the objects, as in `segment`; connectivity 4 keeps apart what touches at a corner.

    grey : array, (H, W), optional
        The picture's luminance, from which the objects' intensities are measured; `to_grey` of the image by default.

    Returns
    -------
    ModelSegmentation

    Raises
    ------
    ValueError
        If `threshold` is not a probability, or the image does not fit (see `Network.predict`).
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold}: expected a probability, 0 to 1")
    if model.classes.objects is None:
        return ModelSegmentation(model.predict(image, tile=tile, augment=augment), model.classes, None)
    probabilities = model.predict_proba(image, tile=tile, augment=augment)
    labels = probabilities.argmax(axis=0).astype(np.int32)
    inside = probabilities[model.classes.names.index(model.classes.objects)]
    # The threshold is one of the probability; the intensities are those of the picture.
    grey = segalgo.to_grey(image) if grey is None else grey
    objects = find_objects(
        inside,
        grey,
        threshold,
        connectivity=connectivity,
        min_area=min_area,
        fill_holes=fill_holes,
        clear_border=clear_border,
    )
    return ModelSegmentation(labels, model.classes, objects)

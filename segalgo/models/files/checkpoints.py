"""From a weight file to the model that it belongs to."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo.models.files.records import model_from_record
from segalgo.models.files.state_dict_names import translate
from segalgo.models.files.weights import load_weights, read_record
from segalgo.models.files.weights_error import WeightsError
from segalgo.models.graph.network import IGNORED, Network
from segalgo.models.graph.other_names import renamed
from segalgo.models.networks import architectures
from segalgo.models.networks.segnet import BATCH_NORM_EPS, ENCODER, SegNet, vgg16


def from_checkpoint(path: Any, **arguments: Any) -> Network:
    """Recognise the architecture of a weight file and return the model, ready to run.

    Parameters
    ----------
    path : str or Path
        A file that `load_weights` reads: names of segalgo, of milesial/Pytorch-UNet (both forms), of pytorch-semseg's
        SegNet, or of the SegNet authors' release (blobs converted to arrays named ``conv1_1.weight``,
        ``conv1_1_bn.weight`` and so on).
    **arguments
        Of the architecture, against or beyond what the file says: weights do not tell ``padding="valid"`` from
        ``"same"``. Files that `Network.save` wrote need none.

    Returns
    -------
    SegNet, SegNetBasic or UNet

    Raises
    ------
    WeightsError
        If the file cannot be read, no architecture is recognised, or names and shapes do not fit the one that is; then
        every mismatch is listed.

    Examples
    --------
    >>> import tempfile, os, segalgo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     segalgo.models.UNet(1, 2, width=2, depth=1).save(path)
    ...     segalgo.models.from_checkpoint(path).depth
    1
    """
    weights, known = translate(load_weights(path))
    record = read_record(path)
    try:
        if record is None:
            record = {**recognise(weights), **{k: v for k, v in known.items() if k != "arguments"}}
            record["arguments"] = {**record["arguments"], **known.get("arguments", {})}
            record = _suited(record)
        arguments = {**record.get("arguments", {}), **arguments}
        return model_from_record({**record, "arguments": arguments}).load_state_dict(weights)
    except WeightsError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise WeightsError(f"{path}: {error}") from None


def load_encoder(model: SegNet, source: Any) -> SegNet:
    """Put the parameters of torchvision's VGG16, with batch normalization or without, into SegNet's encoder.

    Parameters
    ----------
    model : SegNet
        Of VGG16's widths; its decoder keeps its weights.
    source : str, Path or mapping of str to array
        ``torchvision.models.vgg16().state_dict()`` or ``vgg16_bn``, or a file of it. The classifier is passed over.
        Without batch normalization the encoder's changes nothing: means 0, and variances such that it divides by 1.

    Returns
    -------
    SegNet
        The model itself.

    Raises
    ------
    WeightsError, ValueError
        If the file cannot be read, or names or shapes do not fit; every mismatch is listed.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.SegNet(widths=(1, 1, 1, 1, 1))
    >>> vgg = {f"features.{k}.weight": np.ones((1, 1, 3, 3), np.float32) for k in (2, 5, 7, 10, 12, 14, 17, 19, 21, 24)}
    >>> segalgo.models.load_encoder(model, vgg)
    Traceback (most recent call last):
    ValueError: state_dict does not fit SegNet(...), 16 mismatches:
      ...
    """
    weights = dict(source) if isinstance(source, Mapping) else load_weights(source)
    features = {name: value for name, value in weights.items() if name.startswith("features.")}
    encoder = renamed(features, vgg16(set(features)))
    if not any(name.startswith("conv1_1_bn.") for name in encoder):
        for name in ENCODER:
            shape = model.parameter_shapes()[f"{name}_bn.weight"]
            encoder |= {f"{name}_bn.{entry}": np.zeros(shape, np.float32) for entry in ("bias", "running_mean")}
            encoder |= {f"{name}_bn.weight": np.ones(shape, np.float32)}
            encoder |= {f"{name}_bn.running_var": np.full(shape, 1 - BATCH_NORM_EPS, np.float32)}
    decoder = {name: value for name, value in model.parameters.items() if name.partition(".")[0].find("_D") >= 0}
    return model.load_state_dict({**encoder, **decoder})


def recognise(weights: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return architecture and arguments as the names and shapes of weights tell them."""
    shapes = {name: tuple(value.shape) for name, value in weights.items() if not name.endswith(IGNORED)}
    for word, network in architectures().items():
        if network.mark in shapes:
            return {"architecture": word, "arguments": network.arguments_of(shapes)}
    if "features.0.weight" in shapes:
        raise ValueError("an encoder alone (VGG16): load_encoder puts it into a SegNet")
    some = ", ".join(list(shapes)[:3])
    raise ValueError(f"no architecture has parameters of these names ({some} ...): expected {_listed_networks()}")


def _listed_networks() -> str:
    return ", ".join(network.__name__ for network in architectures().values())


def _suited(record: dict[str, Any]) -> dict[str, Any]:
    """Take the usual colours of an implementation away from a network that takes another number of channels."""
    preprocessing = record.get("preprocessing")
    channels = record["arguments"]["in_channels"]
    if preprocessing and channels != 3:
        record["preprocessing"] = {**preprocessing, "channels": "grey" if channels == 1 else "as is"}
        if isinstance(preprocessing["mean"], tuple):
            del record["preprocessing"]
    return record

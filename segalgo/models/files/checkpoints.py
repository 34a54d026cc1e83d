"""From a weight file to the model that it belongs to."""

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo._core.checks import one_of
from segalgo.models.files.limits import FACTOR, FLOOR
from segalgo.models.files.onnx_files import from_onnx
from segalgo.models.files.records import model_from_record
from segalgo.models.files.state_dict_names import translate
from segalgo.models.files.state_dicts import without_prefixes
from segalgo.models.files.tflite_files import from_tflite
from segalgo.models.files.weights import as_path, load_weights, read_record
from segalgo.models.files.weights_error import DAMAGE, WeightsError, quoted
from segalgo.models.graph.network import IGNORED, Network
from segalgo.models.networks import architectures

GRAPHS = {".onnx": from_onnx, ".tflite": from_tflite}
SHARD = re.compile(r"-\d{5}-of-\d{5}\.")
MOST_GROUPS = 64
LEAST_LIMIT = 1024  # no argument of a small network is refused for its size
LONGEST_MESSAGE = 20_000
# Classification networks, by a parameter of each.
ENCODERS = {
    "features.0.weight": "VGG16",
    "features.0.0.weight": "MobileNet",
    "layer4.0.conv1.weight": "ResNet",
    "patch_embed1.proj.weight": "Mix Transformer",
    "segformer.encoder.patch_embeddings.0.proj.weight": "Mix Transformer",
}


def from_checkpoint(path: Any, *, key: str | None = None, architecture: str | None = None, **arguments: Any) -> Network:
    """Recognise the architecture of a weight file and return the model, ready to run.

    Parameters
    ----------
    path : str or Path
        A file that `load_weights` reads, with names of segalgo or of another implementation of its networks: those of
        U-Net in milesial/Pytorch-UNet (both forms), mateuszbuda/brain-segmentation-pytorch, aladdinpersson's tutorial
        and nnU-Net (as far as its layers are ours), of SegNet in pytorch-semseg and in the SegNet authors' release
        (blobs converted to arrays named ``conv1_1.weight``, ``conv1_1_bn.weight`` and so on), of FCN, DeepLabV3 and
        LR-ASPP in torchvision (the auxiliary head, which only training uses, is left out), of SegFormer in transformers
        of Hugging Face and in NVlabs/SegFormer, of FCN on VGG16 in its authors' release and wkentaro/pytorch-fcn, of
        PSPNet in hszhao/semseg, of DeepLab v1 and v2 on VGG16, of the dilated networks and of ICNet in their authors'
        definitions, of DeepLab v2 in kazuto1011/deeplab-pytorch, of CRF-RNN in sadeepj/crfasrnn_pytorch, of RefineNet
        in DrSleep/refinenet-pytorch. Where the names of the network have a prefix in front, beside parameters of other
        things, those of the network are taken. Also a file that `from_onnx` or `from_tflite` reads.
    key : str, optional
        Which state dict of the file, or which first part of its names: see `load_weights`.
    architecture : str, optional
        The network, where names and shapes fit several: "fcn8s_at_once" for what else is taken for "fcn8s".
    **arguments
        Of `from_onnx` and `from_tflite` for files of these kinds. Else of the architecture, against or beyond what the
        file says: weights do not tell ``padding="valid"`` from ``"same"``. Files that `Network.save` wrote need none.

    Returns
    -------
    Network
        One of the classes of `segalgo.models`: SegNet, UNet, FCN and so on.

    Raises
    ------
    WeightsError
        If the file cannot be read, no architecture is recognised, or names and shapes do not fit the one that is; then
        the mismatches are listed.
    ValueError
        If `architecture` is none of the networks'.
    TypeError
        If `path` is no path, `key` is no string, or one of them given for a graph.

    Warns
    -----
    UserWarning
        If the file leaves open what the network computes, with what was assumed.

    Examples
    --------
    >>> import tempfile, os, segalgo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     segalgo.models.UNet(1, 2, width=2, depth=1).save(path)
    ...     segalgo.models.from_checkpoint(path).depth
    1
    """
    path = as_path(path)
    if architecture is not None:
        one_of(architecture, "architecture", tuple(architectures()))
    if path.suffix.lower() in GRAPHS:
        for name, value in (("key", key), ("architecture", architecture)):
            if value is not None:
                raise TypeError(f"{name}={value!r:.80}: expected none with a graph")
        return GRAPHS[path.suffix.lower()](path, **arguments)
    given = load_weights(path, key)
    record = read_record(path)
    try:
        _check_memory(given)
        weights, known = translate(_network_of(given))
        if record is None:
            record = {**recognise(weights, architecture), **{k: v for k, v in known.items() if k != "arguments"}}
            record["arguments"] = {**record["arguments"], **known.get("arguments", {})}
            record = _suited(record)
        else:
            if architecture not in (None, record.get("architecture")):
                raise ValueError(f"architecture={architecture!r}: its record says {record.get('architecture')!r}")
            _check_arguments(record.get("arguments"), weights)
        arguments = {**record.get("arguments", {}), **arguments}
        return model_from_record({**record, "arguments": arguments}).load_state_dict(weights)
    except WeightsError:
        raise
    except DAMAGE as error:
        shard = " (one of several files: give their index, *.index.json)" if SHARD.search(path.name) else ""
        raise WeightsError(f"{path}: {str(error)[:LONGEST_MESSAGE]}{shard}") from None


def load_encoder(model: Network, source: Any) -> Network:
    """Put the parameters of a classification network into the encoder of a segmentation network.

    Parameters
    ----------
    model : Network
        SegNet and the networks on VGG16 take torchvision's ``vgg16`` (SegNet also ``vgg16_bn``); those on ResNet,
        MobileNetV2 and MobileNetV3 take torchvision's network of the same form; SegFormer takes a MiT of Hugging Face
        or NVlabs. The rest of the model keeps its weights.
    source : str, Path or mapping of str to array
        A state dict such as ``torchvision.models.resnet50().state_dict()``, or a file of it. The classifier is passed
        over.

    Returns
    -------
    Network
        The model itself.

    Raises
    ------
    WeightsError
        If the file cannot be read.
    ValueError
        If names or shapes do not fit; the mismatches are listed.
    TypeError
        If `model` has no such encoder, or `source` is neither a path nor a mapping.

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
    if not isinstance(model, Network):
        raise TypeError(f"model is a {type(model).__name__}: expected a network")
    if not any(map(model.in_encoder, model.parameter_shapes())):
        raise TypeError(f"model is a {type(model).__name__}: expected a network whose encoder can classify")
    if not isinstance(source, Mapping | str | os.PathLike):
        raise TypeError(f"source is a {type(source).__name__}: expected a path or a mapping from names to arrays")
    weights = dict(source) if isinstance(source, Mapping) else load_weights(source)
    rest = {name: value for name, value in model.parameters.items() if not model.in_encoder(name)}
    return model.load_state_dict({**rest, **model.encoder_parameters(weights)})


def recognise(weights: Mapping[str, np.ndarray], architecture: str | None = None) -> dict[str, Any]:
    """Return architecture, unless it is given, and arguments as the names and shapes of weights tell them."""
    shapes = {name: tuple(value.shape) for name, value in weights.items() if not name.endswith(IGNORED)}
    if architecture is not None:
        return {"architecture": architecture, "arguments": architectures()[architecture].arguments_of(shapes)}
    for word, network in architectures().items():
        if network.has_mark(shapes):
            return {"architecture": word, "arguments": network.arguments_of(shapes)}
    for name, encoder in ENCODERS.items():
        if name in shapes:
            raise ValueError(f"an encoder alone ({encoder}): load_encoder puts it into a network that has one")
    some = ", ".join(list(shapes)[:3])
    raise ValueError(f"no architecture has parameters of these names ({some} ...): expected {_listed_networks()}")


def _network_of(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of the network among others (of a loss, of a teacher): those with its prefix, without it."""
    if _is_known(weights):
        return dict(weights)
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, value in weights.items():
        first, dot, rest = name.partition(".")
        if dot and (first in groups or len(groups) < MOST_GROUPS):
            groups.setdefault(first, {})[rest] = value
    networks = {first: without_prefixes(group) for first, group in groups.items()}
    networks = {first: group for first, group in networks.items() if _is_known(group)}
    if len(networks) > 1:
        raise ValueError(f"holds several networks, {', '.join(map(repr, networks))}: name one with key=")
    return next(iter(networks.values()), dict(weights))


def _is_known(weights: Mapping[str, np.ndarray]) -> bool:
    """Return whether names are those of a network here or of another implementation."""
    return any(
        network.has_mark(weights) or any(other.fits(weights) for other in network.other_names)
        for network in architectures().values()
    )


def _check_memory(weights: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that repeat few numbers of a file so often that the network would need far more memory than it."""
    roots = {}
    for value in weights.values():
        root = value
        while isinstance(root.base, np.ndarray):
            root = root.base
        roots[id(root)] = root.nbytes
    needed, there = sum(value.nbytes for value in weights.values()), sum(roots.values())
    if needed > max(FLOOR, FACTOR * there):
        raise ValueError(f"its arrays repeat {there} bytes to {needed}, more than {FACTOR} times")


def _check_arguments(arguments: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Refuse arguments that ask for more channels than any array of the file has, before anything is made of them."""
    largest = max([LEAST_LIMIT, *(n for value in weights.values() if value.size for n in value.shape)])
    for name, value in arguments.items() if isinstance(arguments, dict) else ():
        numbers = value if isinstance(value, list) else [value]
        if len(numbers) > LEAST_LIMIT:
            raise ValueError(f"its record has {len(numbers)} numbers for {quoted(name)}")
        if any(isinstance(number, int | float) and abs(number) > largest for number in numbers):
            raise ValueError(
                f"its record has a number for {quoted(name)} above {largest}, the longest axis of its arrays"
            )


def _listed_networks() -> str:
    return ", ".join(network.__name__ for network in architectures().values() if network.mark)


def _suited(record: dict[str, Any]) -> dict[str, Any]:
    """Take the usual colors of an implementation away from a network that takes another number of channels."""
    preprocessing = record.get("preprocessing")
    channels = record["arguments"]["in_channels"]
    if preprocessing and channels != 3:
        record["preprocessing"] = {**preprocessing, "channels": "grey" if channels == 1 else "as is"}
        if isinstance(preprocessing["mean"], tuple):
            del record["preprocessing"]
    return record

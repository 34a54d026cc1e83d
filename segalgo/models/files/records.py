"""A model but for its weights, as plain values: what stands in files beside weights."""

from collections.abc import Mapping
from typing import Any

from segalgo.models.graph.classes import Classes
from segalgo.models.networks import architectures
from segalgo.models.predicting.preprocessing import Preprocessing


def record_of(model: Any) -> dict[str, Any]:
    """Return architecture, arguments, preprocessing and classes."""
    if architectures().get(model.architecture) is not type(model):
        raise ValueError(
            f"{type(model).__name__} cannot be written to a file: expected one of {', '.join(architectures())}"
        )
    return {
        "architecture": model.architecture,
        "arguments": model.arguments,
        "preprocessing": model.preprocessing.record(),
        "classes": [
            {"name": name, "color": color}
            for name, color in zip(model.classes.names, model.classes.colors, strict=True)
        ],
        "objects": model.classes.objects,
    }


def model_from_record(record: Mapping[str, Any]) -> Any:
    """Return the model that a record describes, with fresh weights.

    Raises
    ------
    ValueError, TypeError
        If the record does not describe a model; the message says where.
    """
    architecture = record.get("architecture")
    known = architectures()
    if not isinstance(architecture, str) or architecture not in known:
        raise ValueError(f"architecture={architecture!r}: expected one of {', '.join(known)}")
    model = known[architecture](**_mapping(record, "arguments"))
    if "preprocessing" in record:
        model.preprocessing = Preprocessing(**_mapping(record, "preprocessing"))
    if "classes" in record:
        entries = record["classes"]
        if not isinstance(entries, list) or not all(
            isinstance(e, dict) and {"name", "color"} <= set(e) for e in entries
        ):
            raise ValueError("classes: expected a list of objects with name and color")
        names, colors = ([e[key] for e in entries] for key in ("name", "color"))
        classes = Classes(names, colors, record.get("objects"))
        # A network of one class may also name the class of the remaining pixels.
        if len(classes) != model.num_classes and (len(classes), model.num_classes) != (2, 1):
            raise ValueError(f"{len(classes)} classes: expected {model.num_classes}, as the network has")
        model.classes = classes
    return model


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name, {})
    if not isinstance(value, dict):
        raise ValueError(f"{name} is a {type(value).__name__}: expected an object")
    return value

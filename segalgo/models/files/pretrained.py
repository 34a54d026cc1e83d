"""The networks that come with segalgo."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segalgo.models.files.records import model_from_record
from segalgo.models.files.weights import as_path, load_weights
from segalgo.models.files.weights_error import WeightsError
from segalgo.models.graph.network import Network

FOLDER = Path(__file__).parents[1] / "pretrained"


def available(folder: Any = FOLDER) -> dict[str, Mapping[str, Any]]:
    """Return the names of the networks that `load` knows, each with its record.

    Parameters
    ----------
    folder : str or Path, optional
        Where their files are; the package's own folder if not given.

    Returns
    -------
    dict of str to mapping
        architecture, arguments, preprocessing, classes, and the scores on pictures that training did not see. The card
        ``segalgo/models/pretrained/{name}.md`` says more: data, licence, recipe.

    Raises
    ------
    WeightsError
        If a record is damaged.
    TypeError
        If `folder` is no path.

    Examples
    --------
    >>> import segalgo
    >>> all(record["architecture"] in ("segnet", "unet") for record in segalgo.models.available().values())
    True
    """
    folder = as_path(folder, "folder")
    found = {path.stem: _read_record(path) for path in sorted(folder.glob("*.json"))}
    return {name: record for name, record in found.items() if (folder / f"{name}.safetensors").exists()}


def load(name: str, folder: Any = FOLDER) -> Network:
    """Return a network with the weights that come with segalgo.

    Parameters
    ----------
    name : str
        "unet-membrane" (cell membranes in electron micrographs), "segnet-camvid" (street scenes, 11 classes) or
        "person" (persons in photographs): see `available`.
    folder : str or Path, optional
        Where ``{name}.json`` and ``{name}.safetensors`` are; the package's own folder if not given.

    Returns
    -------
    Network
        With its preprocessing and the names and colors of its classes.

    Raises
    ------
    ValueError
        If there is no network of this name; the message lists those that there are.
    WeightsError
        If its files are damaged.
    TypeError
        If `folder` is no path.
    """
    names = available(folder)
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"name={name!r:.80}: expected one of {', '.join(names) or 'none, no weights are installed'}")
    path = Path(folder) / f"{name}.safetensors"
    try:
        return model_from_record(names[name]).load_state_dict(load_weights(path))
    except WeightsError:
        raise
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: {error}") from None


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from None
    if not isinstance(record, dict):
        raise WeightsError(f"{path}: is a {type(record).__name__}, expected an object")
    return record

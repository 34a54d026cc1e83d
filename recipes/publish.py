"""Put a trained network into the package: weights, record, and the scores that segalgo itself reaches with them.

    python recipes/publish.py segnet-camvid --run runs/segnet-camvid --data PATH/camvid
    python recipes/publish.py unet-membrane --run runs/unet-membrane --data PATH/membrane
    python recipes/publish.py person --run runs/person --data PATH/pennfudan --width 8

Writes ``segalgo/models/pretrained/NAME.safetensors`` and ``NAME.json``. The card, ``NAME.md``, is written by hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from persons import held_out, names_in
from safetensors.numpy import load_file, save_file

from segalgo import metrics, models
from segalgo.models.files.records import record_of
from segalgo.pictures import read_picture

FOLDER = Path(models.__file__).parent / "pretrained"
LICENCES = {
    "segnet-camvid": "research and teaching only: CamVid is published under CC BY-NC 4.0",
    "unet-membrane": "research and teaching: the pictures were published for research with the challenge",
    "person": "research and teaching: the terms of the pictures are not stated where they are published",
}
CAMVID = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (60, 40, 222),
    "tree": (128, 128, 0),
    "sign symbol": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the pictures of a folder and their label maps, in order."""
    return list(zip(*(sorted((folder / part).iterdir()) for part in ("images", "labels")), strict=True))


def segnet_camvid(widths: list[int], data: Path) -> tuple[models.Network, Any]:
    """Return the network without weights, and how to score it on CamVid's validation pictures."""
    model = models.SegNet(3, 11, widths)
    model.preprocessing = models.Preprocessing("rgb", reduction=2)
    model.classes = models.Classes(tuple(CAMVID), tuple(CAMVID.values()))

    def scores() -> dict[str, Any]:
        matrix = metrics.ConfusionMatrix(11, ignore_index=11)
        for image, label in pairs(data / "val"):
            matrix.update(read_picture(label), model.predict(read_picture(image)))
        iou = metrics.iou(matrix)
        return {
            "data": "CamVid val, 101 pictures, 480 x 360",
            "pixel_accuracy": round(float(metrics.pixel_accuracy(matrix)), 4),
            "class_accuracy": round(float(np.nanmean(metrics.class_accuracy(matrix))), 4),
            "mean_iou": round(float(metrics.mean_iou(matrix)), 4),
            "iou": {name: round(float(value), 4) for name, value in zip(CAMVID, iou, strict=True)},
        }

    return model, scores


def unet_membrane(width: int, data: Path) -> tuple[models.Network, Any]:
    """Return the network without weights, and how to score it on the five slices held out."""
    model = models.UNet(1, 2, width, dropout=0.2)  # as in training
    model.preprocessing = models.Preprocessing("grey")
    model.classes = models.Classes(("membrane", "cell"), ((20, 20, 20), (230, 159, 0)), "cell")

    def scores() -> dict[str, Any]:
        found: dict[str, Any] = {"data": "ISBI 2012, slices 19 to 23 of 24, 512 x 512"}
        for key, augment in (("", True), ("_single_pass", False)):
            matrix = metrics.ConfusionMatrix(2)
            for image, label in pairs(data)[19:]:
                matrix.update(read_picture(label) > 127, model.predict(read_picture(image), augment=augment))
            found[f"pixel_error{key}"] = round(1 - float(metrics.pixel_accuracy(matrix)), 4)
            found[f"dice{key}"] = round(float(metrics.dice(matrix)[1]), 4)
        return found

    return model, scores


def person(width: int, data: Path) -> tuple[models.Network, Any]:
    """Return the network without weights, and how to score it on the twenty pictures held out."""
    model = models.UNet(3, 2, width, dropout=0.2)  # as in training
    model.preprocessing = models.Preprocessing("rgb", reduction=2)
    model.classes = models.Classes(("background", "person"), ((0, 0, 0), (230, 159, 0)))

    def scores() -> dict[str, Any]:
        matrix, each = metrics.ConfusionMatrix(2), []
        for name in sorted(held_out(names_in(data))):
            persons = read_picture(data / "instances" / f"{name}.png") > 0
            one = metrics.ConfusionMatrix(2)
            one.update(persons, model.predict(read_picture(data / "images" / f"{name}.jpg")))
            matrix.merge(one)
            each.append(float(metrics.iou(one)[1]))
        return {
            "data": "Penn-Fudan, 20 pictures held out",
            "iou": round(float(metrics.iou(matrix)[1]), 4),
            "iou_mean_of_pictures": round(float(np.mean(each)), 4),
            "pixel_accuracy": round(float(metrics.pixel_accuracy(matrix)), 4),
        }

    return model, scores


def main() -> None:
    """Publish as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["segnet-camvid", "unet-membrane", "person"])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--widths", type=int, nargs=5, default=[32, 64, 128, 192, 192])
    parser.add_argument("--width", type=int, default=16)
    arguments = parser.parse_args()
    weights = load_file(arguments.run / "weights.safetensors")
    if arguments.name == "segnet-camvid":
        model, scores = segnet_camvid(arguments.widths, arguments.data)
    elif arguments.name == "person":
        model, scores = person(arguments.width, arguments.data)
    else:
        model, scores = unet_membrane(arguments.width, arguments.data)
    model.load_state_dict({name: value.astype(np.float32) for name, value in weights.items()})
    record = {**record_of(model), "licence": LICENCES[arguments.name], "scores": scores()}
    print(json.dumps(record["scores"], indent=2))
    FOLDER.mkdir(exist_ok=True)
    save_file(weights, FOLDER / f"{arguments.name}.safetensors")
    (FOLDER / f"{arguments.name}.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""The classes of each data set: their names, their colours, and how label files write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segalgo.datasets.errors import DatasetError
from segalgo.masks.colors import colormap

IGNORE_INDEX = 255
_UNKNOWN = -1
_COLOUR_STEP = np.array([1 << 16, 1 << 8, 1], np.int64)


@dataclass(frozen=True, eq=False)
class LabelEncoding:
    """Classes, and the numbers or colours by which label files write them."""

    class_names: tuple[str, ...]
    colours: np.ndarray
    """(K, 3) uint8."""
    values: Mapping[int, int]
    """What a label file holds -> class index, or 255 for pixels to ignore."""
    rgb: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """The same for label files of colours; empty where the data set has none."""

    @property
    def reads_rgb(self) -> bool:
        """Whether label files of colours can be read."""
        return bool(self.rgb)

    def decode(self, raw: np.ndarray, path: str | Path, record: str | None = None) -> np.ndarray:
        """Translate what a label file holds to class indices.

        Parameters
        ----------
        raw : array, (H, W) integers or (H, W, 3) uint8
            The file's numbers, or its colours.
        path : str or Path
            The file, for the error.
        record : str, optional
            The sample, for the error.

        Returns
        -------
        array (H, W) of uint8
            Class indices; 255 for pixels to ignore.

        Raises
        ------
        DatasetError
            If a pixel's number or colour is none of the data set; the message names the first such pixel.
        """
        table, keys = (self.rgb, raw @ _COLOUR_STEP) if raw.ndim == 3 else (self.values, raw)
        numbers = table if raw.ndim == 2 else {int(np.dot(key, _COLOUR_STEP)): to for key, to in table.items()}
        if raw.ndim == 2 and raw.dtype == np.uint8:
            indices = _lookup(numbers)[raw]
        else:
            # Few values occur: translate those that do, then their pixels.
            present, where = np.unique(keys, return_inverse=True)
            indices = np.array([numbers.get(int(key), _UNKNOWN) for key in present], np.int16)[where].reshape(
                keys.shape
            )
        if (indices == _UNKNOWN).any():
            i, j = np.argwhere(indices == _UNKNOWN)[0]
            found = tuple(map(int, raw[i, j])) if raw.ndim == 3 else int(raw[i, j])
            what = "colour" if raw.ndim == 3 else "label"
            expected = "a colour of the data set" if raw.ndim == 3 else _ranges(self.values)
            raise DatasetError(path, f"holds {what} {found} at row {i}, column {j}: expected {expected}", record)
        return indices.astype(np.uint8)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Translate class indices to the numbers of the data set's own label files, the lowest where several fit.

        Parameters
        ----------
        labels : array (H, W) of integers
            Class indices; 255 for pixels to ignore.

        Returns
        -------
        array (H, W) of uint8

        Raises
        ------
        ValueError
            If a label is no class, or 255 where the data set has no number for it.
        """
        backwards = np.full(256, _UNKNOWN, np.int16)
        for value, index in sorted(self.values.items(), reverse=True):
            if value < 256:
                backwards[index] = value
        labels = np.asarray(labels)
        bad = (labels < 0) | (labels > 255)
        if not bad.any():
            bad = backwards[labels] == _UNKNOWN
        if bad.any():
            raise ValueError(f"labels holds {int(labels[bad][0])}: expected one of {len(self.class_names)} classes")
        return backwards[labels].astype(np.uint8)


def _lookup(values: Mapping[int, int]) -> np.ndarray:
    table = np.full(256, _UNKNOWN, np.int16)
    for value, index in values.items():
        if value < 256:
            table[value] = index
    return table


def _ranges(values: Mapping[int, int]) -> str:
    """Write numbers as ranges: ``0 to 20, 255``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in runs)


def plain_encoding(class_names: Sequence[str], colours: np.ndarray | None = None) -> LabelEncoding:
    """Return an encoding in which label files hold class indices, and 255 where a pixel is to be ignored."""
    names = tuple(class_names)
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise ValueError(f"class_names holds {len(names)} names: expected 1 to {IGNORE_INDEX}")
    values = {index: index for index in (*range(len(names)), IGNORE_INDEX)}
    return LabelEncoding(names, colormap("voc", len(names)) if colours is None else colours, values)


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = map(int, text.split(","))
    return red, green, blue


VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

# id | name | training id | colour; every other id of 0 to 33 is ignored. A licence plate is -1 and never drawn.
CITYSCAPES_CLASSES = _table("""
7  | road          | 0  | 128,64,128
8  | sidewalk      | 1  | 244,35,232
11 | building      | 2  | 70,70,70
12 | wall          | 3  | 102,102,156
13 | fence         | 4  | 190,153,153
17 | pole          | 5  | 153,153,153
19 | traffic light | 6  | 250,170,30
20 | traffic sign  | 7  | 220,220,0
21 | vegetation    | 8  | 107,142,35
22 | terrain       | 9  | 152,251,152
23 | sky           | 10 | 70,130,180
24 | person        | 11 | 220,20,60
25 | rider         | 12 | 255,0,0
26 | car           | 13 | 0,0,142
27 | truck         | 14 | 0,0,70
28 | bus           | 15 | 0,60,100
31 | train         | 16 | 0,80,100
32 | motorcycle    | 17 | 0,0,230
33 | bicycle       | 18 | 119,11,32
""")

# SegNet's eleven classes: name | colour for display | the colours of the 960 x 720 label pictures that they gather.
CAMVID_CLASSES = _table("""
sky         | 128,128,128 | 128,128,128
building    | 128,0,0     | 128,0,0 0,128,64 64,192,0 64,0,64 192,0,128
pole        | 192,192,128 | 192,192,128 0,0,64
road        | 128,64,128  | 128,64,128 128,0,192 192,0,64
pavement    | 60,40,222   | 0,0,192 64,192,128 128,128,192
tree        | 128,128,0   | 128,128,0 192,192,0
sign symbol | 192,128,128 | 192,128,128 128,128,64 0,64,64
fence       | 64,64,128   | 64,64,128
car         | 64,0,128    | 64,0,128 64,128,192 192,128,192 192,64,128 128,64,64
pedestrian  | 64,64,0     | 64,64,0 192,128,64 64,0,192 64,128,64
bicyclist   | 0,128,192   | 0,128,192 192,0,192
""")

ADE20K_NAMES = tuple(
    name.strip()
    for name in """
wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door, table,
mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field, armchair, seat,
fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard, chest of drawers, counter,
sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, case, pool table, pillow,
screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, book, hill, bench, countertop,
stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, hovel, bus, towel, light, truck, tower,
chandelier, awning, streetlight, booth, television, airplane, dirt track, apparel, pole, land, bannister, escalator,
ottoman, bottle, buffet, poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything, swimming pool,
stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot,
animal, bicycle, lake, dishwasher, projection screen, blanket, sculpture, hood, sconce, vase, traffic light, tray,
ashcan, fan, pier, crt screen, plate, monitor, bulletin board, shower, radiator, glass, clock, flag
""".replace("\n", " ").split(",")
)


def _cityscapes() -> LabelEncoding:
    values = dict.fromkeys(range(34), IGNORE_INDEX) | {int(row[0]): int(row[2]) for row in CITYSCAPES_CLASSES}
    colours = np.array([_colour(row[3]) for row in CITYSCAPES_CLASSES], np.uint8)
    return LabelEncoding(tuple(row[1] for row in CITYSCAPES_CLASSES), colours, values)


def _camvid() -> LabelEncoding:
    values = {index: index for index in range(11)} | {11: IGNORE_INDEX, 255: IGNORE_INDEX}
    rgb = {_colour(text): index for index, row in enumerate(CAMVID_CLASSES) for text in row[2].split()}
    rgb[0, 0, 0] = IGNORE_INDEX
    colours = np.array([_colour(row[1]) for row in CAMVID_CLASSES], np.uint8)
    return LabelEncoding(tuple(row[0] for row in CAMVID_CLASSES), colours, values, rgb)


def _ade20k() -> LabelEncoding:
    values = {0: IGNORE_INDEX} | {index + 1: index for index in range(len(ADE20K_NAMES))}
    return LabelEncoding(ADE20K_NAMES, colormap("voc", len(ADE20K_NAMES) + 1)[1:], values)


ENCODINGS: Mapping[str, LabelEncoding] = {
    "voc": plain_encoding(VOC_NAMES),
    "cityscapes": _cityscapes(),
    "kitti": _cityscapes(),
    "camvid": _camvid(),
    "ade20k": _ade20k(),
    "isbi": LabelEncoding(("membrane", "cell"), np.array([(0, 0, 0), (255, 255, 255)], np.uint8), {0: 0, 255: 1}),
}
"""How the label files of each data set write its classes, by the data set's short name."""

"""Names and colors of the classes of each data set: the tables that encodings and color maps read."""

import numpy as np


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def as_color(text: str) -> tuple[int, int, int]:
    """Read ``red,green,blue``."""
    red, green, blue = map(int, text.split(","))
    return red, green, blue


VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

# name | training id, none where ignored | color. The row is the label id; a license plate (-1) is not drawn.
CITYSCAPES_LABELS = _table("""
unlabeled            |    | 0,0,0
ego vehicle          |    | 0,0,0
rectification border |    | 0,0,0
out of roi           |    | 0,0,0
static               |    | 0,0,0
dynamic              |    | 111,74,0
ground               |    | 81,0,81
road                 | 0  | 128,64,128
sidewalk             | 1  | 244,35,232
parking              |    | 250,170,160
rail track           |    | 230,150,140
building             | 2  | 70,70,70
wall                 | 3  | 102,102,156
fence                | 4  | 190,153,153
guard rail           |    | 180,165,180
bridge               |    | 150,100,100
tunnel               |    | 150,120,90
pole                 | 5  | 153,153,153
polegroup            |    | 153,153,153
traffic light        | 6  | 250,170,30
traffic sign         | 7  | 220,220,0
vegetation           | 8  | 107,142,35
terrain              | 9  | 152,251,152
sky                  | 10 | 70,130,180
person               | 11 | 220,20,60
rider                | 12 | 255,0,0
car                  | 13 | 0,0,142
truck                | 14 | 0,0,70
bus                  | 15 | 0,60,100
caravan              |    | 0,0,90
trailer              |    | 0,0,110
train                | 16 | 0,80,100
motorcycle           | 17 | 0,0,230
bicycle              | 18 | 119,11,32
""")
# The label ids of the 19 training classes, in the order of their training ids.
CITYSCAPES_TRAIN = tuple(k for k, row in enumerate(CITYSCAPES_LABELS) if row[1])

# SegNet's eleven classes: name | color for display | the colors of the 960 x 720 label pictures that they gather.
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


def voc_colors(count: int = 256) -> np.ndarray:
    """Return PASCAL VOC's colors: the bits of a label, three at a time, are the high bits of red, green and blue."""
    labels = np.arange(count)
    colors = np.zeros((count, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= (labels >> channel & 1) << (7 - bit)
        labels >>= 3
    return colors.astype(np.uint8)


def cityscapes_colors() -> np.ndarray:
    """Return the colors of Cityscapes' label ids 0 to 33."""
    return np.array([as_color(row[2]) for row in CITYSCAPES_LABELS], np.uint8)


def camvid_label_colors() -> np.ndarray:
    """Return the colors by which label pictures of CamVid write the eleven classes, and black for void."""
    colors = [as_color(row[2].split()[0]) for row in CAMVID_CLASSES]
    return np.array([*colors, (0, 0, 0)], np.uint8)

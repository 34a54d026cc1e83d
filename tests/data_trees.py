"""Miniature data sets, written in the layouts in which the real ones are downloaded."""

import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SHAPE = (6, 8)


def picture(path: Path, array, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **options)
    return path


def palette_picture(path: Path, indices) -> Path:
    """Write indices behind a palette in which index and color have nothing in common."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(indices, np.uint8))
    image.putpalette(bytes((3 * k + 7) % 256 for k in range(768)))
    image.save(path)
    return path


def photograph(shape=SHAPE, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def plane(rows) -> np.ndarray:
    """Fill the miniature shape with blocks of the given values, row by row."""
    values = np.resize(np.asarray(rows), (3, 4))
    return values.repeat(2, 0).repeat(2, 1)


def voc(root: Path) -> Path:
    year = root / "VOCdevkit" / "VOC2012"
    for k, name in enumerate(("2007_000032", "2007_000039", "2007_000063")):
        picture(year / "JPEGImages" / f"{name}.jpg", photograph(seed=k))
    picture(year / "JPEGImages" / "2008_000001.jpg", photograph())
    palette_picture(year / "SegmentationClass" / "2007_000032.png", plane([0, 0, 15, 15, 255, 20]))
    palette_picture(year / "SegmentationObject" / "2007_000032.png", plane([0, 0, 1, 2, 255, 3]))
    for name in ("2007_000039", "2007_000063"):
        palette_picture(year / "SegmentationClass" / f"{name}.png", plane([0]))
        palette_picture(year / "SegmentationObject" / f"{name}.png", plane([0]))
    lists = year / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2007_000039\n2007_000063\n")
    (lists / "train.txt").write_text("2007_000032\n")
    (lists / "test.txt").write_text("2008_000001\n")
    return root / "VOCdevkit"


CITYSCAPES_IDS = plane([7, 26, 26, 0, 24, 33, 23, 3])


def cityscapes(root: Path) -> Path:
    for split, city, name in (("train", "aachen", "aachen_000000_000019"), ("val", "ulm", "ulm_000001_000019")):
        picture(root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", photograph())
        stem = root / "gtFine" / split / city / f"{name}_gtFine"
        picture(Path(f"{stem}_labelIds.png"), CITYSCAPES_IDS.astype(np.uint8))
        ids = plane([7, 26001, 26000, 0, 24, 33000, 23, 3]).astype(np.uint16)
        picture(Path(f"{stem}_instanceIds.png"), ids)
    picture(root / "leftImg8bit" / "test" / "bonn" / "bonn_000000_000019_leftImg8bit.png", photograph())
    return root


def kitti(root: Path) -> Path:
    for number in ("000000_10", "000001_10"):
        picture(root / "training" / "image_2" / f"{number}.png", photograph())
        picture(root / "training" / "semantic" / f"{number}.png", CITYSCAPES_IDS.astype(np.uint8))
        instances = plane([7 * 256, 26 * 256 + 2, 26 * 256 + 1, 0, 24 * 256, 33 * 256 + 1, 23 * 256, 0])
        picture(root / "training" / "instance" / f"{number}.png", instances.astype(np.uint16))
    picture(root / "testing" / "image_2" / "000000_10.png", photograph())
    return root


CAMVID_LABELS = plane([0, 3, 11, 10])


def camvid_segnet(root: Path) -> Path:
    for split, name in (("train", "0001TP_006690"), ("val", "0016E5_07959"), ("test", "Seq05VD_f00000")):
        picture(root / split / f"{name}.png", photograph())
        picture(root / f"{split}annot" / f"{name}.png", CAMVID_LABELS.astype(np.uint8))
    return root


def camvid_folders(root: Path) -> Path:
    for split, name in (("train", "0001TP_006690"), ("val", "0016E5_07959")):
        picture(root / split / "images" / f"{name}.jpg", photograph())
        picture(root / split / "labels" / f"{name}.png", CAMVID_LABELS.astype(np.uint8))
    return root


def camvid_colors(root: Path) -> Path:
    """Write the original frames: road and its lane marks, a tunnel (building), void."""
    colors = np.array([(128, 64, 128), (128, 0, 192), (64, 0, 64), (0, 0, 0)], np.uint8)
    picture(root / "701_StillsRaw_full" / "0006R0_f00930.png", photograph())
    picture(root / "LabeledApproved_full" / "0006R0_f00930_L.png", colors[plane([0, 1, 2, 3])])
    return root


def isbi_stack(root: Path, slices: int = 11) -> Path:
    rng = np.random.default_rng(1)
    root.mkdir(parents=True, exist_ok=True)
    volume = rng.integers(0, 256, (slices, *SHAPE), np.uint8)
    tifffile.imwrite(root / "train-volume.tif", volume, photometric="minisblack")
    tifffile.imwrite(
        root / "train-labels.tif", np.where(volume > 99, 255, 0).astype(np.uint8), photometric="minisblack"
    )
    tifffile.imwrite(root / "test-volume.tif", volume[:2], photometric="minisblack")
    return root


def isbi_folders(root: Path, slices: int = 11) -> Path:
    rng = np.random.default_rng(1)
    for k in range(slices):
        grey = rng.integers(0, 256, SHAPE, np.uint8)
        picture(root / "images" / f"{k}.png", grey)
        picture(root / "labels" / f"{k}.png", np.where(grey > 99, 255, 0).astype(np.uint8))
    return root


def ade20k(root: Path) -> Path:
    base = root / "ADEChallengeData2016"
    for split, short in (("training", "train"), ("validation", "val")):
        picture(base / "images" / split / f"ADE_{short}_00000001.jpg", photograph())
        picture(base / "annotations" / split / f"ADE_{short}_00000001.png", plane([0, 1, 150]).astype(np.uint8))
    return root


def folders(root: Path) -> Path:
    for split in ("train", "val"):
        picture(root / split / "images" / "one.png", photograph())
        picture(root / split / "labels" / "one.png", plane([0, 1, 2, 255]).astype(np.uint8))
    (root / "classes.txt").write_text("ground\nwheat\nweed\n")
    return root


def uci(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    names = "REGION-CENTROID-COL,REGION-CENTROID-ROW,REGION-PIXEL-COUNT,REST"
    row = ",".join(str(k + 0.5) for k in range(19))
    (root / "segmentation.data").write_text(f"BRICKFACE,SKY,GRASS\n\n{names}\n\nBRICKFACE,{row}\nGRASS,{row}\n")
    (root / "segmentation.test").write_text(f"{names}\nSKY,{row}\n")
    (root / "segment.dat").write_text("\n".join(f"{row.replace(',', ' ')} {k}" for k in (1, 7, 2)) + "\n")
    return root


SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]


def coco_content() -> dict:
    return {
        "images": [
            {"id": 9, "file_name": "000000000009.jpg", "height": 6, "width": 8},
            {"id": 25, "file_name": "000000000025.jpg", "height": 6, "width": 8},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 18, "iscrowd": 0, "area": 2.0, "bbox": [2, 2, 2, 1],
             "segmentation": {"size": [6, 8], "counts": [14, 1, 5, 1, 27]}},
            {"id": 2, "image_id": 9, "category_id": 1, "iscrowd": 0, "area": 12.0, "bbox": [1, 1, 4, 3],
             "segmentation": [SQUARE]},
            {"id": 3, "image_id": 9, "category_id": 1, "iscrowd": 1, "area": 24.0, "bbox": [0, 0, 8, 3],
             "segmentation": {"size": [6, 8], "counts": [0] + [3, 3] * 8}},
        ],
    }  # fmt: skip


def coco(root: Path, content: dict | None = None) -> Path:
    for name in ("000000000009", "000000000025"):
        picture(root / "val2017" / f"{name}.jpg", photograph())
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content or coco_content()))
    return root


def panoptic_content() -> dict:
    return {
        "images": [{"id": 9, "file_name": "000000000009.jpg", "height": 6, "width": 8}],
        "categories": [
            {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]},
            {"id": 200, "name": "sky", "isthing": 0, "color": [1, 2, 3]},
        ],
        "annotations": [
            {"image_id": 9, "file_name": "000000000009.png", "segments_info": [
                {"id": 200, "category_id": 200, "iscrowd": 0},
                {"id": 70000, "category_id": 1, "iscrowd": 0},
                {"id": 70001, "category_id": 1, "iscrowd": 1},
                {"id": 300, "category_id": 1, "iscrowd": 0},
            ]}
        ],
    }  # fmt: skip


PANOPTIC_IDS = plane([200, 70000, 300, 70001, 0])


def coco_panoptic(root: Path, content: dict | None = None) -> Path:
    picture(root / "val2017" / "000000000009.jpg", photograph())
    ids = PANOPTIC_IDS
    colors = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    picture(root / "annotations" / "panoptic_val2017" / "000000000009.png", colors)
    (root / "annotations" / "panoptic_val2017.json").write_text(json.dumps(content or panoptic_content()))
    return root


TREES = {
    "voc": voc, "cityscapes": cityscapes, "kitti": kitti, "camvid-segnet": camvid_segnet,
    "camvid-folders": camvid_folders, "camvid-colors": camvid_colors, "isbi-stack": isbi_stack,
    "isbi-folders": isbi_folders, "ade20k": ade20k, "folders": folders, "uci": uci, "coco": coco,
    "coco-panoptic": coco_panoptic,
}  # fmt: skip

"""Objects of pictures as annotation files: COCO's, YOLO's, labelme's, and Kaggle's run lengths."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from segalgo._core.writing import replacing
from segalgo.commands.refusal import Refusal

FORMS = ("coco", "yolo", "labelme", "kaggle")
SUFFIXES = {"coco": ".json", "kaggle": ".csv"}
"""What the name of a single output file ends with; the other forms are folders."""


def write_objects(
    form: str, output: Path, names: Sequence[str], pictures: Iterable[tuple[str, Any, Any]], polygons: bool
) -> tuple[int, int]:
    """Write the objects of pictures, (name, label map, categories from 1); return how many pictures and objects."""
    if form == "coco":
        return _write_coco(output, names, pictures, polygons)
    if form == "kaggle":
        return _write_kaggle(output, pictures)
    return _write_folder(form, output, names, pictures)


def _write_coco(
    output: Path, names: Sequence[str], pictures: Iterable[tuple[str, Any, Any]], polygons: bool
) -> tuple[int, int]:
    from segalgo.datasets import COCOWriter

    writer = COCOWriter(names, polygons=polygons)
    for name, labels, categories in pictures:
        writer.add(name, labels, categories)
    writer.write(output)
    return len(writer.content["images"]), len(writer.content["annotations"])


def _write_kaggle(output: Path, pictures: Iterable[tuple[str, Any, Any]]) -> tuple[int, int]:
    from segalgo.masks import labels_to_rles, rle_to_start_lengths

    count = rows = 0
    with replacing(output) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["ImageId", "EncodedPixels"])
        for name, labels, _ in pictures:
            codes = labels_to_rles(labels)
            for code in codes.values():
                writer.writerow([name, rle_to_start_lengths(code)])
            if not codes:
                writer.writerow([name, ""])
            count, rows = count + 1, rows + len(codes)
    return count, rows


def _write_folder(
    form: str, output: Path, names: Sequence[str], pictures: Iterable[tuple[str, Any, Any]]
) -> tuple[int, int]:
    from segalgo.datasets.labelme import labelme_content
    from segalgo.datasets.yolo import yolo_lines, yolo_names

    folder = output / "labels" if form == "yolo" else output
    folder.mkdir(parents=True, exist_ok=True)
    count = objects = 0
    for name, labels, categories in pictures:
        highest = int(labels.max(initial=0))
        if highest > 2**24:
            raise Refusal(f"{name}: holds object {highest}: expected at most 2^24, renumber the objects first")
        listed = [1] * highest if categories is None else [int(category) for category in categories]
        if form == "yolo":
            lines = yolo_lines(labels, [category - 1 for category in listed])
            path, text = folder / f"{Path(name).stem}.txt", "".join(f"{line}\n" for line in lines)
            objects += len(lines)
        else:
            content = labelme_content(labels, [names[category - 1] for category in listed], name)
            path, text = folder / f"{Path(name).stem}.json", json.dumps(content, indent=2) + "\n"
            objects += len({shape["group_id"] or -k for k, shape in enumerate(content["shapes"], 1)})
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
        count += 1
    if form == "yolo":
        with replacing(output / "data.yaml") as beside:
            beside.write_text(yolo_names(names), encoding="utf-8")
    return count, objects

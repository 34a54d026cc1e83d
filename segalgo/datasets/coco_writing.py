"""Objects as a COCO annotation file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class COCOWriter:
    """Gather the objects of pictures, and write them as one COCO annotation file.

    Parameters
    ----------
    categories : sequence of str
        Names of the categories 1, 2, 3 ...

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.datasets import COCOWriter
    >>> writer = COCOWriter(["coin"])
    >>> writer.add("coins.png", np.array([[1, 1, 0], [0, 0, 2]]))
    >>> writer.content["annotations"][0]["bbox"], writer.content["annotations"][1]["area"]
    ([0, 0, 2, 1], 1)
    """

    def __init__(self, categories: Sequence[str]) -> None:
        self.content: dict[str, list[dict[str, Any]]] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": k, "name": name} for k, name in enumerate(categories, 1)],
        }

    def add(self, file_name: str, labels: Any, categories: Any = None, scores: Sequence[float] | None = None) -> None:
        """Add a picture and its objects.

        Parameters
        ----------
        file_name : str
            The picture's file.
        labels : array (H, W) of integers
            0 where no object is, objects 1 to K; absent numbers are left out.
        categories : sequence of K integers, optional
            The category of object k + 1, from 1; 1 for all if not given.
        scores : sequence of K floats, optional
            How sure a network is of object k + 1.

        Raises
        ------
        TypeError, ValueError
            If the arguments do not fit each other, or a category is not listed.
        """
        from segalgo.labels.measurement import label_statistics
        from segalgo.masks import mask_to_rle

        plane = np.asarray(labels)
        if plane.ndim != 2:
            raise ValueError(f"labels has shape {plane.shape}: expected (H, W)")
        statistics = label_statistics(plane)
        count = int(statistics.label[-1]) if len(statistics.label) else 0
        listed = np.ones(count, int) if categories is None else np.asarray(categories)
        if len(listed) < count or (scores is not None and len(scores) < count):
            raise ValueError(f"labels holds object {count}: expected a category and a score for each object")
        known = len(self.content["categories"])
        if listed.size and not ((listed >= 1) & (listed <= known)).all():
            raise ValueError(f"categories holds {listed.min()} to {listed.max()}: expected 1 to {known}")
        number = len(self.content["images"]) + 1
        height, width = map(int, plane.shape)
        self.content["images"].append({"id": number, "file_name": file_name, "height": height, "width": width})
        for label, area, box in zip(statistics.label, statistics.area, statistics.bounding_box, strict=True):
            if area == 0:
                continue
            code = mask_to_rle(plane == label)
            top, left, bottom, right = map(int, box)
            annotation = {
                "id": len(self.content["annotations"]) + 1,
                "image_id": number,
                "category_id": int(listed[int(label) - 1]),
                "iscrowd": 0,
                "area": int(area),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": {"size": [height, width], "counts": code["counts"].decode("ascii")},
            }
            if scores is not None:
                annotation["score"] = float(scores[int(label) - 1])
            self.content["annotations"].append(annotation)

    def write(self, path: str | Path) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        Path(path).write_text(json.dumps(self.content) + "\n", encoding="utf-8")

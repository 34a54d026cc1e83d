"""Objects as a COCO annotation file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segalgo._core.checks import as_array
from segalgo._core.writing import replacing


class COCOWriter:
    """Gather the objects of pictures, and write them as one COCO annotation file.

    Parameters
    ----------
    categories : sequence of str
        Names of the categories 1, 2, 3 ...
    polygons : bool, default False
        Write polygons instead of run-length codes; holes are joined to the ring around them.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.datasets import COCOWriter
    >>> writer = COCOWriter(["coin"])
    >>> writer.add("coins.png", np.array([[1, 1, 0], [0, 0, 2]]))
    >>> writer.content["annotations"][0]["bbox"], writer.content["annotations"][1]["area"]
    ([0, 0, 2, 1], 1)
    """

    def __init__(self, categories: Sequence[str], polygons: bool = False) -> None:
        self._polygons = polygons
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
        from segalgo.masks import join_holes, labels_to_polygons
        from segalgo.masks.label_runs import label_runs

        found = label_runs(labels, "labels")
        count = int(found.labels[-1]) if len(found.labels) else 0
        listed = None if categories is None else self._as_categories(categories)
        sure = None if scores is None else _as_scores(scores)
        for values, name in ((listed, "categories"), (sure, "scores")):
            if values is not None and len(values) < count:
                raise ValueError(
                    f"{name} holds {len(values)} entries, labels object {count}: expected an entry for each object"
                )
        number, first = len(self.content["images"]) + 1, len(self.content["annotations"]) + 1
        height, width = found.size
        self.content["images"].append({"id": number, "file_name": file_name, "height": height, "width": width})
        columns = zip(found.labels.tolist(), found.areas.tolist(), found.boxes.tolist(), found.texts(), strict=True)
        outlines = labels_to_polygons(labels) if self._polygons else {}
        for k, (label, area, box, text) in enumerate(columns):
            annotation = {
                "id": first + k,
                "image_id": number,
                "category_id": 1 if listed is None else listed[label - 1],
                "iscrowd": 0,
                "area": area,
                "bbox": box,
                "segmentation": [join_holes(polygon).ravel().tolist() for polygon in outlines[label]]
                if self._polygons
                else {"size": [height, width], "counts": text.decode("ascii")},
            }
            if sure is not None:
                annotation["score"] = sure[label - 1]
            self.content["annotations"].append(annotation)

    def _as_categories(self, categories: Any) -> list[int]:
        listed = as_array(categories, "categories")
        if listed.ndim != 1 or (listed.dtype.kind not in "iu" and listed.size):
            raise ValueError(
                f"categories has dtype {listed.dtype}, shape {listed.shape}: expected an integer per object"
            )
        known = len(self.content["categories"])
        if listed.size and not ((listed >= 1) & (listed <= known)).all():
            raise ValueError(f"categories holds {listed.min()} to {listed.max()}: expected 1 to {known}")
        return listed.tolist()

    def write(self, path: str | Path) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with replacing(path) as beside:
            beside.write_text(json.dumps(self.content) + "\n", encoding="utf-8")


def _as_scores(scores: Any) -> list[float]:
    listed = as_array(scores, "scores")
    if listed.ndim != 1 or listed.dtype.kind not in "biuf":
        raise ValueError(f"scores has dtype {listed.dtype}, shape {listed.shape}: expected one number an object")
    return listed.astype(float).tolist()

"""The objects of segmented pictures as one COCO annotation file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segalgo.commands.refusal import refusing


class AnnotationFile:
    """A COCO annotation file in the making: add what was found in each picture, then write."""

    def __init__(self, path: Path, names: Sequence[str] = ("object",)) -> None:
        from segalgo.datasets import COCOWriter

        self.path = path
        self.writer = COCOWriter(names)

    def add(self, picture: Path, labels: Any, categories: Any = None) -> None:
        """Add a picture and its objects 1 to K; their categories, from 1, where there are several."""
        self.writer.add(picture.name, labels, categories)

    def write(self) -> Path:
        """Write the file and return its path."""
        with refusing(self.path):
            self.writer.write(self.path)
        return self.path

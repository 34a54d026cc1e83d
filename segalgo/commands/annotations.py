"""The objects of segmented pictures as one COCO annotation file."""

from pathlib import Path
from typing import Any

from segalgo.commands.refusal import refusing


class AnnotationFile:
    """A COCO annotation file in the making: add what was found in each picture, then write."""

    def __init__(self, path: Path) -> None:
        from segalgo.datasets import COCOWriter

        self.path = path
        self.writer = COCOWriter(["object"])

    def add(self, picture: Path, found: Any) -> None:
        """Add a picture and its objects; `found` has the label map ``labels``."""
        self.writer.add(picture.name, found.labels)

    def write(self) -> Path:
        """Write the file and return its path."""
        with refusing(self.path):
            self.writer.write(self.path)
        return self.path

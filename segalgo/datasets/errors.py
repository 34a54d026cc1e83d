"""The one error of reading data sets."""

from pathlib import Path


class DatasetError(ValueError):
    """A data set that is not there, incomplete or damaged; the message names file, record and reason.

    Attributes
    ----------
    path : Path
        The file or folder.
    reason : str
        What is wrong with it.
    record : str or None
        The part of it: a sample's name, a line, or a place in a JSON file such as ``annotations[3]``.
    """

    def __init__(self, path: str | Path, reason: str, record: str | None = None) -> None:
        self.path, self.reason, self.record = Path(path), reason, record
        super().__init__(f"{path}{f' [{record}]' if record else ''}: {reason}")

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.reason, self.record)


class LabelWarning(UserWarning):
    """What was decided about label values that can mean two things, such as 255 in masks of 0 and 255."""

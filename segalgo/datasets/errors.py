"""The one error of reading data sets, and its one warning."""

from pathlib import Path

from segalgo._core.label_warning import LabelWarning as LabelWarning


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

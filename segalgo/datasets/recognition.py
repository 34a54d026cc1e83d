"""Finding out which data set a folder holds."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segalgo.datasets.ade20k import ADE20K
from segalgo.datasets.camvid import CamVid
from segalgo.datasets.cityscapes import KITTI, Cityscapes
from segalgo.datasets.coco import COCOInstances
from segalgo.datasets.coco_panoptic import COCOPanoptic
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.folders import ImageFolders
from segalgo.datasets.isbi import ISBIStack
from segalgo.datasets.labelme import Labelme
from segalgo.datasets.uci import UCISegmentation
from segalgo.datasets.voc import PascalVOC
from segalgo.datasets.yolo import YOLO

# Readers in the order in which they are tried: layouts with characteristic names before general ones.
_READERS = (
    PascalVOC, COCOInstances, COCOPanoptic, Cityscapes, KITTI, ADE20K, UCISegmentation, CamVid, YOLO, ISBIStack,
    ImageFolders, Labelme
)  # fmt: skip
READERS: Mapping[str, Any] = {reader.kind: reader for reader in _READERS}
"""The reader of each data set, by its short name."""


def open_dataset(path: str | Path, split: str | None = None, *, kind: str | None = None, **options: Any) -> Any:
    """Open a data set in the layout in which it is downloaded, and find out which one it is.

    Parameters
    ----------
    path : str or Path
        The folder, or the annotation file of COCO, or a file of the UCI table.
    split : str, optional
        Such as "train"; the first that is there, training before validation, if not given. The rest is in
        ``dataset.splits``.
    kind : str, optional
        Which data set it is, instead of finding out: "voc", "coco", "coco-panoptic", "cityscapes", "kitti", "ade20k",
        "uci", "camvid", "yolo", "isbi", "folders" or "labelme".
    **options
        Passed on to the reader, such as ``class_names=`` of `ImageFolders`.

    Returns
    -------
    Dataset
        A sequence of samples; `UCISegmentation` for the table.

    Raises
    ------
    DatasetError
        If nothing is there, none is recognised (the message says what was looked for), a file is damaged, or there is
        no such split.
    ValueError
        If `kind` is unknown, or an option is none of the reader's.

    Examples
    --------
    >>> from segalgo.datasets import open_dataset
    >>> dataset = open_dataset("VOCdevkit", "val")  # doctest: +SKIP
    >>> image, labels = dataset[0]  # doctest: +SKIP
    """
    path = Path(path)
    if kind is not None and kind not in READERS:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(READERS)}")
    if not path.exists():
        raise DatasetError(path, "no such file or folder")
    if kind is not None:
        _check_options(READERS[kind], options, path)
        return READERS[kind](path, split, **options)
    for reader in _READERS:
        if reader.find_root(path) is not None:
            _check_options(reader, options, path)
            return reader(path, split, **options)
    looked = "; ".join(f"{reader.title}: {reader.looks_for}" for reader in _READERS)
    raise DatasetError(path, f"no data set recognised. Looked for {looked}")


def _check_options(reader: Any, options: dict[str, Any], path: Path) -> None:
    known = list(inspect.signature(reader).parameters)[2:]
    for name in options:
        if name not in known:
            expected = f"expected one of {', '.join(known)}" if known else "it has no options"
            raise ValueError(f"{name}: no option of {reader.title}, which {path} is; {expected}")

"""Data sets in the layouts in which they are downloaded: lazy sequences of pictures with label maps.

`open_dataset` finds out which data set a folder holds. A sample has ``image``, ``labels`` (class indices, 255 =
ignore), ``instances``, ``class_names`` and ``colours``, and reads each file when it is asked for.
"""

from segalgo.datasets.ade20k import ADE20K
from segalgo.datasets.camvid import CamVid
from segalgo.datasets.cityscapes import KITTI, Cityscapes
from segalgo.datasets.classes import ENCODINGS, LabelEncoding, plain_encoding
from segalgo.datasets.coco import COCOInstances
from segalgo.datasets.coco_panoptic import COCOPanoptic
from segalgo.datasets.coco_writing import COCOWriter
from segalgo.datasets.dataset import Dataset, Record, Sample
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.folders import ImageFolders
from segalgo.datasets.isbi import ISBIStack
from segalgo.datasets.recognition import READERS, open_dataset
from segalgo.datasets.uci import UCISegmentation
from segalgo.datasets.voc import PascalVOC

__all__ = [
    "ADE20K",
    "ENCODINGS",
    "KITTI",
    "READERS",
    "COCOInstances",
    "COCOPanoptic",
    "COCOWriter",
    "CamVid",
    "Cityscapes",
    "Dataset",
    "DatasetError",
    "ISBIStack",
    "ImageFolders",
    "LabelEncoding",
    "PascalVOC",
    "Record",
    "Sample",
    "UCISegmentation",
    "open_dataset",
    "plain_encoding",
]

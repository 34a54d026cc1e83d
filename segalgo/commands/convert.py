"""``segalgo convert``: between label maps, palette pictures and COCO's annotation files."""

import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from segalgo.commands.inputs import make_folder
from segalgo.commands.object_files import FORMS, write_objects
from segalgo.commands.object_files import SUFFIXES as SINGLE_FILES
from segalgo.commands.options import max_pixels_option, page_option
from segalgo.commands.refusal import Refusal, refuse_overwriting, refusing, saying_notes
from segalgo.pictures import SUFFIXES, read_labels

EXAMPLES = """
\b
Examples:
  segalgo convert labels/ colored/ --to palette --dataset camvid
  segalgo convert segalgo-out/coins/labels.png coins.json --to coco --objects
  segalgo convert VOC2012/SegmentationClass/ voc.json --to coco --dataset voc
  segalgo convert instances_val2017.json masks/ --to labels
  segalgo convert masks/ yolo/ --to yolo
"""
WAY_OUT = "choose another OUTPUT, or --in-place for label pictures"
MOST_CLASSES = 2**16  # of label pictures without names: beyond it numbers are objects
KINDS = ("voc", "cityscapes", "kitti", "camvid", "ade20k", "isbi")


@click.command("convert", epilog=EXAMPLES)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--to", "form", required=True, type=click.Choice(["labels", "palette", *FORMS]), help="What to write.")
@click.option("--polygons", is_flag=True, help="To COCO: polygons instead of run-length codes.")
@click.option(
    "--dataset", "kind", type=click.Choice(KINDS), help="Whose numbers, names and colors the label maps have."
)
@click.option(
    "--foreground-value", type=click.IntRange(1), help="Masks: the value of the object, such as 255; 0 is the ground."
)
@click.option("--ignore-value", type=click.IntRange(0), help="The value of pixels to ignore, 255 if not given.")
@click.option("--objects", is_flag=True, help="The numbers are objects, not classes; of COCO: number the objects.")
@click.option(
    "--split-touching", is_flag=True, help="To COCO, of classes: cut objects that touch apart at their necks."
)
@click.option("--strict", is_flag=True, help="COCO's annotations: refuse a file with entries that cannot be used.")
@page_option
@click.option("--in-place", is_flag=True, help="Overwrite label pictures that are read by those that are written.")
@max_pixels_option
def convert_command(
    source: Path,
    output: Path,
    form: str,
    polygons: bool,
    kind: str | None,
    foreground_value: int | None,
    ignore_value: int | None,
    objects: bool,
    split_touching: bool,
    strict: bool,
    page: int | None,
    in_place: bool,
) -> None:
    r"""Convert label maps to palette pictures or to annotation files, and back.

    INPUT is a label picture (numbers or a palette), a folder of them, a COCO annotation file, a folder of YOLO
    (images/ and labels/), or labelme's JSON files. OUTPUT is a folder, a .json file for COCO, a .csv file for Kaggle;
    of a single label picture also a picture file.

    \b
    labels   one PNG a picture, grey: the numbers themselves (16 bits or TIFF where they are large)
    palette  one PNG a picture, colored by a palette, VOC's or the data set's; numbers up to 255
    coco     objects with run-length codes and boxes: the connected components of each class but 0, or
             with --objects each number as one object of the category "object"
    yolo     the same objects as polygons: labels/*.txt and data.yaml
    labelme  the same objects as polygons: one JSON file a picture
    kaggle   the same objects as run lengths in a table: start and length, from 1, down the columns

    Masks that hold 0 and 255 alone are ground and object; elsewhere 255 is no class.
    """
    if split_touching and (form not in FORMS or objects):
        raise Refusal("--split-touching: expected with --to coco or another form of objects, of classes")
    if polygons and form != "coco":
        raise Refusal("--polygons: expected with --to coco")
    values = {
        name: value
        for name, value in (("foreground_value", foreground_value), ("ignore_value", ignore_value))
        if value is not None
    }
    if values and (source.suffix == ".json" or kind is not None or objects):
        raise Refusal("--foreground-value and --ignore-value: expected with label pictures of no known data set")
    with refusing(), saying_notes():
        maps = _read(source, objects, kind, strict, values, page)
        if form in FORMS:
            suffix = SINGLE_FILES.get(form)
            if suffix is not None and output.suffix != suffix:
                raise Refusal(f"{output}: expected a name that ends with {suffix}")
            if suffix is None and output.suffix.lower() in (*SUFFIXES, ".json", ".txt", ".csv"):
                raise Refusal(f"{output}: expected a folder")
            if not in_place:
                refuse_overwriting(_outputs(form, output, maps), maps.files, WAY_OUT)
            names, pictures = _find_objects(maps, source, objects, split_touching)
            count, found = write_objects(form, output, names, pictures, polygons)
            click.echo(f"{output}: {found} object{_plural(found)} of {count} picture{_plural(count)}")
        else:
            _write_pictures(maps, source, output, form, in_place)


def _outputs(form: str, output: Path, maps: "_Maps") -> list[Path]:
    """Return the files that will be written."""
    if form in SINGLE_FILES:
        return [output]
    folder, suffix = (output / "labels", ".txt") if form == "yolo" else (output, ".json")
    paths = [folder / f"{Path(name).stem}{suffix}" for name, _ in maps.items]
    for path, count in Counter(paths).items():
        if count > 1:
            raise Refusal(f"{path}: two pictures have this name")
    return [*paths, output / "data.yaml"] if form == "yolo" else paths


def _read(
    source: Path, objects: bool, kind: str | None, strict: bool, values: dict[str, int], page: int | None
) -> "_Maps":
    from segalgo.datasets import YOLO, Labelme

    if source.exists():
        for reader in (YOLO, Labelme):
            if reader.find_root(source) is not None:
                if values:
                    raise Refusal(f"{source}: {reader.title} go without --foreground-value and --ignore-value")
                return _read_shapes(reader(source), objects, kind)
    if source.suffix == ".json":
        return _read_coco(source, objects, kind, strict)
    return _read_pictures(source, kind, values, page)


class _Maps:
    """Label maps that are read one after the other, and what their numbers mean."""

    def __init__(
        self,
        items: list[tuple[str, Any]],
        names: list[str] | None,
        colors: Any,
        background: int | None,
        files: list[Path],
        ignore: int | None = None,
        read_objects: list[Any] | None = None,
    ) -> None:
        self.items, self.names, self.colors, self.background = items, names, colors, background
        self.files = files
        """What is read, and the photographs that an annotation file belongs to."""
        self.read_objects = read_objects
        """Of pictures whose objects are known: functions that return objects and categories, as `items`."""
        self.ignore = ignore
        """What the maps hold where a pixel has no class; None where their values decide."""

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        from tqdm import tqdm

        for name, read in tqdm(self.items, unit="picture", disable=None):
            yield name, read()


def _read_pictures(source: Path, kind: str | None, values: dict[str, int], page: int | None) -> _Maps:
    from segalgo.datasets import ENCODINGS, DatasetError, plain_encoding
    from segalgo.datasets.files import list_pictures, read_indices

    if not source.exists():
        raise DatasetError(source, "no such file or folder")
    files = list_pictures(source) if source.is_dir() else [source]
    if not files:
        raise DatasetError(source, "holds no pictures")
    if "foreground_value" in values:
        masks = plain_encoding(("background", "object"), **values)
        items = [(path.name, lambda path=path: masks.decode(read_labels(path, page=page), path)) for path in files]
        return _Maps(items, list(masks.class_names), None, 0, files, ignore=255)
    if kind is None:
        items = [(path.name, lambda path=path: read_labels(path, page=page)) for path in files]
        return _Maps(items, None, None, 0, files, values.get("ignore_value"))
    encoding = ENCODINGS[kind]

    def read(path: Path) -> np.ndarray:
        return encoding.decode(read_indices(path, rgb=encoding.reads_rgb, page=page), path)

    # VOC's class 0 is background; the classes of the others are all something.
    background = 0 if encoding.class_names[0] == "background" else None
    items = [(path.name, lambda path=path: read(path)) for path in files]
    return _Maps(items, list(encoding.class_names), encoding.colors, background, files)


def _read_coco(source: Path, objects: bool, kind: str | None, strict: bool) -> _Maps:
    from segalgo.datasets import COCOInstances

    if kind is not None:
        raise Refusal(f"--dataset {kind}: {source} names its classes itself")
    dataset = COCOInstances(source, strict=strict)
    paint = dataset.paint_instances if objects else dataset.paint_labels
    items = [(Path(record.name).name, lambda record=record: paint(record)) for record in dataset.records]
    files = [source, *(record.image for record in dataset.records)]
    names, colors = (None, None) if objects else (list(dataset.class_names), dataset.colors)

    def read(record: Any) -> tuple[np.ndarray, list[int]]:
        categories = [dataset.class_of_category[entry["category_id"]] + 1 for entry in record.annotations]
        return dataset.paint_instances(record), categories

    readers = [partial(read, record) for record in dataset.records]
    return _Maps(items, names, colors, 0, files, read_objects=readers)


def _read_shapes(dataset: Any, objects: bool, kind: str | None) -> _Maps:
    """Return the label maps of a data set whose label files list polygons and boxes."""
    if kind is not None:
        raise Refusal(f"--dataset {kind}: {dataset.root} names its classes itself")
    paint = dataset.read_instances if objects else dataset.read_labels
    items = [(record.image.name, partial(paint, record)) for record in dataset.records]
    files = [path for record in dataset.records for path in (record.labels, record.image)]
    names, colors = (None, None) if objects else (list(dataset.class_names), dataset.colors)
    readers = [
        lambda record=record: (dataset.read_instances(record), dataset.read_classes(record))
        for record in dataset.records
    ]
    return _Maps(items, names, colors, 0, files, read_objects=readers)


def _find_objects(
    maps: _Maps, source: Path, objects: bool, split_touching: bool
) -> tuple[list[str], Iterator[tuple[str, Any, Any]]]:
    """Return the names of the categories and, of each picture, its name, its objects and their categories, from 1."""
    if objects:
        return ["object"], ((name, labels, None) for name, labels in maps)
    if maps.read_objects is not None:
        found = ((name, *read()) for (name, _), read in zip(maps.items, maps.read_objects, strict=True))
        return list(maps.names[1:]), found
    ignore = 255 if maps.ignore is None else maps.ignore
    names, is_mask = (list(maps.names), False) if maps.names is not None else _name_classes(maps, source, ignore)
    # Categories count from 1: category k is class k where class 0 is background, else class k - 1.
    first = 1 if maps.background == 0 else 0

    def find() -> Iterator[tuple[str, Any, Any]]:
        from segalgo.objects.instances import semantic_to_instances

        for name, labels in maps:
            plane = labels == 255 if is_mask else labels
            parts = semantic_to_instances(
                plane, background=maps.background, ignore_index=ignore, split_touching=split_touching
            )
            yield name, parts.labels, parts.classes + 1 - first

    return names[first:], find()


def _name_classes(maps: _Maps, source: Path, ignore: int) -> tuple[list[str], bool]:
    """Return names for the classes that label pictures hold, and whether they are masks of 0 and 255."""
    from segalgo.datasets import LabelWarning
    from segalgo.datasets.label_values import distinct_values

    # The categories stand in the file before the first object: look at all maps for their classes.
    present = {int(value) for _, labels in maps for value in distinct_values(labels)}
    if maps.ignore is None and present <= {0, 255} and 255 in present:
        warnings.warn(
            f"{source}: label pictures hold 0 and 255 alone: 255 is taken for the object "
            "(--ignore-value 255 says otherwise)",
            LabelWarning,
            stacklevel=1,
        )
        return ["background", "object"], True
    largest = max(present - {ignore}, default=0)
    if largest > MOST_CLASSES or min(present, default=0) < 0:
        raise Refusal(
            f"{source}: its label pictures hold {min(present)} to {largest}: expected classes 0 to "
            f"{MOST_CLASSES}, or --objects where the numbers are objects"
        )
    return [str(k) for k in range(largest + 1)], False


def _write_pictures(maps: _Maps, source: Path, output: Path, form: str, in_place: bool) -> None:
    single = source.suffix != ".json" and not source.is_dir() and output.suffix.lower() == ".png"
    if not single and output.suffix.lower() in (*SUFFIXES, ".json"):
        raise Refusal(f"{output}: expected a folder, or a name that ends with .png for a single label picture")
    paths = [output] if single else [output / f"{Path(name).stem}.png" for name, _ in maps.items]
    taken: set[str] = set()
    for path in paths:
        if path.name.lower() in taken:
            raise Refusal(f"{path}: two pictures of {source} have this name")
        taken.add(path.name.lower())
    # An annotation file's photographs are not what it is converted to: they are never overwritten.
    if not in_place or source.suffix == ".json":
        written = [other for path in paths for other in (path, path.with_suffix(".tif"))]
        refuse_overwriting(written, maps.files, WAY_OUT)
    for path, (_, labels) in zip(paths, maps, strict=True):
        if not single:
            make_folder(output)  # once the first picture is read: a refusal leaves no empty folder
        with refusing(path):
            _write_picture(path, labels, form, maps.colors)
    click.echo(f"{output}: {len(paths)} picture{_plural(len(paths))}")


def _write_picture(path: Path, labels: np.ndarray, form: str, colors: Any) -> None:
    from segalgo.masks import colormap, write_palette_picture
    from segalgo.pictures import write_label_map, write_picture

    if form == "labels":
        if path.suffix == ".png" or labels.max(initial=0) >= 2**16:
            write_label_map(path.with_suffix(""), labels)
        else:  # .PNG, the name that was asked for
            write_picture(path, labels.astype(np.uint8 if labels.max(initial=0) < 2**8 else np.uint16))
        return
    palette = colormap("voc")
    if colors is not None:
        palette[: len(colors)] = colors
    write_palette_picture(path, labels, palette)


def _plural(count: int) -> str:
    return "" if count == 1 else "s"

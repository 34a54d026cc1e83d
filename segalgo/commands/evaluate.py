"""``segalgo evaluate``: label maps against the truth."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from segalgo._core.writing import replacing
from segalgo.commands.detections import report_detections, score_detections
from segalgo.commands.options import max_pixels_option
from segalgo.commands.panoptic import report_panoptic, score_panoptic
from segalgo.commands.percentages import percent
from segalgo.commands.refusal import Refusal, refuse_overwriting, refusing, saying_notes

EXAMPLES = """
\b
Examples:
  segalgo evaluate predictions/ camvid/val --dataset camvid
  segalgo evaluate predictions/ VOCdevkit --split val --json scores.json --picture confusion.png
  segalgo evaluate predictions/ camvid/val/labels --dataset camvid
  segalgo evaluate results/ cityscapes/ --split val --class-indices
  segalgo evaluate masks/found/ masks/true/ --foreground-value 255
  segalgo evaluate detections.json annotations/instances_val2017.json
"""
LABEL_KINDS = ("voc", "cityscapes", "kitti", "camvid", "ade20k", "isbi", "coco", "coco-panoptic", "folders")


@click.command("evaluate", epilog=EXAMPLES)
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("targets", type=click.Path(path_type=Path))
@click.option(
    "--dataset", "kind", type=click.Choice(LABEL_KINDS), help="Which data set TARGETS is; found out if not given."
)
@click.option("--split", help="Which split of TARGETS; the first if not given.")
@click.option(
    "--class-indices",
    is_flag=True,
    help="PREDICTIONS hold class indices 0, 1, 2 ... where the data set's own label files hold other numbers.",
)
@click.option(
    "--foreground-value",
    type=click.IntRange(1),
    help="Of two classes: the value of class 1 in label pictures, such as 255 of masks of 0 and 255.",
)
@click.option("--ignore-value", type=click.IntRange(0), help="The value of pixels to ignore, 255 if not given.")
@click.option("--strict", is_flag=True, help="COCO's annotations: refuse a file with entries that cannot be used.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all numbers to this file.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Write a picture of the confusion matrix to this file."
)
@max_pixels_option
def evaluate_command(
    predictions: Path,
    targets: Path,
    kind: str | None,
    split: str | None,
    class_indices: bool,
    foreground_value: int | None,
    ignore_value: int | None,
    strict: bool,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    """Score label maps or detections against the truth.

    Label maps get IoU, precision, recall and Dice of each class, and their means.

    TARGETS is a data set in the layout in which it is downloaded, or, with --dataset, a folder of its label pictures.
    PREDICTIONS is a folder with one label picture for each target, named as the target (or with a suffix after an
    underscore, or as NAME/labels.png), in the numbers of the data set's own label files: labelIds of Cityscapes, 1 to
    150 of ADE20K. All pictures count together, not the mean over pictures.

    TARGETS may also be a plain folder of label pictures: their numbers are the classes. Where 0 and 255 are all that
    label pictures of two classes hold, 255 is class 1; --foreground-value and --ignore-value say otherwise.

    Where PREDICTIONS is a .json file of COCO's detections (segmentation or bbox, and score), TARGETS is COCO's
    annotation file or its folder, and the numbers are COCO's average precision and recall; of panoptic files
    (segments_info, pictures in the folder of the file's name) panoptic quality.
    """
    coco_file = predictions.suffix == ".json"
    if coco_file and (picture is not None or class_indices or kind not in (None, "coco", "coco-panoptic")):
        raise Refusal(f"{predictions}: COCO's files go without --picture, --class-indices, other data sets")
    values = {
        name: value
        for name, value in (("foreground_value", foreground_value), ("ignore_value", ignore_value))
        if value is not None
    }
    if coco_file and values:
        raise Refusal(f"{predictions}: COCO's files go without --foreground-value and --ignore-value")
    report = _report
    with refusing(), saying_notes() as notes:
        outputs = [path for path in (json_file, picture) if path is not None]
        refuse_overwriting(outputs, _files(predictions, targets))
        from segalgo.datasets.coco import holds_segments

        if coco_file and holds_segments(predictions):
            scores, report = score_panoptic(predictions, targets, split), report_panoptic
        elif coco_file:
            scores, report = score_detections(predictions, targets, split, strict), report_detections
        else:
            scores, matrix = _score(_pair(predictions, targets, kind, split, values, strict), class_indices)
            scores["notes"] = [*notes, *_find_faults(scores)]
    report(scores)
    if json_file is not None:
        with refusing(json_file), replacing(json_file) as beside:
            beside.write_text(json.dumps(_without_nan(scores), indent=2) + "\n", encoding="utf-8")
        click.echo(f"\nnumbers written to {json_file}")
    if picture is not None:
        with refusing(picture):
            _draw(matrix, [row["name"] for row in scores["classes"]], picture)
        click.echo(f"picture written to {picture}")


def _files(*paths: Path) -> Iterator[Path]:
    """Yield the files among the paths, and those in the folders among them."""
    for path in paths:
        yield from path.rglob("*") if path.is_dir() else [path]


@dataclass(frozen=True)
class _Pairs:
    """The targets of a data set, and the predictions that belong to them; nothing is read yet."""

    title: str
    split: str | None
    encoding: Any
    items: list[tuple[str, Callable[[], np.ndarray | None], Path]]
    foreground_value: int | None = None
    """What the targets hold where class 1 is, if that was given."""


def _pair(
    predictions: Path, targets: Path, kind: str | None, split: str | None, values: dict[str, int], strict: bool
) -> _Pairs:
    from segalgo.datasets import ENCODINGS, READERS, DatasetError, UCISegmentation, open_dataset
    from segalgo.datasets.files import list_pictures

    for path in (predictions, targets):
        if not path.exists():
            raise DatasetError(path, "no such file or folder")
    if not predictions.is_dir():
        raise DatasetError(predictions, "is no folder: expected one of label pictures")
    found = _index(predictions)
    if kind in ENCODINGS and READERS[kind].accept_root(targets) is None and list_pictures(targets):
        _refuse_split(split, targets)
        if values:
            raise Refusal(
                f"--{next(iter(values)).replace('_', '-')}: the label pictures of {kind} have their own values"
            )
        return _Pairs(kind, None, ENCODINGS[kind], _pair_pictures(list_pictures(targets), kind, found, predictions))
    if kind is None and list_pictures(targets) and not any(r.find_root(targets) for r in READERS.values()):
        _refuse_split(split, targets)
        return _pair_masks(list_pictures(targets), found, predictions, targets, values)
    dataset = open_dataset(targets, split, kind=kind, **values, **({"strict": True} if strict else {}))
    if isinstance(dataset, UCISegmentation):
        raise DatasetError(targets, "is a table without label maps")
    if not len(dataset):
        raise DatasetError(targets, "holds no label maps")
    # Records, not samples: a sample would keep the label map that it has read.
    named = [(_stem(record.name), partial(dataset.read_labels, record)) for record in dataset.records]
    items = [(name, read, _find(found, name, predictions)) for name, read in named]
    return _Pairs(dataset.title, dataset.split, dataset.encoding, items, values.get("foreground_value"))


def _refuse_split(split: str | None, targets: Path) -> None:
    if split is not None:
        raise Refusal(f"--split {split}: {targets} is a folder of label pictures, which has no splits")


def _pair_masks(
    labels: list[Path], found: dict[str, Path], predictions: Path, targets: Path, values: dict[str, int]
) -> _Pairs:
    """Pair label pictures of no known data set: 0 and one other value are ground and object, else classes 0, 1 ..."""
    from segalgo.datasets import plain_encoding
    from segalgo.datasets.files import read_indices
    from segalgo.datasets.label_values import decide_encoding, distinct_values

    present = {int(value) for path in labels for value in distinct_values(read_indices(path, path.stem))}
    classes = present - {0, values.get("ignore_value", 255)}
    if "foreground_value" in values or len(present - {0}) <= 1 or classes <= {1}:
        encoding = decide_encoding(plain_encoding(("background", "object"), **values), labels, targets)
    else:
        largest = max(classes)
        if not 0 < largest < 255:
            raise Refusal(f"{targets}: its label pictures hold {largest}: expected classes 0 to 254")
        encoding = plain_encoding([str(k) for k in range(largest + 1)], **values)

    def read(path: Path) -> np.ndarray:
        return encoding.decode(read_indices(path, path.stem), path, path.stem)

    items = [(path.stem, partial(read, path), _find(found, path.stem, predictions)) for path in labels]
    reading = plain_encoding(encoding.class_names, **values)
    return _Pairs("label pictures", None, reading, items, values.get("foreground_value"))


def _pair_pictures(
    labels: list[Path], kind: str, found: dict[str, Path], predictions: Path
) -> list[tuple[str, Callable[[], np.ndarray], Path]]:
    """Pair label pictures of a data set with their predictions."""
    from segalgo.datasets import ENCODINGS
    from segalgo.datasets.files import read_indices

    encoding = ENCODINGS[kind]

    def read(path: Path, name: str) -> np.ndarray:
        return encoding.decode(read_indices(path, name, rgb=encoding.reads_rgb), path, name)

    named = [(path.stem.removesuffix("_L") if kind == "camvid" else path.stem, path) for path in labels]
    return [(name, partial(read, path, name), _find(found, name, predictions)) for name, path in named]


def _stem(name: str) -> str:
    """Return a sample's name without the suffix that COCO's names carry."""
    return Path(name).stem if Path(name).suffix.lower() in (".jpg", ".jpeg", ".png") else Path(name).name


def _index(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by name; ``NAME/labels.png`` counts as NAME."""
    from segalgo.datasets.files import list_pictures

    found = {path.stem: path for path in list_pictures(folder)}
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        for labels in (path / "labels.png", path / "labels.tif"):
            if labels.is_file():
                found.setdefault(path.name, labels)
    return found


def _find(found: dict[str, Path], name: str, folder: Path) -> Path:
    from segalgo.datasets import DatasetError

    if name in found:
        return found[name]
    longer = [path for stem, path in found.items() if stem.startswith(f"{name}_")]
    if len(longer) == 1:
        return longer[0]
    what = "no label picture" if not longer else f"{len(longer)} label pictures"
    raise DatasetError(folder, f"holds {what} for {name}: expected one named {name}.png", name)


def _score(pairs: _Pairs, class_indices: bool) -> tuple[dict[str, Any], np.ndarray]:
    from segalgo.metrics import ConfusionMatrix, dice, iou, pixel_accuracy, precision, recall

    count = len(pairs.encoding.class_names)
    # One column more: pixels that have a class and got none ("ignore") are mistakes, as in Cityscapes' evaluation.
    matrix = ConfusionMatrix(count + 1)
    total = 0
    for target, prediction in _read(pairs, class_indices):
        total += target.size
        matrix.update(target, np.where(prediction == 255, count, prediction))
    counts = np.asarray(matrix)
    measures = {"iou": iou, "precision": precision, "recall": recall, "dice": dice}
    table = {name: np.asarray(measure(counts))[:count] for name, measure in measures.items()}
    pixels = counts.sum(1)[:count]
    share = pixels / pixels.sum() if pixels.sum() else np.full(count, np.nan)
    classes = [
        {"name": name, "pixels": int(pixels[k]), **{key: float(values[k]) for key, values in table.items()}}
        for k, name in enumerate(pairs.encoding.class_names)
    ]
    scores = {
        "dataset": pairs.title,
        "split": pairs.split,
        "pictures": len(pairs.items),
        "pixels": int(pixels.sum()),
        "pixels_ignored": total - int(pixels.sum()),
        "pixels_without_class": int(counts[:, count].sum()),
        "pixel_accuracy": float(pixel_accuracy(counts)),
        "class_accuracy": _mean(table["recall"]),
        "mean_iou": _mean(table["iou"]),
        "frequency_weighted_iou": float(np.nansum(share * table["iou"])) if pixels.sum() else math.nan,
        "mean_dice": _mean(table["dice"]),
        "classes": classes,
        "confusion_matrix": counts[:count].tolist(),
    }
    return scores, counts[:count, :count]


def _find_faults(scores: dict[str, Any]) -> list[str]:
    """Say what makes scores mean less than they seem to: mostly ignored targets, classes that occur nowhere."""
    faults = []
    ignored, total = scores["pixels_ignored"], scores["pixels_ignored"] + scores["pixels"]
    if 2 * ignored > total:
        faults.append(f"{ignored} of {total} pixels of the targets are ignored: the scores are those of the rest")
    absent = [row["name"] for row in scores["classes"] if row["pixels"] == 0]
    if absent:
        shown = ", ".join(absent[:8]) + (f" and {len(absent) - 8} more" if len(absent) > 8 else "")
        faults.append(f"no pixel of the targets is {shown}")
    return faults


def _prediction_encoding(pairs: _Pairs, class_indices: bool) -> Any:
    """Return how the predictions write the classes: as the data set, or decided by their own values."""
    from segalgo.datasets import plain_encoding
    from segalgo.datasets.label_values import decide_encoding, find_values

    encoding = plain_encoding(pairs.encoding.class_names) if class_indices else pairs.encoding
    files = [path for _, _, path in pairs.items]
    if pairs.foreground_value is not None:
        # The value is that of the targets; predictions may hold class indices or a value of their own.
        present = find_values(files) - {0}
        if present and pairs.foreground_value not in present:
            encoding = plain_encoding(encoding.class_names)
    return decide_encoding(encoding, files, files[0].parent)


def _read(pairs: _Pairs, class_indices: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from tqdm import tqdm

    from segalgo.datasets import DatasetError
    from segalgo.datasets.files import read_indices

    reading = _prediction_encoding(pairs, class_indices)
    for name, read, path in tqdm(pairs.items, unit="picture", disable=None):
        truth = read()
        if truth is None:
            raise DatasetError(path, f"split {pairs.split!r} of {pairs.title} has no labels to compare with", name)
        prediction = reading.decode(read_indices(path, name, rgb=reading.reads_rgb), path, name)
        if prediction.shape != truth.shape:
            sizes = f"{prediction.shape[0]} x {prediction.shape[1]}, the target is {truth.shape[0]} x {truth.shape[1]}"
            raise DatasetError(path, f"is {sizes}", name)
        yield truth, prediction


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _report(scores: dict[str, Any]) -> None:
    split = f", split {scores['split']}" if scores["split"] else ""
    click.echo(f"{scores['dataset']}{split}: {scores['pictures']} pictures, {scores['pixels']} pixels\n")
    width = max(5, *(len(row["name"]) for row in scores["classes"]))
    click.echo(f"  {'class':{width}} {'pixels':>12} {'IoU':>7} {'prec.':>7} {'recall':>7} {'Dice':>7}")
    for row in scores["classes"]:
        shown = " ".join(percent(row[key]) for key in ("iou", "precision", "recall", "dice"))
        click.echo(f"  {row['name']:{width}} {row['pixels']:>12} {shown}")
    click.echo()
    for key, title in (
        ("mean_iou", "mean IoU"),
        ("pixel_accuracy", "pixel accuracy"),
        ("class_accuracy", "class accuracy"),
        ("frequency_weighted_iou", "frequency-weighted IoU"),
        ("mean_dice", "mean Dice"),
    ):
        click.echo(f"  {title:24}{percent(scores[key])}")
    if scores["pixels_without_class"]:
        click.echo(
            f"\n{scores['pixels_without_class']} pixels were predicted as no class at all: they count as mistakes"
        )
    for fault in _find_faults(scores):
        click.echo(f"\n{fault}")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is undefined becomes null."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _draw(matrix: np.ndarray, names: list[str], path: Path) -> None:
    from segalgo.plot.colors import import_pyplot

    import_pyplot()  # says which extra is missing
    from matplotlib.figure import Figure

    from segalgo.plot import show_confusion

    side = float(np.clip(2.2 + 0.42 * len(names), 3.5, 11))
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    show_confusion(matrix, names, ax=figure.add_subplot())
    with replacing(path) as beside:
        figure.savefig(beside, dpi=150)

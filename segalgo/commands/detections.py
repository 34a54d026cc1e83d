"""Scores of detections: ``segalgo evaluate`` of COCO's files."""

from pathlib import Path
from typing import Any

import click

TITLES = {
    "AP": "AP, IoU .50 to .95", "AP50": "AP, IoU .50", "AP75": "AP, IoU .75", "APs": "AP, small", "APm": "AP, medium",
    "APl": "AP, large", "AR1": "AR, 1 a picture", "AR10": "AR, 10 a picture", "AR100": "AR, 100 a picture",
    "ARs": "AR, small", "ARm": "AR, medium", "ARl": "AR, large",
}  # fmt: skip


def score_detections(predictions: Path, targets: Path, split: str | None, strict: bool = False) -> dict[str, Any]:
    """Compute COCO's average precision of a result file, or of an annotation file whose objects have scores."""
    from segalgo.datasets import COCOInstances, DatasetError
    from segalgo.datasets.files import read_json
    from segalgo.metrics import average_precision

    truth = COCOInstances(targets, split, strict=strict, needs_masks=False)
    found = read_json(predictions)
    if isinstance(found, dict):
        found = found.get("annotations")
    if not isinstance(found, list):
        raise DatasetError(predictions, "expected a list of detections, or an annotation file")
    with_masks = _have_masks(found[:1])
    if with_masks and found:
        truth = COCOInstances(targets, split, strict=strict)
    annotations = [annotation for record in truth.records for annotation in record.annotations]
    if found and with_masks and not _have_masks(annotations[:1]):
        raise DatasetError(truth.annotation_file, "has no masks, but the detections have: expected both, or boxes")
    content = {
        "images": [{"id": r.id, "height": r.size[0], "width": r.size[1]} for r in truth.records],
        "annotations": annotations,
        "categories": truth.categories,
    }
    try:
        precision = average_precision(content, found, "segm" if with_masks else "bbox")
    except (ValueError, TypeError) as error:
        raise DatasetError(predictions, " ".join(str(error).split())) from None
    names = {category["id"]: category["name"] for category in truth.categories}
    return {
        "dataset": truth.title,
        "split": truth.split,
        "pictures": len(truth),
        "detections": len(found),
        "compared": "masks" if with_masks else "boxes",
        **precision.summary,
        "classes": [
            {"name": names[number], "average_precision": value} for number, value in precision.by_category().items()
        ],
    }


def _have_masks(records: list[Any]) -> bool:
    """Return whether records, of which the first stands for all, have masks; none of them have any kind."""
    return not records or (isinstance(records[0], dict) and bool(records[0].get("segmentation")))


def report_detections(scores: dict[str, Any]) -> None:
    """Print COCO's twelve numbers, and the average precision of each class."""
    from segalgo.commands.percentages import percent

    click.echo(
        f"{scores['dataset']}, split {scores['split']}: {scores['pictures']} pictures, "
        f"{scores['detections']} detections, {scores['compared']} compared\n"
    )
    width = max([5, *(len(row["name"]) for row in scores["classes"])])
    click.echo(f"  {'class':{width}} {'AP':>7}")
    for row in scores["classes"]:
        click.echo(f"  {row['name']:{width}} {percent(row['average_precision'])}")
    click.echo()
    for key, title in TITLES.items():
        click.echo(f"  {title:20}{percent(scores[key])}")

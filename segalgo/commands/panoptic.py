"""Scores of panoptic maps: ``segalgo evaluate`` of COCO's panoptic files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np


def score_panoptic(predictions: Path, targets: Path, split: str | None) -> dict[str, Any]:
    """Compute the panoptic quality of a result file; its pictures lie in the folder of its name beside it."""
    from segalgo.datasets import COCOPanoptic, DatasetError
    from segalgo.metrics import panoptic_quality

    truth = COCOPanoptic(targets, split)
    found = _read_predictions(predictions)
    pairs = []
    for record in truth.records:
        if record.id not in found:
            raise DatasetError(
                predictions, f"holds no annotation of picture {record.id} ({record.name})", "annotations"
            )
        pairs.append((record, *found[record.id]))
    categories = [{"id": entry["id"], "isthing": entry.get("isthing", 1)} for entry in truth.categories]
    try:
        quality = panoptic_quality(_Targets(truth, pairs), _Predictions(truth, pairs), categories)
    except DatasetError:
        raise
    except (ValueError, TypeError) as error:
        raise DatasetError(predictions, " ".join(str(error).split())) from None
    means = {
        f"{name}_{kind}": value for kind in ("all", "things", "stuff") for name, value in quality.mean(kind).items()
    }
    return {
        "dataset": truth.title,
        "split": truth.split,
        "pictures": len(truth),
        **means,
        "classes": [
            {"name": entry["name"], "pq": float(pq), "sq": float(sq), "rq": float(rq)}
            for entry, pq, sq, rq in zip(truth.categories, quality.pq, quality.sq, quality.rq, strict=True)
        ],
    }


def report_panoptic(scores: dict[str, Any]) -> None:
    """Print panoptic, segmentation and recognition quality of each class, and their means."""
    from segalgo.commands.percentages import percent

    click.echo(f"{scores['dataset']}, split {scores['split']}: {scores['pictures']} pictures\n")
    width = max([6, *(len(row["name"]) for row in scores["classes"])])
    click.echo(f"  {'class':{width}} {'PQ':>7} {'SQ':>7} {'RQ':>7}")
    for row in scores["classes"]:
        click.echo(f"  {row['name']:{width}} " + " ".join(percent(row[key]) for key in ("pq", "sq", "rq")))
    click.echo()
    for kind in ("all", "things", "stuff"):
        click.echo(f"  {kind:{width}} " + " ".join(percent(scores[f"{key}_{kind}"]) for key in ("pq", "sq", "rq")))


def _read_predictions(path: Path) -> dict[int, tuple[Path, list[dict[str, Any]]]]:
    """Return picture of segment numbers and list of segments by the id of the photograph."""
    from segalgo.datasets.files import read_json, require, safe_name

    found = {}
    for k, annotation in enumerate(require(read_json(path), "annotations", list, path, "the file")):
        place = f"annotations[{k}]"
        number = require(annotation, "image_id", int, path, place)
        name = safe_name(require(annotation, "file_name", str, path, place), path, place)
        found[number] = path.parent / path.stem / name, require(annotation, "segments_info", list, path, place)
    return found


class _Targets(Sequence):
    """The true maps, read one at a time."""

    def __init__(self, truth: Any, pairs: list[tuple[Any, Path, list[dict[str, Any]]]]) -> None:
        self.truth, self.pairs = truth, pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, k: Any) -> tuple[np.ndarray, Any]:
        record = self.pairs[k][0]
        return self.truth.read_segment_ids(record), record.segments


class _Predictions(_Targets):
    """The predicted maps, read one at a time."""

    def __getitem__(self, k: Any) -> tuple[np.ndarray, Any]:
        from segalgo.datasets.coco_panoptic import read_ids

        record, path, segments = self.pairs[k]
        return read_ids(path, record.size, record.name), segments

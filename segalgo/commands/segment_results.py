"""What ``segalgo segment`` writes and prints of a picture."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from segalgo._core.writing import replacing
from segalgo.commands.inputs import make_folder
from segalgo.commands.refusal import Refusal, refuse_overwriting
from segalgo.pictures import PictureError, write_label_map, write_picture
from segalgo.segmenters.threshold import Segmentation

BOX = ("min_row", "min_column", "max_row", "max_column")
COLUMNS = ("label", "area", *BOX, "centroid_row", "centroid_column", "mean_intensity")
CLASS_COLUMNS = ("class", "name", "pixels", "share")
RESULTS = ("labels.png", "labels.tif", "overlay.png", "blurred.png", "objects.csv", "classes.csv")
TABLE_ROWS = 10


def write_results(
    source: Path, folder: Path, picture: Any, grey: Any, found: Any, sharp: str | None
) -> dict[str, Path]:
    """Write label map, overlay and tables of one picture; return their paths.

    Where a class is named that is to stay `sharp`, the picture is written with the others blurred.
    """
    from segalgo.plot import blur_background, overlay, overlay_classes

    make_folder(folder)
    refuse_overwriting((folder / name for name in RESULTS), [source], "choose another folder with -o")
    shown = picture if picture.shape[2:] in ((3,), (4,)) else grey
    objects = found if isinstance(found, Segmentation) else found.objects
    try:
        labels = found.labels if objects is None else objects.labels
        paths = {"labels": write_label_map(folder / "labels", labels), "overlay": folder / "overlay.png"}
        if objects is None:
            drawn = overlay_classes(shown, labels, found.classes.names, found.classes.colors)
        else:
            drawn = overlay(shown, labels)
            paths["objects"] = _write_table(folder / "objects.csv", COLUMNS, _rows(objects))
        write_picture(paths["overlay"], drawn)
        if sharp is not None:
            paths["blurred"] = folder / "blurred.png"
            write_picture(paths["blurred"], blur_background(shown, found.labels == found.classes.names.index(sharp)))
        if found is not objects:
            paths["classes"] = _write_table(folder / "classes.csv", CLASS_COLUMNS, found.shares())
    except PictureError as error:
        raise Refusal(str(error)) from None
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None
    except MemoryError:
        raise Refusal(f"{source}: does not fit into memory") from None
    return paths


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _rows(found: Segmentation) -> list[list[Any]]:
    """Return the objects as rows of `COLUMNS`."""
    table = found.statistics
    return [
        [label, int(area), *map(int, box), *(round(float(place), 3) for place in centroid), round(float(mean), 3)]
        for label, area, box, centroid, mean in zip(
            range(1, len(table.area) + 1),
            table.area,
            table.bounding_box,
            table.centroid,
            table.intensity_mean,
            strict=True,
        )
        if area
    ]


def report_objects(path: Path, found: Segmentation, options: dict[str, Any], paths: dict[str, Path]) -> None:
    """Print what was found in one picture: the count, a short table, the paths of the results."""
    click.echo(f"{path}: {_objects(found.count)} ({_how(found, options)})")
    if found.count:
        rows = sorted(_rows(found), key=lambda row: (-row[1], row[0]))
        click.echo(f"\n  {'label':>6} {'area':>8} {'centroid (row, column)':>24} {'mean intensity':>15}")
        for row in rows[:TABLE_ROWS]:
            place = f"({row[6]:.1f}, {row[7]:.1f})"
            click.echo(f"  {row[0]:>6} {row[1]:>8} {place:>24} {row[8]:>15.1f}")
        if found.count > TABLE_ROWS:
            click.echo(f"  ... the largest {TABLE_ROWS} of {found.count}")
    share = float((found.labels > 0).mean()) if found.labels.size else 0.0
    if share > 0.5 and found.threshold is not None:
        other = "below" if options["foreground"] == "above" else "above"
        click.echo(f"\n{share:.0%} of the picture is foreground; if that is the background, try --foreground {other}")
    _report_paths(paths)


def _how(found: Segmentation, options: dict[str, Any]) -> str:
    """Return how objects were found: by which threshold, or by which other method."""
    method = options["method"] if isinstance(options["method"], str) else options["method"].name
    if found.threshold is None:
        return method
    value = "per pixel" if getattr(found.threshold, "ndim", 0) else f"{float(found.threshold):g}"
    if method == "watershed":
        by = "watershed, threshold otsu" if options["threshold"] is None else "watershed, threshold given"
    else:
        by = "threshold given" if options["threshold"] is not None else f"threshold {method}"
    return f"{by}, {value}, foreground {options['foreground']}"


def report_classes(path: Path, found: Any, paths: dict[str, Path]) -> None:
    """Print the classes of one picture, largest first, the number of its objects, and the paths of the results."""
    click.echo(f"{path}: {found_in_words(found)}\n")
    for _, name, pixels, share in sorted(found.shares(), key=lambda row: -row[2]):
        if pixels:
            click.echo(f"  {name:20} {share:>7.1%} {pixels:>10} pixels")
    _report_paths(paths)


def _report_paths(paths: dict[str, Path]) -> None:
    click.echo()
    for name, written in paths.items():
        click.echo(f"  {name:8s} {written}")


def found_in_words(found: Any) -> str:
    """Return the number of objects or classes that were found, in words."""
    if isinstance(found, Segmentation):
        return _objects(found.count)
    if found.objects is not None:
        return f"{_objects(found.objects.count)} ({found.classes.objects})"
    present = sum(pixels > 0 for _, _, pixels, _ in found.shares())
    return f"{present} of {len(found.classes)} classes"


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"

"""The command line: ``segalgo segment`` and ``segalgo info``; further commands in their own modules."""

import csv
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from segalgo._version import __version__
from segalgo.commands.annotations import AnnotationFile
from segalgo.commands.convert import convert_command
from segalgo.commands.evaluate import evaluate_command
from segalgo.commands.refusal import Refusal
from segalgo.commands.verify import verify_command
from segalgo.pictures.files import SUFFIXES, PictureError, read_picture, to_grey, write_label_map, write_picture
from segalgo.segmenters.threshold import METHODS, Segmentation, segment

BOX = ("min_row", "min_column", "max_row", "max_column")
COLUMNS = ("label", "area", *BOX, "centroid_row", "centroid_column", "mean_intensity")
CLASS_COLUMNS = ("class", "name", "pixels", "share")
TABLE_ROWS = 10

EXAMPLES = """
\b
Examples:
  segalgo segment coins.png
  segalgo segment coins.png --method local --window 151 --offset 10 --fill-holes --min-area 100
  segalgo segment page.png --method sauvola --foreground below
  segalgo segment cells.tif --threshold 149 --foreground below --connectivity 4
  segalgo segment photographs/ -o results
  segalgo segment photographs/ -o results --format coco
  segalgo segment street.png --model segnet-camvid
  segalgo segment tissue.png --model unet-membrane --augment --min-area 50
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="segalgo")
def main() -> None:
    """Classical and deep image segmentation."""


main.add_command(convert_command)
main.add_command(evaluate_command)


@main.command("segment", epilog=EXAMPLES)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--method", type=click.Choice(METHODS), default="otsu", show_default=True, help="How to find it.")
@click.option("--threshold", type=float, help="The grey value itself, in the picture's units, instead of a method.")
@click.option(
    "--foreground",
    type=click.Choice(["above", "below"]),
    default="above",
    show_default=True,
    help="Bright objects on dark ground (above), or dark ones on bright (below).",
)
@click.option("--offset", type=float, default=0.0, help="Raise or lower the threshold by this many grey values.")
@click.option("--window", type=int, default=25, show_default=True, help="Window of the local methods, odd, in pixels.")
@click.option(
    "--connectivity", type=click.Choice(["4", "8"]), default="8", show_default=True, help="Neighbours of a pixel."
)
@click.option("--min-area", type=click.IntRange(0), default=10, show_default=True, help="Drop smaller ones, in pixels.")
@click.option("--fill-holes", is_flag=True, help="Make ground that an object encloses part of it.")
@click.option("--clear-border", is_flag=True, help="Drop objects that touch the picture's border.")
@click.option("--model", metavar="NAME|FILE", help="A network instead of a threshold: its name, or a weight file.")
@click.option("--tile", type=click.IntRange(1), help="Run the network on tiles of this side, for large pictures.")
@click.option("--augment", is_flag=True, help="Average the network over the eight symmetries of the square.")
@click.option(
    "--format",
    "table_format",
    type=click.Choice(["csv", "coco"]),
    default="csv",
    show_default=True,
    help="coco: besides, all objects of all pictures in one annotation file, annotations.json.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="segalgo-out",
    show_default=True,
    help="Folder for the results; each picture gets a folder of its own in it.",
)
@click.pass_context
def segment_command(
    context: click.Context, images: tuple[Path, ...], output: Path, table_format: str, **options: Any
) -> None:
    """Find the objects of pictures: threshold, clean, label, measure, write.

    IMAGE is a picture file (PNG, JPEG, TIFF ...; 8 or 16 bits; grey, RGB, RGBA) or a folder of them. Written for
    each: labels.png (the label map; TIFF where 16 bits do not hold it), overlay.png and objects.csv.

    With --model a network finds classes: labels.png holds the class of each pixel, overlay.png has a legend, and
    classes.csv says how much of the picture each class takes. A network that finds objects (unet-membrane: cells)
    writes these as above, and classes.csv; --threshold is then a probability.
    """
    options = _checked(context, options)
    pictures = find_pictures(images)
    _make_folder(output)
    folders = name_folders(pictures, output)
    annotations = AnnotationFile(output / "annotations.json", _categories(options)) if table_format == "coco" else None
    if len(pictures) == 1:
        picture, grey, found = _segment_file(pictures[0], options)
        paths = write_results(folders[0], picture, grey, found)
        if annotations:
            _annotate(annotations, pictures[0], found)
            paths["coco"] = annotations.write()
        if isinstance(found, Segmentation):
            _report(pictures[0], found, options, paths)
        else:
            _report_classes(pictures[0], found, paths)
        return
    failures = []
    for path, folder in zip(_progress(pictures), folders, strict=True):
        try:
            picture, grey, found = _segment_file(path, options)
            write_results(folder, picture, grey, found)
            if annotations:
                _annotate(annotations, path, found)
            _say(f"{path}: {_found(found)}")
        except Refusal as refusal:
            failures.append(refusal.format_message())
    if annotations:
        annotations.write()
    done = len(pictures) - len(failures)
    click.echo(f"{done} of {len(pictures)} pictures segmented, results in {output}")
    if failures:
        for message in failures:
            click.echo(f"segalgo: {message}", err=True)
        context.exit(2)


@main.command("info")
def info_command() -> None:
    """Show version, backends, instruction set, threads and GPU."""
    from segalgo import _ext, backends

    click.echo(f"segalgo {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    table = backends()
    for name, status in table.items():
        click.echo(f"  {name:10s} {status}")
    levels = _ext.available()
    if levels:
        from segalgo._ext.shared import _cpu

        click.echo(f"  instruction set {_ext.instruction_set()} (this machine runs {', '.join(levels)})")
        click.echo(f"  threads {_cpu.max_threads()}{'' if _cpu.has_openmp() else ' (built without OpenMP)'}")
    click.echo(f"  GPU {table['cuda'].detail if table['cuda'].available else 'none in use'}")


main.add_command(verify_command)


def find_pictures(images: tuple[Path, ...]) -> list[Path]:
    """List the files that the arguments name: files as they are, folders by the pictures in them."""
    pictures = []
    for path in images:
        if not path.is_dir():
            pictures.append(path)
            continue
        try:
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        except OSError as error:
            raise Refusal(f"{path}: cannot be listed ({error.strerror})") from None
        if not inside:
            raise Refusal(f"{path}: no pictures in this folder, expected files named {' '.join(SUFFIXES)}")
        pictures += inside
    return pictures


def name_folders(pictures: list[Path], output: Path) -> list[Path]:
    """Give each picture a folder of its own, named after the file; a number tells files of one name apart."""
    taken: set[str] = set()
    folders = []
    for path in pictures:
        name, number = path.stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name.lower())
        folders.append(output / name)
    return folders


def write_results(folder: Path, picture: Any, grey: Any, found: Any) -> dict[str, Path]:
    """Write label map, overlay and tables of one picture; return their paths."""
    from segalgo.plot import overlay, overlay_classes

    _make_folder(folder)
    shown = picture if picture.shape[2:] in ((3,), (4,)) else grey
    objects = found if isinstance(found, Segmentation) else found.objects
    try:
        labels = found.labels if objects is None else objects.labels
        paths = {"labels": write_label_map(folder / "labels", labels), "overlay": folder / "overlay.png"}
        if objects is None:
            drawn = overlay_classes(shown, labels, found.classes.names, found.classes.colours)
        else:
            drawn = overlay(shown, labels)
            paths["objects"] = _write_table(folder / "objects.csv", COLUMNS, _rows(objects))
        write_picture(paths["overlay"], drawn)
        if found is not objects:
            paths["classes"] = _write_table(folder / "classes.csv", CLASS_COLUMNS, found.shares())
    except PictureError as error:
        raise Refusal(str(error)) from None
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None
    return paths


def _checked(context: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `segment`, or with --model those of `segment_with_model` and the model itself."""
    given = {name for name in options if context.get_parameter_source(name) != click.core.ParameterSource.DEFAULT}
    options["connectivity"] = int(options["connectivity"])
    if options["model"] is not None:
        return _checked_for_model(given, options)
    if given & {"tile", "augment"}:
        raise Refusal("--tile and --augment: expected with --model alone")
    if options["threshold"] is not None and "method" in given:
        raise Refusal("--threshold and --method exclude each other: expected one of them")
    if options["window"] < 1 or options["window"] % 2 == 0:
        raise Refusal(f"--window {options['window']}: expected an odd number of at least 1")
    return {name: value for name, value in options.items() if name not in ("model", "tile", "augment")}


def _checked_for_model(given: set[str], options: dict[str, Any]) -> dict[str, Any]:
    from segalgo.segmenters.network import open_model

    for name in sorted(given & {"method", "foreground", "offset", "window"}):
        raise Refusal(f"--model and --{name} exclude each other: expected one of them")
    try:
        model = open_model(options["model"])
    except (ValueError, TypeError) as error:
        raise Refusal(f"--model {' '.join(str(error).split())}") from None
    objects = {"threshold", "connectivity", "min_area", "fill_holes", "clear_border"}
    for name in sorted(given & objects):
        if model.classes.objects is None:
            raise Refusal(f"--{name.replace('_', '-')} with --model {options['model']}: this network finds no objects")
    kept = {name: options[name] for name in (given & objects) | {"min_area", "tile", "augment"}}
    return {"model": model, **kept}


def _segment_file(path: Path, options: dict[str, Any]) -> tuple[Any, Any, Any]:
    try:
        picture = read_picture(path)
        grey = to_grey(picture)
        if "model" not in options:
            return picture, grey, segment(grey, **options)
        from segalgo.segmenters.network import segment_with_model

        image = grey if picture.shape[2:] == (2,) else picture
        return picture, grey, segment_with_model(image=image, **options)
    except PictureError as error:
        raise Refusal(str(error)) from None
    except (ValueError, TypeError, RuntimeError) as error:
        raise Refusal(f"{path}: {error}") from None
    except MemoryError:
        raise Refusal(f"{path}: does not fit into memory") from None


def _categories(options: dict[str, Any]) -> Sequence[str]:
    """Return the names of what an annotation file will hold: classes, or one kind of object."""
    if "model" not in options:
        return ("object",)
    classes = options["model"].classes
    return classes.names if classes.objects is None else (classes.objects,)


def _annotate(annotations: AnnotationFile, path: Path, found: Any) -> None:
    """Add what was found in one picture: its objects, or the connected parts of its classes."""
    from segalgo.objects.instances import semantic_to_instances

    objects = found if isinstance(found, Segmentation) else found.objects
    if objects is not None:
        annotations.add(path, objects.labels)
        return
    parts = semantic_to_instances(found.labels, background=None)
    annotations.add(path, parts.labels, parts.classes + 1)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".segalgo"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", newline="") as file:
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
            range(1, found.count + 1), table.area, table.bounding_box, table.centroid, table.intensity_mean, strict=True
        )
    ]


def _report(path: Path, found: Segmentation, options: dict[str, Any], paths: dict[str, Path]) -> None:
    """Print what was found in one picture: the count, a short table, where the files lie."""
    by = "given" if options["threshold"] is not None else options["method"]
    value = "per pixel" if getattr(found.threshold, "ndim", 0) else f"{float(found.threshold):g}"
    click.echo(f"{path}: {_objects(found.count)} (threshold {by}, {value}, foreground {options['foreground']})")
    if found.count:
        rows = sorted(_rows(found), key=lambda row: (-row[1], row[0]))
        click.echo(f"\n  {'label':>6} {'area':>8} {'centroid (row, column)':>24} {'mean intensity':>15}")
        for row in rows[:TABLE_ROWS]:
            place = f"({row[6]:.1f}, {row[7]:.1f})"
            click.echo(f"  {row[0]:>6} {row[1]:>8} {place:>24} {row[8]:>15.1f}")
        if found.count > TABLE_ROWS:
            click.echo(f"  ... the largest {TABLE_ROWS} of {found.count}")
    share = float((found.labels > 0).mean()) if found.labels.size else 0.0
    if share > 0.5:
        other = "below" if options["foreground"] == "above" else "above"
        click.echo(f"\n{share:.0%} of the picture is foreground; if that is the ground, try --foreground {other}")
    click.echo()
    for name, written in paths.items():
        click.echo(f"  {name:8s} {written}")


def _report_classes(path: Path, found: Any, paths: dict[str, Path]) -> None:
    """Print the classes of one picture, largest first, the number of its objects, and where the files lie."""
    click.echo(f"{path}: {_found(found)}\n")
    for _, name, pixels, share in sorted(found.shares(), key=lambda row: -row[2]):
        if pixels:
            click.echo(f"  {name:20} {share:>7.1%} {pixels:>10} pixels")
    click.echo()
    for name, written in paths.items():
        click.echo(f"  {name:8s} {written}")


def _found(found: Any) -> str:
    """Say in few words what was found."""
    if isinstance(found, Segmentation):
        return _objects(found.count)
    if found.objects is not None:
        return f"{_objects(found.objects.count)} ({found.classes.objects})"
    present = sum(pixels > 0 for _, _, pixels, _ in found.shares())
    return f"{present} of {len(found.classes)} classes"


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _progress(pictures: list[Path]) -> Any:
    from tqdm import tqdm

    return tqdm(pictures, unit="picture", disable=None)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)

"""The command line: ``segalgo segment``, ``segalgo verify`` and ``segalgo info``."""

import csv
import platform
from pathlib import Path
from typing import Any

import click

from segalgo._version import __version__
from segalgo.pictures import SUFFIXES, PictureError, read_picture, to_grey, write_label_map, write_picture
from segalgo.segmentation import METHODS, Segmentation, segment
from segalgo.verify.command import verify_command

BOX = ("min_row", "min_column", "max_row", "max_column")
COLUMNS = ("label", "area", *BOX, "centroid_row", "centroid_column", "mean_intensity")
TABLE_ROWS = 10

EXAMPLES = """
\b
Examples:
  segalgo segment coins.png
  segalgo segment coins.png --method local --window 151 --offset 10 --fill-holes --min-area 100
  segalgo segment page.png --method sauvola --foreground below
  segalgo segment cells.tif --threshold 149 --foreground below --connectivity 4
  segalgo segment photographs/ -o results
"""


class Refusal(click.ClickException):
    """Bad input: one line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the message alone."""
        click.echo(f"segalgo: {self.format_message()}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="segalgo")
def main() -> None:
    """Classical and deep image segmentation."""


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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="segalgo-out",
    show_default=True,
    help="Folder for the results; each picture gets a folder of its own in it.",
)
@click.pass_context
def segment_command(context: click.Context, images: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Find the objects of pictures: threshold, clean, label, measure, write.

    IMAGE is a picture file (PNG, JPEG, TIFF ...; 8 or 16 bits; grey, RGB, RGBA) or a folder of them. Written for
    each: labels.png (the label map; TIFF where 16 bits do not hold it), overlay.png and objects.csv.
    """
    chosen_by_hand = context.get_parameter_source("method") != click.core.ParameterSource.DEFAULT
    if options["threshold"] is not None and chosen_by_hand:
        raise Refusal("--threshold and --method exclude each other: expected one of them")
    if options["window"] < 1 or options["window"] % 2 == 0:
        raise Refusal(f"--window {options['window']}: expected an odd number of at least 1")
    options["connectivity"] = int(options["connectivity"])
    pictures = find_pictures(images)
    _make_folder(output)
    folders = name_folders(pictures, output)
    if len(pictures) == 1:
        picture, grey, found = _segment_file(pictures[0], options)
        paths = write_results(folders[0], picture, grey, found)
        _report(pictures[0], found, options, paths)
        return
    failures = []
    for path, folder in zip(_progress(pictures), folders, strict=True):
        try:
            picture, grey, found = _segment_file(path, options)
            write_results(folder, picture, grey, found)
            _say(f"{path}: {_objects(found.count)}")
        except Refusal as refusal:
            failures.append(refusal.format_message())
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
        from segalgo._ext import _cpu

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


def write_results(folder: Path, picture: Any, grey: Any, found: Segmentation) -> dict[str, Path]:
    """Write label map, overlay and table of one picture; return their paths."""
    from segalgo.plot import overlay

    _make_folder(folder)
    try:
        paths = {"labels": write_label_map(folder / "labels", found.labels), "overlay": folder / "overlay.png"}
        write_picture(paths["overlay"], overlay(picture if picture.shape[2:] in ((3,), (4,)) else grey, found.labels))
        paths["objects"] = folder / "objects.csv"
        with paths["objects"].open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_rows(found))
    except PictureError as error:
        raise Refusal(str(error)) from None
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None
    return paths


def _segment_file(path: Path, options: dict[str, Any]) -> tuple[Any, Any, Segmentation]:
    try:
        picture = read_picture(path)
        grey = to_grey(picture)
        return picture, grey, segment(grey, **options)
    except PictureError as error:
        raise Refusal(str(error)) from None
    except (ValueError, TypeError, RuntimeError) as error:
        raise Refusal(f"{path}: {error}") from None
    except MemoryError:
        raise Refusal(f"{path}: does not fit into memory") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".segalgo"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None


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


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _progress(pictures: list[Path]) -> Any:
    from tqdm import tqdm

    return tqdm(pictures, unit="picture", disable=None)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)

"""The command ``segalgo segment``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from segalgo.commands.annotations import AnnotationFile
from segalgo.commands.completion import complete_models
from segalgo.commands.graph_options import FILE_OPTIONS, file_options
from segalgo.commands.group import print_line
from segalgo.commands.inputs import find_pictures, make_folder, name_folders
from segalgo.commands.options import FiniteFloat, channel_option, max_pixels_option, page_option
from segalgo.commands.refusal import Refusal, refuse_overwriting, refusing
from segalgo.commands.segment_results import found_in_words, report_classes, report_objects, write_results
from segalgo.pictures import read_picture, to_grey
from segalgo.segmenters.registry import METHODS as REGION_METHODS
from segalgo.segmenters.registry import options_of_methods
from segalgo.segmenters.threshold import METHODS, Segmentation, segment

ANNOTATIONS = "annotations.json"

EXAMPLES = """
\b
Examples:
  segalgo segment coins.png
  segalgo segment coins.png --method local --window 151 --offset 10 --fill-holes --min-area 100
  segalgo segment page.png --method sauvola --foreground below
  segalgo segment cells.tif --threshold 149 --foreground below --connectivity 4
  segalgo segment nuclei.png --method watershed --depth 2
  segalgo segment photo.png --method watershed --markers seeds.png
  segalgo segment photographs/ -o results
  segalgo segment photographs/ -o results --format coco
  segalgo segment street.png --model segnet-camvid
  segalgo segment photo.jpg --model person --blur-background person
  segalgo segment photo.jpg --model deeplab.tflite --mean 127.5 --scale 127.5 --names labels.txt
  segalgo segment tissue.png --model unet-membrane --augment --min-area 50
"""


OF_METHODS = options_of_methods()


def method_options(command: Any) -> Any:
    """Add the options that methods of the registry have of their own."""
    for option, names in reversed(OF_METHODS.values()):
        kind = (
            click.Path(path_type=Path)
            if option.kind is Path
            else FiniteFloat()
            if option.kind is float
            else option.kind
        )
        text = f"{option.help} With --method {' or '.join(names)}."
        flag = "--" + option.name.replace("_", "-")
        command = click.option(flag, type=kind, default=option.default, help=text)(command)
    return command


def _about_methods() -> str:
    """Return the methods of the registry, a line each, for the help text."""
    return "\n".join(f"  {method.name:14} {method.summary}" for method in REGION_METHODS.values())


@click.command("segment", epilog=f"\b\nMethods that are no thresholds:\n{_about_methods()}\n{EXAMPLES}")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice((*METHODS, *REGION_METHODS)),
    default="otsu",
    show_default=True,
    help="A threshold, or one of the methods below.",
)
@click.option("--threshold", type=FiniteFloat(), help="The grey value itself instead of a method.")
@click.option(
    "--foreground",
    type=click.Choice(["above", "below"]),
    default="above",
    show_default=True,
    help="Bright objects on dark ground (above), or dark ones on bright (below).",
)
@click.option("--offset", type=FiniteFloat(), default=0.0, help="Added to the threshold, in grey values.")
@click.option("--window", type=int, default=25, show_default=True, help="Window of the local methods, odd, in pixels.")
@click.option(
    "--connectivity", type=click.Choice(["4", "8"]), default="8", show_default=True, help="Neighbours of a pixel."
)
@click.option("--min-area", type=click.IntRange(0), default=10, show_default=True, help="Drop smaller ones, in pixels.")
@click.option("--fill-holes", is_flag=True, help="Make ground that an object encloses part of it.")
@click.option("--clear-border", is_flag=True, help="Drop objects that touch the picture's border.")
@method_options
@click.option(
    "--model",
    metavar="NAME|FILE",
    shell_complete=complete_models,
    help="A network instead of a threshold: its name, a weight file, or a graph (.onnx, .tflite).",
)
@click.option("--scale", metavar="NUMBER[,NUMBER...]", help="The network sees (value - mean) / scale, values 0 to 255.")
@click.option("--mean", metavar="NUMBER[,NUMBER...]", help="See --scale; one number, or one for each channel.")
@click.option(
    "--channels", type=click.Choice(["rgb", "bgr", "grey", "as is"]), help="The order of the channels it sees."
)
@click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), help="The order of axes in an ONNX file.")
@click.option("--names", metavar="FILE|NAME,NAME...", help="The names of its classes; a file has one on each line.")
@click.option("--tile", type=click.IntRange(1), help="Run the network on tiles of this side, for large pictures.")
@click.option(
    "--blur-background", metavar="CLASS", help="Write blurred.png too: only this class of the network is sharp."
)
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
@page_option
@channel_option
@max_pixels_option
@click.pass_context
def segment_command(
    context: click.Context,
    images: tuple[Path, ...],
    output: Path,
    table_format: str,
    page: int | None,
    channel: int | None,
    blur_background: str | None,
    **options: Any,
) -> None:
    """Find the objects of pictures: threshold, clean, label, measure, write.

    IMAGE is a picture file (PNG, JPEG, TIFF, GIF, BMP, WebP, JPEG 2000, PGM ...) or a folder of them. Written for
    each: labels.png (the label map; TIFF where 16 bits do not hold it), overlay.png and objects.csv.

    With --model a network finds classes: labels.png holds the class of each pixel, overlay.png has a legend, and
    classes.csv says how much of the picture each class takes. A network that finds objects (unet-membrane: cells)
    writes these as above, and classes.csv; --threshold is then a probability.
    """
    options = _checked(context, options)
    _check_sharp(blur_background, options)
    reading = {"page": page, "channel": channel}
    pictures = find_pictures(images)
    make_folder(output)
    folders = name_folders(pictures, output, reserved=(ANNOTATIONS,))
    annotations = None
    if table_format == "coco":
        refuse_overwriting([output / ANNOTATIONS], pictures, "choose another folder with -o")
        annotations = AnnotationFile(output / ANNOTATIONS, _categories(options))
    if len(pictures) == 1:
        found, paths = _segment_file(pictures[0], folders[0], reading, options, annotations, blur_background)
        if annotations:
            paths["coco"] = annotations.write()
        if isinstance(found, Segmentation):
            report_objects(pictures[0], found, options, paths)
        else:
            report_classes(pictures[0], found, paths)
        return
    failures = []
    for path, folder in zip(_progress(pictures), folders, strict=True):
        try:
            found, _ = _segment_file(path, folder, reading, options, annotations, blur_background)
            _say(f"{path}: {found_in_words(found)}")
        except Refusal as refusal:
            failures.append(refusal.format_message())
    if annotations:
        annotations.write()
    done = len(pictures) - len(failures)
    click.echo(f"{done} of {len(pictures)} pictures segmented, results in {output}")
    if failures:
        for message in failures:
            print_line(message)
        context.exit(Refusal.exit_code)


def _checked(context: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `segment`, or with --model those of `segment_with_model` and the model itself."""
    given = {name for name in options if context.get_parameter_source(name) != click.core.ParameterSource.DEFAULT}
    options["connectivity"] = int(options["connectivity"])
    if options["model"] is not None:
        return _checked_for_model(given, options)
    if given & {"tile", "augment"}:
        raise Refusal("--tile and --augment: expected with --model alone")
    for name in sorted(given & set(FILE_OPTIONS)):
        raise Refusal(f"--{name}: expected with --model alone")
    for name in OF_METHODS:
        if name in given and options["method"] not in OF_METHODS[name][1]:
            expected = " or ".join(OF_METHODS[name][1])
            raise Refusal(f"--{name.replace('_', '-')}: expected with --method {expected} alone")
    if options["method"] in REGION_METHODS:
        return _checked_for_method(given, options)
    if options["threshold"] is not None and "method" in given:
        raise Refusal("--threshold and --method exclude each other: expected one of them")
    if options["window"] < 1 or options["window"] % 2 == 0:
        raise Refusal(f"--window {options['window']}: expected an odd number of at least 1")
    left_out = ("model", "tile", "augment", *FILE_OPTIONS, *OF_METHODS)
    return {name: value for name, value in options.items() if name not in left_out}


def _checked_for_method(given: set[str], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a method of the registry takes, and the method itself; markers as labels."""
    method = REGION_METHODS[options["method"]]
    own = tuple(option.name for option in method.options)
    for name in sorted(given - {"method", *own, *method.shared}):
        raise Refusal(f"--{name.replace('_', '-')} with --method {method.name}: this method has no such option")
    chosen = {name: options[name] for name in (*own, *method.shared)}
    for option in method.options:
        if option.kind is Path and chosen[option.name] is not None:
            with refusing(chosen[option.name]):
                chosen[option.name] = _read_labels(chosen[option.name])
    return {"method": method, **chosen}


def _read_labels(path: Path) -> Any:
    """Return a picture file as labels: a plane of integers."""
    labels = read_picture(path)
    if labels.ndim == 3 and labels.shape[2] == 1:
        labels = labels[..., 0]
    if labels.ndim != 2 or labels.dtype.kind not in "biu":
        raise ValueError(f"a picture of shape {labels.shape} and dtype {labels.dtype}: expected (H, W) of integers")
    return labels.astype("i4") if labels.dtype.kind == "b" else labels


def _check_sharp(sharp: str | None, options: dict[str, Any]) -> None:
    """Refuse a class that is to stay sharp where there is none of this name."""
    if sharp is None:
        return
    if "model" not in options:
        raise Refusal("--blur-background: expected with --model alone")
    names = options["model"].classes.names
    if sharp not in names:
        raise Refusal(f"--blur-background {sharp!r}: expected a class of the network, one of {', '.join(names)}")


def _checked_for_model(given: set[str], options: dict[str, Any]) -> dict[str, Any]:
    from segalgo.segmenters.network import open_model

    for name in sorted(given & {"method", "foreground", "offset", "window", *OF_METHODS}):
        raise Refusal(f"--model and --{name} exclude each other: expected one of them")
    try:
        model = open_model(options["model"], **file_options(options))
    except (ValueError, TypeError, ImportError) as error:
        raise Refusal(f"--model {' '.join(str(error).split())}") from None
    objects = {"threshold", "connectivity", "min_area", "fill_holes", "clear_border"}
    for name in sorted(given & objects):
        if model.classes.objects is None:
            raise Refusal(f"--{name.replace('_', '-')} with --model {options['model']}: this network finds no objects")
    kept = {name: options[name] for name in (given & objects) | {"min_area", "tile", "augment"}}
    if Path(options["model"]).suffix.lower() in (".onnx", ".tflite") and not given & {"scale", "mean"}:
        click.echo(
            "The file does not say how the network wants pictures: 0 to 1 is assumed, see --scale and --mean.",
            err=True,
        )
    return {"model": model, **kept}


def _segment_file(
    path: Path,
    folder: Path,
    reading: dict[str, Any],
    options: dict[str, Any],
    annotations: AnnotationFile | None,
    sharp: str | None,
) -> tuple[Any, dict[str, Path]]:
    """Segment one picture, write its results, and return what was found and the paths."""
    with refusing(path):
        picture = read_picture(path, **reading)
        grey = to_grey(picture)
        if "model" in options:
            from segalgo.segmenters.network import segment_with_model

            image = grey if picture.shape[2:] == (2,) else picture
            found = segment_with_model(image=image, grey=grey, **options)
        elif not isinstance(options["method"], str):
            chosen = {name: value for name, value in options.items() if name != "method"}
            found = options["method"].find(picture, grey, **chosen)
        else:
            found = segment(grey, **options)
    paths = write_results(path, folder, picture, grey, found, sharp)
    if annotations:
        with refusing(path):
            _annotate(annotations, path, found)
    return found, paths


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


def _progress(pictures: list[Path]) -> Any:
    from tqdm import tqdm

    return tqdm(pictures, unit="picture", disable=None)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)

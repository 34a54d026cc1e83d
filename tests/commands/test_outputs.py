"""Where commands write: below the output folder, never over an input, and one line when the output is full."""

import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import segalgo
from segalgo.cli import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result, *words):
    """Assert one line on stderr, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


GREY = np.zeros((20, 20), np.uint8)
GREY[4:9, 5:15] = 200


@pytest.mark.parametrize("name", ["...png", "..png", "....png", ".png"])
def test_results_stay_below_the_output(tmp_path, name):
    (tmp_path / "in").mkdir()
    Image.fromarray(GREY).save(tmp_path / "in" / name, format="PNG")
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "labels.png").write_text("mine")
    result = run("segment", tmp_path / "in" / name, "-o", tmp_path / "q" / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "q" / "labels.png").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "q").iterdir()) == ["labels.png", "out"]
    assert not (tmp_path / "q" / "out" / "labels.png").exists()


@pytest.mark.parametrize("form", ["labels", "palette", "coco", "yolo", "labelme", "kaggle"])
def test_a_refusal_leaves_no_folder(tmp_path, form):
    (tmp_path / "k.csv").write_text("ImageId,EncodedPixels\na,1 3 10 5\n")
    output = tmp_path / {"coco": "out.json", "kaggle": "out.csv"}.get(form, "out")
    refused(run("convert", tmp_path / "k.csv", output, "--to", form), "cannot be read as a picture")
    assert not output.exists()


@pytest.mark.parametrize("link", [False, True])
def test_convert_does_not_overwrite_its_input(tmp_path, link):
    (tmp_path / "x").mkdir()
    Image.fromarray(GREY // 100).save(tmp_path / "x" / "a.png")
    before = (tmp_path / "x" / "a.png").read_bytes()
    output = tmp_path / "x"
    if link:
        output = tmp_path / "y"
        output.symlink_to("x")
    refused(run("convert", tmp_path / "x", output, "--to", "palette"), "would overwrite an input", "--in-place")
    assert (tmp_path / "x" / "a.png").read_bytes() == before
    assert run("convert", tmp_path / "x", output, "--to", "palette", "--in-place").exit_code == 0
    with Image.open(tmp_path / "x" / "a.png") as image:
        assert image.mode == "P"


def test_segment_does_not_overwrite_its_input(tmp_path):
    (tmp_path / "labels").mkdir()
    Image.fromarray(GREY).save(tmp_path / "labels" / "labels.png")
    refused(run("segment", tmp_path / "labels" / "labels.png", "-o", tmp_path), "would overwrite an input", "-o")


@pytest.mark.parametrize(
    "options",
    [
        ("--threshold", "nan"), ("--threshold", "word"), ("--offset", "inf"), ("--window", "2.5"), ("--window", "-3"),
        ("--min-area", "-1"), ("--connectivity", "6"), ("--method", "none"), ("--page", "-1"), ("--channel", "x"),
        ("--max-pixels", "0"), ("--format", "xml"), ("--unknown",), ("--tile", "3"), ("--model", "none"),
        ("--page", "4"), ("--channel", "1"),
    ],
)  # fmt: skip
def test_bad_options_are_one_line(tmp_path, options):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    refused(run("segment", tmp_path / "a.png", "-o", tmp_path / "out", *options))


def test_names_that_no_file_can_have(tmp_path):
    refused(run("segment", tmp_path / ("n" * 300), "-o", tmp_path / "out"))
    refused(run("segment", tmp_path / "a\nb.png", "-o", tmp_path / "out"), "no such file")


def python(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "segalgo", *arguments], check=False, **options)


def test_a_full_or_closed_output(tmp_path):
    with open("/dev/full", "w") as full:
        result = python("info", stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert result.stderr.splitlines() == ["segalgo: cannot write: No space left on device"]
    process = subprocess.Popen(
        [sys.executable, "-m", "segalgo", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_standard_streams(tmp_path, closed):
    picture = np.full((20, 30), 20, np.uint8)
    picture[5:15, 5:20] = 200
    Image.fromarray(picture).save(tmp_path / "a.tif", compression="tiff_lzw")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = f"{shlex.quote(sys.executable)} -m segalgo segment a.tif -o out {closed}"
    result = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    labels = segalgo.pictures.read_labels(tmp_path / "out" / "a" / "labels.png")
    np.testing.assert_array_equal(labels, picture == 200)


def test_a_full_output_of_convert_and_a_name_in_capitals(tmp_path):
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 5:20] = 3
    Image.fromarray(labels).save(tmp_path / "a.png")
    result = python("convert", tmp_path / "a.png", tmp_path / "B.PNG", "--to", "labels", capture_output=True, text=True)
    assert result.returncode == 0
    np.testing.assert_array_equal(segalgo.pictures.read_labels(tmp_path / "B.PNG"), labels)
    with open("/dev/full", "w") as full:
        result = python(
            "convert",
            tmp_path / "a.png",
            tmp_path / "c",
            "--to",
            "labels",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (result.returncode, result.stderr) == (2, "segalgo: cannot write: No space left on device\n")

"""The command line, used as a person would use it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage
from click.testing import CliRunner
from PIL import Image

import segalgo
from segalgo.cli import main

DATA = Path(skimage.__file__).parent / "data"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result, *words):
    """Assert one line on stderr, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]


def test_coins(tmp_path):
    result = run(
        "segment", DATA / "coins.png", "--method", "local", "--window", 151, "--offset", 10,
        "--fill-holes", "--min-area", 100, "-o", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "24 objects" in result.output
    folder = tmp_path / "coins"
    labels = segalgo.read_picture(folder / "labels.png")
    assert labels.shape == (303, 384)
    assert labels.max() == 24
    with (folder / "objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    first = rows[0]
    where = labels == 1
    assert int(first["area"]) == where.sum()
    assert int(first["min_row"]) == np.nonzero(where)[0].min()
    assert int(first["max_column"]) == np.nonzero(where)[1].max() + 1
    assert float(first["centroid_row"]) == pytest.approx(np.nonzero(where)[0].mean(), abs=1e-3)
    grey = segalgo.read_picture(DATA / "coins.png")
    assert float(first["mean_intensity"]) == pytest.approx(grey[where].mean(), abs=1e-3)
    assert str(folder / "overlay.png") in result.output
    assert segalgo.read_picture(folder / "overlay.png").shape[2] == 3


def test_threshold_by_hand_and_dark_objects(tmp_path):
    image = np.full((20, 30), 200, np.uint8)
    image[3:8, 3:8] = 149
    image[10:14, 20:25] = 20
    Image.fromarray(image).save(tmp_path / "dark.png")
    result = run("segment", tmp_path / "dark.png", "--threshold", 149, "--foreground", "below", "-o", tmp_path)
    assert "2 objects" in result.output
    result = run("segment", tmp_path / "dark.png", "--threshold", 148, "--foreground", "below", "-o", tmp_path)
    assert "1 object " in result.output


@pytest.mark.parametrize("method", segalgo.segmenters.threshold.METHODS)
def test_every_method_runs(tmp_path, method):
    result = run("segment", DATA / "coins.png", "--method", method, "-o", tmp_path)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("method", segalgo.segmenters.registry.METHODS)
def test_methods_of_the_registry(tmp_path, method):
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (5, 6, 3), np.uint8)
    Image.fromarray(np.kron(blocks, np.ones((8, 9, 1), np.uint8))).save(tmp_path / "blocks.png")
    result = run("segment", tmp_path / "blocks.png", "--method", method, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert method in result.output
    assert int(segalgo.read_picture(tmp_path / "blocks" / "labels.png").max()) > 1
    assert method in run("segment", "--help").output


def test_markers_from_a_picture(tmp_path):
    Image.fromarray(np.repeat(np.array([[0, 200]], np.uint8), 10, 0).repeat(10, 1)).save(tmp_path / "halves.png")
    markers = np.zeros((10, 20), np.uint8)
    markers[5, 2], markers[5, 17] = 1, 2
    Image.fromarray(markers).save(tmp_path / "markers.png")
    options = ("--method", "watershed", "--markers", tmp_path / "markers.png", "-o", tmp_path)
    result = run("segment", tmp_path / "halves.png", *options)
    assert "2 objects (watershed)" in result.output
    labels = segalgo.read_picture(tmp_path / "halves" / "labels.png")
    assert labels[0].tolist() == [1] * 10 + [2] * 10
    refused(run("segment", DATA / "coins.png", *options), "coins.png", "markers has shape (10, 20)")
    refused(run("segment", DATA / "coins.png", "--markers", tmp_path / "markers.png"), "--markers", "watershed alone")
    color = ("--method", "watershed", "--markers", DATA / "chelsea.png")
    refused(run("segment", DATA / "coins.png", *color), "chelsea.png", "expected (H, W) of integers")
    missing = ("--method", "watershed", "--markers", tmp_path / "none.png")
    refused(run("segment", DATA / "coins.png", *missing), "none.png")
    refused(run("segment", DATA / "coins.png", "--method", "watershed", "--window", 5), "--window", "no such option")


@pytest.mark.parametrize(
    "name", ["cell.png", "page.png", "retina.jpg", "phantom.png", "hubble_deep_field.jpg", "logo.png"]
)
def test_pictures_of_many_kinds(tmp_path, name):
    result = run("segment", DATA / name, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / Path(name).stem / "objects.csv").exists()


@pytest.mark.parametrize("value", [0, 128])
@pytest.mark.parametrize("shape", [(1, 1), (16, 16)])
def test_one_pixel_and_all_equal_pictures_have_no_objects(tmp_path, value, shape):
    Image.fromarray(np.full(shape, value, np.uint8)).save(tmp_path / "equal.png")
    for method in segalgo.segmenters.threshold.GLOBAL_METHODS:
        result = run("segment", tmp_path / "equal.png", "--method", method, "-o", tmp_path)
        assert result.exit_code in (0, 2), result.output
        if result.exit_code == 0:
            assert "object" in result.output
        else:
            refused(result, "equal.png")
    assert run("segment", tmp_path / "equal.png", "-o", tmp_path).exit_code == 0


def test_bad_files_are_one_line(tmp_path):
    whole = (DATA / "coins.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "words.png").write_text("these are words")
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("truncated.png", "words.png", "zero.png", "missing.png", "empty"):
        refused(run("segment", tmp_path / name, "-o", tmp_path / "out"), str(tmp_path / name))
    refused(run("segment", DATA / "coins.png", "-o", tmp_path / "file"), str(tmp_path / "file"), "cannot be written")
    refused(run("segment", DATA / "coins.png", "--window", 4), "--window 4")
    refused(run("segment", DATA / "coins.png", "--threshold", 9, "--method", "otsu"), "exclude each other")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    refused(run("segment", DATA / "coins.png", "-o", tmp_path), str(tmp_path), "cannot be written")


def test_nan_is_named(tmp_path):
    import tifffile

    image = np.zeros((8, 8), np.float32)
    image[3, 3] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", image)
    refused(run("segment", tmp_path / "nan.tif", "-o", tmp_path), "nan.tif", "NaN")


def test_a_folder_with_one_bad_file_keeps_the_rest(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.tif", "c.jpg"):
        Image.fromarray(np.asarray(Image.open(DATA / "coins.png"))).save(pictures / name)
    (pictures / "bad.png").write_text("words")
    (pictures / "notes.txt").write_text("not a picture, and not read")
    result = run("segment", pictures, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "3 of 4 pictures segmented" in result.output
    assert [line for line in result.stderr.splitlines() if str(pictures / "bad.png") in line]
    assert "Traceback" not in result.output + result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if (path / "labels.png").exists()) == [
        "a",
        "b",
        "c",
    ]


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / folder / "same.png")
    result = run("segment", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["same", "same-2"]


def test_a_picture_mostly_foreground_brings_a_hint(tmp_path):
    image = np.full((20, 20), 200, np.uint8)
    image[5:8, 5:8] = 10
    Image.fromarray(image).save(tmp_path / "bright.png")
    assert "try --foreground below" in run("segment", tmp_path / "bright.png", "-o", tmp_path).output


def test_info_and_help():
    text = run("info").output
    for word in ("segalgo", "reference", "cython", "cuda", "simulated", "threads", "instruction set", "GPU"):
        assert word in text
    assert "Examples:" in run("segment", "--help").output
    assert segalgo.__version__ in run("--version").output


def test_the_installed_command_has_no_traceback(tmp_path):
    command = [sys.executable, "-m", "segalgo", "segment", str(tmp_path / "missing.png")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.strip() == f"segalgo: {tmp_path / 'missing.png'}: no such file"

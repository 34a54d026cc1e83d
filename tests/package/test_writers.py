"""Every function and command that writes a file leaves the old one whole where it fails, and no rest beside it."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import segalgo
from segalgo import verify
from segalgo.cli import main
from segalgo.datasets import COCOWriter
from segalgo.masks import write_palette_picture
from segalgo.verify.reports.report import Report

LABELS = np.array([[0, 1, 1], [2, 2, 0]])


def memory():
    made = segalgo.InstanceRecognizer()
    made.store([[1.0, 2.0], [3.0, 4.0]], ["a", "b"])
    return made


def coco():
    made = COCOWriter(["object"])
    made.add("a.png", LABELS)
    return made


WRITERS = {
    "picture.png": lambda path: segalgo.write_picture(path, LABELS.astype(np.uint8)),
    "picture.tif": lambda path: segalgo.write_picture(path, LABELS.astype(np.float32)),
    "labels.png": lambda path: segalgo.write_label_map(path.with_suffix(""), LABELS),
    "labels.tif": lambda path: segalgo.write_label_map(path.with_suffix(""), LABELS * 2**20),
    "palette.png": lambda path: write_palette_picture(path, LABELS),
    "memory.npz": lambda path: memory().save(path),
    "memory.safetensors": lambda path: memory().save(path),
    "model.safetensors": lambda path: segalgo.models.UNet(1, 2, width=2, depth=1).save(path),
    "coco.json": lambda path: coco().write(path),
    "report.html": lambda path: report().to_html(path),
    "report.xml": lambda path: report().to_junit(path),
}


def report() -> Report:
    return verify.check("relu", lambda x: np.maximum(x, 0), cases=2)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_fails_leaves_the_old_file(tmp_path, monkeypatch, name):
    path, write = tmp_path / name, WRITERS[name]
    write(path)
    assert path.stat().st_size > 0
    path.write_bytes(b"old")

    def fail(*paths):
        raise OSError(28, "No space left on device")

    # The last step of a writer that replaces its file; one that writes in place would not notice.
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((OSError, ValueError), match="No space left on device"):
        write(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [name]


COMMANDS = {
    "coco.json": ["convert", "{labels}", "{output}", "--to", "coco", "--objects"],
    "kaggle.csv": ["convert", "{labels}", "{output}", "--to", "kaggle"],
    "out.png": ["convert", "{labels}", "{output}", "--to", "labels"],
    "colored.png": ["convert", "{labels}", "{output}", "--to", "palette"],
    "a.json": ["convert", "{labels}", "{folder}", "--to", "labelme"],
    "labels/a.txt": ["convert", "{labels}", "{folder}", "--to", "yolo"],
    "a/objects.csv": ["segment", "{labels}", "-o", "{folder}", "--threshold", "0"],
    "a/labels.png": ["segment", "{labels}", "-o", "{folder}", "--threshold", "0"],
    "annotations.json": ["segment", "{labels}", "-o", "{folder}", "--threshold", "0", "--format", "coco"],
    "scores.json": ["evaluate", "{input}", "{input}", "--json", "{output}"],
    "matrix.png": ["evaluate", "{input}", "{input}", "--picture", "{output}"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_fails_leaves_the_old_file(tmp_path, monkeypatch, name):
    (tmp_path / "in").mkdir()
    labels = np.zeros((20, 30), np.uint8)
    labels[3:9, 4:12] = 1
    Image.fromarray(labels).save(tmp_path / "in" / "a.png")
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    places = {"labels": tmp_path / "in" / "a.png", "input": tmp_path / "in", "output": path, "folder": tmp_path / "out"}
    arguments = [word.format(**places) for word in COMMANDS[name]]
    whole = CliRunner().invoke(main, arguments)
    assert whole.exit_code == 0, whole.output
    assert path.stat().st_size > 0
    path.write_bytes(b"old")
    replace = os.replace

    def fail(source, target):
        if os.fspath(target) == os.fspath(path):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.count("No space left on device")) == (2, 1), result.output
    assert path.read_bytes() == b"old"
    assert not [file.name for file in path.parent.iterdir() if file.name.startswith(".")]

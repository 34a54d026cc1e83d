"""Masks of two classes: what 255 and other values mean is decided by all label pictures together, and said."""

import warnings

import numpy as np
import pytest
from data_trees import picture

from segalgo.datasets import DatasetError, ImageFolders, LabelWarning, open_dataset, plain_encoding
from segalgo.metrics import ConfusionMatrix, confusion_matrix

NAMES = ("ground", "object")


def folders(root, *masks, classes=NAMES):
    for k, mask in enumerate(masks):
        picture(root / "images" / f"{k}.png", np.zeros((*np.shape(mask), 3), np.uint8))
        picture(root / "labels" / f"{k}.png", np.asarray(mask))
    (root / "classes.txt").write_text("\n".join(classes) + "\n")
    return root


def mask(*values, dtype=np.uint8):
    return np.array([values, values[::-1]], dtype)


@pytest.mark.parametrize("value", [255, 128, 7])
def test_the_one_value_beside_zero_is_the_object(tmp_path, value):
    dataset = open_dataset(folders(tmp_path, mask(0, 0, 0), mask(0, value, 0)))
    with pytest.warns(LabelWarning, match=rf"0 and {value} alone: {value} is taken for class 1, 'object'"):
        assert dataset[1].labels.tolist() == [[0, 1, 0], [0, 1, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dataset[0].labels.max() == 0  # said once


@pytest.mark.parametrize("kind", ["0 and 1", "bool", "ignored"])
def test_values_that_leave_nothing_to_decide_are_not_remarked_on(tmp_path, kind):
    given = {"0 and 1": mask(0, 1), "bool": mask(0, 1, dtype=bool), "ignored": mask(0, 1, 255)}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_dataset(folders(tmp_path, given))[0].labels.tolist() == given.astype(int).tolist()


def test_all_label_pictures_decide_whichever_is_read_first(tmp_path):
    # The first one alone could be a mask; the second one says that 255 is "ignore".
    root = folders(tmp_path, mask(0, 255), mask(0, 1))
    assert open_dataset(root)[0].labels.tolist() == [[0, 255], [255, 0]]
    assert open_dataset(root)[:1][0].labels.tolist() == [[0, 255], [255, 0]]


def test_values_that_are_given(tmp_path):
    root = folders(tmp_path, mask(0, 255, 128))
    with pytest.raises(DatasetError, match=r"holds label 128 .* expected 0 to 1, 255; foreground_value"):
        _ = open_dataset(root)[0].labels
    assert open_dataset(root, foreground_value=128, ignore_value=255)[0].labels[0].tolist() == [0, 255, 1]
    assert ImageFolders(root, foreground_value=255, ignore_value=128)[0].labels[0].tolist() == [0, 1, 255]
    with pytest.raises(DatasetError, match=r"holds label 128 .* expected 0, 255"):
        _ = open_dataset(root, foreground_value=255)[0].labels
    ignoring = folders(tmp_path / "b", mask(0, 255))
    assert open_dataset(ignoring, ignore_value=255)[0].labels[0].tolist() == [0, 255]


def test_more_classes_keep_255_for_ignore(tmp_path):
    root = folders(tmp_path, mask(0, 255), classes=("a", "b", "c"))
    assert open_dataset(root)[0].labels.tolist() == [[0, 255], [255, 0]]
    with pytest.raises(ValueError, match="foreground_value=255: expected with two classes, there are 3"):
        open_dataset(root, foreground_value=255)


def test_options_of_another_reader(tmp_path):
    import data_trees

    root = data_trees.voc(tmp_path)
    with pytest.raises(ValueError, match="foreground_value: no option of PASCAL VOC"):
        open_dataset(root, foreground_value=255)


def test_an_encoding_decides_for_a_single_array():
    encoding = plain_encoding(NAMES)
    with pytest.warns(LabelWarning, match="255 is taken for class 1"):
        assert encoding.decode(mask(0, 255), "a.png").tolist() == [[0, 1], [1, 0]]
    assert encoding.decode(mask(0, 1, 255), "a.png")[0].tolist() == [0, 1, 255]
    assert encoding.decode(mask(0, 1, dtype=bool), "a.png")[0].tolist() == [0, 1]
    assert plain_encoding(NAMES, foreground_value=9).encode(np.array([[0, 1]])).tolist() == [[0, 9]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"foreground_value": 0}, "foreground_value=0: expected at least 1"),
        ({"ignore_value": -1}, "ignore_value=-1: expected at least 0"),
        ({"foreground_value": 5, "ignore_value": 5}, "another value than ignore_value"),
    ],
)
def test_values_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        plain_encoding(NAMES, **options)


def test_confusion_matrices_remark_on_masks():
    target, nothing = mask(0, 0, 255), mask(0, 0, 0)
    for count in (lambda: confusion_matrix(target, nothing, 2), lambda: ConfusionMatrix().update(target, nothing)):
        with pytest.warns(LabelWarning, match="2 of 6 target cells hold 255 and are ignored, and none holds 1"):
            count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        confusion_matrix(mask(0, 1, 255), nothing, 2)
        confusion_matrix(mask(0, 0, 255), nothing, 3)
        confusion_matrix(mask(0, 0, 0), nothing, 2)
        ConfusionMatrix(ignore_index=None).update(mask(0, 1), mask(0, 0))

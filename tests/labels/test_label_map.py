"""`LabelMap` is used as scikit-image's ArrayMap, and keeps 64-bit labels exact."""

import numpy as np
import pytest
from skimage.segmentation import relabel_sequential

import segalgo

LABELS = np.array([[1, 1, 5], [0, 99, 5]])


@pytest.fixture
def maps():
    return segalgo.relabel_sequential(LABELS)[1], relabel_sequential(LABELS)[1]


@pytest.mark.parametrize("index", [5, 0, 3, slice(None), slice(1, 7, 2), np.array([99, 1, 1]), [0, 5]])
def test_read_as_an_array_map(maps, index):
    ours, theirs = maps
    index = np.array(index) if isinstance(index, list) else index
    np.testing.assert_array_equal(ours[index], theirs[index])


def test_call_and_assign_as_an_array_map(maps):
    ours, theirs = maps
    np.testing.assert_array_equal(ours(LABELS), theirs(LABELS))
    for index, value in ((5, 7), (3, 9), (slice(1, 3), 4), (np.array([0, 99]), np.array([1, 2]))):
        ours[index] = value
        theirs[index] = value
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
        np.testing.assert_array_equal(ours(LABELS), theirs(LABELS))


def test_a_map_of_64_bit_labels_is_exact():
    labels = np.array([2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1, 0], np.uint64)
    relabeled, forward, inverse = segalgo.relabel_sequential(labels)
    assert relabeled.tolist() == [1, 2, 3, 4, 0]
    assert forward[labels].tolist() == relabeled.tolist()
    assert inverse[relabeled].tolist() == labels.tolist()
    assert int(forward[2**63]) == 2
    assert forward[np.array([2**62, 5])].tolist() == [0, 0]


def test_what_a_map_refuses(maps):
    ours = maps[0]
    with pytest.raises(IndexError, match="labels holds a negative label"):
        ours[-1]
    with pytest.raises(TypeError, match="labels has dtype float64"):
        ours[0.5]
    with pytest.raises(ValueError, match="values="):
        ours[1] = 2**63

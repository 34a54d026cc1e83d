"""Object numbers and classes of every integer dtype stay what they are, up to 2^64 - 1."""

import numpy as np
import pytest

import segalgo
from segalgo.datasets import LabelWarning
from segalgo.metrics import (
    adapted_rand_error,
    boundary_f1,
    confusion_matrix,
    match_instances,
    panoptic_quality,
    variation_of_information,
)

# Neighbours that float64 cannot tell apart, numbers around the ends of int64 and uint64, and a connectome's id.
LARGE = [2**31, 2**53 + 1, 2**62, 2**63 - 2, 864691135341199281, 2**63 + 7, 2**64 - 2]
NUMBERS = pytest.mark.parametrize("number", LARGE)


def near(number, dtype=np.uint64):
    return np.array([[number, number, 0], [0, number + 1, number + 1]], dtype)


SMALL = np.array([[1, 1, 0], [0, 2, 2]])


@NUMBERS
def test_panoptic_maps(number):
    joined = segalgo.to_panoptic(np.ones((2, 3), int), near(number))
    assert joined.labels.tolist() == SMALL.tolist()
    joined = segalgo.to_panoptic(np.array([[200, 200, 100], [7, 100, 100]]), near(number), things=[100, 200])
    assert [(s["category_id"], s["area"]) for s in joined.segments] == [(7, 1), (100, 2), (200, 2)]
    as_classes = segalgo.to_panoptic(near(number))
    assert [s["category_id"] for s in as_classes.segments] == [0, number, number + 1]


def test_panoptic_maps_of_mixed_numbers():
    joined = segalgo.to_panoptic(np.array([[1, 2]], np.uint8), np.array([[1, 2**64 - 1]], np.uint64))
    assert joined.labels.tolist() == [[1, 2]]


@NUMBERS
def test_objects_of_classes(number):
    found = segalgo.semantic_to_instances(near(number), connectivity=1)
    assert found.classes.tolist() == [number, number + 1]
    assert found.classes.dtype == (np.int64 if number + 1 < 2**63 else np.uint64)
    assert segalgo.instances_to_semantic(found.labels, found.classes).tolist() == near(number).tolist()
    assert segalgo.semantic_to_instances(near(number), classes=[number + 1]).classes.tolist() == [number + 1]
    assert segalgo.semantic_to_instances(near(number), ignore_index=number).classes.tolist() == [number + 1]


def test_negative_and_largest_classes_have_no_common_dtype():
    with pytest.raises(ValueError, match="background and classes holds -1 and 18446744073709551615"):
        segalgo.instances_to_semantic([[1]], [2**64 - 1], background=-1)


@NUMBERS
def test_counts_and_boxes(number):
    assert segalgo.count_objects(near(number)) == 2
    assert segalgo.count_objects([[1, 2, 2]], classes=[number, number + 1]) == {number: 1, number + 1: 1}
    assert segalgo.bounding_boxes(near(number)).tolist() == [[0, 0, 1, 2], [1, 1, 2, 3]]


def test_objects_that_are_not_1_to_k_cannot_be_described():
    for number in (2, 2**63 + 7):
        with pytest.raises(ValueError, match="labels holds no object 1"):
            segalgo.describe_objects(near(number))


@NUMBERS
def test_matches(number):
    found = match_instances(near(number), near(number))
    assert found.pairs.tolist() == [[number, number], [number + 1, number + 1]]
    found = match_instances(near(number), np.where(SMALL == 2, 0, SMALL))
    assert found.pairs.tolist() == [[number, 1]]
    assert found.missed.tolist() == [number + 1]


def test_negative_labels_beside_the_largest():
    with pytest.raises(ValueError, match="target and prediction hold labels -5 and 9223372036854775815"):
        match_instances(np.array([-5]), np.array([2**63 + 7], np.uint64))


@NUMBERS
def test_scores_of_partitions(number):
    other = np.array([[1, 1, 0], [0, 1, 2]])
    for score in (adapted_rand_error, variation_of_information):
        assert score(near(number), other) == score(SMALL, other)
        # The neighbour of an ignored label counts.
        assert score(near(number), other, ignore_labels=[number]) == score(SMALL, other, ignore_labels=[1])


@NUMBERS
def test_panoptic_quality_of_large_ids(number):
    image = near(number), [{"id": number, "category_id": 1}, {"id": number + 1, "category_id": 1}]
    assert panoptic_quality([image], [image], {1: True}).true_positives.tolist() == [2]


@NUMBERS
def test_ignored_values_of_classes(number):
    target = np.array([[0, 1, number]], np.uint64)
    prediction = np.array([[0, 1, 1]], np.uint64)
    assert confusion_matrix(target, prediction, 2, ignore_index=number).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match=rf"target holds {number} at \[0, 2\]"):
        confusion_matrix(target, prediction, 2, ignore_index=number + 1)
    assert boundary_f1(target, prediction, 2, ignore_index=number).shape == (2,)


def test_masks_of_0_and_255_have_objects():
    mask = np.array([[255, 0, 255]], np.uint8)
    with pytest.warns(LabelWarning, match="255 is taken for an object"):
        assert segalgo.semantic_to_instances(mask).labels.tolist() == [[1, 0, 2]]
    with pytest.warns(LabelWarning, match="255 is taken for an object"):
        assert segalgo.to_panoptic(mask).labels.tolist() == [[2, 1, 3]]
    assert segalgo.semantic_to_instances(mask, ignore_index=255).labels.max() == 0
    with pytest.raises(ValueError, match=r"ignore_index='none': expected .*'auto'"):
        segalgo.semantic_to_instances(mask, ignore_index="none")


def test_masked_arrays_are_refused():
    masked = np.ma.array(SMALL, mask=SMALL == 2)
    for call in (
        lambda: segalgo.semantic_to_instances(masked),
        lambda: segalgo.to_panoptic(SMALL, masked),
        lambda: segalgo.count_objects(masked),
        lambda: match_instances(SMALL, masked),
        lambda: segalgo.instances_to_semantic(SMALL, np.ma.array([1, 2], mask=[0, 1])),
    ):
        with pytest.raises(TypeError, match="masked elements"):
            call()

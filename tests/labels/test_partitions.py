"""Comparing partitions, and the steps of labelling that students watch."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_pictures import hard_shapes

import segalgo
from segalgo.reference.labels import labeling as reference


def brute_same_partition(a, b):
    forth, back = {0: 0}, {0: 0}
    for place in np.ndindex(a.shape):
        if forth.setdefault(a[place], b[place]) != b[place] or back.setdefault(b[place], a[place]) != a[place]:
            return place
    return None


@given(
    shape=st.sampled_from([(1,), (7,), (3, 5), (2, 3, 4)]),
    labels=st.integers(1, 4),
    changes=st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_same_partition(backend, shape, labels, changes, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, labels + 1, shape)
    names = np.append(0, rng.permutation(np.array([3, 10**12, -5, 2])))
    b = names[a]
    for _ in range(changes):
        b[tuple(rng.integers(0, shape))] = rng.choice(names)
    answer = segalgo.same_partition(backend.array(a.astype(np.uint8)), backend.array(b))
    first = brute_same_partition(a, b)
    assert answer == (first is None, first)
    assert bool(answer) is (first is None)
    assert segalgo.same_partition(backend.array(b), backend.array(a)) == answer


def test_same_partition_keeps_background(backend):
    equal = segalgo.same_partition(backend.array([[1, 1, 2]]), backend.array([[5, 5, 0]]))
    assert equal == (False, (0, 2))
    assert not equal
    assert segalgo.same_partition(backend.array([[0, 1]]), backend.array([[1, 0]])).first == (0, 0)
    assert segalgo.same_partition(backend.array([[False, True]]), backend.array([[0, 9]]))
    assert segalgo.same_partition(backend.array(np.zeros((0, 3), int)), backend.array(np.zeros((0, 3), int)))
    assert segalgo.same_partition(backend.array(np.zeros((), int)), backend.array(np.ones((), int))) == (False, ())
    top = np.array([2**64 - 1, 0], np.uint64)
    assert segalgo.same_partition(backend.array(top), backend.array([-1, 0]))


def test_same_partition_errors():
    with pytest.raises(TypeError, match="b has dtype float64"):
        segalgo.same_partition([1, 2], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"b has shape \(1,\): expected \(2,\)"):
        segalgo.same_partition([1, 2], [1])


@pytest.mark.parametrize("connectivity", [1, 2])
def test_steps_end_at_the_labels(rng, connectivity):
    images = [rng.integers(0, 3, (12, 15)), *hard_shapes(13).values()]
    for image in images:
        steps = list(reference.label_steps(image, connectivity))
        assert [step.row for step in steps] == list(range(len(image)))
        for before, after in itertools.pairwise(steps):
            row = after.row
            np.testing.assert_array_equal(before.labels[:row], after.labels[:row])
            assert (before.labels[row:] == 0).all()
            assert len(after.forest) >= len(before.forest)
            # Every equivalence is kept by the forest, which never puts a parent behind its child.
            for a, b in after.equivalences:
                assert reference.find(after.forest, a) == reference.find(after.forest, b)
            assert (after.forest <= np.arange(len(after.forest))).all()
        final = reference.resolve(steps[-1])
        np.testing.assert_array_equal(final, segalgo.label(image, connectivity=connectivity))
        assert final.dtype == np.int32


def test_steps_hand_worked():
    """A cup: its two sides get labels of their own, which meet at the bottom."""
    first, second = reference.label_steps(np.array([[1, 0, 1], [1, 1, 1]]), 1)
    assert first.labels.tolist() == [[1, 0, 2], [0, 0, 0]]
    assert first.equivalences == []
    assert first.forest.tolist() == [0, 1, 2]
    assert second.labels.tolist() == [[1, 0, 2], [1, 1, 1]]
    assert second.equivalences == [(1, 2)]
    assert second.forest.tolist() == [0, 1, 1]
    assert reference.resolve(second).tolist() == [[1, 0, 1], [1, 1, 1]]
    assert list(reference.label_steps(np.zeros((0, 3)))) == []


def test_steps_errors():
    with pytest.raises(ValueError, match=r"image has shape \(3,\)"):
        next(reference.label_steps(np.zeros(3)))
    with pytest.raises(ValueError, match="connectivity=3"):
        next(reference.label_steps(np.zeros((3, 3)), 3))

"""Polygons to masks and back."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import segalgo
from segalgo import masks


def fill_by_hand(rings, shape):
    """Ask of every centre how many edges lie to its left, one by one: the definition."""
    mask = np.zeros(shape, np.uint8)
    for i in range(shape[0]):
        for j in range(shape[1]):
            for ring in rings:
                for (j0, i0), (j1, i1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                    if i0 > i1:
                        j0, i0, j1, i1 = j1, i1, j0, i0
                    if i0 <= i + 0.5 < i1 and j0 + (i + 0.5 - i0) * (j1 - j0) / (i1 - i0) <= j + 0.5:
                        mask[i, j] ^= 1
    return mask


def some_rings(rng, kind, n):
    if kind == "far":
        return rng.uniform(-30, 50, (n, 2))
    if kind == "whole":
        return rng.integers(-3, 20, (n, 2)).astype(float)
    if kind == "halves":
        return rng.integers(-3, 40, (n, 2)) / 2
    return rng.uniform(3, 9, (n, 2))


def test_worked_by_hand(host_backend):
    square = masks.polygon_to_mask([1, 1, 4, 1, 4, 3, 1, 3], (4, 5))
    assert square.tolist() == [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    ring = masks.polygon_to_mask([[0, 0, 4, 0, 4, 4, 0, 4], [1, 1, 3, 1, 3, 3, 1, 3]], (4, 4))
    assert ring.tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    # Centres on the left and upper edge belong to the polygon, those on the right and lower one do not.
    assert masks.polygon_to_mask([0.5, 0.5, 2.5, 0.5, 2.5, 2.5, 0.5, 2.5], (3, 3)).tolist() == [
        [1, 1, 0],
        [1, 1, 0],
        [0, 0, 0],
    ]
    # A ring that winds around the middle twice leaves it out.
    twice = [0, 0, 5, 0, 5, 5, 0, 5, 0, 0, 2, 2, 4, 2, 4, 4, 2, 4, 2, 2]
    assert masks.polygon_to_mask(twice, (5, 5))[2:4].tolist() == [[1, 1, 0, 0, 1], [1, 1, 0, 0, 1]]


@pytest.mark.parametrize("kind", ["far", "whole", "halves", "inside"])
def test_agrees_with_the_definition(host_backend, rng, kind):
    for _ in range(12):
        rings = [some_rings(rng, kind, rng.integers(3, 8)) for _ in range(rng.integers(1, 4))]
        shape = tuple(rng.integers(1, 18, 2).tolist())
        np.testing.assert_array_equal(masks.polygon_to_mask(rings, shape), fill_by_hand(rings, shape))


def test_neighbours_neither_overlap_nor_leave_gaps(host_backend, rng):
    """A net of triangles over the plane: every cell lies in exactly one of them."""
    from scipy.spatial import Delaunay

    for points in (rng.uniform(-5, 45, (60, 2)), rng.integers(-5, 45, (60, 2)) / 2.0):
        points = np.concatenate([points, [[-9, -9], [60, -9], [60, 60], [-9, 60]]])
        total = np.zeros((37, 41), int)
        for triangle in Delaunay(points).simplices:
            total += masks.polygon_to_mask(points[triangle], total.shape)
        assert (total == 1).all()


def test_forms_of_polygons_are_alike(host_backend):
    flat = [1, 1, 6, 2, 3, 5]
    pairs = np.array(flat, float).reshape(-1, 2)
    expected = masks.polygon_to_mask(flat, (7, 8))
    assert expected.sum() > 0
    for form in (pairs, pairs.astype(int), pairs.tolist(), [flat], [pairs], [pairs.tolist()], pairs[None], tuple(flat)):
        np.testing.assert_array_equal(masks.polygon_to_mask(form, (7, 8)), expected)
    assert masks.polygon_to_mask([], (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert masks.polygon_to_mask(flat, (0, 8)).shape == (0, 8)
    assert masks.rle_area(masks.polygon_to_rle([], (2, 3))) == 0


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([1, 1, 2, 2], "polygon has 2 points: expected at least 3"),
        ([[0, 0, 4, 0, 4, 4], [1, 1, 2, 2]], "polygon[1] has 2 points: expected at least 3"),
        ([1, 1, 2, 2, 3], "polygon has shape (5,): expected (n, 2), or a flat list of an even length"),
        (np.zeros((4, 3)), "polygon has shape (4, 3): expected (n, 2)"),
        ([[0, 0], [1, np.nan], [2, 2]], "polygon has point 1 at [1.0, nan]: expected numbers within 16777216"),
        ([0, 0, np.inf, 0, 4, 4], "polygon has point 1 at [inf, 0.0]"),
        ([0, 0, 1e300, 0, 4, 4], "polygon has point 1 at [1e+300, 0.0]"),
        ([0, 0, "a", 0, 4, 4], "polygon: expected points (column, row) or a flat list of numbers"),
        ("012345", "polygon is str: expected a ring, or a sequence of rings"),
        (7, "polygon is int"),
    ],
)
@pytest.mark.parametrize("rule", ["center", "coco"])
def test_bad_polygons(polygon, message, rule):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        masks.polygon_to_mask(polygon, (5, 5), rule)


def test_bad_shapes_and_rules():
    for shape in ((2**15, 2**14), (-1, 4), (3,), "ab"):
        with pytest.raises((ValueError, TypeError), match="shape"):
            masks.polygon_to_mask([0, 0, 1, 0, 1, 1], shape if shape != (3,) else (1, 2, 3))
    with pytest.raises(ValueError, match="rule='edge'"):
        masks.polygon_to_mask([0, 0, 1, 0, 1, 1], (3, 3), "edge")


def test_crossings_are_refused_where_asked():
    bow_tie = [0, 0, 4, 4, 4, 0, 0, 4]
    with pytest.raises(ValueError, match="ring 0 crosses itself: its edges 0 and 2 cross"):
        masks.polygon_to_mask(bow_tie, (4, 4), crossings="raise")
    with pytest.raises(ValueError, match="ring 1 crosses itself"):
        masks.polygon_to_rle([[0, 0, 4, 0, 4, 4], bow_tie], (4, 4), crossings="raise")
    angles = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    wheel = np.column_stack([np.cos(angles), np.sin(angles)]) * 20 + 21
    assert masks.polygon_to_mask(wheel, (42, 42), crossings="raise").sum() > 1000
    touching = [0, 0, 2, 2, 4, 0, 4, 4, 2, 2, 0, 4]  # in a point: no crossing
    masks.polygon_to_mask(touching, (4, 4), crossings="raise")
    with pytest.raises(ValueError, match="crossings='nonzero'"):
        masks.polygon_to_mask(bow_tie, (4, 4), crossings="nonzero")


@pytest.mark.parametrize("connectivity", [1, 2])
def test_outlines_are_exact(host_backend, rng, connectivity):
    for density in (0.2, 0.5, 0.8):
        for shape in ((0, 0), (0, 4), (1, 1), (1, 8), (7, 9), (12, 10)):
            mask = rng.random(shape) < density
            polygons = masks.mask_to_polygons(mask, connectivity)
            objects = segalgo.label(mask, connectivity=connectivity) if mask.size else mask.astype(int)
            assert len(polygons) == objects.max(initial=0)
            for k, polygon in enumerate(polygons):
                np.testing.assert_array_equal(masks.polygon_to_mask(polygon, shape), objects == k + 1)
                signed = [np.linalg.det(np.stack([ring, np.roll(ring, -1, axis=0)], axis=1)).sum() for ring in polygon]
                assert signed[0] > 0
                assert max(signed[1:], default=-1) < 0
                for ring in polygon:
                    steps = np.roll(ring, -1, axis=0) - ring
                    assert ((steps != 0).sum(axis=1) == 1).all()
                    assert ((steps != 0) != (np.roll(steps, 1, axis=0) != 0)).all()


def test_outline_of_a_ring_has_a_hole():
    mask = np.ones((3, 4), int)
    mask[1, 1] = 0
    ((outer, hole),) = masks.mask_to_polygons(mask)
    assert outer.tolist() == [[0, 0], [4, 0], [4, 3], [0, 3]]
    assert sorted(hole.tolist()) == [[1, 1], [1, 2], [2, 1], [2, 2]]
    with pytest.raises(TypeError, match="mask is ndarray of float64"):
        masks.mask_to_polygons(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="connectivity=3"):
        masks.mask_to_polygons(mask, 3)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.sampled_from([4, 8]))
def test_all_outlines_together_are_the_mask(mask, connectivity):
    rings = [ring for polygon in masks.mask_to_polygons(mask, connectivity) for ring in polygon]
    np.testing.assert_array_equal(masks.polygon_to_mask(rings, mask.shape), mask)


@pytest.mark.parametrize("kind", ["far", "whole", "halves", "inside"])
def test_wings_agree_on_the_rule_of_coco(rng, kind):
    for _ in range(60):
        rings = [some_rings(rng, kind, rng.integers(3, 8)) for _ in range(rng.integers(1, 4))]
        shape = tuple(rng.integers(0, 25, 2).tolist())
        answers = []
        for backend in ("reference", "cython"):
            with segalgo.use_backend(backend):
                answers.append(masks.polygon_to_rle(rings, shape))
        assert answers[0] == answers[1]


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["far", "whole", "halves", "inside"])
def test_the_rule_of_coco_equals_pycocotools(host_backend, rng, kind):
    from pycocotools import mask as peer

    for _ in range(60):
        rings = [some_rings(rng, kind, rng.integers(3, 8)).ravel().tolist() for _ in range(rng.integers(1, 4))]
        shape = tuple(rng.integers(1, 25, 2).tolist())
        expected = peer.merge(peer.frPyObjects(rings, *shape))
        assert masks.polygon_to_rle(rings, shape) == expected
        assert masks.rle_to_mask(expected).sum() == masks.polygon_to_mask(rings, shape, "coco").sum()

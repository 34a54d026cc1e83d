"""Scores of boundaries, instances, panoptic maps and partitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo
from segalgo import metrics
from segalgo.metrics.overlaps import overlaps


def cells(rng, shape=(30, 40), most=9):
    """Return a label map of patches: every cell has the label of the nearest of some points."""
    points, labels = rng.uniform(0, 1, (14, 2)) * shape, rng.integers(0, most, 14)
    i, j = np.indices(shape)
    return labels[((i[..., None] - points[:, 0]) ** 2 + (j[..., None] - points[:, 1]) ** 2).argmin(axis=-1)]


# Boundaries.


def boundary_by_hand(labels, c, ignored):
    height, width = labels.shape
    found = []
    for i, j in np.ndindex(labels.shape):
        block = [(p, q) for p in (i, i + 1) for q in (j, j + 1) if p < height and q < width]
        values = {int(labels[place]) for place in block}
        if c in values and len(values) > 1 and not any(ignored[place] for place in block):
            found.append((i, j))
    return found


def boundary_f1_by_hand(target, prediction, num_classes, tolerance):
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    ignored = target == 255
    scores = []
    for c in range(num_classes):
        true, found = boundary_by_hand(target, c, ignored), boundary_by_hand(prediction, c, ignored)
        if not true and not found:
            scores.append(np.nan)
            continue
        near = [[np.hypot(a[0] - b[0], a[1] - b[1]) <= tolerance for b in found] for a in true]
        pairs = 0
        if true and found:
            pairs = int((maximum_bipartite_matching(csr_array(np.array(near, np.int8))) >= 0).sum())
        scores.append(2 * pairs / (len(true) + len(found)))
    return scores


def test_boundary_f1_worked_by_hand(host_backend):
    target, prediction = np.zeros((2, 12, 12), int)
    target[:, 6:], prediction[:, 8:] = 1, 1
    assert metrics.boundary_f1(target, prediction, 3, tolerance=2).tolist()[:2] == [1, 1]
    assert np.isnan(metrics.boundary_f1(target, prediction, 3, tolerance=2)[2])
    assert metrics.boundary_f1(target, prediction, 2, tolerance=1.9).tolist() == [0, 0]
    # A class that only one of the two has fails.
    prediction[3:5, 1:3] = 2
    assert metrics.boundary_f1(target, prediction, 3, tolerance=2)[2] == 0


@pytest.mark.parametrize("tolerance", [0, 1, 1.5, 3.2])
def test_boundary_f1_agrees_with_a_general_matching(host_backend, rng, tolerance):
    for _ in range(3):
        target, prediction = cells(rng, (17, 21), 4), cells(rng, (17, 21), 4)
        prediction = np.where(rng.random(target.shape) < 0.9, np.roll(target, 1, axis=1), prediction)
        target[rng.random(target.shape) < 0.02] = 255
        got = metrics.boundary_f1(target, prediction, 5, tolerance=tolerance)
        np.testing.assert_allclose(got, boundary_f1_by_hand(target, prediction, 5, tolerance), rtol=1e-12)
        nearest = metrics.boundary_f1(target, prediction, 5, tolerance=tolerance, matching="nearest")
        assert (nearest[~np.isnan(got)] >= got[~np.isnan(got)] - 1e-12).all()


def test_a_greedy_matching_is_not_enough(host_backend):
    """Points in a row, each near the next: the nearest pairs first would leave one of each side alone."""
    from segalgo._core.dispatch import host_wing

    offsets = np.array([[0, -1], [0, 1]])
    match = host_wing("metrics.boundary_matching").match_points
    assert match(np.array([1, 3]), np.array([2, 4]), offsets, 1, 6) == 2
    assert match(np.array([1, 3]), np.array([0, 2]), offsets[::-1].copy(), 1, 6) == 2
    assert match(np.arange(0, 40, 2), np.arange(1, 41, 2), offsets, 1, 41) == 20
    # At the ends of rows nothing continues on the next one.
    assert match(np.array([5]), np.array([6]), offsets, 2, 6) == 0


def test_boundary_f1_of_many_pictures_and_of_none(host_backend, rng):
    target, prediction = np.stack([cells(rng) for _ in range(3)]), np.stack([cells(rng) for _ in range(3)])
    got = metrics.boundary_f1(target, prediction, 9)
    assert got.shape == (3, 9)
    for k in range(3):
        np.testing.assert_array_equal(got[k], metrics.boundary_f1(target[k], prediction[k], 9))
    assert metrics.boundary_f1(np.zeros((0, 5), int), np.zeros((0, 5), int), 2, empty=1).tolist() == [1, 1]
    assert metrics.boundary_f1(np.zeros((0, 4, 5), int), np.zeros((0, 4, 5), int), 2).shape == (0, 2)
    assert np.isnan(metrics.boundary_f1(np.full((4, 5), 255), np.zeros((4, 5), int), 2)).all()


def test_boundary_f1_of_bad_arguments():
    labels = np.zeros((4, 5), int)
    for change, message in (
        ({"target": np.zeros(4, int)}, r"target has shape \(4,\)"),
        ({"prediction": labels + 2}, r"prediction holds 2 at \[0, 0\]"),
        ({"tolerance": -1}, "tolerance=-1"),
        ({"tolerance": np.nan}, "tolerance=nan"),
        ({"matching": "greedy"}, "matching='greedy'"),
    ):
        with pytest.raises(ValueError, match=message):
            metrics.boundary_f1(**({"target": labels, "prediction": labels, "num_classes": 2} | change))


# Overlaps and instances.


@pytest.mark.parametrize("scale", [1, 1000, 2**40])
@pytest.mark.parametrize("backend_name", ["reference", "cython"])
def test_overlaps_are_counts_of_pairs(rng, scale, backend_name):
    target, prediction = rng.integers(0, 5, (2, 400)) * scale
    with segalgo.use_backend(backend_name):
        found = overlaps(target, prediction)
    got = {
        (int(found.labels[0][i]), int(found.labels[1][j])): int(n)
        for i, j, n in zip(*found.pairs, found.counts, strict=True)
    }
    pairs, counts = np.unique(np.stack([target, prediction]), axis=1, return_counts=True)
    assert got == dict(zip(map(tuple, pairs.T.tolist()), counts.tolist(), strict=True))
    assert found.areas(0).sum() == 400


def test_overlaps_of_many_labels(rng):
    target, prediction = rng.integers(0, 5000, (2, 20000))
    found = overlaps(target, prediction)
    assert found.counts.sum() == 20000
    for side, labels in ((0, target), (1, prediction)):
        np.testing.assert_array_equal(found.areas(side), np.bincount(labels, minlength=5000)[found.labels[side]])


def test_matches_worked_by_hand():
    target = np.array([[1, 1, 1, 0, 2, 2, 0, 3]])
    prediction = np.array([[4, 4, 0, 0, 5, 5, 5, 0]])
    got = metrics.match_instances(target, prediction)
    assert got.pairs.tolist() == [[1, 4], [2, 5]]
    assert got.ious.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert got.missed.tolist() == [3]
    assert got.spurious.tolist() == []
    assert (got.precision(), got.recall(), got.f1()) == pytest.approx((1, 2 / 3, 4 / 5))
    assert got.panoptic_quality() == pytest.approx((4 / 3) / 2.5)


def test_more_pairs_before_larger_overlap():
    """One object fits two; the other fits only the one that it fits best."""
    target = np.array([1] * 6 + [2] * 4)
    prediction = np.array([7] * 3 + [8] * 7)
    got = metrics.match_instances(target, prediction, 0.3)
    assert got.pairs.tolist() == [[1, 7], [2, 8]]


def test_matches_are_the_best_of_all(rng):
    for _ in range(30):
        target, prediction = rng.integers(0, 4, (2, 25))
        got = metrics.match_instances(target, prediction, 0.1)
        table = np.zeros((3, 3))
        for i, j in itertools.product(range(3), repeat=2):
            a, b = target == i + 1, prediction == j + 1
            table[i, j] = (a & b).sum() / max((a | b).sum(), 1)
        table[table < 0.1] = 0
        best = max(
            (sum(table[i, j] > 0 for i, j in enumerate(order)), sum(table[i, j] for i, j in enumerate(order)))
            for order in itertools.permutations(range(3))
        )
        assert (len(got.pairs), got.ious.sum()) == pytest.approx(best)


def test_no_objects():
    nothing = metrics.match_instances(np.zeros((2, 3), int), np.zeros((2, 3), int))
    assert np.isnan(nothing.f1())
    assert nothing.f1(empty=1) == 1
    assert metrics.match_instances(np.zeros((0, 3), int), np.zeros((0, 3), int)).pairs.shape == (0, 2)
    only = metrics.match_instances(np.array([0, 5]), np.array([0, 0]))
    assert only.missed.tolist() == [5]
    assert (only.recall(), only.panoptic_quality()) == (0, 0)
    assert np.isnan(only.precision())
    with pytest.raises(ValueError, match=r"threshold=1\.5"):
        metrics.match_instances(np.array([1]), np.array([1]), 1.5)
    with pytest.raises(ValueError, match="prediction has shape"):
        metrics.match_instances(np.array([1]), np.array([1, 2]))
    with pytest.raises(TypeError, match="target has dtype float64"):
        metrics.match_instances(np.array([1.0]), np.array([1]))


# Panoptic quality: the oracle compares sets of cells, segment by segment.

THINGS = {1: True, 2: True, 3: False, 4: False}


def panoptic_picture(rng, crowds):
    id_map = cells(rng, (24, 26), 8)
    ids = rng.choice(2**24 - 1, 8, replace=False) + 1
    ids[0] = 0
    segments = [
        {"id": int(ids[k]), "category_id": int(rng.integers(1, 4)), "iscrowd": int(crowds and rng.random() < 0.3)}
        for k in np.unique(id_map)
        if ids[k]
    ]
    return ids[id_map], segments


def predicted(rng, picture):
    """Return a picture like another one: some segments shifted, joined with others, or of another category."""
    id_map, segments = picture
    id_map = np.roll(id_map, rng.integers(-1, 2, 2), axis=(0, 1))
    id_map = np.where(rng.random(id_map.shape) < 0.1, np.roll(id_map, 5), id_map)
    for name in rng.choice(np.unique(id_map), 2):
        id_map = np.where(id_map == name, rng.choice(np.unique(id_map)), id_map)
    category = {s["id"]: s["category_id"] if rng.random() < 0.8 else int(rng.integers(1, 4)) for s in segments}
    return id_map, [{"id": int(k), "category_id": category[k]} for k in np.unique(id_map).tolist() if k]


def panoptic_by_sets(targets, predictions):
    """Follow the published rules with sets of cells."""
    counts = {c: [0, 0, 0, 0.0] for c in THINGS}
    for (id_map, segments), (other_map, others) in zip(targets, predictions, strict=True):
        area = {s["id"]: frozenset(np.flatnonzero(id_map == s["id"])) for s in segments}
        other_area = {s["id"]: frozenset(np.flatnonzero(other_map == s["id"])) for s in others}
        void = frozenset(np.flatnonzero(id_map == 0))
        taken, taken_others = set(), set()
        for s, o in itertools.product(segments, others):
            a, b = area[s["id"]], other_area[o["id"]]
            if s.get("iscrowd") or s["category_id"] != o["category_id"]:
                continue
            iou = len(a & b) / len(a | (b - void))
            if iou > 0.5:
                assert s["id"] not in taken
                taken.add(s["id"])
                taken_others.add(o["id"])
                counts[s["category_id"]][0] += 1
                counts[s["category_id"]][3] += iou
        for s in segments:
            counts[s["category_id"]][2] += not s.get("iscrowd") and s["id"] not in taken
        for o in others:
            crowd = [area[s["id"]] for s in segments if s.get("iscrowd") and s["category_id"] == o["category_id"]]
            excused = void | (crowd[-1] if crowd else frozenset())
            b = other_area[o["id"]]
            counts[o["category_id"]][1] += o["id"] not in taken_others and len(b & excused) / len(b) <= 0.5
    return counts


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_panoptic_quality_follows_the_published_rules(seed, crowds):
    rng = np.random.default_rng(seed)
    targets = [panoptic_picture(rng, crowds) for _ in range(8)]
    predictions = [predicted(rng, picture) for picture in targets]
    got = metrics.panoptic_quality(targets, predictions, THINGS)
    expected = panoptic_by_sets(targets, predictions)
    for k, c in enumerate(got.categories):
        true, false, missed, iou = expected[c]
        ours = (got.true_positives[k], got.false_positives[k], got.false_negatives[k])
        assert ours == (true, false, missed)
        assert got.iou_sums[k] == pytest.approx(iou, rel=1e-12)
        size = true + false / 2 + missed / 2
        np.testing.assert_allclose(got.pq[k], iou / size if size else np.nan)
        np.testing.assert_allclose(got.rq[k], true / size if size else np.nan)
        np.testing.assert_allclose(got.sq[k], (iou / true if true else 0) if size else np.nan)
    assert sum(c[0] for c in expected.values()) > 5
    assert got.mean()["pq"] == pytest.approx(np.nanmean(got.pq))
    assert got.mean("things")["rq"] == pytest.approx(np.nanmean(got.rq[:2]))
    assert got.mean("stuff")["sq"] == pytest.approx(np.nanmean(got.sq[2:]))


def test_panoptic_quality_of_nothing():
    got = metrics.panoptic_quality([], [], [{"id": 1, "isthing": 1}])
    assert np.isnan(got.mean()["pq"])
    assert got.mean(empty=0)["pq"] == 0
    assert np.isnan(got.pq).all()
    with pytest.raises(ValueError, match="kind='crowd'"):
        got.mean("crowd")


SEGMENT = {"id": 5, "category_id": 1}
PICTURE = (np.array([[5, 5]]), [SEGMENT])


@pytest.mark.parametrize(
    ("target", "prediction", "message"),
    [
        ((np.array([[5, 6]]), [SEGMENT]), PICTURE, r"targets\[0\]: the map holds id 6, which is not listed"),
        (PICTURE, (np.array([[0, 0]]), [SEGMENT]), r"predictions\[0\]: segment 5 is listed but not in the map"),
        (PICTURE, (np.array([[5, 5]]), [SEGMENT, SEGMENT]), r"predictions\[0\]: segment 5 is listed twice"),
        (PICTURE, (np.array([[5, 5]]), [SEGMENT | {"category_id": 9}]), "segment 5 has category_id 9, which is not in"),
        (PICTURE, (np.array([[5, 5]]), [{"id": 5}]), r"predictions\[0\]: expected \(id_map, segments\)"),
        (PICTURE, (np.array([[5, 5, 5]]), [SEGMENT]), "picture 0: prediction has shape"),
        ((np.array([[5.0, 5]]), [SEGMENT]), PICTURE, "picture 0: target has dtype float64"),
    ],
)
def test_panoptic_records_at_fault_are_named(target, prediction, message):
    with pytest.raises((ValueError, TypeError), match=message):
        metrics.panoptic_quality([target], [prediction], {1: True})
    with pytest.raises(ValueError, match="predictions has 0 pictures: expected 1"):
        metrics.panoptic_quality([target], [], {1: True})
    with pytest.raises(ValueError, match="categories: expected"):
        metrics.panoptic_quality([target], [prediction], [{"id": 1}])


def test_ids_of_colors():
    colors = np.array([[[0, 0, 0], [255, 255, 255], [1, 0, 2]]], np.uint8)
    assert metrics.id_of_rgb(colors).tolist() == [[0, 2**24 - 1, 131073]]
    with pytest.raises(TypeError, match="colors has dtype int64"):
        metrics.id_of_rgb(colors.astype(np.int64))
    with pytest.raises(ValueError, match="colors has shape"):
        metrics.id_of_rgb(colors[..., :2])


# Partitions.


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25))
def test_partitions_by_pairs_of_cells(labels):
    target, prediction = np.array(labels).T
    together = [(a[0] == b[0], a[1] == b[1]) for a, b in itertools.combinations(labels, 2)]
    both, true, found = (sum(map(f, together)) for f in (all, lambda p: p[0], lambda p: p[1]))
    error, precision, recall = metrics.adapted_rand_error(target, prediction, ignore_labels=())
    np.testing.assert_allclose(precision, both / true if true else np.nan)
    np.testing.assert_allclose(recall, both / found if found else np.nan)
    np.testing.assert_allclose(error, 1 - 2 * both / (true + found) if true + found else np.nan)
    splits, merges = metrics.variation_of_information(target, prediction)
    assert min(splits, merges) >= 0
    assert metrics.variation_of_information(prediction, target) == pytest.approx((merges, splits))
    assert metrics.variation_of_information(target, 3 - target) == pytest.approx((0, 0), abs=1e-12)


def test_partitions_of_nothing():
    nothing = np.zeros((0, 3), int)
    assert np.isnan(metrics.adapted_rand_error(nothing, nothing)).all()
    assert metrics.adapted_rand_error(np.zeros(3, int), np.ones(3, int), empty=0) == (0, 0, 0)
    assert np.isnan(metrics.variation_of_information(nothing, nothing)).all()
    assert metrics.variation_of_information(np.ones(2, int), np.ones(2, int), [1], empty=0) == (0, 0)
    with pytest.raises(ValueError, match="alpha=2"):
        metrics.adapted_rand_error(nothing, nothing, alpha=2)


@pytest.mark.parametrize("most", [3, 40, 5000])
def test_partitions_equal_those_of_scikit_image(rng, most):
    from skimage import metrics as peer

    target, prediction = rng.integers(0, most, (2, 60, 70))
    prediction = np.where(rng.random(target.shape) < 0.7, target, prediction)
    for ignored in ((), (0,), (0, 2)):
        ours = metrics.adapted_rand_error(target, prediction, ignored, alpha=0.3)
        np.testing.assert_allclose(ours, peer.adapted_rand_error(target, prediction, ignore_labels=ignored, alpha=0.3))
        ours = metrics.variation_of_information(target, prediction, ignored)
        theirs = peer.variation_of_information(target, prediction, ignore_labels=ignored)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)

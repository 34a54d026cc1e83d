"""The confusion matrix, and the scores of classes that are read off it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo
from segalgo import metrics
from segalgo.cuda.device import simulated_schedule

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def counted(target, prediction, num_classes, ignore_index):
    """Count pair by pair: the definition."""
    matrix = np.zeros((num_classes, num_classes), np.int64)
    for i, j in zip(target.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if i != ignore_index:
            matrix[i, j] += 1
    return matrix


def test_worked_by_hand(backend):
    target, prediction = [[0, 0, 1], [2, 255, 1]], [[0, 1, 1], [2, 2, 0]]
    matrix = metrics.confusion_matrix(backend.array(target), backend.array(prediction), 4)
    np.testing.assert_array_equal(backend.numpy(matrix), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert backend.numpy(matrix).dtype == np.int64


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("num_classes", [1, 2, 21, 64, 65, 110])
def test_agrees_with_counting(backend, rng, dtype, num_classes):
    target = rng.integers(0, num_classes, (23, 41)).astype(dtype)
    prediction = rng.integers(0, num_classes, target.shape).astype(rng.choice(INTEGERS))
    for ignore_index in (None, 0, 255, -1):
        got = metrics.confusion_matrix(backend.array(target), backend.array(prediction), num_classes, ignore_index)
        np.testing.assert_array_equal(backend.numpy(got), counted(target, prediction, num_classes, ignore_index))


@pytest.mark.parametrize("shape", [(0,), (1,), (15,), (16,), (17,), (2047,), (2049,), (0, 5), (3, 5, 7), ()])
def test_shapes(backend, rng, shape):
    target, prediction = rng.integers(0, 3, (2, *shape)).astype(np.uint8)
    got = metrics.confusion_matrix(backend.array(target), backend.array(prediction), 3)
    np.testing.assert_array_equal(backend.numpy(got), counted(np.asarray(target), np.asarray(prediction), 3, 255))


def test_views_and_bytes_of_other_machines(backend, rng):
    labels = rng.integers(0, 5, (2, 30, 40)).astype(">i4")
    target, prediction = labels[0, ::2, ::-3], labels[1, ::2, ::-3]
    if backend.word == "cuda":
        target, prediction = (np.ascontiguousarray(x, "i4") for x in (target, prediction))
    got = metrics.confusion_matrix(backend.array(target), backend.array(prediction), 5, None)
    np.testing.assert_array_equal(backend.numpy(got), counted(target, prediction, 5, None))
    bools = rng.random((2, 99)) < 0.5
    got = metrics.confusion_matrix(backend.array(bools[0]), backend.array(bools[1]), 2)
    np.testing.assert_array_equal(backend.numpy(got), counted(*bools.astype(int), 2, 255))


def test_all_values_of_a_byte_are_classes(backend):
    every = np.arange(256, dtype=np.uint8)
    got = metrics.confusion_matrix(backend.array(every), backend.array(every[::-1].copy()), 256, None)
    np.testing.assert_array_equal(backend.numpy(got), np.eye(256, dtype=np.int64)[::-1])


def test_long_runs_and_many_threads(fast_backend, rng):
    target = np.repeat(rng.integers(0, 19, 3000), rng.integers(1, 400, 3000)).astype(np.uint8)
    prediction = np.roll(target, 7)
    got = metrics.confusion_matrix(fast_backend.array(target), fast_backend.array(prediction), 19)
    pairs = np.bincount(target.astype(int) * 19 + prediction, minlength=361).reshape(19, 19)
    np.testing.assert_array_equal(fast_backend.numpy(got), pairs)


@pytest.mark.parametrize("order", ["forward", "reverse", "shuffle"])
def test_any_order_of_threads(order, rng):
    target, prediction = rng.integers(0, 100, (2, 5000))
    if not segalgo.backends()["simulated"].available:
        pytest.skip("the simulated device is missing")
    orders = {"reverse": "reversed", "shuffle": "shuffled"}
    with segalgo.use_backend("simulated"), simulated_schedule(orders.get(order, order), seed=3):
        got = metrics.confusion_matrix(target, prediction, 100)
    np.testing.assert_array_equal(got, counted(target, prediction, 100, 255))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_labels_that_are_no_class_are_named(backend, dtype):
    labels = np.zeros((4, 6), dtype)
    stray = labels.copy()
    stray[2, 3], stray[3, 1] = 7, 100
    with pytest.raises(ValueError, match=r"^target holds 7 at \[2, 3\]: expected 0 to 4"):
        metrics.confusion_matrix(backend.array(stray), backend.array(labels), 5)
    with pytest.raises(ValueError, match=r"^prediction holds 7 at \[2, 3\]: expected 0 to 4"):
        metrics.confusion_matrix(backend.array(labels), backend.array(stray), 5)
    if dtype != "uint8":
        stray[1, 1] = -3
        # A negative byte is no large class either.
        with pytest.raises(ValueError, match=r"^prediction holds -3 at \[1, 1\]: expected 0 to 254"):
            metrics.confusion_matrix(backend.array(labels), backend.array(stray), 255)


def test_predictions_under_ignored_targets_are_free(backend):
    target, prediction = backend.array([255, 0]), backend.array([255, 0])
    assert int(metrics.confusion_matrix(target, prediction, 1).sum()) == 1
    with pytest.raises(ValueError, match=r"prediction holds 255 at \[1\]: expected 0 to 0 \(ignore_index 255 is for"):
        metrics.confusion_matrix(target, prediction[::-1], 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_classes": 0}, ValueError, "num_classes=0: expected 1 to 8192"),
        ({"num_classes": 8193}, ValueError, "num_classes=8193: expected 1 to 8192"),
        ({"num_classes": 2.5}, TypeError, "num_classes=2.5: expected an integer"),
        ({"target": np.zeros(3)}, TypeError, "target has dtype float64: expected integers or bool"),
        ({"prediction": np.zeros(4, int)}, ValueError, r"prediction has shape \(4,\): expected that of target, \(3,\)"),
    ],
)
def test_bad_arguments(change, error, message):
    arguments = {"target": np.zeros(3, int), "prediction": np.zeros(3, int), "num_classes": 2} | change
    with pytest.raises(error, match=message):
        metrics.confusion_matrix(**arguments)


def test_accumulates_over_batches(rng):
    target, prediction = rng.integers(0, 6, (2, 10, 31))
    whole = metrics.confusion_matrix(target, prediction, 6)
    fixed, growing, half = metrics.ConfusionMatrix(6), metrics.ConfusionMatrix(), metrics.ConfusionMatrix(6)
    for k in range(10):
        fixed.update(target[k], prediction[k])
        growing.update(target[k], prediction[k])
    np.testing.assert_array_equal(fixed.matrix, whole)
    np.testing.assert_array_equal(growing.matrix, whole)
    np.testing.assert_array_equal(half.update(target, prediction).merge(fixed).matrix, 2 * whole)
    assert metrics.mean_iou(fixed) == metrics.mean_iou(whole)
    assert fixed.reset().matrix.sum() == 0


def test_an_error_leaves_the_matrix_as_it_was():
    matrix = metrics.ConfusionMatrix(2).update([0, 1], [0, 1])
    with pytest.raises(ValueError, match="prediction holds 2"):
        matrix.update([0, 1], [2, 1])
    assert matrix.matrix.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match="other has 3 classes: expected 2"):
        matrix.merge(metrics.ConfusionMatrix(3))
    with pytest.raises(ValueError, match="target holds 9000: expected labels below 8192"):
        metrics.ConfusionMatrix().update([9000], [0])
    assert metrics.ConfusionMatrix().update(np.empty(0, int), np.empty(0, int)).matrix.shape == (0, 0)


# Class 2 is true and never predicted, class 3 predicted and never true, class 4 neither.
HARD = np.array([[3, 1, 0, 0, 0], [0, 4, 0, 2, 0], [1, 1, 0, 0, 0], [0] * 5, [0] * 5])


@pytest.mark.parametrize("empty", [np.nan, 0.0, 1.0])
def test_undefined_scores_follow_one_rule(empty):
    np.testing.assert_allclose(metrics.precision(HARD, empty), [3 / 4, 4 / 6, empty, 0, empty])
    np.testing.assert_allclose(metrics.recall(HARD, empty), [3 / 4, 4 / 6, 0, empty, empty])
    np.testing.assert_allclose(metrics.iou(HARD, empty), [3 / 5, 4 / 8, 0, 0, empty])
    np.testing.assert_allclose(metrics.dice(HARD, empty), [6 / 8, 8 / 12, 0, 0, empty])
    ious = [3 / 5, 4 / 8, 0, 0] + ([] if np.isnan(empty) else [empty])
    assert metrics.mean_iou(HARD, empty) == pytest.approx(np.mean(ious))
    recalls = [3 / 4, 4 / 6, 0] + ([] if np.isnan(empty) else [empty] * 2)
    assert metrics.class_accuracy(HARD, empty) == pytest.approx(np.mean(recalls))
    assert metrics.pixel_accuracy(HARD, empty) == pytest.approx(7 / 12)
    assert metrics.frequency_weighted_iou(HARD, empty) == pytest.approx((4 * 3 / 5 + 6 * 4 / 8) / 12)


@pytest.mark.parametrize("empty", [np.nan, 0.0, 1.0])
def test_nothing_counted(empty):
    for score in (metrics.pixel_accuracy, metrics.class_accuracy, metrics.mean_iou, metrics.frequency_weighted_iou):
        np.testing.assert_equal(score(np.zeros((3, 3)), empty), empty)
    np.testing.assert_equal(metrics.dice(np.zeros((2, 2)), empty), np.full(2, empty))
    assert metrics.iou(np.zeros((0, 0))).shape == (0,)


@pytest.mark.parametrize("matrix", [np.zeros(3), np.zeros((2, 3)), [[-1, 0], [0, 0]], [[np.nan, 0], [0, 0]]])
def test_what_is_no_matrix(matrix):
    with pytest.raises(ValueError, match=r"matrix (has shape|holds)"):
        metrics.mean_iou(matrix)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_dice_follows_from_iou(pairs):
    target, prediction = np.array(pairs, int).reshape(-1, 2).T
    matrix = metrics.confusion_matrix(target, prediction, 4)
    iou = metrics.iou(matrix)
    np.testing.assert_allclose(metrics.dice(matrix), 2 * iou / (1 + iou))
    assert matrix.sum() == len(pairs)


@pytest.mark.peers
def test_agrees_with_scikit_learn(rng):
    from sklearn import metrics as peer

    target, prediction = rng.integers(0, 7, (2, 4000))
    prediction = np.where(rng.random(4000) < 0.6, target, prediction)
    matrix = metrics.confusion_matrix(target, prediction, 7)
    np.testing.assert_array_equal(matrix, peer.confusion_matrix(target, prediction))
    assert metrics.pixel_accuracy(matrix) == pytest.approx(peer.accuracy_score(target, prediction), rel=1e-12)
    assert metrics.class_accuracy(matrix) == pytest.approx(peer.balanced_accuracy_score(target, prediction), rel=1e-12)
    for ours, theirs in ((metrics.precision, peer.precision_score), (metrics.recall, peer.recall_score)):
        np.testing.assert_allclose(ours(matrix), theirs(target, prediction, average=None), rtol=1e-12)
    np.testing.assert_allclose(metrics.iou(matrix), peer.jaccard_score(target, prediction, average=None), rtol=1e-12)
    np.testing.assert_allclose(metrics.dice(matrix), peer.f1_score(target, prediction, average=None), rtol=1e-12)


@pytest.mark.peers
def test_agrees_with_torchmetrics(rng):
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

    target, prediction = rng.integers(0, 5, (2, 3, 40, 50))
    target[rng.random(target.shape) < 0.1] = 255
    matrix = metrics.confusion_matrix(target, prediction, 5)
    tensors = torch.from_numpy(prediction), torch.from_numpy(target)
    np.testing.assert_array_equal(matrix, multiclass_confusion_matrix(*tensors, num_classes=5, ignore_index=255))
    theirs = multiclass_jaccard_index(*tensors, num_classes=5, ignore_index=255, average="none")
    np.testing.assert_allclose(metrics.iou(matrix), theirs, rtol=1e-6)


@pytest.mark.parametrize("value", [(1,), "255", 2.5, True])
def test_a_wrong_ignore_index_is_named(value):
    labels = np.zeros((4, 5), np.uint8)
    for call in (metrics.confusion_matrix, metrics.ConfusionMatrix, metrics.boundary_f1):
        arguments = () if call is metrics.ConfusionMatrix else (labels, labels)
        with pytest.raises(TypeError, match="ignore_index"):
            call(*arguments, num_classes=2, ignore_index=value)


def test_a_wrong_empty_score_is_named():
    labels = np.zeros((4, 5), np.uint8)
    with pytest.raises(TypeError, match="empty"):
        metrics.boundary_f1(labels, labels, 2, empty=[1, 2])

"""Boxes on every backend: areas, overlaps, coding, anchors, suppression."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo

TINY = np.array([[0, 0, 4, 4], [0, 1, 4, 5], [8, 8, 9, 9], [0, 0, 4, 4]], np.float32)


def random_boxes(rng, n, dtype=np.float32, extent=100, side=30):
    corner = rng.random((n, 2)) * extent
    return np.concatenate([corner, corner + rng.random((n, 2)) * side], axis=1).astype(dtype)


def greedy(boxes, scores, threshold, equal=False):
    """Compare each box with every kept one, in Python floats of the boxes' dtype: the definition, box by box."""
    kept = []
    for k in sorted(range(len(boxes)), key=lambda k: (-scores[k], k)):
        for j in kept:
            width = max(min(boxes[j][2], boxes[k][2]) - max(boxes[j][0], boxes[k][0]), boxes.dtype.type(0))
            height = max(min(boxes[j][3], boxes[k][3]) - max(boxes[j][1], boxes[k][1]), boxes.dtype.type(0))
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[j], boxes[k])]
            if width * height == 0:
                continue
            iou = float(width * height / (areas[0] + areas[1] - width * height))
            if iou > threshold or (equal and iou == threshold):
                break
        else:
            kept.append(k)
    return kept


def test_areas_and_cuts_worked_by_hand(backend):
    boxes = backend.array([[0, 0, 4, 4], [-2, 1, 9, 30], [3, 3, 3, 7]], np.float32)
    assert backend.numpy(segalgo.box_area(boxes)).tolist() == [16, 319, 0]
    assert backend.numpy(segalgo.box_area(boxes, plus_one=True)).tolist() == [25, 360, 5]
    clipped = segalgo.clip_boxes(boxes, (20, 8))
    assert backend.numpy(clipped).tolist() == [[0, 0, 4, 4], [0, 1, 8, 20], [3, 3, 3, 7]]
    stacked = backend.numpy(segalgo.clip_boxes(boxes[None], (2, 2)))
    assert stacked.shape == (1, 3, 4)
    assert stacked[0, 2].tolist() == [2, 2, 2, 2]
    assert segalgo.clip_boxes([[-math.inf, 0.0, math.inf, 3.0]], (2, 9)).tolist() == [[0, 0, 9, 2]]
    assert segalgo.clip_boxes([[-3, 0, 12, 3]], (2, 9)).tolist() == [[0, 0, 9, 2]]


def test_iou_worked_by_hand(backend):
    others = backend.array([[1, 0, 3, 2], [0, 0, 2, 1], [5, 5, 6, 6], [1, 1, 1, 1]], np.float64)
    first = backend.array([[0, 0, 2, 2]], np.float64)
    assert backend.numpy(segalgo.box_iou(first, others)).tolist() == [[1 / 3, 0.5, 0, 0]]
    crowd = backend.array([True, True, False, False])
    assert backend.numpy(segalgo.box_iou(first, others, crowd)).tolist() == [[0.5, 0.5, 0, 0]]
    # With columns and rows counted: 3 x 3, 3 x 3 and 2 x 3 common cells of 9 + 9 - 6.
    assert backend.numpy(segalgo.box_iou(first, others[:1], plus_one=True)).tolist() == [[0.5]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_iou_is_the_same_bits_everywhere(backend, rng, dtype):
    boxes, others = random_boxes(rng, 37, dtype), random_boxes(rng, 41, dtype)
    crowd = rng.random(41) < 0.3
    with segalgo.use_backend("reference"):
        expected = segalgo.box_iou(boxes, others, crowd)
    got = backend.numpy(segalgo.box_iou(*map(backend.array, (boxes, others, crowd))))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, expected)


def test_coding_worked_by_hand(backend):
    boxes = backend.array([[0.0, 0.0, 4.0, 8.0]])
    anchor = backend.array([[1.0, 0.0, 5.0, 4.0]])
    deltas = backend.numpy(segalgo.encode_boxes(boxes, anchor, (10, 10, 5, 5)))
    np.testing.assert_allclose(deltas, [[-2.5, 5, 0, 5 * math.log(2)]], rtol=1e-15)
    back = segalgo.decode_boxes(backend.array(deltas), anchor, (10, 10, 5, 5))
    np.testing.assert_allclose(backend.numpy(back), [[0, 0, 4, 8]], atol=1e-14)
    # A growth is cut at log(1000 / 16): 4 pixels become 250.
    grown = backend.numpy(segalgo.decode_boxes(backend.array([[[0.0, 0.0, 9.0, 0.0]]]), anchor))
    np.testing.assert_allclose(grown, [[[3 - 125, 0, 3 + 125, 4]]], rtol=1e-14)
    with_inf = segalgo.decode_boxes(backend.array([[0.0, 0.0, 9.0, 0.0]]), anchor, clip=math.inf)
    assert backend.numpy(with_inf)[0, 2] > 10000


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_coding_and_back(backend, rng, dtype):
    boxes = random_boxes(rng, 50, dtype) + np.array([0, 0, 2, 2], dtype)
    anchor = random_boxes(rng, 50, dtype) + np.array([0, 0, 2, 2], dtype)
    boxes, anchor = backend.array(boxes), backend.array(anchor)
    back = segalgo.decode_boxes(segalgo.encode_boxes(boxes, anchor), anchor)
    assert backend.numpy(back).dtype == dtype
    # Shifts of up to 130 pixels over 2, of which eps is lost, come back times up to 32.
    allowed = 200 * 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(backend.numpy(back), backend.numpy(boxes), atol=allowed)


def test_anchors_are_those_of_the_paper():
    three = segalgo.anchors(1, 1, 32)
    assert three.tolist() == [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    assert three.dtype == np.float32
    grid = segalgo.anchors((2, 3), (8, 4), 32, 1.0)
    assert (grid[:, :2] + 16).tolist() == [[0, 0], [4, 0], [8, 0], [0, 8], [4, 8], [8, 8]]
    plain = segalgo.anchors(1, 4, 32, (0.5, 1.0), rounded=False, offset=0.5, dtype="float64")
    np.testing.assert_allclose(plain[0], [2 - 16 * 2**0.5, 2 - 16 / 2**0.5, 2 + 16 * 2**0.5, 2 + 16 / 2**0.5])
    both = segalgo.anchors(1, 1, (32, 64), (1.0, 4.0))
    assert (both[:, 2] - both[:, 0]).tolist() == [32, 64, 16, 32]
    by_size = segalgo.anchors(1, 1, (32, 64), (1.0, 4.0), order="size")
    assert (by_size[:, 2] - by_size[:, 0]).tolist() == [32, 16, 64, 32]
    assert segalgo.anchors((0, 3), 4, 32).shape == (0, 4)


def test_nms_worked_by_hand(backend):
    boxes = backend.array(TINY)

    def kept(scores, threshold, **options):
        return backend.numpy(segalgo.nms(boxes, backend.array(scores, np.float32), threshold, **options)).tolist()

    # The first two share 3 of 5 rows: 12 of 20 cells.
    assert kept([0.8, 0.9, 0.1, 0.7], 0.5) == [1, 2]
    assert kept([0.8, 0.9, 0.1, 0.7], 0.7) == [1, 0, 2]
    assert kept([1, 1, 1, 1], 0.7) == [0, 1, 2]  # of equal scores the lower index wins
    assert kept([0.8, 0.9, 0.1, 0.7], 1.0) == [1, 0, 3, 2]
    assert kept([0.8, 0.9, 0.1, 0.7], 1.0, suppress_equal=True) == [1, 0, 2]
    assert kept([-3, -2, -9, -4], 0.0) == [1, 2]  # logits are scores too
    classes = backend.array([5, -1, 5, 5])
    scores = backend.array([0.8, 0.9, 0.1, 0.7])
    assert backend.numpy(segalgo.batched_nms(boxes, scores, classes, 0.5)).tolist() == [1, 0, 2]


def test_strict_at_the_threshold(backend):
    # 12 of 20 cells is 0.6 rounded to the dtype: above the float64 0.6 in float32, and equal to it in float64.
    for dtype, threshold, expected in [("float64", 0.6, [0, 1]), ("float32", 0.6, [0]), ("float32", 0.6000001, [0, 1])]:
        boxes = backend.array(TINY[:2], dtype)
        scores = backend.array([2.0, 1.0])
        assert backend.numpy(segalgo.nms(boxes, scores, threshold)).tolist() == expected
        assert (float(np.dtype(dtype).type(12) / np.dtype(dtype).type(20)) > threshold) == (len(expected) == 1)
    touching = backend.array([[0.0, 0, 1, 1], [1, 0, 2, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = backend.array([1.0, 1, 1, 1])
    assert backend.numpy(segalgo.nms(touching, scores, 0.0, suppress_equal=True)).tolist() == [0, 1, 2, 3]
    assert backend.numpy(segalgo.nms(touching[:2], scores[:2], 0.0, plus_one=True)).tolist() == [0]


@given(
    n=st.integers(0, 70),
    side=st.sampled_from([0, 2, 8, 200]),
    threshold=st.sampled_from([0.0, 0.2, 0.5, 1 / 3, 0.7, 1.0]),
    whole=st.booleans(),
    equal=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_nms_as_box_by_box(host_backend, n, side, threshold, whole, equal, seed):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, n, np.float32, 20, side)
    boxes = np.round(boxes) if whole else boxes
    scores = rng.integers(0, 5, n) / 4
    got = segalgo.nms(boxes, scores, threshold, suppress_equal=equal)
    assert got.dtype == np.int64
    assert got.tolist() == greedy(boxes, scores, threshold, equal)


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1, 1e18, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nms_on_any_scale(backend, rng, dtype, scale):
    """Areas below the dtype's normal numbers and above its largest: the same indices as the reference."""
    boxes = (random_boxes(rng, 300, np.float64, 60, 30) * scale).astype(dtype)
    scores, classes = rng.random(300).round(2), rng.integers(0, 4, 300)
    for threshold in (0.3, 0.7):
        with segalgo.use_backend("reference"):
            expected = segalgo.nms(boxes, scores, threshold), segalgo.batched_nms(boxes, scores, classes, threshold)
        arrays = [backend.array(array) for array in (boxes, scores, classes)]
        got = segalgo.nms(*arrays[:2], threshold), segalgo.batched_nms(*arrays, threshold)
        for ours, theirs in zip(backend.numpy(got), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_many_boxes_of_many_sizes(fast_backend, rng):
    """A tree of three storeys: boxes of 1 to 1000 pixels, some classes of one box."""
    n = 6000
    boxes = random_boxes(rng, n, np.float32, 1000, 1)
    boxes[:, 2:] += (2 ** (rng.random((n, 2)) * 10)).astype(np.float32)
    scores, classes = rng.random(n).astype(np.float32), np.minimum(rng.integers(0, 40, n), 9)
    classes[:5] = np.arange(100, 105)
    with segalgo.use_backend("reference"):
        expected = segalgo.nms(boxes, scores, 0.6), segalgo.batched_nms(boxes, scores, classes, 0.4)
    arrays = [fast_backend.array(array) for array in (boxes, scores, classes)]
    got = segalgo.nms(*arrays[:2], 0.6), segalgo.batched_nms(*arrays, 0.4)
    for ours, theirs in zip(fast_backend.numpy(got), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_topk_states_its_order(backend):
    values, indices = segalgo.topk(backend.array([3.0, 5, 3, 9, 3]), 3)
    assert backend.numpy(values).tolist() == [9, 5, 3]
    assert backend.numpy(indices).tolist() == [3, 1, 0]
    assert segalgo.topk(np.array([-128, 127, 5], np.int8), 9)[1].tolist() == [1, 2, 0]
    assert [len(part) for part in segalgo.topk([], 3)] == [0, 0]
    assert segalgo.topk([2.0, math.inf, -math.inf], 2)[1].tolist() == [1, 0]


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 12))
def test_topk_as_a_stable_sort(values, k):
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert segalgo.topk(np.array(values, np.float32), k)[1].tolist() == expected


def test_nothing_in_nothing_out(backend):
    none = backend.array(np.zeros((0, 4), np.float32))
    assert segalgo.box_area(none).shape == (0,)
    assert segalgo.box_iou(none, backend.array(TINY)).shape == (0, 4)
    assert segalgo.box_iou(backend.array(TINY), none).shape == (4, 0)
    assert segalgo.clip_boxes(none, (3, 3)).shape == (0, 4)
    assert segalgo.encode_boxes(none, none).shape == (0, 4)
    assert segalgo.decode_boxes(none, none).shape == (0, 4)
    assert segalgo.decode_boxes(backend.array(np.zeros((0, 3, 4))), none).shape == (0, 3, 4)
    assert segalgo.nms(none, none[:, 0], 0.5).shape == (0,)
    assert segalgo.batched_nms(none, none[:, 0], backend.array(np.zeros(0, np.int64)), 0.5).dtype == np.int64
    assert segalgo.nms([], [], 0.5).size == 0


REFUSED = [
    (lambda b: segalgo.box_area(b[:, :3]), ValueError, r"boxes has shape \(4, 3\)"),
    (lambda b: segalgo.box_area(b.astype(bool)), TypeError, "boxes has dtype bool"),
    (lambda b: segalgo.box_area(b * np.nan), ValueError, r"boxes\[0\] is \[nan.*finite"),
    (lambda b: segalgo.box_area(b[:, ::-1]), ValueError, r"boxes\[0\] is .*left <= right"),
    (lambda b: segalgo.box_area(b, plus_one="no"), TypeError, "plus_one"),
    (lambda b: segalgo.box_iou(b, b + np.inf), ValueError, r"others\[0\] is \[inf"),
    (lambda b: segalgo.box_iou(b, b, [True]), ValueError, "is_crowd has shape"),
    (lambda b: segalgo.box_iou(b, b, [0.0] * 4), TypeError, "is_crowd has dtype"),
    (lambda b: segalgo.clip_boxes(b * np.nan, (3, 3)), ValueError, r"boxes\[0\] is .*other than NaN"),
    (lambda b: segalgo.clip_boxes(b, (3,)), ValueError, "size="),
    (lambda b: segalgo.clip_boxes(b, (3, -1)), ValueError, "size=-1"),
    (lambda b: segalgo.clip_boxes(b[0], (3, 3)), ValueError, r"boxes has shape \(4,\)"),
    (lambda b: segalgo.clip_boxes(b, 3), TypeError, "size=3"),
    (lambda b: segalgo.encode_boxes(b, b[:2]), ValueError, "anchors has shape"),
    (lambda b: segalgo.encode_boxes(b, b * [1, 1, 1, 0]), ValueError, r"anchors\[1\]"),
    (lambda b: segalgo.encode_boxes(b * 0, b), ValueError, r"boxes\[0\] is .*above 0"),
    (lambda b: segalgo.encode_boxes(b, b, (1, 1, 1)), ValueError, "weights=.*four"),
    (lambda b: segalgo.encode_boxes(b, b, (1, 1, 1, 0)), ValueError, "weights=.*above 0"),
    (lambda b: segalgo.encode_boxes(b, b, "abcd"), TypeError, "weights"),
    (lambda b: segalgo.decode_boxes(b[:3], b), ValueError, "deltas has shape"),
    (lambda b: segalgo.decode_boxes(b * np.nan, b), ValueError, r"deltas\[0\]"),
    (lambda b: segalgo.decode_boxes(b, b, clip=np.nan), ValueError, "clip=nan"),
    (lambda b: segalgo.decode_boxes(b, b, clip="far"), TypeError, "clip"),
    (lambda b: segalgo.decode_boxes(b.astype("U3"), b), TypeError, "deltas"),
    (lambda b: segalgo.anchors(-1, 4, 32), ValueError, "feature_size"),
    (lambda b: segalgo.anchors(1, 0, 32), ValueError, "stride"),
    (lambda b: segalgo.anchors(1, 1, 0), ValueError, "sizes"),
    (lambda b: segalgo.anchors(1, 1, ()), ValueError, "sizes"),
    (lambda b: segalgo.anchors(1, 1, 32, np.nan), ValueError, "aspect_ratios"),
    (lambda b: segalgo.anchors(1, 1, 32, order="any"), ValueError, "order="),
    (lambda b: segalgo.anchors(1, 1, 32, dtype="int32"), ValueError, "dtype="),
    (lambda b: segalgo.anchors(1, 1, 32, offset=np.inf), ValueError, "offset=inf"),
    (lambda b: segalgo.anchors(1, 1, "big"), TypeError, "sizes"),
    (lambda b: segalgo.anchors(1, 1, 32, rounded=2), TypeError, "rounded"),
    (lambda b: segalgo.nms(b, [0.5] * 3, 0.5), ValueError, "scores has shape"),
    (lambda b: segalgo.nms(b, [0.5, np.nan, 1, 1], 0.5), ValueError, r"scores\[1\] is nan"),
    (lambda b: segalgo.nms(b, [True] * 4, 0.5), TypeError, "scores has dtype"),
    (lambda b: segalgo.nms(b, [0.5] * 4, 1.5), ValueError, "iou_threshold=1.5"),
    (lambda b: segalgo.nms(b, [0.5] * 4, np.nan), ValueError, "iou_threshold=nan"),
    (lambda b: segalgo.nms(b, [0.5] * 4, "half"), TypeError, "iou_threshold"),
    (lambda b: segalgo.nms(b, [0.5] * 4, 0.5, suppress_equal=2), TypeError, "suppress_equal"),
    (lambda b: segalgo.batched_nms(b, [0.5] * 4, [1, 2], 0.5), ValueError, "idxs has shape"),
    (lambda b: segalgo.batched_nms(b, [0.5] * 4, [0.5] * 4, 0.5), TypeError, "idxs has dtype"),
    (lambda b: segalgo.topk(b, 1), ValueError, "input has shape"),
    (lambda b: segalgo.topk(b[0], -1), ValueError, "k=-1"),
    (lambda b: segalgo.topk(b[0], 1.5), TypeError, "k=1.5"),
    (lambda b: segalgo.topk(b[0] * np.nan, 1), ValueError, r"input\[0\] is nan"),
    (lambda b: segalgo.topk(b[0] > 0, 1), TypeError, "input has dtype bool"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_refusals_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(TINY + np.float32(0))


@pytest.mark.peers
def test_nms_as_opencv(rng):
    cv2 = pytest.importorskip("cv2")
    boxes = np.round(random_boxes(rng, 400, np.float32, 200, 60))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)  # OpenCV drops boxes without area
    scores = (rng.permutation(400).astype(np.float32) + 1) / 400
    sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    # OpenCV also compares strictly; whole pixels give both the same quotients, and 0.45 is none of them.
    expected = cv2.dnn.NMSBoxes(sized.tolist(), scores.tolist(), 0.0, 0.45)
    assert segalgo.nms(boxes, scores, 0.45).tolist() == list(expected)


@pytest.mark.peers
def test_topk_as_torch(rng):
    torch = pytest.importorskip("torch")
    values = rng.permutation(5000).astype(np.float32)
    for k in (0, 1, 700, 5000):
        expected = torch.topk(torch.from_numpy(values), k)
        assert segalgo.topk(values, k)[1].tolist() == expected.indices.tolist()


def test_ragged_weights_are_named():
    boxes = np.array([[0, 0, 2, 3]], np.float32)
    for call in (segalgo.encode_boxes, segalgo.decode_boxes):
        with pytest.raises(TypeError, match="weights"):
            call(boxes, boxes, weights=[[1, 2], [3]])

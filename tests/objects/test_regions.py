"""Features of regions on every backend."""

import math

import numpy as np
import pytest

import segalgo

PLANE = np.arange(16, dtype=np.float64).reshape(1, 1, 4, 4)


def sampled(x, box, bins, scale, ratio, aligned):
    """Average bilinear samples one by one, as the paper says it; x is (C, H, W)."""
    half = 0.5 if aligned else 0.0
    height, width = x.shape[1:]
    start = [box[1] * scale - half, box[0] * scale - half]
    size = [box[3] * scale - half - start[0], box[2] * scale - half - start[1]]
    size = size if aligned else [max(s, 1.0) for s in size]
    counts = [ratio if ratio > 0 else math.ceil(s / b) for s, b in zip(size, bins, strict=True)]
    output = np.zeros((len(x), *bins))
    for p, q in np.ndindex(*bins):
        for i, j in np.ndindex(*counts):
            row = start[0] + (p + (i + 0.5) / counts[0]) * size[0] / bins[0]
            column = start[1] + (q + (j + 0.5) / counts[1]) * size[1] / bins[1]
            if not (-1 <= row <= height and -1 <= column <= width):
                continue
            row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
            top, left = int(row), int(column)
            down, along = row - top, column - left
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = x[:, top, left] * (1 - along) + x[:, top, right] * along
            lower = x[:, bottom, left] * (1 - along) + x[:, bottom, right] * along
            output[:, p, q] += (upper * (1 - down) + lower * down) / math.prod(counts)
    return output


def test_worked_by_hand(backend):
    x = backend.array(PLANE)

    def aligned(box, *arguments, **options):
        return backend.numpy(segalgo.roi_align(x, backend.array([[0, *box]], np.float64), *arguments, **options))

    # One sample in the middle of each bin of one cell: between four cells.
    assert aligned((0, 0, 2, 2), 2, sampling_ratio=1).tolist() == [[[[2.5, 3.5], [6.5, 7.5]]]]
    # Half a cell up and left, so on the cells themselves.
    assert aligned((0, 0, 2, 2), 2, sampling_ratio=1, aligned=True).tolist() == [[[[0, 1], [4, 5]]]]
    # As many samples as cells: the mean of a 4 x 4 plane, whose last samples lie beyond the last cell.
    assert aligned((0, 0, 4, 4), 1, aligned=True).tolist() == [[[[7.5]]]]
    # A region without an area is one cell wide, or with `aligned` has no samples.
    assert aligned((1, 1, 1, 1), 1).tolist() == [[[[7.5]]]]
    assert aligned((1, 1, 1, 1), 1, aligned=True).tolist() == [[[[0]]]]
    # Columns -3 and -1: one outside counts as 0, one just within reach as column 0. Rows 0.25 and 0.75.
    assert aligned((-4, 0, 0, 0), 1, sampling_ratio=2).tolist() == [[[[1.0]]]]
    assert aligned((-2, 0, 2, 0), (1, 4), sampling_ratio=1).tolist() == [[[[0, 2, 2.5, 3.5]]]]
    # Pixels of a picture twice as large.
    assert aligned((0, 0, 4, 4), 2, spatial_scale=0.5, sampling_ratio=1).tolist() == [[[[2.5, 3.5], [6.5, 7.5]]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
def test_against_samples_one_by_one(backend, rng, dtype, aligned, ratio):
    x = rng.standard_normal((2, 19, 9, 13)).astype(dtype)
    corner, size = rng.random((12, 2)) * 40 - 4, rng.random((12, 2)) * 40
    boxes = np.concatenate([rng.integers(0, 2, (12, 1)), corner, corner + size], axis=1)
    arguments = ((3, 2), 0.25, ratio, aligned)
    got = backend.numpy(segalgo.roi_align(backend.array(x), backend.array(boxes), *arguments))
    assert got.dtype == dtype
    expected = np.array([sampled(x[int(b[0])].astype(np.float64), b[1:], *arguments) for b in boxes])
    # Weights add up to at most 1; each of up to 22 of them is rounded and so are its product and the sum.
    np.testing.assert_allclose(got, expected, atol=22 * np.finfo(dtype).eps * np.abs(x).max(), rtol=0)


def test_the_forms_of_boxes(backend, rng):
    x = backend.array(rng.standard_normal((2, 3, 6, 7)).astype(np.float32))
    first, second = [[0.0, 0, 3, 3], [1, 2, 5, 4]], [[2.0, 2, 6, 5]]
    rows = [[0, *first[0]], [0, *first[1]], [1, *second[0]]]
    by_rows = backend.numpy(segalgo.roi_align(x, backend.array(rows), 2))
    by_parts = backend.numpy(segalgo.roi_align(x, [backend.array(first), backend.array(second)], 2))
    np.testing.assert_array_equal(by_parts, by_rows)
    single = backend.numpy(segalgo.roi_align(x[0], backend.array(first), 2))
    np.testing.assert_array_equal(single, by_rows[:2])
    # Order of pictures is that of the rows, not sorted.
    turned = backend.numpy(segalgo.roi_align(x, backend.array(rows[::-1]), 2))
    np.testing.assert_array_equal(turned, by_rows[::-1])


def test_nan_stays_in_the_regions_that_sample_it(backend):
    x = PLANE.copy()
    x[0, 0, 0, 3] = np.nan
    boxes = backend.array([[0, 0, 0, 2, 2], [0, 0, 0, 4, 4.0]])
    got = backend.numpy(segalgo.roi_align(backend.array(x), boxes, 2, sampling_ratio=1, aligned=True))
    assert got[0].tolist() == [[[0, 1], [4, 5]]]
    assert np.isnan(got[1]).any()


def test_nothing_in_nothing_out(backend):
    x = backend.array(np.zeros((2, 3, 4, 4), np.float32))
    assert segalgo.roi_align(x, backend.array(np.zeros((0, 5))), (2, 3)).shape == (0, 3, 2, 3)
    none = backend.array(np.zeros((0, 4)))
    assert segalgo.roi_align(x, [none, none], 2).shape == (0, 3, 2, 2)
    empty = segalgo.roi_align(backend.array(np.zeros((0, 3, 4, 4), np.float32)), backend.array(np.zeros((0, 5))), 2)
    assert empty.shape == (0, 3, 2, 2)
    assert segalgo.fpn_levels(none).shape == (0,)


def test_levels_worked_by_hand(backend):
    side = np.array([0, 111.99, 112, 223.99, 224, 447, 448, 1e9])
    boxes = backend.array(np.stack([0 * side, 0 * side, side, side], axis=1))
    assert backend.numpy(segalgo.fpn_levels(boxes)).tolist() == [2, 2, 3, 3, 4, 4, 5, 5]
    assert backend.numpy(segalgo.fpn_levels(boxes, 3, 3)).tolist() == [3] * 8
    assert backend.numpy(segalgo.fpn_levels(boxes, 0, 9, canonical_size=448)).tolist() == [0, 1, 2, 2, 3, 3, 4, 9]


def test_levels_as_the_formula(rng):
    corner = rng.random((500, 2)) * 100
    boxes = np.concatenate([corner, corner + rng.random((500, 2)) ** 3 * 1500], axis=1)
    size = np.sqrt(segalgo.box_area(boxes))
    expected = np.clip(np.floor(4 + np.log2(size / 224) + 1e-6), 2, 5)
    np.testing.assert_array_equal(segalgo.fpn_levels(boxes), expected)


BOX = np.array([[0, 0, 0, 2, 2.0]])
REFUSED = [
    (lambda x: segalgo.roi_align(x.astype(int), BOX, 2), TypeError, "input has dtype"),
    (lambda x: segalgo.roi_align(x[..., :0], BOX, 2), ValueError, "input has shape"),
    (lambda x: segalgo.roi_align(x, BOX, 0), ValueError, "output_size"),
    (lambda x: segalgo.roi_align(x, BOX, 2, 0.0), ValueError, "spatial_scale=0.0"),
    (lambda x: segalgo.roi_align(x, BOX, 2, "1"), TypeError, "spatial_scale"),
    (lambda x: segalgo.roi_align(x, BOX, 2, sampling_ratio=1.5), TypeError, "sampling_ratio"),
    (lambda x: segalgo.roi_align(x, BOX, 2, aligned=3), TypeError, "aligned"),
    (lambda x: segalgo.roi_align(x, BOX[:, 1:], 2), ValueError, r"boxes has shape \(1, 4\)"),
    (lambda x: segalgo.roi_align(x, BOX + np.eye(5)[0], 2), ValueError, "names picture 1.0.*0 to 0"),
    (lambda x: segalgo.roi_align(x, BOX + np.eye(5)[0] / 2, 2), ValueError, "names picture 0.5"),
    (lambda x: segalgo.roi_align(x, BOX * np.nan, 2), ValueError, r"boxes\[0\] is \[nan"),
    (lambda x: segalgo.roi_align(x, BOX * [0, 1, 1, -1, 1], 2), ValueError, r"boxes\[0\] is .*left <= right"),
    (lambda x: segalgo.roi_align(x, BOX * 1e9, 2), ValueError, r"boxes\[0\] is .*65536 cells"),
    (lambda x: segalgo.roi_align(x, [BOX[:, 1:]] * 2, 2), ValueError, "boxes has 2 parts: expected 1"),
    (lambda x: segalgo.roi_align(x, [BOX], 2), ValueError, r"boxes\[0\] has shape"),
    (lambda x: segalgo.fpn_levels(BOX), ValueError, "boxes has shape"),
    (lambda x: segalgo.fpn_levels(BOX[:, 1:], 4, 3), ValueError, "highest=3"),
    (lambda x: segalgo.fpn_levels(BOX[:, 1:], 0.5), TypeError, "lowest=0.5"),
    (lambda x: segalgo.fpn_levels(BOX[:, 1:], canonical_size=0), ValueError, "canonical_size=0"),
    (lambda x: segalgo.fpn_levels(BOX[:, 1:], eps=np.inf), ValueError, "eps=inf"),
    (lambda x: segalgo.fpn_levels(BOX[:, 1:], canonical_level=99), ValueError, "canonical_level=99"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_refusals_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(PLANE)


def test_same_bits_for_any_number_of_threads(rng):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    x = rng.standard_normal((2, 40, 20, 30)).astype(np.float32)
    corner = rng.random((50, 2)) * 20
    boxes = np.concatenate([rng.integers(0, 2, (50, 1)), corner, corner + rng.random((50, 2)) * 10], axis=1)
    many = segalgo.roi_align(x, boxes, 7)
    with threadpoolctl.threadpool_limits(1):
        np.testing.assert_array_equal(segalgo.roi_align(x, boxes, 7), many)


@pytest.mark.peers
@pytest.mark.parametrize("aligned", [False, True])
def test_as_grid_sample(rng, aligned):
    """Samples inside the map are those of PyTorch's `grid_sample`."""
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((1, 5, 20, 30))
    box, half = np.array([4.3, 3.1, 21.7, 15.2]), 0.5 if aligned else 0.0
    at = [(box[k] - half) + (np.arange(14) + 0.5) * (box[k + 2] - box[k]) / 14 for k in (0, 1)]
    grid = np.stack(np.meshgrid(at[0] * 2 / 29 - 1, at[1] * 2 / 19 - 1), axis=-1)[None]
    samples = torch.nn.functional.grid_sample(torch.from_numpy(x), torch.from_numpy(grid), align_corners=True)
    expected = torch.nn.functional.avg_pool2d(samples, 2).numpy()
    got = segalgo.roi_align(x, [[0, *box]], 7, sampling_ratio=2, aligned=aligned)
    np.testing.assert_allclose(got, expected, atol=1e-12)

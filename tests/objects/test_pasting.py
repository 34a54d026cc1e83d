"""Masks of boxes pasted into pictures, as arrays and as run-length codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo
from segalgo import masks as codes


def drawn(rng, n, height, width, dtype=np.float32):
    masks = rng.random((n, 7, 5)).astype(dtype)
    corner = rng.random((n, 2)) * (width + 8, height + 8) - 6
    boxes = np.concatenate([corner, corner + rng.random((n, 2)) * (width, height)], axis=1)
    return masks, boxes


def test_worked_by_hand(backend):
    def pasted(mask, box, size, *arguments, **options):
        mask = backend.array(np.array(mask, np.float64)[None])
        return backend.numpy(segalgo.paste_masks(mask, backend.array([box], np.float64), size, *arguments, **options))[
            0
        ]

    # Without a border: pixels 1 to 3 and 0 to 1, both included.
    filled = pasted([[1, 1], [1, 1]], (1, 0, 3, 1), (3, 5), padding=0)
    assert filled.tolist() == [[0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    # Two cells on four pixels: at -0.25, 0.25, 0.75 and 1.25 of them.
    row = pasted([[0, 4]], (0, 0, 3, 0), (1, 6), padding=0)
    assert row.tolist() == [[0, 1, 3, 4, 0, 0]]
    assert pasted([[0, 4]], (0, 0, 3, 0), (1, 6), 1.0, padding=0).tolist() == [[False, False, True, True, False, False]]
    # What hangs over the edge is left out.
    assert pasted([[0, 4]], (-2, 0, 1, 0), (1, 2), padding=0).tolist() == [[3, 4]]
    assert pasted([[0, 4]], (9, 9, 12, 9), (1, 2), padding=0).tolist() == [[0, 0]]
    # With its border of zeros, a mask of one cell is three cells on a box of three times the size: 2.5 +- 1.5.
    bordered = pasted([[1]], (2, 2, 3, 3), (6, 6))
    assert bordered[2:4, 2:4].tolist() == [[0.390625] * 2] * 2
    assert bordered.sum() == 4 * 0.390625


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_same_bits_everywhere(backend, rng, dtype):
    masks, boxes = drawn(rng, 6, 20, 30, dtype)
    for threshold in (None, 0.4):
        with segalgo.use_backend("reference"):
            expected = segalgo.paste_masks(masks, boxes, (20, 30), threshold)
        got = backend.numpy(segalgo.paste_masks(backend.array(masks), backend.array(boxes), (20, 30), threshold))
        assert got.dtype == (dtype if threshold is None else bool)
        np.testing.assert_array_equal(got, expected)


@given(
    n=st.integers(0, 4),
    height=st.integers(0, 12),
    width=st.integers(0, 12),
    threshold=st.sampled_from([-1.0, 0.0, 0.3, 0.5, 2.0]),
    padding=st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_codes_are_those_of_the_pictures(host_backend, n, height, width, threshold, padding, seed):
    masks, boxes = drawn(np.random.default_rng(seed), n, height, width)
    pasted = segalgo.paste_masks(masks, boxes, (height, width), threshold, padding=padding)
    got = codes.paste_masks_to_rles(masks, boxes, (height, width), threshold, padding=padding)
    assert got == [codes.mask_to_rle(mask) for mask in pasted]


def test_codes_of_boxes_that_fill_the_picture(host_backend):
    """Runs that go on from one column into the next, and up to the last cell."""
    ones, boxes = np.ones((3, 4, 4), np.float32), [[-9, -9, 20, 20], [2, -9, 20, 20], [-9, 0, 20, 20.0]]
    got = codes.paste_masks_to_rles(ones, boxes, (5, 6), padding=0)
    assert [codes.decompress_rle(code)["counts"] for code in got] == [[0, 30], [10, 20], [0, 30]]
    lower = codes.paste_masks_to_rles(ones[:1], [[-9, 1, 20, 20]], (3, 2), padding=0)
    assert codes.decompress_rle(lower[0])["counts"] == [1, 2, 1, 2]
    upper = codes.paste_masks_to_rles(ones[:1], [[-9, -4, 20, 1]], (3, 2), padding=0)
    assert codes.decompress_rle(upper[0])["counts"] == [0, 2, 1, 2, 1]


def test_forms_of_masks(backend):
    masks = backend.array(np.ones((2, 1, 3, 3), np.float32))
    boxes = backend.array([[0, 0, 4, 4], [1, 1, 2, 2]])
    four = backend.numpy(segalgo.paste_masks(masks, boxes, (5, 5)))
    np.testing.assert_array_equal(backend.numpy(segalgo.paste_masks(masks[:, 0], boxes, (5, 5))), four)
    assert segalgo.paste_masks(np.ones((1, 2, 2), np.uint8), [[0, 0, 2, 2]], (3, 3)).dtype == np.float64


def test_nothing_in_nothing_out(backend):
    none, boxes = backend.array(np.zeros((0, 28, 28), np.float32)), backend.array(np.zeros((0, 4)))
    assert segalgo.paste_masks(none, boxes, (4, 5)).shape == (0, 4, 5)
    one, box = backend.array(np.ones((1, 2, 2), np.float32)), backend.array([[0.0, 0, 1, 1]])
    assert segalgo.paste_masks(one, box, (0, 5), 0.5).shape == (1, 0, 5)


def test_no_codes_of_nothing(host_backend):
    assert codes.paste_masks_to_rles(np.zeros((0, 28, 28)), [], (4, 5)) == []
    assert codes.paste_masks_to_rles(np.ones((1, 2, 2)), [[0, 0, 1, 1]], (0, 5)) == [
        codes.mask_to_rle(np.ones((0, 5), int))
    ]


def test_nan_exceeds_no_threshold(backend):
    mask = backend.array(np.full((1, 2, 2), np.nan, np.float32))
    pasted = segalgo.paste_masks(mask, backend.array([[0.0, 0, 3, 3]]), (4, 4), 0.5)
    assert not backend.numpy(pasted).any()


ONE = np.ones((1, 2, 2))
BOX = np.array([[0, 0, 2, 2.0]])
REFUSED = [
    ((ONE.astype("U1"), BOX, (3, 3)), TypeError, "masks"),
    ((ONE > 0, BOX, (3, 3)), TypeError, "masks has dtype bool"),
    ((ONE.astype(complex), BOX, (3, 3)), TypeError, "masks has dtype"),
    ((ONE[0], BOX, (3, 3)), ValueError, r"masks has shape \(2, 2\)"),
    ((ONE[:, :0], BOX, (3, 3)), ValueError, "masks has shape.*at least 1"),
    ((ONE, BOX[:0], (3, 3)), ValueError, "boxes has shape"),
    ((ONE, BOX * np.nan, (3, 3)), ValueError, r"boxes\[0\]"),
    ((ONE, BOX[:, ::-1], (3, 3)), ValueError, r"boxes\[0\].*left <= right"),
    ((ONE, BOX * 1e12, (3, 3)), ValueError, r"boxes\[0\].*pixels from 0"),
    ((ONE, BOX, 3), TypeError, "size=3"),
    ((ONE, BOX, (3,)), ValueError, "size="),
    ((ONE, BOX, (3, -1)), ValueError, "size=-1"),
    ((ONE, BOX, (3, 3), "half"), TypeError, "threshold"),
    ((ONE, BOX, (3, 3), np.nan), ValueError, "threshold=nan"),
]


@pytest.mark.parametrize("paste", [segalgo.paste_masks, codes.paste_masks_to_rles])
@pytest.mark.parametrize(("arguments", "error", "message"), REFUSED)
def test_refusals_name_the_argument(paste, arguments, error, message):
    with pytest.raises(error, match=message):
        paste(*arguments)
    with pytest.raises(ValueError, match="padding=-1"):
        paste(ONE, BOX, (3, 3), 0.5, padding=-1)


def test_codes_of_too_many_cells():
    with pytest.raises(ValueError, match=r"size=.*4294967295 cells"):
        codes.paste_masks_to_rles(ONE, BOX, (2**17, 2**17))


@pytest.mark.peers
def test_as_torch(rng):
    """The rule of torchvision, by PyTorch: whole pixels of the grown box, `interpolate` without aligned corners."""
    torch = pytest.importorskip("torch")
    masks, boxes = drawn(rng, 12, 40, 50)
    expected = np.zeros((12, 40, 50), np.float32)
    for mask, box, picture in zip(masks, boxes, expected, strict=True):
        middle, half = (box[2:] + box[:2]) / 2, (box[2:] - box[:2]) / 2 * np.array([7 / 5, 9 / 7])
        (left, top), (right, bottom) = (middle - half).astype(int), (middle + half).astype(int)
        padded = torch.from_numpy(np.pad(mask, 1))[None, None]
        size = (bottom - top + 1, right - left + 1)
        scaled = torch.nn.functional.interpolate(padded, size, mode="bilinear", align_corners=False)[0, 0].numpy()
        rows, columns = np.arange(max(top, 0), min(bottom + 1, 40)), np.arange(max(left, 0), min(right + 1, 50))
        picture[np.ix_(rows, columns)] = scaled[np.ix_(rows - top, columns - left)]
    # PyTorch computes positions in float32: off by 50 of its steps, of masks that change by at most 1 a cell.
    np.testing.assert_allclose(segalgo.paste_masks(masks, boxes, (40, 50)), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
def test_any_byte_order(backend, rng, dtype):
    masks, boxes = rng.random((6, 2, 3)).astype(dtype), np.array([[1, 2, 9, 30]] * 6, dtype)
    native = np.dtype(dtype).newbyteorder("=")
    pasted = segalgo.paste_masks(backend.array(masks), backend.array(boxes), (33, 20))
    expected = segalgo.paste_masks(backend.array(masks.astype(native)), backend.array(boxes.astype(native)), (33, 20))
    assert pasted.dtype == native
    np.testing.assert_array_equal(backend.numpy(pasted), backend.numpy(expected))
    scores = np.arange(6, dtype=dtype)
    kept = backend.numpy(segalgo.nms(backend.array(boxes), backend.array(scores), 0.5))
    assert kept.tolist() == [5]

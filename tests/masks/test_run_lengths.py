"""Run-length codes of masks: COCO's, both ways, and what hostile files write."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import segalgo
from segalgo import masks

SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 9), (9, 1), (2, 2), (13, 17), (64, 65), (255, 3), (257, 70), (8, 300)]


def blobs(rng, shape):
    from scipy import ndimage as ndi

    return (
        (ndi.gaussian_filter(rng.standard_normal(shape), 3) > 0.02).astype(np.uint8)
        if 0 not in shape
        else np.zeros(shape, np.uint8)
    )


def some_masks(rng, shape):
    yield np.zeros(shape, np.uint8)
    yield np.ones(shape, np.uint8)
    yield (rng.random(shape) < 0.5).astype(np.uint8)
    yield (rng.random(shape) < 0.03).astype(np.uint8)
    yield blobs(rng, shape)


def runs_of(mask):
    """Count runs cell by cell down the columns: the definition."""
    runs, value = [0], 0
    for cell in mask.T.ravel().tolist():
        if cell != value:
            runs.append(0)
            value = cell
        runs[-1] += 1
    return runs


def test_worked_by_hand(host_backend):
    mask = np.array([[0, 0, 1], [1, 0, 1]])
    assert masks.mask_to_counts(mask).tolist() == [1, 1, 2, 2]
    # From the fourth count on the difference to the count before the last: 2 is 1 + 1.
    assert masks.mask_to_rle(mask) == {"size": [2, 3], "counts": b"1121"}
    assert masks.mask_to_rle(np.ones((2, 2), bool)) == {"size": [2, 2], "counts": b"04"}


@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(host_backend, rng, shape):
    for mask in some_masks(rng, shape):
        counts = masks.mask_to_counts(mask)
        assert counts.tolist() == runs_of(mask)
        assert counts.dtype == np.uint32
        code = masks.mask_to_rle(mask)
        plain = masks.decompress_rle(code)
        assert plain["counts"] == runs_of(mask)
        assert masks.compress_rle(plain) == code
        for form in (code, plain, {**code, "counts": code["counts"].decode()}, {**plain, "counts": counts}):
            for order in "CF":
                got = masks.rle_to_mask(form, order)
                np.testing.assert_array_equal(got, mask)
                assert got.dtype == np.uint8
                assert got.flags[f"{order}_CONTIGUOUS"]
        assert masks.rle_area(code) == mask.sum()


def test_memory_orders_and_dtypes(host_backend, rng):
    mask = (rng.random((70, 90)) < 0.3).astype(np.uint8)
    code = masks.mask_to_rle(mask)
    wide = np.repeat(np.repeat(mask, 2, axis=0), 3, axis=1)
    for form in (
        np.asfortranarray(mask),
        wide[::2, ::3],
        mask.astype(bool),
        mask * 255,
        mask.astype(np.int64) * -7,
        mask.astype(">i4"),
    ):
        before = form.copy()
        assert masks.mask_to_rle(form) == code
        np.testing.assert_array_equal(form, before)


def test_large_masks_on_several_threads(host_backend, rng):
    mask = np.tile(blobs(rng, (701, 1024)), (3, 1))
    assert mask.size > 2**21
    code = masks.mask_to_rle(mask)
    assert masks.mask_to_rle(np.asfortranarray(mask)) == code
    np.testing.assert_array_equal(masks.rle_to_mask(code), mask)
    np.testing.assert_array_equal(masks.rle_to_mask(code, "F"), mask)
    assert len(masks.decompress_rle(code)["counts"]) == 1 + np.count_nonzero(
        np.diff(mask.T.ravel(), prepend=np.uint8(0))
    )


def test_boxes(host_backend, rng):
    for shape in SHAPES:
        for mask in some_masks(rng, shape):
            rows, columns = np.nonzero(mask)
            expected = (0, 0, 0, 0)
            if rows.size:
                expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert masks.rle_bounding_box(masks.mask_to_rle(mask)) == expected


def test_runs_of_length_zero_are_no_cells(host_backend):
    code = {"size": [2, 3], "counts": [0, 0, 2, 0, 0, 1, 3, 0]}
    assert masks.rle_to_mask(code).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert masks.rle_area(code) == 1
    assert masks.rle_bounding_box(code) == (1, 0, 1, 1)
    assert masks.rle_iou([code], [{"size": [2, 3], "counts": [2, 1, 3]}]).tolist() == [[1.0]]
    assert masks.decompress_rle(masks.merge_rles([code]))["counts"] == [2, 1, 3]


def test_iou_and_merge(host_backend, rng):
    shape = (31, 23)
    drawn = list(some_masks(rng, shape)) + [blobs(rng, shape) for _ in range(4)]
    codes = [masks.mask_to_rle(mask) for mask in drawn]
    crowd = rng.random(len(drawn)) < 0.4
    got = masks.rle_iou(codes, codes[::-1], crowd)
    for k, a in enumerate(drawn):
        for m, b in enumerate(drawn[::-1]):
            common = (a & b).sum()
            whole = a.sum() if crowd[m] else (a | b).sum()
            assert got[k, m] == (common / whole if common else 0)
    for n in range(1, len(drawn)):
        for intersect, join in ((False, np.bitwise_or), (True, np.bitwise_and)):
            expected = masks.mask_to_rle(join.reduce(drawn[:n]))
            assert masks.merge_rles(codes[:n], intersect) == expected
    assert masks.rle_iou([], codes).shape == (0, len(codes))
    assert masks.rle_iou(codes, []).shape == (len(codes), 0)


HOSTILE = [
    ({"size": [2, 2], "counts": [1, 2]}, "rle has counts that add up to 3: expected 2 * 2 = 4"),
    ({"size": [2, 2], "counts": [5]}, "rle has counts that add up to 5: expected 2 * 2 = 4"),
    ({"size": [2, 2], "counts": []}, "rle has counts that add up to 0: expected 2 * 2 = 4"),
    ({"size": [2, 2], "counts": b""}, "rle has counts that add up to 0: expected 2 * 2 = 4"),
    ({"size": [2, 2], "counts": [5, -1]}, "rle has count -1 at position 1: expected 0 to 4294967295"),
    ({"size": [2, 2], "counts": [2**40, 1]}, "rle has count 1099511627776 at position 0"),
    ({"size": [2, 2], "counts": [2**70, 1]}, "rle has counts of type list: expected a list of integers, str or bytes"),
    ({"size": [2, 2], "counts": [2.0, 2.0]}, "rle has counts of type list: expected a list of integers"),
    ({"size": [2, 2], "counts": [[1], [3]]}, "rle has counts of type list: expected a list of integers"),
    ({"size": [2, 2], "counts": None}, "rle has counts of type NoneType"),
    ({"size": [2, 2]}, "rle has no counts"),
    ({"counts": [4]}, "rle has size missing: expected a dictionary with size [height, width]"),
    ({"size": [2], "counts": [4]}, "rle has size [2]: expected"),
    ({"size": [2.0, 2], "counts": [4]}, "rle has size [2.0, 2]: expected"),
    ({"size": [-2, -2], "counts": [4]}, "rle has size [-2, -2]: expected 0 to 4294967295 cells"),
    ({"size": [2**25, 2**25], "counts": b"1"}, "rle has size [33554432, 33554432]: expected 0 to 4294967295 cells"),
    ({"size": [2**16, 2**15], "counts": [2**31]}, "rle has size [65536, 32768]: expected at most max_cells=268435456"),
    ({"size": [2, 2], "counts": b"1!"}, "rle has counts that are no run-length string at character 1: b'1!'"),
    ({"size": [2, 2], "counts": b"13R"}, "rle has counts that are no run-length string at character 3: b'13R'"),
    ({"size": [2, 2], "counts": b"4000J"}, "rle has counts that are no run-length string at character 4"),
    ({"size": [2, 2], "counts": "1\u20ac"}, "rle has counts that are no run-length string at character 1"),
    ({"size": [2, 2], "counts": b"o" * 30}, "rle has counts that are no run-length string at character 7"),
    ({"size": [2, 2], "counts": b"oooooo?"}, "rle has counts that are no run-length string at character 6"),
    ([4], "rle has size that of list: expected a dictionary"),
]


@pytest.mark.parametrize(("code", "message"), HOSTILE)
def test_hostile_codes(host_backend, code, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        masks.rle_to_mask(code)


def test_a_short_string_that_claims_a_petabyte_costs_nothing(host_backend):
    size = [2**16, 2**16 - 1]
    text = masks.compress_rle({"size": size, "counts": [size[0] * size[1]]})["counts"]
    tracemalloc.start()
    try:
        for code in ({"size": size, "counts": text}, {"size": [2**25, 2**25], "counts": b"o" * 30}):
            with pytest.raises(ValueError, match="expected"):
                masks.rle_to_mask(code)
        # What is asked of codes alone needs no mask.
        assert masks.rle_area({"size": size, "counts": text}) == 0
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_errors_name_the_code_of_a_list():
    good, bad = {"size": [2, 2], "counts": b"13"}, {"size": [2, 2], "counts": [3]}
    with pytest.raises(ValueError, match=r"rles\[2\] has counts that add up to 3"):
        masks.merge_rles([good, good, bad])
    with pytest.raises(ValueError, match=r"others\[1\] has counts that are no run-length string at character 0"):
        masks.rle_iou([good], [bad | {"counts": [4]}, good | {"counts": b" "}])
    with pytest.raises(ValueError, match=r"codes of sizes \[2, 2\] and \[1, 4\]: expected one size"):
        masks.rle_iou([good], [{"size": [1, 4], "counts": [4]}])
    with pytest.raises(ValueError, match=r"is_crowd has shape \(2,\): expected \(1,\)"):
        masks.rle_iou([good], [good], [True, False])
    with pytest.raises(ValueError, match="rles is empty"):
        masks.merge_rles([])
    with pytest.raises(TypeError, match="rles is dict: expected a sequence"):
        masks.merge_rles(good)
    with pytest.raises(ValueError, match="order='K'"):
        masks.rle_to_mask(good, "K")
    for mask in (np.zeros(4), np.zeros((2, 2))):
        with pytest.raises(TypeError, match=r"mask is ndarray of float64"):
            masks.mask_to_rle(mask)
    with pytest.raises(ValueError, match=r"mask has shape \(1, 2, 2\)"):
        masks.mask_to_rle(np.zeros((1, 2, 2), bool))


def test_there_is_no_cuda_wing():
    if segalgo.backends()["simulated"].available:
        with segalgo.use_backend("simulated"), pytest.raises(RuntimeError, match="'simulated' has no run lengths"):
            masks.mask_to_rle(np.zeros((2, 2), bool))


@given(hnp.arrays(np.bool_, st.tuples(st.integers(0, 12), st.integers(0, 12))))
def test_any_mask_comes_back(mask):
    for backend in ("reference", "cython"):
        with segalgo.use_backend(backend):
            code = masks.mask_to_rle(mask)
            assert masks.decompress_rle(code)["counts"] == runs_of(mask)
            np.testing.assert_array_equal(masks.rle_to_mask(code), mask)


@given(
    st.one_of(st.binary(max_size=30), st.text(st.characters(min_codepoint=48, max_codepoint=112), max_size=30)),
    st.tuples(st.integers(-1, 2**33), st.integers(-1, 2**33)) | st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_any_string_is_read_or_refused_alike(text, size):
    """Wings agree on any string: the same counts, or the same message."""
    answers = []
    for backend in ("reference", "cython"):
        with segalgo.use_backend(backend):
            try:
                answers.append(masks.decompress_rle({"size": list(size), "counts": text}))
            except ValueError as error:
                answers.append(str(error))
    assert answers[0] == answers[1]
    if isinstance(answers[0], dict):
        assert sum(answers[0]["counts"]) == size[0] * size[1]


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12))
def test_any_counts_survive_their_string(counts):
    from segalgo._core.dispatch import host_wing

    texts = set()
    for backend in ("reference", "cython"):
        with segalgo.use_backend(backend):
            text = host_wing("masks.run_lengths").counts_to_text(np.array(counts, np.uint32))
            texts.add(text)
            back, offsets, fault = host_wing("masks.run_lengths").texts_to_counts([text, text])
            assert back.tolist() == counts * 2
            assert offsets.tolist() == [0, len(counts), 2 * len(counts)]
            assert fault is None
    assert len(texts) == 1


@pytest.mark.peers
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if 0 not in shape])
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools with NumPy 2
def test_equals_pycocotools_byte_for_byte(host_backend, rng, shape):
    from pycocotools import mask as peer

    drawn = list(some_masks(rng, shape))
    codes = [masks.mask_to_rle(mask) for mask in drawn]
    for mask, code in zip(drawn, codes, strict=True):
        theirs = peer.encode(np.asfortranarray(mask))
        assert code == theirs
        np.testing.assert_array_equal(masks.rle_to_mask(theirs), peer.decode(theirs))
        plain = masks.decompress_rle(theirs)
        assert peer.frPyObjects(plain, *shape) == masks.compress_rle(plain)
        assert masks.rle_area(code) == peer.area(theirs)
        assert list(masks.rle_bounding_box(code)) == peer.toBbox(theirs).tolist()
    crowd = [0, 1, 0, 1, 1]
    np.testing.assert_array_equal(masks.rle_iou(codes, codes, crowd), peer.iou(codes, codes, crowd))
    for intersect in (False, True):
        assert masks.merge_rles(codes[2:], intersect) == peer.merge(codes[2:], intersect)

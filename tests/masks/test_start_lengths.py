"""Kaggle's run lengths: start and length, from 1, down the columns."""

import numpy as np
import pytest

from segalgo import masks


def by_definition(mask, order, first):
    line = np.concatenate([[0], mask.ravel(order=order), [0]])
    edges = np.flatnonzero(np.diff(line.astype(int)))
    return " ".join(f"{a + first} {b - a}" for a, b in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("order", ["F", "C"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 7), (13, 4)])
def test_there_and_back(host_backend, rng, order, first, shape):
    for share in (0, 0.3, 0.7, 1):
        mask = (rng.random(shape) < share).astype(np.uint8)
        text = by_definition(mask, order, first)
        code = masks.start_lengths_to_rle(text, shape, order, first)
        assert code == masks.mask_to_rle(mask)
        assert masks.rle_to_start_lengths(code, order, first) == text


def test_any_sequence_and_order_of_runs():
    want = masks.start_lengths_to_rle("2 2 5 1", (3, 2))
    for pairs in ([5, 1, 2, 2], (2, 1, 3, 1, 5, 1), np.array([5, 1, 2, 2], np.uint8), "5 1\n2 2"):
        assert masks.start_lengths_to_rle(pairs, (3, 2)) == want
    for nothing in ("", " ", "-1", [], float("nan"), np.float64("nan")):
        assert masks.rle_area(masks.start_lengths_to_rle(nothing, (3, 2))) == 0


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ("1 2 3", "pairs has 3 numbers"),
        ("a b", "pairs='a b': expected integers"),
        ("0 1", "start 0, length 1: expected runs within 1 to 6"),
        ("6 2", "start 6, length 2"),
        ("1 0", "length 0"),
        ("1 -3", "length -3"),
        ("1 3 2 1", "overlapping runs at 2"),
        ("9" * 5000 + " 1", "more than 18 digits"),
        ([2**63, 1], "pairs holds 9223372036854775808"),
    ],
)
def test_refusals(pairs, words):
    with pytest.raises(ValueError, match=words):
        masks.start_lengths_to_rle(pairs, (3, 2))


def test_refusals_of_types():
    with pytest.raises(TypeError, match="pairs is list of float64"):
        masks.start_lengths_to_rle([1.5, 2], (3, 2))
    with pytest.raises(ValueError, match="order='K'"):
        masks.start_lengths_to_rle("", (3, 2), order="K")
    with pytest.raises(ValueError, match="first=2"):
        masks.rle_to_start_lengths({"size": [1, 1], "counts": [1]}, first=2)

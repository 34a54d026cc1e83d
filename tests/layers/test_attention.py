"""Attention on every backend."""

import numpy as np
import pytest
from tolerance import assert_within

import segalgo
from segalgo.verify.bounds import attention_bound


def expected_of(query, key, value, causal=False, scale=None):
    """Return the definition in float64, and what results in the queries' dtype may be off."""
    q, k, v = (array.astype(np.float64) for array in (query, key, value))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = scale * q @ k.swapaxes(-1, -2)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    largest = abs(scale) * (np.abs(q) @ np.abs(k).swapaxes(-1, -2)).max(axis=-1, keepdims=True)
    expected, absolute = weights @ v, weights @ np.abs(v)
    return expected, attention_bound(query.dtype, expected, absolute, (largest, k.shape[-2]), q.shape[-1])


def test_hand_worked(backend):
    query, key = backend.array([[0.0, 2.0]]), backend.array([[1.0, 0.0], [5.0, 0.0]])
    got = segalgo.scaled_dot_product_attention(query, key, backend.array([[1.0, 4.0, 0.0], [3.0, 0.0, 1.0]]))
    assert backend.numpy(got).tolist() == [[2, 2, 0.5]]  # both keys fit alike
    key = backend.array([[0.0, np.log(3.0)], [0.0, 0.0]])
    got = segalgo.scaled_dot_product_attention(query, key, backend.array([[4.0], [0.0]]), scale=0.5)
    np.testing.assert_allclose(backend.numpy(got), [[3]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("leading", "queries", "keys", "depth", "columns"),
    [((), 1, 1, 1, 1), ((2, 3), 13, 7, 8, 5), ((1,), 40, 300, 32, 32), ((3,), 12, 33, 3, 70), ((2,), 5, 9, 260, 1)],
)
@pytest.mark.parametrize("causal", [False, True])
def test_against_the_definition(backend, rng, dtype, leading, queries, keys, depth, columns, causal):
    arrays = [
        rng.standard_normal((*leading, *shape)).astype(dtype)
        for shape in ((queries, depth), (keys, depth), (keys, columns))
    ]
    for scale in (None, 0.3):
        got = segalgo.scaled_dot_product_attention(*map(backend.array, arrays), is_causal=causal, scale=scale)
        assert got.dtype == dtype
        assert_within(backend.numpy(got), *expected_of(*arrays, causal, scale))


def test_large_scores_and_nan(backend):
    """Scores beyond the range of exponentials; a NaN stays in its query."""
    query = np.array([[1e4, 0.0], [np.nan, 0.0], [-1e4, 0.0]], np.float32)
    key, value = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32), np.array([[1.0], [2.0]], np.float32)
    got = backend.numpy(segalgo.scaled_dot_product_attention(*map(backend.array, (query, key, value))))
    np.testing.assert_array_equal(got, [[1], [np.nan], [2]])


def test_empty_and_views(backend, rng):
    for q, k, v in [((0, 4), (3, 4), (3, 2)), ((2, 5, 4), (2, 0, 4), (2, 0, 3)), ((0, 5, 4), (0, 6, 4), (0, 6, 3))]:
        got = segalgo.scaled_dot_product_attention(*(backend.array(np.ones(shape)) for shape in (q, k, v)))
        np.testing.assert_array_equal(backend.numpy(got), np.zeros((*q[:-1], v[-1])))
    whole = rng.standard_normal((7, 2, 6)).astype(np.float32)
    views = whole.transpose(1, 0, 2)[:, ::-1]
    got = segalgo.scaled_dot_product_attention(*(backend.array(views),) * 3)
    assert_within(backend.numpy(got), *expected_of(views, views, views))


def test_same_bits_for_any_number_of_threads(rng):
    from threadpoolctl import threadpool_limits

    arrays = [rng.standard_normal((3, n, 16)).astype(np.float32) for n in (70, 50, 50)]
    results = set()
    for count in (1, 2, 3):
        with threadpool_limits(count):
            results.add(segalgo.scaled_dot_product_attention(*arrays).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (((2, 3, 4), (2, 5, 4), (2, 5, 1)), {"is_causal": "no"}, TypeError, "is_causal='no'"),
        (((2, 3, 4), (2, 5, 4), (2, 5, 1)), {"scale": "1"}, TypeError, "scale='1'"),
        (((3, 4), (5, 3), (5, 1)), {}, ValueError, r"key has shape \(5, 3\): expected \(S, 4\)"),
        (((2, 3, 4), (1, 5, 4), (1, 5, 1)), {}, ValueError, r"key has shape \(1, 5, 4\): expected \(2, S, 4\)"),
        (((3, 4), (5, 4), (4, 1)), {}, ValueError, r"value has shape \(4, 1\): expected \(5, V\)"),
        (((4,), (5, 4), (5, 1)), {}, ValueError, "query has"),
    ],
)
def test_bad_arguments(arguments, options, error, words):
    with pytest.raises(error, match=words):
        segalgo.scaled_dot_product_attention(*map(np.ones, arguments), **options)
    x = np.ones((3, 4))
    with pytest.raises(TypeError, match="value has dtype float32: expected float64, that of query"):
        segalgo.scaled_dot_product_attention(x, x, x.astype(np.float32))
    with pytest.raises(TypeError, match="query has dtype int64"):
        segalgo.scaled_dot_product_attention(x.astype(int), x, x)


@pytest.mark.peers
def test_as_pytorch(rng):
    import torch

    arrays = [rng.standard_normal((2, 3, n, 24)).astype(np.float32) for n in (50, 37, 37)]
    for causal in (False, True):
        theirs = torch.nn.functional.scaled_dot_product_attention(*map(torch.from_numpy, arrays), is_causal=causal)
        expected, bound = expected_of(*arrays, causal)
        assert_within(segalgo.scaled_dot_product_attention(*arrays, is_causal=causal), theirs.numpy(), 2 * bound)
        assert_within(theirs.numpy(), expected, bound)

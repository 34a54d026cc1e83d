"""The fully connected layer, and attention."""

import numpy as np


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """See `segalgo.linear`. x is (rows, K), weight (N, K), bias (N,): x times the transpose of weight, plus bias."""
    with np.errstate(all="ignore"):
        product = x.astype(np.float64) @ weight.astype(np.float64).T
        return (product + bias).astype(x.dtype)


def scaled_dot_product_attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, scale: float, causal: bool
) -> np.ndarray:
    """See `segalgo.scaled_dot_product_attention`. query (B, L, E), key (B, S, E), value (B, S, V)."""
    with np.errstate(all="ignore"):
        scores = scale * (query.astype(np.float64) @ key.astype(np.float64).swapaxes(1, 2))
        if causal:
            scores[:, ~np.tri(*scores.shape[1:], dtype=bool)] = -np.inf
        weights = np.exp(scores - scores.max(axis=2, keepdims=True, initial=-np.inf))
        total = weights.sum(axis=2, keepdims=True)
        output = weights @ value.astype(np.float64) / np.where(total == 0, 1, total)
        return output.astype(query.dtype)

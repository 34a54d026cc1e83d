"""The fully connected layer."""

import numpy as np


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """See `segalgo.linear`. x is (rows, K), weight (N, K), bias (N,): x times the transpose of weight, plus bias."""
    with np.errstate(all="ignore"):
        product = x.astype(np.float64) @ weight.astype(np.float64).T
        return (product + bias).astype(x.dtype)

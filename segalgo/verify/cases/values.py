"""Values that find bugs: by kind, shape, dtype and a seeded generator."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Powers of ten that a dtype holds with room for a product of two and a long sum.
_HUGE = {"float16": 2, "float32": 12, "float64": 100}
_TINY = {"float16": -4, "float32": -25, "float64": -200}


def _random(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    if dtype.kind == "f":
        return rng.standard_normal(shape)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def _negative(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return -1 - np.abs(rng.standard_normal(shape))


def _ties(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 3, shape)


def _constant(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return np.full(shape, 1 if dtype.kind == "b" else 3)


def _zeros(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return np.zeros(shape)


def _counting(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """1, 2, 3 ...: every cell tells its place."""
    most = 100 if dtype.itemsize == 1 else 2000
    return np.arange(int(np.prod(shape))).reshape(shape) % most + 1


def _falling(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return _counting(shape, dtype, rng)[(slice(None, None, -1),) * len(shape)]


def _alternating(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Huge and tiny cells in turn: what rounds away, and what is lost in the wrong order."""
    if dtype.kind == "b":
        return _checkerboard(shape, dtype, rng)
    if dtype.kind != "f":
        return np.where(np.indices(shape).sum(0) % 2, _extremes(shape, dtype, rng), 1) if shape else np.ones(shape)
    power = np.where(np.arange(int(np.prod(shape))) % 2, -1, 1).reshape(shape) * _HUGE[dtype.name]
    return rng.standard_normal(shape) * 10.0**power


def _subnormal(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    info = np.finfo(dtype)
    return rng.integers(-3, 4, shape) * np.float64(info.smallest_subnormal) * (1 + 500 * rng.integers(0, 2, shape))


def _tiny(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Cells far below every absolute tolerance, though not below the dtype."""
    return rng.standard_normal(shape) * 10.0 ** _TINY[dtype.name]


def _cancelling(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Large cells of both signs whose sums nearly vanish."""
    flat = np.repeat(rng.standard_normal((int(np.prod(shape)) + 1) // 2) * 1000, 2)[: int(np.prod(shape))]
    flat[1::2] *= -1
    return flat.reshape(shape) + rng.standard_normal(shape) * 1e-3


def _far_from_zero(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Small differences on a large mean, which squares lose."""
    return 1000 + rng.standard_normal(shape)


def _sprinkled(special: tuple[float, ...]) -> Callable[..., np.ndarray]:
    def fill(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
        values = rng.standard_normal(shape)
        return np.where(rng.random(shape) < 0.15, rng.choice(np.array(special), shape), values)

    return fill


def _patched(special: tuple[float, ...]) -> Callable[..., np.ndarray]:
    """Patches of one special value each: whole windows and whole rows hold nothing else."""

    def fill(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
        coarse = [-(-n // 4) for n in shape]
        which = rng.integers(-1, len(special), coarse)
        if which.size and (which < 0).all():
            which.reshape(-1)[0] = 0
        for axis in range(len(shape)):
            which = which.repeat(4, axis)
        which = which[tuple(slice(0, n) for n in shape)]
        values = np.where(which < 0, rng.standard_normal(shape), np.array(special)[which])
        if values.size and len(shape) > 1 and rng.random() < 0.5:  # and a whole row along the last axis
            values[(0,) * (len(shape) - 1)] = special[0]
        return values

    return fill


def _negative_zeros(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(shape) < 0.5, -0.0, 0.0)


def _huge(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """The ends of the dtype's range, and half of them."""
    most = float(np.finfo(dtype).max)
    return rng.choice(np.array([most, -most, most / 2, -most / 2, most * 0.999]), shape)


def _one_ulp(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Two neighbouring numbers: a range of one unit in the last place."""
    low = dtype.type(rng.choice(np.array([1.0, 0.1, 300.0])))
    return np.where(rng.random(shape) < 0.5, low, np.nextafter(low, dtype.type(np.inf))).astype(np.float64)


def _far_constant(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """One number far from zero: no spread, which a difference of squares makes negative."""
    return np.full(shape, float(dtype.type(rng.choice(np.array([1000.1, -3000.7, 123.4])))))


def _extremes(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    info = np.iinfo(dtype)
    return rng.choice(np.array([info.min, info.max, info.max - 1, info.min + 1], dtype), shape)


def _small(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Grey values of a picture: 0 to 99."""
    return rng.integers(0, 100, shape)


def _two_hills(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Dark ground and bright objects, as thresholds expect them."""
    bright = rng.random(shape) < 0.4
    values = np.clip(rng.standard_normal(shape) * 8 + np.where(bright, 90, 30), 0, 120)
    return values if dtype.kind == "f" else values.round()


def _checkerboard(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return np.indices(shape).sum(0) % 2


def _stripes(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape) // 3 % 2


def _blobs(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Patches of 1, 2, 3 on a ground of 0."""
    coarse = rng.integers(0, 4, [-(-n // 3) for n in shape])
    for axis in range(len(shape)):
        coarse = coarse.repeat(3, axis)
    return coarse[tuple(slice(0, n) for n in shape)]


def _spiral(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """One thin arm that winds inwards: long chains for union-find and for floods."""
    picture = np.zeros(shape, np.int64)
    if len(shape) < 2 or 0 in shape:
        return picture + 1
    plane = picture.reshape(-1, *shape[-2:])[0]
    top, left, bottom, right = 0, 0, shape[-2] - 1, shape[-1] - 1
    entry = 0
    while top <= bottom and left <= right:
        plane[top, entry : right + 1] = 1
        plane[top : bottom + 1, right] = 1
        plane[bottom, left : right + 1] = 1
        plane[min(top + 2, bottom) : bottom + 1, left] = 1
        if top + 2 <= bottom:
            plane[top + 2, left : min(left + 2, right) + 1] = 1
        entry = left + 2
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return picture


def _sparse_labels(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Few labels with large gaps between them."""
    most = min(np.iinfo(dtype).max, 10**6) if dtype.kind in "iu" else 1
    return rng.choice(np.array([0, 0, 1, 7, most // 2, most]), shape)


KINDS: dict[str, Callable[..., np.ndarray]] = {
    "random": _random,
    "counting": _counting,
    "falling": _falling,
    "ties": _ties,
    "constant": _constant,
    "zeros": _zeros,
    "negative": _negative,
    "alternating": _alternating,
    "subnormal": _subnormal,
    "tiny": _tiny,
    "cancelling": _cancelling,
    "far from zero": _far_from_zero,
    "infinite": _sprinkled((np.inf, -np.inf)),
    "nan": _sprinkled((np.nan,)),
    "infinite patches": _patched((-np.inf, -np.inf, np.inf)),
    "negative zeros": _negative_zeros,
    "huge": _huge,
    "one ulp": _one_ulp,
    "far constant": _far_constant,
    "extremes": _extremes,
    "small": _small,
    "two hills": _two_hills,
    "checkerboard": _checkerboard,
    "stripes": _stripes,
    "blobs": _blobs,
    "spiral": _spiral,
    "sparse labels": _sparse_labels,
}
REAL = ("random", "counting", "falling", "ties", "constant", "zeros", "negative", "tiny", "subnormal")
WIDE = (*REAL, "cancelling", "far from zero", "alternating", "far constant", "one ulp")
WILD = (*WIDE, "infinite", "nan", "infinite patches", "negative zeros")


def fill(kind: str, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> np.ndarray:
    """Return a C-contiguous array of values of one kind."""
    dtype = np.dtype(dtype)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(KINDS[kind](shape, dtype, rng)).astype(dtype).reshape(shape)

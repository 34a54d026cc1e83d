"""Arrays in odd memory, and values that no operation expects."""

from typing import Any

import numpy as np

LAYOUTS = ("plain", "fortran", "strided", "reversed", "unaligned", "swapped", "read-only", "unaligned and swapped")


def placed(array: np.ndarray, layout: str) -> np.ndarray:
    """Return a copy of the array that lies in memory as the layout says."""
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "strided":
        room = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        view = room[tuple(slice(1, None, 2) for _ in array.shape)]
        view[...] = array
        return view
    if layout == "reversed":
        back = (slice(None, None, -1),) * array.ndim
        return array[back].copy()[back]
    if layout.startswith("unaligned"):
        dtype = array.dtype.newbyteorder() if layout.endswith("swapped") else array.dtype
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
        view = memory.view(dtype).reshape(array.shape)
        view[...] = array
        return view
    if layout == "swapped":
        return array.astype(array.dtype.newbyteorder())
    copy = array.copy()
    copy.flags.writeable = layout != "read-only"
    return copy


def odd_array(array: np.ndarray, rng: np.random.Generator) -> Any:
    """Return an array, or something like one, that differs from what an operation takes in one thing."""
    kind = rng.integers(12)
    if kind == 0:
        with np.errstate(all="ignore"):
            array = array if array.dtype.kind in "biuf" else np.zeros(array.shape)
            return array.astype(rng.choice(["f2", "f4", "f8", "i1", "u8", "i8", "?", ">f2", ">i4", "u2", ">u8"]))
    if kind == 1:
        return array.astype(rng.choice(["c8", "O", "S3", "U3"]))
    if kind == 2:
        return array[..., None] if rng.random() < 0.5 else array[None]
    if kind == 3:
        return array.reshape(-1)
    if kind == 4 and array.ndim:
        return array[:0]
    if kind == 5:
        return array.tolist()
    if kind == 6:
        return [[1, 2], [3]]
    if kind == 7:
        return np.zeros((1,) * int(rng.integers(0, 34)), array.dtype)
    if kind == 8:
        return rng.choice(np.array([None, "array", 3, 2.5, np.nan, 2**70, (), {}], object))
    if kind == 9 and array.dtype.kind == "f" and array.size:
        with np.errstate(all="ignore"):
            return np.where(
                rng.random(array.shape) < 0.3, rng.choice([np.inf, -np.inf, np.nan, -0.0, 1e38]), array
            ).astype(array.dtype)
    if kind == 10 and array.dtype.kind in "iu":
        info = np.iinfo(array.dtype)
        return np.where(
            rng.random(array.shape) < 0.2, rng.choice(np.array([info.min, info.max], array.dtype)), array
        ).astype(array.dtype)
    return array[tuple(slice(0, int(rng.integers(0, n + 1))) for n in array.shape)]


ODD_VALUES: tuple[Any, ...] = (
    None, -1, 0, 1, 2, 3, 7, 2**31, 2**63, 2**64 + 1, 2**70, -(2**63) - 1, 0.5, -0.0, 1e308, 1e-320, np.nan, np.inf,
    -np.inf, "word", "", b"bytes", (), (1,), (2, 3), (1, 2, 3, 4, 5), (0, 0), (-1, 2), (2**40, 2**40), [3, 3], [[1, 2], [3]], True, False,
    np.float32(2), np.int8(-3), np.uint64(2**64 - 1), np.array(3), np.array([1, 2]), np.array([]), {}, {"a": 1}, 1j, object(), np.bool_(True), "3",
)  # fmt: skip


def odd_value(rng: np.random.Generator) -> Any:
    """Return a value for a parameter that is no array."""
    return ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]

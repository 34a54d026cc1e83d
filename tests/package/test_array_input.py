"""What doors take as arrays: nothing is dropped in silence, and kernels get contiguous, aligned, native memory."""

import numpy as np
import pytest

import segalgo
from segalgo._core.checks import as_array, as_array_and_mask, as_contiguous, is_contiguous

IMAGE = np.array([[3.0, 250.0], [7.0, 240.0]])


def unaligned(array: np.ndarray) -> np.ndarray:
    """Return a copy that begins at an odd address."""
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    memory[...] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memory.view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize("dtype", ["i2", "u4", "f4", "f8", "i8", ">f4", ">i8", "f2"])
@pytest.mark.parametrize("shape", [(3, 5), (1,), (2, 3, 4)])
def test_unaligned_and_swapped_arrays_are_copied(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    view = unaligned(array)
    assert not view.flags.aligned
    assert not is_contiguous(view)
    contiguous = as_contiguous(view)
    assert contiguous.flags.carray
    assert contiguous.dtype.isnative
    np.testing.assert_array_equal(contiguous, array)


def test_an_array_that_kernels_can_read_is_not_copied():
    assert as_contiguous(IMAGE) is IMAGE


def test_masked_elements_are_refused_by_a_message_that_names_the_way_out():
    masked = np.ma.masked_greater(IMAGE, 100)
    for value in (masked, [masked, masked], [[1.0, np.ma.masked]]):
        with pytest.raises(TypeError, match=r"image .*masked elements.*filled"):
            as_array(value, "image")
    np.testing.assert_array_equal(as_array(np.ma.array(IMAGE), "image"), IMAGE)


def test_masked_elements_become_part_of_the_mask():
    masked = np.ma.masked_greater(IMAGE, 245)
    array, mask = as_array_and_mask(masked, "image")
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(mask, [[True, False], [True, True]])
    given = np.array([[True, True], [False, True]])
    np.testing.assert_array_equal(as_array_and_mask(masked, "image", given)[1], [[True, False], [False, True]])
    assert as_array_and_mask(IMAGE, "image")[1] is None
    with pytest.raises(ValueError, match="mask has shape"):
        as_array_and_mask(masked, "image", np.ones(3, bool))


class Quantity(np.ndarray):
    """As astropy's: an array subclass with a unit."""

    unit = "m"


class Wrapped:
    """An array behind `__array__` alone."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(IMAGE, dtype)


class Exchanged:
    """An array behind DLPack alone."""

    def __dlpack__(self, **options):
        return IMAGE.__dlpack__()

    def __dlpack_device__(self):
        return IMAGE.__dlpack_device__()


class Elsewhere:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def test_arrays_of_other_libraries():
    for value in (Wrapped(), Exchanged(), IMAGE.tolist()):
        np.testing.assert_array_equal(as_array(value, "image"), IMAGE)
    with pytest.raises(TypeError, match="image of type Quantity has a unit"):
        as_array(IMAGE.view(Quantity), "image")
    with pytest.raises(TypeError, match=r"image of type Elsewhere.*cuda:0"):
        as_array(Elsewhere(), "image")


@pytest.mark.parametrize("value", [None, "abc", {1, 2}, {"a": 1}, object(), [None], ["a"], np.array([{}]), [[1], "a"]])
def test_what_is_no_array_of_numbers_is_named(value):
    with pytest.raises((TypeError, ValueError), match=r"^image "):
        as_array(value, "image")


def test_ragged_lists_are_named():
    with pytest.raises(ValueError, match=r"^image of type list is no array"):
        segalgo.label([[1, 2], [3]])


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([2**63, 1], "u8"),
        ([1, 2**64 - 1], "u8"),
        ([np.uint64(2**53 + 1), np.int64(-1)], "i8"),
        ([[2**62], [2**63]], "u8"),
        ([2**63, 0.5], "f8"),
        ([1, 2], "i8"),
        ([1e300, -1], "f8"),
    ],
)
def test_integers_in_lists_keep_their_values(value, dtype):
    array = as_array(value, "image")
    assert array.dtype == dtype
    if dtype != "f8":
        assert array.tolist() == [[int(v) for v in row] if isinstance(row, list) else int(row) for row in value]


@pytest.mark.parametrize("value", [[2**63, -1], [2**64], [-(2**63) - 1, 0], [[10**400]]])
def test_integers_that_no_dtype_holds_are_named(value):
    with pytest.raises(ValueError, match=r"^image holds integers"):
        as_array(value, "image")


def test_pillow_images():
    from PIL import Image

    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    np.testing.assert_array_equal(as_array(Image.fromarray(picture), "image"), picture)
    deep = np.array([[1000, 65535]], np.uint16)
    np.testing.assert_array_equal(as_array(Image.fromarray(deep), "image"), deep)
    for mode in ("P", "CMYK", "YCbCr", "HSV"):
        with pytest.raises(TypeError, match=f"image of type Image is a Pillow image of mode '{mode}'"):
            as_array(Image.fromarray(picture).convert(mode), "image")


@pytest.mark.peers
def test_tables_grids_tensors_and_quantities():
    import astropy.units
    import dask.array
    import pandas
    import pint
    import torch
    import xarray

    same = [
        pandas.DataFrame(IMAGE),
        xarray.DataArray(IMAGE, attrs={"units": "counts"}),
        dask.array.from_array(IMAGE, chunks=1),
        torch.from_numpy(IMAGE),
        torch.from_numpy(IMAGE).T.T,
    ]
    for value in same:
        np.testing.assert_array_equal(as_array(value, "image"), IMAGE)
    np.testing.assert_array_equal(as_array(pandas.Series([1, 5], dtype="Int64"), "image"), [1, 5])
    tensor = torch.from_numpy(IMAGE)
    refused = {
        "mask": dask.array.ma.masked_greater(dask.array.from_array(IMAGE, chunks=1), 100),
        "unit": IMAGE * astropy.units.m,
        "a unit": pint.UnitRegistry().Quantity(IMAGE, "meter"),
        "has a unit": xarray.DataArray(pint.UnitRegistry().Quantity(IMAGE, "meter")),
        "grad": tensor.clone().requires_grad_(),
        "BFloat16": tensor.bfloat16(),
        "meta": tensor.to("meta"),
        "[sS]parse": tensor.to_sparse(),
        "object": pandas.Series([1, None], dtype=object),
        "numbers": pandas.DataFrame({"a": [1], "b": ["x"]}),
    }
    for word, value in refused.items():
        with pytest.raises(TypeError, match=rf"(?s)^image .*{word}"):
            as_array(value, "image")

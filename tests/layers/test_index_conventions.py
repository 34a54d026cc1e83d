"""Conversions between indices of a plane and of the tensor, on every backend."""

import numpy as np
import pytest

import segalgo


def test_hand_worked(backend):
    plane = backend.array([[[0, 5]], [[1, 4]]])
    assert backend.numpy(segalgo.plane_to_tensor_indices(plane, (2, 3))).tolist() == [[[0, 5]], [[7, 10]]]
    # Column-major cells of a 2 x 3 plane: (row, column) is column * 2 + row.
    turned = segalgo.plane_to_tensor_indices(plane, (2, 3), "column")
    assert backend.numpy(turned).tolist() == [[[0, 5]], [[8, 9]]]


@pytest.mark.parametrize("order", ["row", "column"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 1, 7), (1, 1, 1, 1), (0, 3, 2, 2), (2, 2, 0, 3)])
def test_there_and_back_and_to_the_cell(backend, rng, order, shape):
    size = (6, 11)
    plane = rng.integers(0, 66, shape)
    tensor = segalgo.plane_to_tensor_indices(backend.array(plane), size, order)
    back = backend.numpy(segalgo.tensor_to_plane_indices(tensor, size, order))
    np.testing.assert_array_equal(back, plane)
    tensor = backend.numpy(tensor)
    assert tensor.dtype == back.dtype == np.int64
    # The cell itself: a tensor stored in that order, read by both indices.
    planes = int(np.prod(shape[:-2]))
    cells = rng.standard_normal((planes, *size))
    stored = cells if order == "row" else cells.transpose(0, 2, 1)
    expected = np.take_along_axis(cells.reshape(planes, 66), plane.reshape(planes, -1), 1) if plane.size else []
    np.testing.assert_array_equal(stored.reshape(-1)[tensor.reshape(-1)], np.reshape(expected, -1))


@pytest.mark.parametrize("order", ["row", "column"])
@pytest.mark.parametrize("index", [-1, 12, -(2**63), 2**63 - 1])
def test_refuses_an_index_outside(backend, order, index):
    plane = np.zeros((2, 2, 1, 3), np.int64)
    plane[1, 0, 0, 1] = index
    with pytest.raises(ValueError, match=rf"indices\[1, 0, 0, 1\]={index}: expected 0 to 11 in each plane"):
        segalgo.plane_to_tensor_indices(backend.array(plane), (3, 4), order)
    tensor = np.arange(4).reshape(2, 2, 1, 1) * 12 + np.zeros((2, 2, 1, 3), np.int64)
    tensor[1, 0, 0, 1] = index
    with pytest.raises(ValueError, match=rf"indices\[1, 0, 0, 1\]={index}: expected p\*12 to p\*12 \+ 11 in plane p"):
        segalgo.tensor_to_plane_indices(backend.array(tensor), (3, 4), order)


def test_views_and_other_integers(backend, rng):
    plane = rng.integers(0, 12, (4, 3, 2, 5)).astype(np.uint8)
    plane.flags.writeable = False
    view = plane.transpose(1, 0, 3, 2)[:, ::-1]
    got = backend.numpy(segalgo.plane_to_tensor_indices(backend.array(view), (3, 4)))
    first = np.arange(12).reshape(3, 4, 1, 1) * 12
    np.testing.assert_array_equal(got, first + view)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, i: f(i.astype(float), (2, 2)), TypeError, "indices has dtype float64"),
        (lambda f, i: f(i[0, 0], (2, 2)), ValueError, r"indices has shape \(1, 1\)"),
        (lambda f, i: f(i, (2, 0)), ValueError, r"plane_size=\(2, 0\)"),
        (lambda f, i: f(i, (2**40, 2**40)), ValueError, "plane_size"),
        (lambda f, i: f(i, 2, "C"), ValueError, "storage_order='C'"),
    ],
)
@pytest.mark.parametrize("convert", [segalgo.plane_to_tensor_indices, segalgo.tensor_to_plane_indices])
def test_errors_name_the_argument(convert, call, error, message):
    with pytest.raises(error, match=message):
        call(convert, np.zeros((1, 1, 1, 1), np.int64))


@pytest.mark.peers
@pytest.mark.parametrize("storage_order", [0, 1])
def test_as_onnx(rng, storage_order):
    import onnx
    import onnxruntime

    x = rng.standard_normal((2, 3, 9, 7)).astype(np.float32)
    attributes = {"kernel_shape": [3, 2], "strides": [2, 1], "storage_order": storage_order}
    node = onnx.helper.make_node("MaxPool", ["x"], ["values", "indices"], **attributes)
    values = [
        onnx.helper.make_tensor_value_info(name, kind, None)
        for name, kind in (("x", onnx.TensorProto.FLOAT), ("values", onnx.TensorProto.FLOAT), ("indices", 7))
    ]
    graph = onnx.helper.make_graph([node], "pooling", values[:1], values[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 12)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})
    got, plane = segalgo.max_pool2d(x, (3, 2), (2, 1), return_indices=True)
    order = ("row", "column")[storage_order]
    np.testing.assert_array_equal(got, expected[0])
    np.testing.assert_array_equal(segalgo.plane_to_tensor_indices(plane, (9, 7), order), expected[1])
    np.testing.assert_array_equal(segalgo.tensor_to_plane_indices(expected[1], (9, 7), order), plane)

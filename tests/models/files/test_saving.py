"""Files that we write: every dtype and shape comes back, and a file is there whole or not at all."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from segalgo.models import UNet, WeightsError, from_checkpoint, load_weights, save_weights
from segalgo.models.files import mapped_file, safetensors_files
from segalgo.models.files.weights import read_record

DTYPES = ("float64", "float32", "float16", "complex64", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0, 3), (2, 3, 4), (7,)])
def test_every_dtype_and_shape(tmp_path, dtype, shape, rng):
    values = (rng.random(shape) * 250).astype(dtype)
    save_weights(tmp_path / "a.safetensors", {"a": values, "odd": np.zeros(3, np.uint8)})
    got = load_weights(tmp_path / "a.safetensors")["a"]
    assert got.shape == shape
    assert got.dtype == ("float32" if dtype == "float16" else dtype)
    assert not got.flags.writeable
    np.testing.assert_array_equal(got, values)


def test_every_order_of_cells_and_bytes(tmp_path):
    base = np.arange(24.0).reshape(4, 6)
    arrays = {
        "transposed": base.T, "steps": base[::2, ::-1], "fortran": np.asfortranarray(base),
        "big": base.astype(">f8"), "expanded": np.broadcast_to(np.float32(3), (2, 3)), "number": 3.5,
        "unaligned": np.frombuffer(bytes(1) + base.tobytes(), np.float64, offset=0, count=0), "list": [1, 2],
    }  # fmt: skip
    save_weights(tmp_path / "a.safetensors", arrays)
    for name, value in load_weights(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(value, arrays[name])
        assert value.flags.aligned
        assert value.dtype.isnative


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ({"a": np.zeros(1, np.longdouble)}, TypeError, "a has dtype float128: expected float64"),
        ({"a": np.zeros(1, np.complex128)}, TypeError, "a has dtype complex128"),
        ({"a": np.array(["a"])}, TypeError, "a has dtype <U1"),
        ({"a": np.array([{}])}, TypeError, "a has dtype object"),
        ({"a": np.zeros(1, "M8[s]")}, TypeError, "a has dtype datetime64"),
        ({"a": np.zeros(1, [("b", int)])}, TypeError, "a has dtype"),
        ({"a": np.ma.masked_array([1.0], [True])}, TypeError, "a is a masked array"),
        ({"a": None}, TypeError, "a has dtype object"),
        ({3: np.zeros(1)}, TypeError, "weights has the name 3"),
        ({"": np.zeros(1)}, ValueError, "weights has the name"),
        ({"a\n": np.zeros(1)}, ValueError, "weights has the name"),
        ({"\ud800": np.zeros(1)}, ValueError, "weights has the name"),
        ({"__metadata__": np.zeros(1)}, ValueError, "weights has the name"),
        ([1], TypeError, "weights is a list: expected a mapping"),
    ],
)
def test_what_could_not_be_read_again_is_refused(tmp_path, weights, error, words):
    with pytest.raises(error, match=words):
        save_weights(tmp_path / "a.safetensors", weights)
    assert not list(tmp_path.iterdir())


def test_records(tmp_path):
    save_weights(tmp_path / "a.safetensors", {"a": np.zeros(1)}, {"b": [1, None, "\u00e9"]})
    assert read_record(tmp_path / "a.safetensors") == {"b": [1, None, "\u00e9"]}
    for record in ({"b": np.zeros(1)}, {(1, 2): 3}, {"b": {1, 2}}):
        with pytest.raises(TypeError, match="record: expected plain values"):
            save_weights(tmp_path / "b.safetensors", {"a": np.zeros(1)}, record)
    with pytest.raises(TypeError, match="path=3: expected a path"):
        save_weights(3, {"a": np.zeros(1)})
    with pytest.raises(WeightsError, match=r"a\.pth: expected a file named \.safetensors"):
        save_weights(tmp_path / "a.pth", {"a": np.zeros(1)})
    with pytest.raises(WeightsError, match=r"missing/a\.safetensors: cannot be written \(No such file"):
        save_weights(tmp_path / "missing" / "a.safetensors", {"a": np.zeros(1)})
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"folder\.safetensors: cannot be written"):
        save_weights(tmp_path / "folder.safetensors", {"a": np.zeros(1)})


@pytest.mark.parametrize("there", [False, True])
def test_an_error_while_writing_leaves_what_was_there(tmp_path, there):
    path = tmp_path / "a.safetensors"
    if there:
        save_weights(path, {"a": np.zeros(3)})
    before = path.read_bytes() if there else None

    class Unreadable:
        """An array whose numbers turn out not to be there when the file is half written."""

        dtype, shape, nbytes = np.dtype(np.uint8), (3,), 3

        def __array__(self, dtype=None, copy=None):
            assert any(file.stat().st_size > 10**5 for file in tmp_path.iterdir())
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        safetensors_files.write_safetensors(path, {"a": np.ones(10**5), "b": Unreadable()}, {})
    assert [p.name for p in tmp_path.iterdir()] == (["a.safetensors"] if there else [])
    assert not there or path.read_bytes() == before


def test_a_process_that_is_killed_leaves_no_part_under_the_name(tmp_path):
    """Killed again and again while it writes, the file is always a whole one."""
    path = tmp_path / "a.safetensors"
    program = (
        "import sys, numpy as np\nfrom segalgo.models import save_weights\nprint('ready', flush=True)\n"
        "k = 0\nwhile True:\n    k += 1\n    save_weights(sys.argv[1], {'a': np.full(10**6, k, np.float64)})\n"
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.4)
            os.kill(process.pid, signal.SIGKILL)
        values = load_weights(path)["a"]
        assert values.shape == (10**6,)
        assert (values == values[0]).all()


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_large_files_are_mapped(tmp_path, monkeypatch, suffix, rng):
    """Arrays are views of the file, read-only, and serve as weights; small files are copied, and may be replaced."""
    model = UNet(1, 2, width=2, depth=1)
    path = tmp_path / f"a.{suffix}"
    save_weights(path, model.parameters) if suffix == "safetensors" else np.savez(path, **model.parameters)
    copied = load_weights(path)
    monkeypatch.setattr(mapped_file, "MAPPED_FROM", 0)
    mapped = load_weights(path)
    x = rng.standard_normal((1, 1, 20, 20)).astype(np.float32)
    monkeypatch.undo()
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(mapped[name], value)
        assert not mapped[name].flags.writeable
        assert mapped[name].flags.aligned
    again = UNet(1, 2, width=2, depth=1, seed=1).load_state_dict(mapped)
    np.testing.assert_array_equal(again(x), model(x))
    path.write_bytes(b"")
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(copied[name], value)


def test_models(tmp_path):
    model = UNet(1, 2, width=2, depth=1, seed=4)
    for _ in range(2):
        model.save(tmp_path / "a.safetensors")
    assert os.listdir(tmp_path) == ["a.safetensors"]
    np.testing.assert_array_equal(
        from_checkpoint(tmp_path / "a.safetensors").parameters["classifier.weight"],
        model.parameters["classifier.weight"],
    )

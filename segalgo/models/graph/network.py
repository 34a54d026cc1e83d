"""What all networks share: parameters by name, the plain pass, its intermediate arrays, and its description."""

import inspect
import math
import operator
from collections.abc import Container, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

import segalgo
from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_contiguous
from segalgo.models.graph.classes import Classes, default_classes
from segalgo.models.graph.execution import INPUT, Computation, Description, Step, Value, run_samples, run_steps
from segalgo.models.graph.layer import Parameter
from segalgo.models.graph.other_names import OtherNames
from segalgo.models.graph.state_dict_faults import state_dict_faults
from segalgo.models.predicting.preprocessing import Preprocessing

DTYPES = ("float32", "float64")
IGNORED = "num_batches_tracked"  # PyTorch counts training batches beside the statistics


class Network:
    """A network as a function of its parameters.

    A subclass writes ``forward(layers, x)`` once. Given a `Computation` and an array it computes; given a `Description`
    and a `Value` it writes down the layers, from which parameters, `summary`, `trace` and `plan` are made.
    """

    def __init__(self, in_channels: int, num_classes: int, seed: int) -> None:
        self.in_channels = as_count(in_channels, "in_channels")
        self.num_classes = as_count(num_classes, "num_classes")
        self.seed = operator.index(seed)
        if not 0 <= float(getattr(self, "dropout", 0)) < 1:
            raise ValueError(f"dropout={self.dropout}: expected a probability, at least 0 and less than 1")
        self.preprocessing = Preprocessing({1: "grey", 3: "rgb"}.get(self.in_channels, "as is"))
        self.classes = default_classes(self.num_classes)
        self._parameters: Mapping[str, Any] | None = None
        self._placed: dict[Any, Mapping[str, Any]] = {}
        self._plans: dict[Any, Any] = {}

    architecture: ClassVar[str | None] = None
    """The word for this network in files; None for one that files cannot name."""
    mark: ClassVar[str | tuple[str, ...] | None] = None
    """The parameter, or parameters, by whose names its weights are told from those of other networks."""
    unused: ClassVar[tuple[str, ...]] = ()
    """How the names of parameters begin that serve training alone: weights may hold them, and they are left out."""
    other_names: ClassVar[tuple[OtherNames, ...]] = ()
    """Implementations elsewhere whose weight files it takes."""

    @classmethod
    def has_mark(cls, names: Container[str]) -> bool:
        """Return whether the names of parameters are those of this network."""
        marks = (cls.mark,) if isinstance(cls.mark, str) else cls.mark
        return bool(marks) and all(mark in names for mark in marks)

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell.

        Raises
        ------
        ValueError
            If a parameter is missing without which they cannot be told.
        """
        raise NotImplementedError

    preprocessing: Preprocessing
    """What `predict` does to pictures before the network sees them."""
    classes: Classes
    """Names and colors of the classes."""
    probabilities: bool = False
    """Whether the network's output is probabilities already, and not logits."""
    input_size: tuple[int, int] | None = None
    """Height and width of the only pictures that it takes; None for any."""
    own_grid: bool = False
    """Whether `predict` resizes: pictures to `input_size`, scores to the size of the picture."""

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits of x, both as `layers` has them: arrays, or names and shapes."""
        raise NotImplementedError

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that make this network again, except the seed."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "seed"]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: all but what is derived from the parameters."""
        parameters = None if self._parameters is None else dict(self._parameters)
        return {**self.__dict__, "_parameters": parameters, "_placed": {}, "_plans": {}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        if self._parameters is not None:
            for value in self._parameters.values():
                if not is_cupy(value):
                    value.flags.writeable = False
            self._parameters = MappingProxyType(dict(self._parameters))

    # Parameters

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Name to array, in the order of the layers; read-only; `load_state_dict` replaces them."""
        if self._parameters is None:
            self._parameters = MappingProxyType(self.fresh_parameters())
        return self._parameters

    def fresh_parameters(self) -> dict[str, Any]:
        """Return parameters before training, by the records of the layers and the seed."""
        return _fresh(self.described_parameters(), self.seed)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every parameter, in the order of the layers."""
        return {name: parameter.shape for name, parameter in self.described_parameters().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> "Network":
        """Replace all parameters.

        Parameters
        ----------
        state_dict : mapping of str to array
            Arrays of the names and shapes of `parameters`, NumPy or CuPy. float32 and float64 are kept; float16 is
            widened to float32. Names that end in ``num_batches_tracked``, and those of heads that only training uses
            (``aux_classifier`` of torchvision), are ignored.

        Returns
        -------
        Network
            The model itself.

        Raises
        ------
        ValueError
            If names or shapes do not fit: one error that lists the differences, with the nearest names.
        TypeError
            If it is no mapping from names to arrays, or a dtype is no float dtype.
        """
        if not isinstance(state_dict, Mapping) or not all(isinstance(name, str) for name in state_dict):
            raise TypeError(f"state_dict is a {type(state_dict).__name__}: expected a mapping from names to arrays")
        given = {
            name: as_array(value, name)
            for name, value in state_dict.items()
            if not name.endswith(IGNORED) and not name.startswith(self.unused)
        }
        shapes = self.parameter_shapes()
        faults = state_dict_faults({name: tuple(value.shape) for name, value in given.items()}, shapes)
        if faults:
            raise ValueError(f"state_dict does not fit {self!r}, {faults}")
        for name in shapes:
            if given[name].dtype.name not in ("float16", *DTYPES):
                raise TypeError(f"{name} has dtype {given[name].dtype}: expected float16, float32 or float64")
        self._parameters = MappingProxyType({name: _kept(given[name]) for name in shapes})
        self._placed = {}
        self._plans = {}
        return self

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the encoder, which `segalgo.models.load_encoder` replaces."""
        return False

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the encoder, of weights of a classification network, by our names."""
        raise NotImplementedError

    def save(self, path: Any) -> None:
        """Write parameters, architecture, preprocessing and classes to a safetensors file, for `from_checkpoint`."""
        from segalgo.models.files.records import record_of
        from segalgo.models.files.weights import save_weights

        save_weights(path, self.parameters, record_of(self))

    # Sizes

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        return max(height, 1), max(width, 1)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the logits of a picture of this size."""
        return height, width

    margin: int | property = 0
    """Rows and columns that the logits lack on each side of the input."""

    # Computing

    def __call__(self, x: Any) -> Any:
        """Return logits.

        Parameters
        ----------
        x : array, (N, C, H, W) or (C, H, W), float32 or float64
            NumPy or CuPy, as the network wants it (`predict` does that for pictures). A picture too small for the
            network is padded with zeros, and the logits are cropped.

        Returns
        -------
        array, (N, num_classes, H, W) or (num_classes, H, W), dtype of x
            For U-Net with ``padding="valid"`` smaller: see `output_size`.

        Raises
        ------
        TypeError
            If x is of another dtype.
        ValueError
            If the shape does not fit; the message names it.
        """
        planes, size = self._as_input(x)
        logits = self.forward(Computation(self._parameters_for(planes)), planes)
        return _cropped(logits, size, x)

    def sample(self, x: Any, rng: np.random.Generator, count: int) -> Iterator[Any]:
        """Yield logits as `__call__` returns them, `count` times with active dropout (Monte-Carlo dropout)."""
        planes, size = self._as_input(x)
        steps = self.describe(planes.shape)
        for logits in run_samples(steps, self._parameters_for(planes), planes, rng, count):
            yield _cropped(logits, size, x)

    def trace(self, x: Any) -> Iterator[tuple[str, Any]]:
        """Compute the plain pass step by step.

        Yields
        ------
        (str, array)
            Every intermediate array by the name of its layer, ``{name}_indices`` for the indices of max-pooling, the
            logits last. Arrays are computed when they are asked for: the loop may stop at any of them. Arrays are as
            in `__call__`, but not cropped where x was padded.
        """
        planes, _ = self._as_input(x)
        yield from run_steps(self.describe(planes.shape), self._parameters_for(planes), {INPUT: planes})

    def describe(self, input_shape: tuple[int, int, int, int]) -> list[Step]:
        """Return the layers as a list of steps, for an input (N, C, H, W) of a size that the network takes as it is.

        The last step computes the logits; layers on which the logits do not depend are left out.
        """
        description = Description()
        return description.leading_to(self.forward(description, Value(INPUT, tuple(input_shape))))

    def summary(self, input_shape: tuple[int, int, int, int] | None = None) -> Any:
        """Return the table of layers: shapes, parameters, floating-point operations; print it to read it."""
        from segalgo.models.graph.summary import summarize

        return summarize(self, input_shape or (1, self.in_channels, *self.fitting_size(360, 480)))

    def to_source(self, input_shape: tuple[int, int, int, int] | None = None) -> str:
        """Return the network as Python: a class with a ``forward``, layer by layer.

        Executed, the class describes the same layers, and `load_state_dict` gives it this network's parameters. Sizes
        that follow the picture are written as sizes of other arrays where there is such an array; where there is none,
        the class takes pictures of this size alone.

        Parameters
        ----------
        input_shape : (int, int, int, int), optional
            The input that is described, (N, C, H, W); by default one picture of the network's own size, or 256 x 256.

        Raises
        ------
        ValueError
            If the shape does not fit the network.

        Examples
        --------
        >>> import segalgo
        >>> source = segalgo.models.UNet(1, 2, width=2, depth=1, norm=None).to_source()
        >>> 'down1_conv1 = layers.conv2d(x, "down1_conv1", 2, 3, padding=1)' in source
        True
        """
        from segalgo.models.graph.source import source_of

        size = self.input_size or self.fitting_size(256, 256)
        return source_of(self, input_shape or (1, self.in_channels, *size))

    def plan(self, input_shape: tuple[int, int, int, int], **options: Any) -> Any:
        """Return a function of arrays of this shape that computes logits fast: see `segalgo.models.plan`."""
        from segalgo.models.plans.plan import plan

        return plan(self, input_shape, **options)

    def predict(
        self,
        image: Any,
        *,
        tile: int | None = None,
        augment: bool = False,
        samples: int | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> Any:
        """Return the label map of a picture.

        Parameters
        ----------
        image : array, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, bool, or float from 0 to 1
            NumPy or CuPy. `preprocessing` converts it to what the network was trained on: grey or color, scale and
            mean; opacity is ignored. Also a batch (N, H, W, C), or a list of pictures of any sizes.
        tile : int, optional
            Compute the picture in tiles of this side (rounded up to the network's coarsest cell), each with the part
            of the picture on which its output depends. The result equals that of the whole picture within rounding,
            and the tile bounds the memory. (Where two values of a pooling window are nearly equal, rounding decides
            which one SegNet keeps, and its decoder may put it one pixel aside.)
        augment : bool, default False
            Average the probabilities over the eight symmetries of the square: turned by quarters, mirrored.
        samples : int, optional
            Monte-Carlo dropout: so many passes, each with other cells dropped (`Sampling` is returned).
        seed : int, default 0
            Of `samples`.
        progress : bool, default True
            Show a bar for tiles and samples, on a terminal.

        Returns
        -------
        array of int32, (H, W)
            The class of the largest logit, the first of equal ones. A network with one class says 1 where its
            probability is above one half. With `samples`: `Sampling` (labels, mean, variance). (N, H, W) for a batch, a
            list for a list.

        Raises
        ------
        TypeError
            If the picture has another dtype, or `tile` is not an integer.
        ValueError
            If the picture or an option does not fit. `tile` is refused, with the layer's name, where no part of a
            picture can give the result of the whole: for layers that read their whole input, and for interpolation
            whose positions depend on the size of the picture (aligned corners, factors that are no integers).

        Examples
        --------
        >>> import numpy as np, segalgo
        >>> model = segalgo.models.UNet(1, 2, width=2, depth=2)
        >>> model.predict(np.zeros((45, 61), np.uint8)).shape
        (45, 61)
        """
        from segalgo.models.predicting.prediction import predict

        return predict(self, image, tile=tile, augment=augment, samples=samples, seed=seed, progress=progress)

    def predict_proba(
        self, image: Any, *, tile: int | None = None, augment: bool = False, progress: bool = True
    ) -> Any:
        """Return the probabilities of the classes for each pixel of a picture.

        Parameters as in `predict`. Softmax of the logits, sigmoid where there is one class.

        Returns
        -------
        array of float32, (classes, H, W)
            (N, classes, H, W) for a batch, a list for a list.
        """
        from segalgo.models.predicting.prediction import predict_proba

        return predict_proba(self, image, tile=tile, augment=augment, progress=progress)

    def described_parameters(self) -> dict[str, Parameter]:
        """Return the shape and the fresh value of every parameter, in the order of the layers."""
        # The result does not depend on the size, so the first size that all layers accept is used.
        fault: ValueError | None = None
        for exponent in range(13):
            size = self.fitting_size(1 << exponent, 1 << exponent)
            description = Description()
            try:
                self.forward(description, Value(INPUT, (1, self.in_channels, *size)))
            except ValueError as error:
                fault = error
            else:
                return description.parameters
        raise fault  # type: ignore[misc]

    def _as_input(self, x: Any) -> tuple[Any, tuple[int, int]]:
        """Check x; return it with four axes and of a size that the network takes, and the size of the logits."""
        x = as_array(x, "x")
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(f"x has shape {x.shape}: expected (N, {self.in_channels}, H, W) or without N")
        if x.dtype.name not in DTYPES:
            raise TypeError(f"x has dtype {x.dtype}: expected {' or '.join(DTYPES)}; predict takes pictures")
        height, width = x.shape[-2:]
        if 0 in (height, width):
            raise ValueError(f"x has shape {x.shape}: expected a height and width of at least 1")
        size = self.output_size(height, width)
        planes = as_contiguous(x.reshape(-1 if x.size else x.shape[0], *x.shape[-3:]))
        rows, columns = self.fitting_size(height, width)
        if (rows, columns) != (height, width):
            planes = segalgo.pad(planes, (0, columns - width, 0, rows - height))
        return planes, size

    def _parameters_for(self, x: Any) -> Mapping[str, Any]:
        """Return the parameters in the dtype, and on the device, of x; converted ones are cached."""
        device = x.device.id if is_cupy(x) else None
        key = (device, x.dtype.name)
        if key not in self._placed:
            self._placed[key] = {name: _placed(value, x.dtype, device) for name, value in self.parameters.items()}
        return self._placed[key]


def as_count(value: Any, argument: str) -> int:
    """Return an integer of at least 1."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}={value!r}: expected an integer") from None
    if count < 1:
        raise ValueError(f"{argument}={value!r}: expected at least 1")
    return count


def _cropped(logits: Any, size: tuple[int, int], x: Any) -> Any:
    """Return the logits of the size that x asks for, with as many axes as x."""
    logits = logits[:, :, : size[0], : size[1]]
    return logits if np.ndim(x) == 4 else logits[0]


def _fresh(parameters: Mapping[str, Parameter], seed: int) -> dict[str, np.ndarray]:
    """Return initial parameters as the records of the layers define them."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, parameter in parameters.items():
        if parameter.products is None:
            values = np.full(parameter.shape, parameter.constant, np.float32)
        else:
            values = rng.standard_normal(parameter.shape, np.float32)
            values *= np.float32(math.sqrt(2 / parameter.products))
        values.flags.writeable = False
        arrays[name] = values
    return arrays


def _kept(value: Any) -> Any:
    """Return a copy of an array that the caller cannot change."""
    native = value.dtype.newbyteorder("=")
    dtype = np.float32 if native == np.float16 else native
    value = as_contiguous(value.astype(dtype, copy=True))
    if not is_cupy(value):
        value.flags.writeable = False
    return value


def _placed(value: Any, dtype: np.dtype, device: int | None) -> Any:
    """Return an array in a dtype, on a device (None: NumPy)."""
    if device is None:
        return np.asarray(value.get() if is_cupy(value) else value).astype(dtype, copy=False)
    import cupy

    with cupy.cuda.Device(device):
        return cupy.asarray(value).astype(dtype, copy=False)

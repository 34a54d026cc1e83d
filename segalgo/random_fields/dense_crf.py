"""Fully connected conditional random fields: mean-field inference, and the Gaussian filter that it is made of."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_array, as_double, as_flag, as_integer, as_real, one_of, widened
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number
from segalgo.layers.activation import softmax

MOST_DIMENSIONS = 15
MOST_CORNERS = 2**31 - 1
LARGEST_COORDINATE = 2.0**29
METHODS = ("lattice", "exact")
NORMALIZATIONS = ("symmetric", "after", "before")
LEAST_PROBABILITY = 1e-5


def gaussian_feature_filter(values: Any, features: Any, method: str = "lattice", normalize: bool = True) -> Any:
    """Average values with Gaussian weights of the distance between their features.

    ``out[c, i] = sum over j of k(i, j) * values[c, j] / sum over j of k(i, j)``, where
    ``k(i, j) = exp(-|features[:, i] - features[:, j]|**2 / 2)`` and i, j are any two points. With rows and columns as
    features this is Gaussian blur; with colors besides, the bilateral filter.

    Parameters
    ----------
    values : array, (C, ...), float16, float32 or float64
        NumPy or CuPy; any memory order.
    features : array, (D, ...), float16, float32 or float64
        Coordinates of each point, divided by the standard deviation of the Gaussian; finite, D from 1 to 15.
    method : {"lattice", "exact"}, default "lattice"
        By the permutohedral lattice, an approximation in time that grows with the number of points; or by summation
        over all pairs of points.
    normalize : bool, default True
        Divide by the sum of the weights. Without it, results of the lattice have a factor of their own.

    Returns
    -------
    array, shape and dtype of `values`

    Raises
    ------
    TypeError
        If an array is not of a float dtype, or `normalize` not True or False.
    ValueError
        If shapes do not fit, a feature is not finite or beyond 2**29 steps of the lattice, or `method` is another word.

    Notes
    -----
    Lattice [1]_: every point gives its values to the D + 1 vertices of its simplex, in proportion to its barycentric
    coordinates; along each of D + 1 axes every vertex adds half of its two neighbours; every point takes from the same
    vertices, times ``1 / (1 + 2**-D)``. Vertices that no point gives to are left out. The vertices are computed in
    float64 and are the same in every backend.

    Grade: rounded; with the lattice, sums of up to 64 terms are in the dtype of `values` (float32 for float16), exact
    sums are in float64. Cost of the lattice: ``O(N D (C + D))``, about ``28 (D + 1)`` bytes a point.

    References
    ----------
    .. [1] A. Adams, J. Baek, A. Davis, "Fast high-dimensional filtering using the permutohedral lattice", Computer
       Graphics Forum 29(2), 2010.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> step, places = np.array([[0.0, 0.0, 1.0, 1.0]]), np.arange(4.0)
    >>> segalgo.gaussian_feature_filter(step, places[None], "exact").round(2)
    array([[0.08, 0.32, 0.68, 0.92]])
    >>> segalgo.gaussian_feature_filter(step, np.stack([places, 10 * step[0]]), "exact").round(2)
    array([[0., 0., 1., 1.]])
    """
    values = as_real(values, "values", 1)
    places = as_real(features, "features", 1)
    one_of(method, "method", METHODS)
    normalize = as_flag(normalize, "normalize")
    if places.shape[1:] != values.shape[1:]:
        raise ValueError(f"features has shape {places.shape}: expected one point for each of values, {values.shape}")
    topic, xp = wing("random_fields.dense_crf", values, places), array_module(values)
    points = math.prod(values.shape[1:])
    if values.size == 0:
        return values.copy()
    rows = widened(values).reshape(len(values), points)
    places = _as_places(places.astype(np.float64).reshape(len(places), points))
    if normalize:
        rows = xp.concatenate([rows, xp.ones((1, points), rows.dtype)])
    if method == "lattice":
        output = topic.gaussian_feature_filter(rows, _on_lattice(places))
    else:
        output = topic.gaussian_feature_sum(rows, places)
    if normalize:
        output = output[:-1] / output[-1]
    return output.reshape(values.shape).astype(values.dtype, copy=False)


def dense_crf(
    probabilities: Any,
    image: Any,
    iterations: int = 10,
    *,
    spatial_sigma: float = 3.0,
    spatial_weight: Any = 3.0,
    bilateral_sigma: float = 80.0,
    color_sigma: float = 13.0,
    bilateral_weight: Any = 10.0,
    compatibility: Any = None,
    normalization: str = "symmetric",
    method: str = "lattice",
    logits: bool = False,
) -> Any:
    """Let every pixel hear every other one, and so move the borders of classes to those of the picture.

    Mean-field inference in a fully connected conditional random field. With p the given probabilities and ``Q = p`` at
    first, each iteration computes ``Q = softmax(log(p) + spatial_weight * S Q + bilateral_weight * B Q)``: S averages
    over near pixels, ``exp(-|place_i - place_j|**2 / (2 spatial_sigma**2))``, and B over near ones of like color,
    ``exp(-|place_i - place_j|**2 / (2 bilateral_sigma**2) - |color_i - color_j|**2 / (2 color_sigma**2))``.

    Parameters
    ----------
    probabilities : array, (C, H, W), float16, float32 or float64
        From 0 to 1; NumPy or CuPy. Numbers below 1e-5 count as 1e-5.
    image : array, (H, W) or (H, W, K), integers or floats, at most 13 channels
        In the same units as `color_sigma`: 0 to 255 for the defaults.
    iterations : int, default 10
    spatial_sigma, bilateral_sigma : float
        Standard deviations in pixels, above 0.
    color_sigma : float
        Standard deviation of colors, above 0.
    spatial_weight, bilateral_weight : float or array, (C, C)
        What the two averages count for. A matrix mixes classes: row c is what class c hears of all classes. With 0 an
        average is left out.
    compatibility : array, (C, C), optional
        A matrix in front of the weighted sum of both; CRF-RNN learns it. The identity, Potts' model, if not given.
    normalization : {"symmetric", "after", "before"}, default "symmetric"
        What makes averages of sums: with n the sum of a pixel's weights, a division by its root before and after
        (pydensecrf), by n after (DeepLab, CRF-RNN), or before.
    method : {"lattice", "exact"}, default "lattice"
        See `gaussian_feature_filter`. "exact" takes time in the square of the number of pixels: for small pictures.
    logits : bool, default False
        `probabilities` are logits, finite numbers in place of the logarithms, and logits are returned.

    Returns
    -------
    array, (C, H, W), dtype of `probabilities`
        The Q of the last iteration, or the logits whose softmax it is.

    Raises
    ------
    TypeError
        If an array is of another dtype, `iterations` is not an integer, a number not a number, or `logits` no flag.
    ValueError
        If a shape does not fit, a number is not in its range, a probability not from 0 to 1, or a word unknown.

    See Also
    --------
    dense_crf_steps : The same, one array after the other.

    Notes
    -----
    Every pixel is among those that it hears. Settings that were published: DeepLab v1 weights 3 and 4 to 5, sigmas 3,
    50 to 83 and 5 to 10; DeepLab v2 on ResNet weights 3 and 4, sigmas 1, 67 and 3, on VGG16 2 and 4, 2, 65 and 3, all
    with ``normalization="after"``; pydensecrf's examples have the defaults.

    Grade: rounded; the lattice is the same in every backend. Cost: for each iteration, ``9 C`` products a pixel of a
    color picture for giving and as many for taking, and three additions a vertex, class and axis; memory for three
    arrays like `probabilities`, C rounded up to a multiple of 8, and some 250 bytes a pixel.

    References
    ----------
    .. [1] P. Krahenbuhl, V. Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", NIPS
       2011.
    .. [2] S. Zheng et al., "Conditional random fields as recurrent neural networks", ICCV 2015.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> image = np.repeat(np.uint8([[10, 10, 10, 200, 200]]), 4, axis=0)
    >>> p = np.full((2, 4, 5), 0.5); p[0, :, :2] = 0.9; p[1, :, 4] = 0.9; p[1] = 1 - p[0] + 0 * p[1]
    >>> p[1, :, 4], p[0, :, 4] = 0.9, 0.1
    >>> segalgo.dense_crf(p, image).argmax(0)[0]
    array([0, 0, 0, 1, 1])
    """
    problem = _problem(
        probabilities, image, iterations, spatial_sigma=spatial_sigma, spatial_weight=spatial_weight,
        bilateral_sigma=bilateral_sigma, color_sigma=color_sigma, bilateral_weight=bilateral_weight,
        compatibility=compatibility, normalization=normalization, method=method, logits=logits,
    )  # fmt: skip
    if problem.unary.size == 0:
        return problem.in_shape(problem.unary)
    if problem.method == "exact":
        for _, array in _steps(problem):
            result = array
    else:
        result = wing("random_fields.dense_crf", problem.unary).dense_crf(
            problem.unary,
            [_on_lattice(places) for places in problem.features],
            problem.matrices,
            problem.normalization,
            problem.iterations,
            problem.logits,
        )
    return problem.in_shape(result)


def dense_crf_steps(probabilities: Any, image: Any, iterations: int = 10, **options: Any) -> Iterator[tuple[str, Any]]:
    """Compute `dense_crf` step by step.

    Parameters
    ----------
    probabilities, image, iterations
        As in `dense_crf`.
    **options
        The other parameters of `dense_crf`.

    Yields
    ------
    (str, array)
        (C, H, W): "probabilities0", then for each iteration k "spatial{k}" and "bilateral{k}", what each class hears
        from near pixels and from those of like color, weighted, and "probabilities{k}". With ``logits=True`` the last
        one is "logits{k}".

    Raises
    ------
    TypeError, ValueError
        As `dense_crf`, when the first step is asked for.

    Notes
    -----
    Composed of `softmax` and `gaussian_feature_filter`; the result is that of `dense_crf` within rounding.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> p, image = np.full((2, 4, 5), 0.5), np.zeros((4, 5), np.uint8)
    >>> [name for name, _ in segalgo.dense_crf_steps(p, image, 1)]
    ['probabilities0', 'spatial1', 'bilateral1', 'probabilities1']
    """
    problem = _problem(probabilities, image, iterations, **{**dense_crf.__kwdefaults__, **options})
    for name, array in _steps(problem):
        yield name, problem.in_shape(array)


class _Problem(NamedTuple):
    """The checked arguments of `dense_crf`."""

    shape: tuple[int, ...]
    dtype: np.dtype
    unary: Any
    """(C, N): logits of the given probabilities."""
    kernels: list[str]
    """"spatial" and "bilateral", as far as they count for something."""
    features: list[Any]
    """Of each kernel (D, N), divided by the standard deviations."""
    matrices: list[np.ndarray]
    """Of each kernel (C, C)."""
    normalization: str
    iterations: int
    method: str
    logits: bool

    def in_shape(self, array: Any) -> Any:
        """Return an array (C, N) in the shape and dtype of the given one."""
        return array.reshape(self.shape).astype(self.dtype, copy=False)


def _problem(
    probabilities: Any,
    image: Any,
    iterations: Any,
    *,
    spatial_sigma: Any,
    spatial_weight: Any,
    bilateral_sigma: Any,
    color_sigma: Any,
    bilateral_weight: Any,
    compatibility: Any,
    normalization: Any,
    method: Any,
    logits: Any,
) -> _Problem:
    """Check the arguments of `dense_crf`."""
    given = as_real(probabilities, "probabilities")
    if given.ndim != 3 or given.shape[0] == 0:
        raise ValueError(f"probabilities has shape {given.shape}: expected (C, H, W), and at least one class")
    picture = as_array(image, "image")
    if picture.dtype.kind not in "buif":
        raise TypeError(f"image has dtype {picture.dtype}: expected integers or floats")
    if picture.ndim not in (2, 3) or picture.shape[:2] != given.shape[1:]:
        raise ValueError(f"image has shape {picture.shape}: expected {given.shape[1:]} or with channels behind that")
    wing("random_fields.dense_crf", given, picture)  # both are on one device
    iterations = as_integer(iterations, "iterations", 0)
    one_of(normalization, "normalization", NORMALIZATIONS)
    one_of(method, "method", METHODS)
    logits = as_flag(logits, "logits")
    sigmas = {"spatial_sigma": spatial_sigma, "bilateral_sigma": bilateral_sigma, "color_sigma": color_sigma}
    near, far, color = (as_real_number(value, name, above=0) for name, value in sigmas.items())
    classes = given.shape[0]
    front = np.eye(classes) if compatibility is None else _as_matrix(compatibility, "compatibility", classes)
    weights = {"spatial": (spatial_weight, "spatial_weight"), "bilateral": (bilateral_weight, "bilateral_weight")}
    matrices = {kernel: front @ _as_matrix(*weight, classes) for kernel, weight in weights.items()}
    xp, (height, width) = array_module(given), given.shape[1:]
    columns, rows = (n.reshape(-1) for n in xp.meshgrid(xp.arange(float(width)), xp.arange(float(height))))
    channels = picture.astype(np.float64).reshape(height * width, -1 if picture.size else 1).T
    features = {
        "spatial": xp.stack([columns / near, rows / near]),
        "bilateral": xp.concatenate([xp.stack([columns / far, rows / far]), channels / color]),
    }
    kernels = [kernel for kernel, matrix in matrices.items() if matrix.any()]
    return _Problem(
        given.shape,
        given.dtype,
        _as_logits(widened(given), logits).reshape(classes, height * width),
        kernels,
        [_as_places(xp.ascontiguousarray(features[kernel])) for kernel in kernels],
        [matrices[kernel] for kernel in kernels],
        normalization,
        iterations,
        method,
        logits,
    )


def _steps(problem: _Problem) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of mean-field inference, (C, N), with their names."""
    unary, xp = problem.unary, array_module(problem.unary)

    def filtered(values: Any, features: Any) -> Any:
        return gaussian_feature_filter(values, features, problem.method, normalize=False)

    sums = [filtered(xp.ones((1, unary.shape[1])), features) + 1e-20 for features in problem.features]
    before, after = {"symmetric": (-0.5, -0.5), "before": (-1.0, 0.0), "after": (0.0, -1.0)}[problem.normalization]
    factors = [((n**before).astype(unary.dtype), (n**after).astype(unary.dtype)) for n in sums]
    matrices = [xp.asarray(matrix.astype(unary.dtype)) for matrix in problem.matrices]
    scores = unary
    if problem.iterations or not problem.logits:
        yield "probabilities0", softmax(unary, 0)
    else:
        yield "logits0", unary
    for k in range(1, problem.iterations + 1):
        probabilities, scores = softmax(scores, 0), unary
        for kernel, features, matrix, (first, last) in zip(
            problem.kernels, problem.features, matrices, factors, strict=True
        ):
            heard = matrix @ (last * filtered(first * probabilities, features))
            scores = scores + heard
            yield f"{kernel}{k}", heard
        if problem.logits and k == problem.iterations:
            yield f"logits{k}", scores
        else:
            yield f"probabilities{k}", softmax(scores, 0)


def _as_logits(given: Any, logits: bool) -> Any:
    """Return logits of probabilities, or logits as they are."""
    xp = array_module(given)
    if given.size == 0:
        return given
    least, most = float(given.min()), float(given.max())
    if logits:
        if not math.isfinite(least) or not math.isfinite(most):
            raise ValueError(f"probabilities has logits from {least} to {most}: expected finite numbers")
        return given
    if not 0 <= least <= most <= 1:
        raise ValueError(f"probabilities has values from {least} to {most}: expected 0 to 1")
    raised = xp.maximum(given, given.dtype.type(LEAST_PROBABILITY))
    return xp.log(raised, out=raised)


def _as_matrix(weight: Any, argument: str, classes: int) -> np.ndarray:
    """Return a weight as a matrix (C, C), on the host, in float64."""
    if np.ndim(weight) == 0:
        return as_real_number(weight, argument) * np.eye(classes)
    matrix = as_double(weight, argument, (classes, classes))
    matrix = matrix.get() if is_cupy(matrix) else matrix
    if not np.isfinite(matrix).all():
        raise ValueError(f"{argument}: expected finite numbers")
    return matrix


def _as_places(features: Any) -> Any:
    """Check features (D, N), float64, as far as both methods ask for it."""
    dims, points = features.shape
    if not 1 <= dims <= MOST_DIMENSIONS:
        raise ValueError(f"features of {dims} dimensions: expected 1 to {MOST_DIMENSIONS}")
    if points * (dims + 1) > MOST_CORNERS:
        raise ValueError(f"{points} points of {dims} dimensions: expected at most {MOST_CORNERS // (dims + 1)}")
    if points and not bool(array_module(features).isfinite(features).all()):
        raise ValueError("features: expected finite numbers")
    return features


def _on_lattice(features: Any) -> Any:
    """Scale features (D, N) to the lattice, whose blur is a Gaussian of standard deviation 1 for features so scaled.

    Source: Adams, Baek and Davis 2010, section 3.1.
    """
    dims = len(features)
    scale = np.array([math.sqrt(2 / 3) * (dims + 1) / math.sqrt((k + 1) * (k + 2)) for k in range(dims)])
    xp = array_module(features)
    scaled = features * xp.asarray(scale)[:, None]
    if scaled.size and not float(xp.abs(scaled).max()) * 2 * dims < LARGEST_COORDINATE:
        largest = float(xp.abs(features).max())
        raise ValueError(f"features of up to {largest} standard deviations: expected less than 2**29 lattice steps")
    return scaled

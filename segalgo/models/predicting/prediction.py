"""From pictures to label maps: preprocessing, tiles, averaging over symmetries, Monte-Carlo dropout."""

import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import segalgo
from segalgo._core.arrays import array_module
from segalgo.models.plans.plan import planned_logits
from segalgo.models.predicting.enlargement import enlarge, enlarged_argmax
from segalgo.models.predicting.preprocessing import as_picture, is_batch, to_255
from segalgo.models.predicting.tiling import Span, windows

Window = tuple[Span, Span]


class Sampling(NamedTuple):
    """Mean and variance of the probabilities over passes with dropout."""

    labels: Any
    """(H, W) int32: the class of the largest mean."""
    mean: Any
    """(classes, H, W) float32: the mean of the probabilities."""
    variance: Any
    """(classes, H, W) float32: their variance, divided by the number of samples; large where the network is unsure."""


def predict(
    model: Any,
    image: Any,
    *,
    tile: int | None = None,
    augment: bool = False,
    samples: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Any:
    """Return the label map of a picture: see `Network.predict`."""
    if is_batch(image):
        options = {"tile": tile, "augment": augment, "samples": samples, "seed": seed, "progress": progress}
        return _together(image, [predict(model, one, **options) for one in image], model, np.int32)
    image = as_picture(image, model.preprocessing, model.in_channels)
    if samples is not None:
        if tile is not None or augment:
            raise ValueError("samples with tile or augment: expected one of them")
        return _sample(model, image, samples, seed, progress)
    if model.own_grid:
        _check_whole(tile, "tile")
        scores = _of_size(_on_own_grid(model, image, augment), image.shape[:2])
        return _labels_of(scores, _threshold(model, augment))
    reduction, seen = model.preprocessing.reduction, model.preprocessing.reduced(image)
    if augment or reduction > 1:
        scores = _averaged(model, seen, tile, progress) if augment else _assembled(model, seen, tile, progress)
        if reduction > 1 and scores.shape[0] > 1:
            return enlarged_argmax(scores, reduction, image.shape[:2])
        return _labels_of(enlarge(scores, reduction, image.shape[:2]), _threshold(model, augment))
    labels = None
    for rows, columns, logits in _logits_of_windows(model, image, tile, progress):
        if labels is None:
            labels = _empty(logits, image.shape[:2], np.int32)
        labels[rows.start : rows.stop, columns.start : columns.stop] = _labels_of(logits, _threshold(model))
    return labels


def predict_proba(
    model: Any,
    image: Any,
    *,
    tile: int | None = None,
    augment: bool = False,
    progress: bool = True,
) -> Any:
    """Return the probabilities of the classes: see `Network.predict_proba`."""
    if is_batch(image):
        results = [predict_proba(model, one, tile=tile, augment=augment, progress=progress) for one in image]
        return _together(image, results, model, np.float32)
    image = as_picture(image, model.preprocessing, model.in_channels)
    if model.own_grid:
        _check_whole(tile, "tile")
        scores = _of_size(_on_own_grid(model, image, augment), image.shape[:2])
        return scores if augment else _to_probabilities(scores, model)
    reduction, seen = model.preprocessing.reduction, model.preprocessing.reduced(image)
    if augment:
        return enlarge(_averaged(model, seen, tile, progress), reduction, image.shape[:2])
    if reduction > 1:
        logits = enlarge(_assembled(model, seen, tile, progress), reduction, image.shape[:2])
        return _to_probabilities(logits, model)
    return _probabilities(model, image, tile, progress)


def compute_logits(model: Any, planes: Any) -> Any:
    """Return logits of (1, C, H, W): the one place that decides between the plain and the planned pass."""
    return planned_logits(model, planes)


def _together(images: Any, results: list[Any], model: Any, dtype: Any) -> Any:
    """Return the results of a batch as one array, those of a list as a list."""
    if isinstance(images, list | tuple):
        return results
    if not results:
        planes = () if dtype == np.int32 else (model.num_classes,)
        return _empty(images, (0, *planes, *images.shape[1:3]), dtype)
    stack = array_module(images).stack
    if isinstance(results[0], Sampling):
        return Sampling(*map(stack, zip(*results, strict=True)))
    return stack(results)


def _assembled(model: Any, image: Any, tile: int | None, progress: bool) -> Any:
    """Return the logits (classes, H, W) of a picture, from its parts."""
    whole = None
    for rows, columns, logits in _logits_of_windows(model, image, tile, progress):
        if whole is None:
            whole = _empty(logits, (logits.shape[0], *image.shape[:2]), logits.dtype)
        whole[:, rows.start : rows.stop, columns.start : columns.stop] = logits
    return whole


def _probabilities(model: Any, image: Any, tile: int | None, progress: bool) -> Any:
    """Return (classes, H, W) float32."""
    probabilities = None
    for rows, columns, logits in _logits_of_windows(model, image, tile, progress):
        if probabilities is None:
            probabilities = _empty(logits, (logits.shape[0], *image.shape[:2]), logits.dtype)
        probabilities[:, rows.start : rows.stop, columns.start : columns.stop] = _to_probabilities(logits, model)
    return probabilities


def _averaged(model: Any, image: Any, tile: int | None, progress: bool) -> Any:
    """Return the mean of the probabilities over the eight symmetries of the square, each turned back."""
    total = None
    for turns in range(4):
        for mirror in (False, True):
            seen = _turned(image, turns, (0, 1))
            probabilities = _probabilities(model, seen[:, ::-1] if mirror else seen, tile, progress)
            back = _turned(probabilities[..., ::-1] if mirror else probabilities, -turns, (1, 2))
            total = back.copy() if total is None else total + back
    return total / np.float32(8)


def _turned(array: Any, turns: int, axes: tuple[int, int]) -> Any:
    """Turn by quarters, as `numpy.rot90` does, whatever kind of array."""
    return array_module(array).rot90(array, turns, axes)


def _sample(model: Any, image: Any, samples: Any, seed: int, progress: bool) -> Sampling:
    """Return mean and variance of the probabilities over passes with dropout."""
    count = operator.index(samples)
    if count < 1:
        raise ValueError(f"samples={samples}: expected at least 1")
    rng = np.random.default_rng(seed)
    seen = model.preprocessing.reduced(image)
    (window,) = _windows(model, seen.shape[:2], None)
    planes = _planes(model, seen, window)
    mean = squares = 0
    for k, logits in enumerate(_progress(model.sample(planes, rng, count), count, "sample", progress)):
        # Welford's update: no difference of large sums.
        cut = enlarge(_cut(logits[0], window, model), model.preprocessing.reduction, image.shape[:2])
        probabilities = _to_probabilities(cut, model)
        step = probabilities - mean
        mean = mean + step / np.float32(k + 1)
        squares = squares + step * (probabilities - mean)
    return Sampling(_labels_of(mean, 0.5), mean, squares / np.float32(count))


def _logits_of_windows(model: Any, image: Any, tile: int | None, progress: bool) -> Iterator[tuple[Span, Span, Any]]:
    """Yield rows, columns and logits (classes, rows, columns) of each part of a picture."""
    parts = _windows(model, image.shape[:2], tile)
    for window in _progress(parts, len(parts), "tile", progress and len(parts) > 1):
        logits = compute_logits(model, _planes(model, image, window))
        yield *window, _cut(logits[0], window, model)


def _windows(model: Any, shape: tuple[int, int], tile: int | None) -> list[Window]:
    """Return the parts of a picture, the whole as one if it is not tiled."""
    if tile is None:
        rows, columns = (Span(0, n, 0, n) for n in shape)
        return [(rows, columns)]
    return windows(model, shape, tile)


def _planes(model: Any, image: Any, window: Window) -> Any:
    """Return (1, C, H, W) of a part; for a network that shrinks pictures, extended by mirroring at the border."""
    i, j = window
    if not model.margin:
        part = image[i.read_start : i.read_stop, j.read_start : j.read_stop]
    else:
        half = model.margin
        size = model.fitting_size(i.stop - i.start + 2 * half, j.stop - j.start + 2 * half)
        rows, columns = (
            _mirrored(np.arange(n) + span.start - half, extent)
            for n, span, extent in zip(size, window, image.shape[:2], strict=True)
        )
        xp = array_module(image)
        part = image[xp.asarray(rows)[:, None], xp.asarray(columns)[None, :]]
    return array_module(image).ascontiguousarray(model.preprocessing(part)[None])


def _mirrored(places: np.ndarray, n: int) -> np.ndarray:
    """Return places in a row of n cells that is mirrored at its first and last cell again and again."""
    period = max(2 * (n - 1), 1)
    places = places % period
    return np.where(places < n, places, period - places)


def _cut(logits: Any, window: Window, model: Any) -> Any:
    """Return the logits that a part is to write."""
    i, j = window
    if model.margin:
        return logits[:, : i.stop - i.start, : j.stop - j.start]
    return logits[:, i.inside, j.inside]


def _to_probabilities(logits: Any, model: Any) -> Any:
    """Return probabilities; one class alone is a yes or no."""
    if model.probabilities:
        return logits
    return segalgo.sigmoid(logits) if logits.shape[0] == 1 else segalgo.softmax(logits, axis=0)


def _threshold(model: Any, averaged: bool = False) -> float:
    """Return the score above which one class alone is there: a probability of one half."""
    return 0.5 if averaged or model.probabilities else 0.0


def _check_whole(given: Any, option: str) -> None:
    if given is not None:
        raise ValueError(f"{option}={given}: expected none, the network's scores do not lie on the grid of the picture")


def _on_own_grid(model: Any, image: Any, augment: bool) -> Any:
    """Return scores (classes, H, W) on the network's own grid.

    Averaged ones are probabilities on the grid of the picture.
    """
    seen = model.preprocessing.reduced(image)
    if not augment:
        return _own_scores(model, seen)
    total, parts = None, [(turns, mirror) for turns in range(4) for mirror in (False, True)]
    for turns, mirror in parts:
        turned = _turned(seen, turns, (0, 1))
        scores = _own_scores(model, turned[:, ::-1] if mirror else turned)
        probabilities = _to_probabilities(_of_size(scores, turned.shape[:2]), model)
        back = _turned(probabilities[..., ::-1] if mirror else probabilities, -turns, (1, 2))
        total = back.copy() if total is None else total + back
    return total / np.float32(len(parts))


def _own_scores(model: Any, picture: Any) -> Any:
    """Return scores (classes, H, W) of a picture, resized to the only size that the network takes if there is one."""
    if model.input_size is not None and picture.shape[:2] != model.input_size:
        picture = _resized(picture, model.input_size)
    return compute_logits(model, array_module(picture).ascontiguousarray(model.preprocessing(picture)[None]))[0]


def _resized(picture: Any, size: tuple[int, int]) -> Any:
    """Return a picture, float32 from 0 to 1, of another size: bilinear, and averaged where it is reduced."""
    values = to_255(picture if picture.ndim == 3 else picture[..., None]).transpose(2, 0, 1) / np.float32(255)
    planes = array_module(values).ascontiguousarray(values[None])
    resized = segalgo.interpolate(planes, size, mode="bilinear", antialias=True)[0].clip(0, 1).transpose(1, 2, 0)
    return resized if picture.ndim == 3 else resized[..., 0]


def _of_size(scores: Any, size: tuple[int, int]) -> Any:
    """Return scores (classes, H, W) of another size, bilinear."""
    if scores.shape[1:] == tuple(size):
        return scores
    return segalgo.interpolate(array_module(scores).ascontiguousarray(scores)[None], tuple(size), mode="bilinear")[0]


def _labels_of(scores: Any, threshold: float) -> Any:
    """Return the class of the largest score, the first of equal ones; of one class alone whether it passes."""
    if scores.shape[0] == 1:
        return (scores[0] > threshold).astype(np.int32)
    return scores.argmax(axis=0).astype(np.int32)


def _empty(like: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return array_module(like).empty(shape, dtype)


def _progress(items: Any, total: int, unit: str, shown: bool) -> Any:
    if not shown:
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, unit=unit, disable=None)  # None: shown on a terminal alone

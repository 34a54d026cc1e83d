"""What failing cases have in common and passing cases have not."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from segalgo.verify.cases.recipes import factors_of
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.operation import Recipe

MOST = 4
CHANCE = 0.1
LARGEST_SHARE = 0.8


def patterns(failed: Sequence[Recipe], passed: Sequence[Recipe]) -> list[str]:
    """Return features, or pairs of them, that every failing case has and no passing case has; the shortest first."""
    if not failed or not passed:
        return []
    common = set.intersection(*(features(recipe) for recipe in failed))
    others = [features(recipe) for recipe in passed]
    clear = sorted((len(name), name) for name in common if not any(name in other for other in others))
    if clear:
        return [f"{name} ({_count(failed, passed)})" for _, name in clear][:MOST]
    pairs = sorted(
        (len(one) + len(two), one, two)
        for one, two in combinations(sorted(common), 2)
        if not any(one in other and two in other for other in others)
    )
    return [f"{one} and {two} ({_count(failed, passed)})" for _, one, two in pairs][:MOST]


def in_common(failed: Sequence[Recipe], passed: Sequence[Recipe]) -> list[str]:
    """Return features that every failing case has, and some others too, though chance would hardly give them to all."""
    if not failed or not passed:
        return []
    common = set.intersection(*(features(recipe) for recipe in failed))
    counts = {name: sum(name in features(recipe) for recipe in passed) for name in common}
    clear = sorted(
        (count, len(name), name)
        for name, count in counts.items()
        if count and (count / len(passed)) ** len(failed) <= CHANCE and count <= LARGEST_SHARE * len(passed)
    )
    return [f"{name} (and {count} of the {len(passed)} others)" for count, _, name in clear][:MOST]


def _count(failed: Sequence[Recipe], passed: Sequence[Recipe]) -> str:
    return f"all {len(failed)} failing cases, none of the {len(passed)} others"


def features(recipe: Recipe) -> set[str]:
    """Return what can be said of a case, in words."""
    found = {f"dtype is {recipe.dtype}", f"values are {recipe.values!r}"}
    default = factors_of(operation_of(recipe.operation))
    if np.dtype(recipe.dtype).kind == "f" and recipe.dtype != "float64":
        found.add("dtype is narrower than float64")
    if recipe.dtype != default["dtype"][0]:
        found.add(f"dtype is not {default['dtype'][0]}")
    if recipe.layout not in ("C", "offset", "readonly"):
        found.add("memory is not C-contiguous")
    found.add(f"memory is {recipe.layout}")
    if recipe.values in ("infinite", "nan", "infinite patches"):
        found.add("values are not finite")
    for name, value in recipe.parameters.items():
        found.add(f"{name} is {value!r}")
        if value != default[name][0]:
            found.add(f"{name} is not {default[name][0]!r}")
        if isinstance(value, tuple) and len(set(value)) > 1:
            found.add(f"{name} differs between the axes")
    return found | _features_of_shape(recipe.shape)


def _features_of_shape(shape: tuple[int, ...]) -> set[str]:
    found = {f"there are {len(shape)} axes"}
    size = int(np.prod(shape))
    for limit in (1, 32, 256, 1024):
        if size > limit:
            found.add(f"there are more than {limit} elements")
        if size % max(limit, 2):
            found.add(f"the number of elements is not a multiple of {max(limit, 2)}")
    if size == 0:
        found.add("the array is empty")
    if shape and shape[-1] % 32:
        found.add("the width is not a multiple of 32")
    if shape and shape[-1] % 2:
        found.add("the width is odd")
    if len(shape) > 1 and shape[-1] != shape[-2]:
        found.add("height and width differ")
    if len(shape) > 2 and int(np.prod(shape[:-2])) > 1:
        found.add("there is more than one plane")
    if len(shape) > 3 and shape[0] > 1:
        found.add("the batch is larger than 1")
    return found

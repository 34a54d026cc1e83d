"""Values that no argument of the library can be, and whether a function refuses them by the argument's name."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

WRONG: dict[str, Any] = {
    "a word": "seven",
    "an empty word": "",
    "bytes": b"2",
    "a ragged list": [[1, 2], [3]],
    "a list of lists": [[1, 2], [3, 4]],
    "a list of words": ["a", "b"],
    "a list of None": [None, 1.5, "x"],
    "five numbers": [1, 2, 3, 4, 5],
    "a dictionary": {"a": 1},
    "a set": {1, 2},
    "a complex number": 1 + 2j,
    "an object": object(),
    "a function": len,
    "an integer beyond 64 bits": 2**70,
    "an integer of thousands of digits": 10**5000,
    "a negative integer beyond 64 bits": -(2**70),
    "a list of integers beyond 64 bits": [2**70, 2**70],
    "an array of words": np.array(["a", "b"]),
    "an array of objects": np.array([None, 1], object),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "a matrix": np.ones((2, 2), complex),
}
# Kinds that are arrays of numbers, and those that are integers of any size.
ARRAYS = {"a list of lists", "five numbers"}
LARGE = {"an integer beyond 64 bits", "a negative integer beyond 64 bits", "an integer of thousands of digits"}
POSITIVE = LARGE - {"a negative integer beyond 64 bits"}
# A float holds an integer of 70 bits, but none of thousands of digits.
FLOAT = LARGE - {"an integer of thousands of digits"}
LONGEST_MESSAGE = 1000


def faults_of(function: Callable, call: dict[str, Any], argument: str, right: Collection[str] = ()) -> list[str]:
    """List what is wrong with the refusals of one argument; kinds in `right` are values that it takes after all.

    `call` holds the arguments that the function needs. A refusal is a TypeError or ValueError that names the argument.
    """
    faults = []
    for kind, value in WRONG.items():
        if kind in right:
            continue
        try:
            function(**{**call, argument: value})
        except Exception as error:
            message = str(error)
            refused = isinstance(error, TypeError | ValueError) and argument in message
            if not refused or len(message) > LONGEST_MESSAGE:
                faults.append(f"{kind}: {type(error).__name__}: {message[:200]}")
        else:
            faults.append(f"{kind}: taken")
    return faults

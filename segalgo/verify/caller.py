"""Call a function under verification: with a case's arguments in guarded memory, in the way that it takes them."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo.simulated.compiler import CompilationError
from segalgo.verify.cases.case import Case, goes_without, split
from segalgo.verify.comparison import Mismatch
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.operation import outputs_of
from segalgo.verify.processes.guards import Guarded, poisoned_memory

# Parameters that ask for one output more; a function that does not offer them is judged on the others.
FLAGS = ("return_indices", "return_num")
# Other names that functions give a parameter.
ALIASES = {"axis": "dim"}


@dataclass
class Attempt:
    """One call: what came back, as copies, and what happened to the inputs."""

    outputs: list[np.ndarray]
    faults: list[Mismatch]
    results: list[Any]
    guarded: dict[str, Guarded]
    places: list[int] | None = None
    """Which outputs of the operation these are; None for all of them, or the first ones."""
    unordered: str = ""
    """A plain read beside an atomic write of another thread: a race if it changes an answer."""


class Caller:
    """Calls a function with a case's arguments in guarded memory, as NumPy or CuPy arrays.

    A kernel offers ``run(case, arguments, schedule)``, which returns its outputs by their places, ``missing(case)``,
    and ``schedules``, the number of orders of its threads.
    """

    def __init__(self, function: Callable[..., Any], device: str = "cpu", fixed: Iterable[str] = ()) -> None:
        self.fixed = set(fixed)
        self.function = function
        self.xp = np
        if device == "cuda":
            import cupy

            self.xp = cupy
        self.by_case = getattr(function, "run", None)
        self.schedules = getattr(function, "schedules", 1)
        self.parameters = None if self.by_case else _parameters(function)

    def missing(self, case: Case) -> set[str]:
        """Return what the case needs and the function, or the launch of the kernel, does not take."""
        if self.by_case:
            return self.function.missing(case)  # type: ignore[attr-defined]
        return bound(self.parameters, case, case.arguments)[2] - self.fixed

    def __call__(
        self,
        case: Case,
        guard: int = 0,
        poison: int = 0,
        reuse: dict[str, Guarded] | None = None,
        schedule: int = 0,
    ) -> Attempt:
        """Run the function; `reuse` puts the arguments into memory that an earlier call used."""
        guarded = reuse or {
            name: Guarded(value, case.recipe.layout if value.ndim else "C", guard, self.xp)
            for name, value in case.arguments.items()
            if isinstance(value, np.ndarray)
        }
        if reuse:
            for name, place in guarded.items():
                place.put(case.arguments[name])
        placed = {name: guarded[name].view if name in guarded else v for name, v in case.arguments.items()}
        places = None
        try:
            with poisoned_memory(poison, self.xp), np.errstate(all="ignore"):
                if self.by_case:
                    answers = self.by_case(case, placed, schedule)
                    places, outputs = list(answers), list(answers.values())
                else:
                    args, kwargs, _ = bound(self.parameters, case, placed)
                    outputs = outputs_of(self.function(*args, **kwargs))
        except (LaunchError, CompilationError):
            raise  # no verdict: the kernel was not run
        except Exception as error:  # whatever a user's function raises is a finding
            if hasattr(error, "mismatches"):
                return Attempt([], error.mismatches, [], guarded)
            text = (str(error).strip().splitlines() or [""])[0]
            return Attempt([], [Mismatch("raises", f"{type(error).__name__}: {text}")], [], guarded)
        if places is None and self._lacks_a_flag(case):
            places = list(range(len(outputs))) if len(outputs) <= len(case.shaped) else None
        faults = _damage(guarded) + _shared(case, outputs, guarded)
        unordered = getattr(self.function, "unordered", "") if self.by_case else ""
        return Attempt([np.array(output) for output in outputs], faults, outputs, guarded, places, unordered)

    def _lacks_a_flag(self, case: Case) -> bool:
        if self.parameters is None:
            return False
        return any(name in case.arguments and name not in self.parameters for name in FLAGS)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Return the parameters of a function; None where any keyword goes, or where they cannot be known."""
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters.values()):
        return None
    return parameters


def bound(
    parameters: dict[str, inspect.Parameter] | None, case: Case, arguments: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], set[str]]:
    """Return positional and keyword arguments for a function, and what of the case it does not take.

    A function that takes as many positional arguments as the door needs gets them in its order, the rest by keyword
    where it is not the default. One that takes fewer, and names them as the door does, gets them by name; what it does
    not name has to be what it means without: no array, the last axis, one axis of normalization.
    """
    args, kwargs = split(case.operation, arguments)
    if parameters is None:
        return args, kwargs, set()
    positional = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    door = list(case.operation.signature.parameters)
    if len(args) > len(positional) and set(positional[1:]) <= set(door):
        first = next(iter(arguments))
        given = {name: arguments[name] for name in list(parameters)[1:] if name in arguments}
        left = {name for name in arguments if name != first and name not in given}
        missing = {name for name in left if name not in FLAGS and not goes_without(case, name, arguments[name])}
        return (arguments[first],), given, missing
    for name, other in ALIASES.items():
        if name in arguments and name not in parameters and other in parameters:
            kwargs = {**{key: value for key, value in kwargs.items() if key != name}, other: arguments[name]}
    for name in positional[len(args) :]:
        # A parameter that must be given, under a name of the function's own: the next one that the door has.
        unnamed = [key for key in kwargs if key not in parameters]
        if parameters[name].default is inspect.Parameter.empty and name not in {*arguments, *kwargs, *door} and unnamed:
            kwargs = {**{key: value for key, value in kwargs.items() if key != unnamed[0]}, name: kwargs[unnamed[0]]}
    missing = {
        name
        for name in kwargs
        if name not in parameters and name not in FLAGS and not goes_without(case, name, arguments[name])
    }
    kwargs = {name: value for name, value in kwargs.items() if name in parameters}
    for name in positional[len(args) :]:
        # A parameter that the door has a default for and the function has not.
        if parameters[name].default is inspect.Parameter.empty and name in arguments:
            kwargs.setdefault(name, arguments[name])
    return args, kwargs, missing


def _shared(case: Case, outputs: list[Any], guarded: dict[str, Guarded]) -> list[Mismatch]:
    """Return the outputs that lie in the memory of an input."""
    found = []
    for k, output in enumerate(outputs):
        if any(isinstance(g.buffer, np.ndarray) and np.may_share_memory(output, g.buffer) for g in guarded.values()):
            name = case.operation.output_name(k)
            found.append(Mismatch("returns its input", f"{name} shares memory with an input", name))
    return found


def _damage(guarded: dict[str, Guarded]) -> list[Mismatch]:
    faults = []
    for name, place in guarded.items():
        damage = place.damage()
        if damage == "guard":
            faults.append(Mismatch("writes outside", f"memory around {name} was written", name))
        elif damage == "input":
            faults.append(Mismatch("changes its input", f"{name} was written", name))
    return faults

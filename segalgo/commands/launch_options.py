"""Options and words of a kernel's launch, which `verify` and `profile` share."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from segalgo.commands.completion import complete_operations

# Files with a kernel or the description of one.
KERNEL_FILES = (".cu", ".cuh", ".toml")


def launch_options(command: Callable) -> Callable:
    """Add the options that say what a kernel computes and how it is launched."""
    options = (
        click.option(
            "--op",
            "operation",
            shell_complete=complete_operations,
            help="The operation that it computes, as the library names it.",
        ),
        click.option("--entry", help="CUDA source: the kernel, `name<T>` for a template on the element type."),
        click.option("--args", "arguments", help='CUDA source: its arguments, e.g. "x, out, N*C, H, W".'),
        click.option("--grid", help='CUDA source: one to three sizes, e.g. "ceil_div(n, 256)".'),
        click.option(
            "--block",
            default="256",
            show_default=True,
            help="CUDA source: threads of a block, one to three sizes.",
        ),
        click.option("--shared", default="0", show_default=True, help="CUDA source: bytes of dynamic shared memory."),
        click.option("--zeroed", multiple=True, help="CUDA source: an output that is zero when the kernel starts."),
        click.option(
            "-I", "--include", multiple=True, help="CUDA source: a folder of headers, beside that of the file."
        ),
        click.option("-D", "--define", "defines", multiple=True, help="CUDA source: a macro, NAME=VALUE."),
        click.option("--fast-math", is_flag=True, help="CUDA source: as -use_fast_math compiles it."),
        click.option(
            "--fix", multiple=True, metavar="NAME=VALUE", help="A parameter that is built in, e.g. mode=bilinear."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def fixed_parameters(words: tuple[str, ...]) -> dict[str, Any]:
    """Return parameters by name: numbers, tuples, true, false and none as such, other words as text."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"--fix {word}: expected NAME=VALUE")
        plain = {"true": True, "false": False, "none": None}
        try:
            found[name.strip()] = plain[text.lower()] if text.lower() in plain else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name.strip()] = text
    return found


def compiled_with(given: dict[str, Any]) -> dict[str, Any]:
    """Return the folders of headers and the macros that a kernel is compiled with."""
    fast = ("SIMULATED_FAST_MATH=1",) if given["fast_math"] else ()
    return {"include": given["include"], "defines": (*given["defines"], *fast)}


def kernel_words(target: str, given: dict[str, Any], needs_operation: bool = True) -> dict[str, Any]:
    """Return the arguments of `check_kernel` and `profile` that say which kernel, and how it is launched."""
    if not Path(target).is_file():
        raise ValueError(f"{target}: no such file")
    if target.endswith(".toml"):
        from segalgo.verify.kernels.steps import from_toml

        described = from_toml(target)
        for name, more in compiled_with(given).items():
            described[name] = (*described[name], *more)
        return {**described, "fix": {**described["fix"], **given["fix"]}}
    if needs_operation and not given["operation"]:
        raise ValueError("--op missing: expected the operation that it computes")
    words = (("entry", "entry"), ("args", "arguments"), ("grid", "grid"))
    missing = [f"--{name}" for name, key in words if not given[key]]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing: expected for CUDA source")
    return {
        "path": target,
        "operation": given["operation"] or "",
        **{name: given[key] for name, key in words},
        **{name: given[name] for name in ("block", "shared", "zeroed", "fix")},
        **compiled_with(given),
    }

"""The command ``segalgo verify``."""

import ast
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from segalgo._core.writing import replacing
from segalgo.commands.completion import complete_operations
from segalgo.commands.group import print_line
from segalgo.commands.options import FiniteFloat
from segalgo.commands.refusal import Refusal, refuse_overwriting

# Files with a kernel or the description of one; others hold Python functions.
FILES = (".cu", ".cuh", ".toml")

EXAMPLES = """
\b
Examples:
  segalgo verify kernels.py:my_pool --op max_pool2d
  segalgo verify kernels.py:my_resize --op interpolate --fix mode=bilinear --fix align_corners=true
  segalgo verify softmax.toml
  segalgo verify relu.cu --op relu --entry my_relu --args "x, out, n" --grid "ceil_div(n, 256)"
  segalgo verify unpool.cu --op max_unpool2d --entry "unpool<T>" --zeroed out \\
      --args "x, indices, out, N*C, H*W, OH*OW" --grid "ceil_div(n, 128)" --block 128
"""


@click.command("verify", epilog=EXAMPLES)
@click.argument("target", metavar="FILE.cu | FILE.toml | FILE.py:FUNCTION")
@click.option(
    "--op",
    "operation",
    shell_complete=complete_operations,
    help="The operation that it computes, as the library names it.",
)
@click.option("--entry", help="CUDA source: the kernel, `name<T>` for a template on the element type.")
@click.option("--args", "arguments", help='CUDA source: its arguments, e.g. "x, out, N*C, H, W".')
@click.option("--grid", help='CUDA source: one to three sizes, e.g. "ceil_div(n, 256)".')
@click.option("--block", default="256", show_default=True, help="CUDA source: threads of a block, one to three sizes.")
@click.option("--shared", default="0", show_default=True, help="CUDA source: bytes of dynamic shared memory.")
@click.option("--zeroed", multiple=True, help="CUDA source: an output that is zero when the kernel starts.")
@click.option("-I", "--include", multiple=True, help="CUDA source: a folder of headers, beside that of the file.")
@click.option("-D", "--define", "defines", multiple=True, help="CUDA source: a macro, NAME=VALUE.")
@click.option("--fast-math", is_flag=True, help="CUDA source: as -use_fast_math compiles it.")
@click.option("--fix", multiple=True, metavar="NAME=VALUE", help="A parameter that is built in, e.g. mode=bilinear.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where it runs.")
@click.option("--dtype", "dtypes", multiple=True, help="Only this dtype; may be given several times.")
@click.option(
    "--ndim", "ndims", type=int, multiple=True, help="Only arrays of so many axes; may be given several times."
)
@click.option("--contiguous", is_flag=True, help="Python: hand over C-contiguous arrays only.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The number that makes the cases.")
@click.option("--cases", type=click.IntRange(1), help="How many cases; 250 for functions, 80 for kernels.")
@click.option("--case-seconds", type=FiniteFloat(0), default=30.0, show_default=True, help="Limit of one case.")
@click.option("--seconds", type=FiniteFloat(0), default=300.0, show_default=True, help="Limit of all cases.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the report as a page.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the report as JUnit's XML.")
@click.option("--annotations", is_flag=True, help="Print the findings as GitHub Actions shows them beside the source.")
@click.pass_context
def verify_command(
    context: click.Context,
    target: str,
    html: Path | None,
    json_path: Path | None,
    junit: Path | None,
    annotations: bool,
    **given: Any,
) -> None:
    """Judge a kernel against the reference of an operation.

    Exit code 0: it passes. 1: something is wrong with it, and the report says what. 2: it could not be verified.
    """
    from segalgo.verify import VerificationError

    source = Path(target if target.endswith(FILES) else target.rpartition(":")[0])
    refuse_overwriting([path for path in (html, json_path, junit) if path is not None], [source])
    try:
        report = _report(target, given)
    except (ValueError, VerificationError) as error:
        *lines, last = str(error).splitlines() or [""]
        for line in lines:  # what a compiler says takes several
            print_line(line)
        raise Refusal(last) from None
    report = replace(
        report, command=shlex.join(["segalgo", "verify", *sys.argv[2:]]) if "verify" in sys.argv[1:2] else ""
    )
    click.echo(str(report))
    if annotations:
        click.echo("\n".join(report.annotations(str(source))))
    try:
        if html is not None:
            report.to_html(html)
        if json_path is not None:
            with replacing(json_path) as beside:
                beside.write_text(report.to_json(), encoding="utf-8")
        if junit is not None:
            report.to_junit(junit)
    except OSError as error:
        raise Refusal(f"{error.filename}: cannot be written ({error.strerror})") from None
    context.exit(report.exit_code)


def _report(target: str, given: dict[str, Any]) -> Any:
    given["fix"] = _fixed(given["fix"])
    if target.endswith(".toml"):
        return _described_report(target, given)
    if not given["operation"]:
        raise ValueError("--op missing: expected the operation that it computes")
    return _kernel_report(target, given) if target.endswith(FILES) else _function_report(target, given)


def _fixed(words: tuple[str, ...]) -> dict[str, Any]:
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


def _common(given: dict[str, Any]) -> dict[str, Any]:
    chosen = {name: given[name] for name in ("seed", "device", "case_seconds", "seconds")}
    if given["cases"] is not None:
        chosen["cases"] = given["cases"]
    return {
        **chosen,
        "fix": given["fix"],
        "dtypes": list(given["dtypes"]) or None,
        "ndims": list(given["ndims"]) or None,
    }


def _kernel_report(target: str, given: dict[str, Any]) -> Any:
    from segalgo.verify import check_kernel

    missing = [
        f"--{name}" for name, key in (("entry", "entry"), ("args", "arguments"), ("grid", "grid")) if not given[key]
    ]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing: expected for CUDA source")
    if not Path(target).is_file():
        raise ValueError(f"{target}: no such file")
    launch = (given["entry"], given["arguments"], given["grid"], given["block"], given["shared"])
    return check_kernel(
        target, given["operation"], *launch, zeroed=given["zeroed"], **_compiled_with(given), **_common(given)
    )


def _compiled_with(given: dict[str, Any]) -> dict[str, Any]:
    fast = ("SIMULATED_FAST_MATH=1",) if given["fast_math"] else ()
    return {"include": given["include"], "defines": (*given["defines"], *fast)}


def _described_report(target: str, given: dict[str, Any]) -> Any:
    """Verify what a TOML file describes: operation, source, launches."""
    from segalgo.verify import check_kernel
    from segalgo.verify.kernels.steps import from_toml

    if not Path(target).is_file():
        raise ValueError(f"{target}: no such file")
    described = from_toml(target)
    common = _common(given)
    more = _compiled_with(given)
    for name in ("include", "defines"):
        described[name] = (*described[name], *more[name])
    common["fix"] = {**described.pop("fix"), **common["fix"]}
    return check_kernel(**described, **common)


def _function_report(target: str, given: dict[str, Any]) -> Any:
    from segalgo.verify import check_file

    path, colon, function = target.rpartition(":")
    if not colon or not function.isidentifier():
        raise ValueError(f"{target}: expected FILE.py:FUNCTION, or a .cu file")
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    layouts = {"layouts": ("C",)} if given["contiguous"] else {}
    return check_file(path, function, given["operation"], **layouts, **_common(given))

"""The command ``segalgo verify``."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from segalgo._core.writing import replacing
from segalgo.commands.launch_options import KERNEL_FILES, fixed_parameters, kernel_words, launch_options
from segalgo.commands.options import FiniteFloat
from segalgo.commands.profile import profiled, saying_why, show
from segalgo.commands.refusal import Refusal, refuse_overwriting

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
@launch_options
@click.option("--max-elements", type=click.IntRange(1), help="CUDA source: more elements are never handed over.")
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
@click.option("--profile", "with_profile", is_flag=True, help="CUDA source: profile it, too, if it passes.")
@click.option("--annotations", is_flag=True, help="Print the findings as GitHub Actions shows them beside the source.")
@click.pass_context
def verify_command(
    context: click.Context,
    target: str,
    html: Path | None,
    json_path: Path | None,
    junit: Path | None,
    annotations: bool,
    with_profile: bool,
    **given: Any,
) -> None:
    """Judge a kernel against the reference of an operation.

    Exit code 0: it passes. 1: something is wrong with it, and the report says what. 2: it could not be verified.
    """
    source = Path(target if target.endswith(KERNEL_FILES) else target.rpartition(":")[0])
    refuse_overwriting([path for path in (html, json_path, junit) if path is not None], [source])
    with saying_why():
        if with_profile and not target.endswith(KERNEL_FILES):
            raise ValueError(f"--profile: {target} is no CUDA source, expected a .cu or .toml file")
        report = _report(target, given)
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
    if with_profile and report.passed:
        with saying_why():
            show(profiled(kernel_words(target, given), given, report=report), None, None)
    context.exit(report.exit_code)


def _report(target: str, given: dict[str, Any]) -> Any:
    given["fix"] = fixed_parameters(given["fix"])
    if target.endswith(KERNEL_FILES):
        return _kernel_report(target, given)
    if not given["operation"]:
        raise ValueError("--op missing: expected the operation that it computes")
    return _function_report(target, given)


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

    words = kernel_words(target, given)
    words["most_elements"] = given["max_elements"] or words.get("most_elements")
    return check_kernel(**{**_common(given), **words})


def _function_report(target: str, given: dict[str, Any]) -> Any:
    from segalgo.verify import check_file

    path, colon, function = target.rpartition(":")
    if not colon or not function.isidentifier():
        raise ValueError(f"{target}: expected FILE.py:FUNCTION, or a .cu file")
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    layouts = {"layouts": ("C",)} if given["contiguous"] else {}
    return check_file(path, function, given["operation"], **layouts, **_common(given))

"""The command ``segalgo profile``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from segalgo._core.writing import replacing
from segalgo.commands.group import print_line
from segalgo.commands.launch_options import KERNEL_FILES, fixed_parameters, kernel_words, launch_options
from segalgo.commands.options import FiniteFloat
from segalgo.commands.refusal import Refusal, refuse_overwriting

EXAMPLES = """
\b
Examples:
  segalgo profile relu.cu --op relu --entry my_relu --args "x, out, n" --grid "ceil_div(n, 256)"
  segalgo profile softmax.toml --shape 512,1000 --html softmax.html
  segalgo profile transpose.cu --entry transpose --array "x=float32[w*h]" --array "y=float32[w*h]" \\
      --size w=1024 --size h=1024 --args "x, y, w, h" --grid "w/32, h/32" --block "32, 8"
"""


@click.command("profile", epilog=EXAMPLES)
@click.argument("target", metavar="FILE.cu | FILE.toml")
@launch_options
@click.option("--array", "arrays", multiple=True, metavar="NAME=DTYPE[SIZE]", help="Without --op: an array.")
@click.option("--size", "sizes", multiple=True, metavar="NAME=NUMBER", help="Without --op: a number.")
@click.option("--shape", help="Of the operation's first array, e.g. 1,16,128,128.")
@click.option("--dtype", help="Of that array.")
@click.option(
    "--card",
    type=click.Choice(["T4", "A100", "H100"], case_sensitive=False),
    default="A100",
    show_default=True,
    help="The card that the advice is for.",
)
@click.option("--anyway", is_flag=True, help="Profile a kernel that fails verification, too.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The number that makes the arrays.")
@click.option("--seconds", type=FiniteFloat(0), default=300.0, show_default=True, help="Limit of the launch.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with the source annotated line by line.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the profile as JSON.")
@click.option("--steps", "record", type=click.Path(path_type=Path), help="Write a small launch access by access.")
def profile_command(target: str, html: Path | None, json_path: Path | None, record: Path | None, **given: Any) -> None:
    """Count what a CUDA kernel moves and where it waits, without a GPU.

    Exit code 0: it was profiled. 2: it could not be; the message says why.
    """
    written = [path for path in (html, json_path, record) if path is not None]
    refuse_overwriting(written, [Path(target)])
    with saying_why():
        given["fix"] = fixed_parameters(given["fix"])
        if not target.endswith(KERNEL_FILES):
            raise ValueError(f"{target}: expected a .cu or .toml file")
        words = kernel_words(target, given, needs_operation=False)
        words.pop("most_elements", None)  # a limit of verification alone
        profile = profiled(words, given, record=record)
    show(profile, html, json_path)


def profiled(words: dict[str, Any], given: dict[str, Any], **more: Any) -> Any:
    """Return the profile of a kernel with the options of this command."""
    from segalgo.verify import profile

    return profile(
        **words,
        arrays=_pairs(given.get("arrays", ()), "array", "DTYPE[SIZE]"),
        sizes={name: _number(name, text) for name, text in _pairs(given.get("sizes", ()), "size", "NUMBER").items()},
        shape=_shape(given.get("shape")),
        dtype=given.get("dtype"),
        card=given.get("card", "A100"),
        anyway=given.get("anyway", False),
        seed=given["seed"],
        seconds=given["seconds"],
        **more,
    )


def show(profile: Any, html: Path | None, json_path: Path | None) -> None:
    """Print a profile, and write its page and its JSON."""
    click.echo(str(profile))
    try:
        if html is not None:
            profile.to_html(html)
        if json_path is not None:
            with replacing(json_path) as beside:
                beside.write_text(profile.to_json(), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{error.filename}: cannot be written ({error.strerror})") from None


@contextmanager
def saying_why() -> Iterator[None]:
    """Turn what cannot be verified or profiled into a refusal: what a compiler says first, then one line."""
    from segalgo.verify import VerificationError

    try:
        yield
    except OSError as error:
        raise Refusal(f"{error.filename}: cannot be written ({error.strerror})") from None
    except (ValueError, VerificationError) as error:
        *lines, last = str(error).splitlines() or [""]
        for line in lines:
            print_line(line)
        raise Refusal(last) from None


def _pairs(words: tuple[str, ...], what: str, form: str) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip().isidentifier() or not text.strip():
            raise ValueError(f"--{what} {word}: expected NAME={form}")
        found[name.strip()] = text.strip()
    return found


def _number(name: str, text: str) -> float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ValueError(f"--size {name}={text}: expected a number")


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        shape = tuple(int(word) for word in text.replace("x", ",").strip("(), ").split(","))
    except ValueError:
        raise ValueError(f"--shape {text}: expected sizes with commas between, e.g. 1,16,128,128") from None
    if min(shape) < 1:
        raise ValueError(f"--shape {text}: expected sizes of at least 1")
    return shape

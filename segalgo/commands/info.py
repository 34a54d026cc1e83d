"""The command ``segalgo info``."""

import platform

import click

from segalgo._version import __version__


@click.command("info")
def info_command() -> None:
    """Show version, backends, instruction set, threads and GPU."""
    from segalgo import _ext, backends

    click.echo(f"segalgo {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    table = backends()
    for name, status in table.items():
        click.echo(f"  {name:10s} {status}")
    levels = _ext.available()
    if levels:
        from segalgo._ext.shared import _cpu

        click.echo(f"  instruction set {_ext.instruction_set()} (this machine runs {', '.join(levels)})")
        click.echo(f"  threads {_cpu.max_threads()}{'' if _cpu.has_openmp() else ' (built without OpenMP)'}")
    click.echo(f"  GPU {table['cuda'].detail if table['cuda'].available else 'none in use'}")

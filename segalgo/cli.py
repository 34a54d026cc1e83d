"""The command line: gathers the commands of `segalgo.commands`, one file each."""

import click

from segalgo._version import __version__
from segalgo.commands.completion import completion_command
from segalgo.commands.convert import convert_command
from segalgo.commands.doctor import doctor_command
from segalgo.commands.evaluate import evaluate_command
from segalgo.commands.group import CommandGroup
from segalgo.commands.info import info_command
from segalgo.commands.models import models_command
from segalgo.commands.profile import profile_command
from segalgo.commands.segment import segment_command
from segalgo.commands.verify import verify_command


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="segalgo")
def main() -> None:
    """Classical and deep image segmentation."""


for command in (
    segment_command,
    convert_command,
    evaluate_command,
    verify_command,
    profile_command,
    models_command,
    info_command,
    doctor_command,
    completion_command,
):
    main.add_command(command)

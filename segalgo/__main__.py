"""``python -m segalgo`` is the command ``segalgo``."""

from segalgo.cli import main

main(prog_name="segalgo")

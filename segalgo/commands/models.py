"""The command ``segalgo models``: the networks that are installed."""

import json
from typing import Any

import click

from segalgo.commands.refusal import refusing


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def models_command(as_json: bool) -> None:
    """List the networks that come with segalgo.

    For each: its size, its classes, what it scored on pictures that training did not see, and its licence. `segment
    --model NAME` runs one.
    """
    with refusing():
        rows = listed_models()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        click.echo(f"{name}  ({row['architecture']}, {row['bytes'] / 1e6:.1f} MB)")
        for word in ("classes", "scores", "licence"):
            if row[word]:
                click.echo(f"  {word:8s} {_line(row[word])}")
    if not rows:
        click.echo("no networks are installed")


def listed_models() -> dict[str, dict[str, Any]]:
    """Return what is known of each installed network, by name."""
    from segalgo import models
    from segalgo.models.files.pretrained import FOLDER

    return {
        name: {
            "architecture": record["architecture"],
            "bytes": (FOLDER / f"{name}.safetensors").stat().st_size,
            "classes": [entry["name"] for entry in record.get("classes", [])],
            "scores": record.get("scores", {}),
            "licence": record.get("licence", ""),
        }
        for name, record in models.available().items()
    }


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items() if not isinstance(entry, dict))
    return ", ".join(value) if isinstance(value, list) else str(value)

"""From the parameter names of another implementation to ours; each network's file holds its tables."""

from collections.abc import Mapping
from typing import Any

from segalgo.models.networks import architectures


def translate(weights: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return weights under our names, and what is known of the implementation; ours pass as they are."""
    for network in architectures().values():
        for other in network.other_names:
            if other.fits(weights):
                return other.translate(weights), other.known
    return dict(weights), {}

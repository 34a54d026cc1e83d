"""A profile: text, JSON, and a page with the source annotated."""

from pathlib import Path

from segalgo._core.writing import replacing
from segalgo.verify.profiling import page, text
from segalgo.verify.profiling.advice import advice_of
from segalgo.verify.profiling.measured import Measured


class Profile(Measured):
    """What a kernel moves, where it waits, and what it would take at least; ``print`` it.

    `launches` hold the counts, `advice` what to mend; `efficiency`, `over_floor`, `most_passes` and `spill_bytes` are
    the figures that a bar can be set on.
    """

    @property
    def advice(self) -> list[str]:
        """What to mend, what costs most first; empty where nothing stands out."""
        return advice_of(self)

    def __str__(self) -> str:
        return text.text_of(self)

    def to_json(self) -> str:
        """Return everything as JSON, version 1: see ``docs/profile.md``."""
        return text.json_of(self)

    def to_html(self, path: str | Path) -> None:
        """Write a page with the source annotated line by line."""
        with replacing(Path(path)) as beside:
            beside.write_text(page.page_of(self), encoding="utf-8")

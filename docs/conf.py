"""Sphinx settings; build with ``make docs``."""

from pathlib import Path

import segalgo

project = "segalgo"
author = copyright = "The segalgo developers"
release = segalgo.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"]
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "alabaster"
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]

# One page a public function, listed from the package itself.
names = "\n".join(f"   {name}" for name in segalgo.__all__ if not name.startswith("_"))
(Path(__file__).parent / "functions.rst").write_text(
    f"Functions\n=========\n\n.. currentmodule:: segalgo\n\n.. autosummary::\n   :toctree: generated\n\n{names}\n"
)

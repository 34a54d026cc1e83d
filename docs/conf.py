"""Sphinx settings; build with ``make docs``."""

import sys
from pathlib import Path

import segalgo

sys.path.insert(0, str(Path(__file__).parent))

from operation_pages import write_pages

project = "segalgo"
author = copyright = "The segalgo developers"
release = version = segalgo.__version__
extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser", "sphinx_design", "sphinx_copybutton"]
numpydoc_show_class_members = False
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_theme = "pydata_sphinx_theme"
html_title = "segalgo"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_static_path = ["_static"]
exclude_patterns = ["_build"]

write_pages()

# The lexer of Cython does not know the operator `@`, and colors such a listing in its relaxed mode.
suppress_warnings = ["misc.highlighting_failure"]

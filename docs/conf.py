"""Sphinx: the reference pages are written anew from the code on each build, so that they cannot disagree with it."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - found beside this file

from noria import __version__  # noqa: E402

project = "noria"
author = "The noria authors"
copyright = "The noria authors, Apache-2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist", "colon_fence", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "README.md"]
html_theme = "furo"
html_title = f"noria {release}"
html_static_path = ["_static"]
html_css_files = ["wide-tables.css"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
nitpicky = False

generate.write_all(HERE / "reference" / "generated")

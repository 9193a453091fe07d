"""Builds the pages as a site: `make check` does, and fails on a link or an anchor that leads nowhere.

The source folder is the repository's root, so that a link is the same on the site and in the repository.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "docs")

project = "Customer 360"
root_doc = "docs/index"
extensions = ["myst_parser", "sphinxcontrib.mermaid"]
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**.md"]
# Sphinx would walk through the environments and everything that was built.
exclude_patterns = [entry.name for entry in ROOT.iterdir() if entry.name not in PAGES]

# GitHub makes an anchor of every heading, and so does the site.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

html_theme = "furo"
html_title = "Customer 360 on AWS"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False

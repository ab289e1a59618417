"""How the documentation is built: `make docs`. Nothing is fetched from the network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import write_references  # noqa: E402

import unspool  # noqa: E402

project = "Unspool"
author = "The Unspool authors"
copyright = "The Unspool authors, Apache-2.0"
version = release = unspool.__version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated"]
nitpicky = True

html_theme = "furo"
html_title = f"Unspool {release}"

write_references(HERE / "_generated", HERE.parent / "tests" / "cli" / "help")

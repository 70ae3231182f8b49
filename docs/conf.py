"""How Sphinx makes the book: `bash scripts/book` builds it from this folder into build/book.

Pages stand here as Markdown; `pages.py` writes the chapters of modules and the pages of the API.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from numpy.typing import DTypeLike, NDArray
from sphinx.util.typing import stringify_annotation

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(HERE / "exercise")]

import exercise_pages  # noqa: E402
import pages  # noqa: E402

from tito.run.environment import THREADS  # noqa: E402

REPOSITORY = "https://github.com/mlsysbook/TinyTorch"
ALIASES = {
    stringify_annotation(NDArray[Any], "smart"): "Array",
    stringify_annotation(DTypeLike, "smart").removesuffix(" | None"): "DTypeLike",
}
OUTWARD = re.compile(r"\]\(\.\./(?=[A-Za-z])")  # a link from a page to a file outside of docs/

project = "TinyTorch"
author = "the authors of TinyTorch, under the MIT licence"
extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["node_modules", "**/.ipynb_checkpoints"]

html_theme = "sphinx_book_theme"
html_title = "TinyTorch"
html_static_path = ["_static", "../build/assets", "node_modules/mathjax/es5/tex-svg.js"]
html_css_files = ["book.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False  # search finds more
html_domain_indices = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "repository_url": REPOSITORY,
    "use_repository_button": True,
    "use_download_button": False,
    "home_page_in_toc": True,
    "navbar_start": [],  # else a header bar repeats the search box
    "navbar_persistent": [],
}

# Nothing from elsewhere when a page is looked at.
mathjax_path = "tex-svg.js"
mermaid_use_local = "mermaid.mjs"
mermaid_dark_theme = "default"  # the theme turns colours round itself
mermaid_height = "260px"
mermaid_fullscreen = False

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "executed")
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_execution_timeout = 120

default_role = "code"  # a docstring's `name`, as in Markdown
napoleon_custom_sections = ["Source"]
napoleon_use_rtype = False  # "the parts in order: ..." is no type
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
nitpick_ignore_regex = [  # other projects, whose pages are not asked, sentences, types
    ("py:class", r"(numpy|collections|pathlib|re)\..*|Callable\[\[|.* .*"),
    ("py:class", r"Array|DTypeLike|tinytorch\..*\.(AnyLayer|Function|Made|Seen)"),
]


def read_source(app: Any, name: str, text: list[str]) -> None:
    """A link that leads out of docs/ on GitHub leads to GitHub from the book."""
    if "/" not in name:
        text[0] = OUTWARD.sub(f"]({REPOSITORY}/blob/main/", text[0])


def short_types(app: Any, *what: Any) -> tuple[str, str] | None:
    """The modules' own words in a signature, in place of what they stand for."""
    *_, arguments, returns = what
    if arguments is None:
        return None
    texts = [arguments, returns or ""]
    for long, short in ALIASES.items():
        texts = [text.replace(long, short) for text in texts]
    return texts[0], texts[1]


def setup(app: Any) -> None:
    # A kernel finds the checks that stand beside each module.
    folders = [str(folder) for folder in sorted((ROOT / "modules").iterdir())]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    # Threads of linear algebra wait for each other on a busy machine: minutes in place of seconds.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    app.connect("builder-inited", lambda app: pages.write(HERE, REPOSITORY))
    assets = ROOT / "build" / "assets"
    app.connect("builder-inited", lambda app: exercise_pages.write(HERE, assets))
    app.connect("source-read", read_source)
    app.connect("autodoc-process-signature", short_types)

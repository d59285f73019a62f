"""How the documentation is built, by `python -m sphinx -W docs docs/_build/html`.

Nothing is fetched while it is built, unless READTHEDOCS or SKDEEPBIN_INTERSPHINX is
set: then the names of other libraries become links to their documentation.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from skdeepbin import __version__

project = "skdeepbin"
author = "The skdeepbin developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "findings",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
root_doc = "index"
default_role = "code"
highlight_options = {"python": {"stripnl": True}}
nitpicky = True  # every name of ours that is mentioned exists
nitpick_ignore_regex = [(r"py:.*", r"(?!skdeepbin\b)\w+\..*")]
suppress_warnings = ["config.cache"]  # the functions of sphinx_gallery_conf

# What is public is what a package says it is.
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

myst_enable_extensions = ["colon_fence", "dollarmath", "tasklist"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

intersphinx_mapping = {}
if os.environ.get("READTHEDOCS") or os.environ.get("SKDEEPBIN_INTERSPHINX"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1,
    "backreferences_dir": "auto_examples/backreferences",
    "doc_module": ("skdeepbin",),
    "reference_url": {"skdeepbin": None},
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skdeepbin {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "logo": {"text": "skdeepbin"},
}
html_sidebars = {
    "index": [],
    "changes": [],
    "benchmarks": [],
    "reliability": [],
    "gradients": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def only_galleries(app):
    """Take no folder of examples for a gallery because it has a README.md."""
    app.config.sphinx_gallery_conf["source_suffix"] = {".rst": "restructuredtext"}


def setup(app):
    """Before the examples are run, which is at priority 500."""
    app.connect("builder-inited", only_galleries, priority=100)

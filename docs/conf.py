"""Configuration of the documentation: `make docs`."""

from importlib.metadata import version as installed

project = "wordgate"
author = "The wordgate authors"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx names it so)
version = release = installed("wordgate")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "generate.py", "tutorial/models*"]
html_theme = "furo"
html_title = f"wordgate {version}"
html_static_path = ["_static"]
html_js_files = ["accessible.js"]

# The notebooks are executed by `make tutorial`, and shown as they were then.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {
    "members": True,
    "exclude-members": "set_fit_request,set_score_request",  # scikit-learn's, by metaclass
}
default_role = "code"  # docstrings write `name`, as Markdown does

# What can't be fetched while the documentation is built can't be checked.
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost).*"]

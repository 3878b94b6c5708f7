"""The site that `make docs` builds: Markdown pages, notebooks that are run, and the docstrings."""

import sys
from pathlib import Path

import dirimix

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "dirimix"
author = "The dirimix developers"
copyright = f"2026, {author}"  # noqa: A001
version = release = dirimix.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["_build", "_ext"]

# equations as MathML, which browsers draw by themselves: the site needs no network
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "dirimix"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_search_summary = (
    False  # a browser reads no other page for a page that is opened as a file
)

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_in_temp = True  # some write files
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"  # warnings there name the folders of the machine that builds

autodoc_typehints = "none"  # the docstrings say shapes and units, which the types do not
autodoc_member_order = "bysource"
# scikit-learn's metadata routing, which no estimator here takes part in
autodoc_default_options = {
    "exclude-members": "get_metadata_routing, set_fit_request, set_predict_request, "
    "set_score_request, set_transform_request"
}
napoleon_google_docstring = True
napoleon_use_rtype = False

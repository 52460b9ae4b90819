"""Notebook files to the model and back: reading, tags, IPython's syntax, writing."""

from kernelpipe.notebook.reading import parse_notebook, read_notebook
from kernelpipe.notebook.rules import RULES, Rule
from kernelpipe.notebook.settings_tags import Merged, merge_settings
from kernelpipe.notebook.transform import PythonError, PythonText, transform
from kernelpipe.notebook.writing import assemble, replace_file, write_notebook

__all__ = [
    "RULES",
    "Merged",
    "PythonError",
    "PythonText",
    "Rule",
    "assemble",
    "merge_settings",
    "parse_notebook",
    "read_notebook",
    "replace_file",
    "transform",
    "write_notebook",
]

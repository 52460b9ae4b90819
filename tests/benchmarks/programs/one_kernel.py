"""Run a notebook in one kernel with nbclient: NOTEBOOK."""

import sys

import nbformat
from nbclient import NotebookClient

NotebookClient(nbformat.read(sys.argv[1], as_version=4)).execute()

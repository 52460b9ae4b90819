"""Run a notebook with papermill several times in one process: COUNT NOTEBOOK OUT PARAMETER.

With a PARAMETER, it is 0, 0.1, 0.2, ... in turn.
"""

import sys

import papermill

count, notebook, out, parameter = int(sys.argv[1]), *sys.argv[2:5]
for number in range(count):
    papermill.execute_notebook(
        notebook,
        out.replace("#", str(number)),
        {parameter: number / 10} if parameter else {},
        progress_bar=False,
    )

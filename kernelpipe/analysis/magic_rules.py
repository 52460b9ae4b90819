"""The findings about magics and what they install: what each means and why."""

from kernelpipe.model.diagnostic import Severity
from kernelpipe.notebook.rules import Rule

OF_ANOTHER_STEP = Rule(
    code="KP226",
    name="magic-of-another-session",
    severity=Severity.ERROR,
    why="IPython keeps some things for its own session: the directories that '%cd' visited, magics "
    "that a cell registers, the connection of '%sql'. Each step is a session of its own, so a step "
    "cannot use what another step's session keeps; what setup does, every step's session has.",
    bad="# %% step:a\n%cd -q .\n# %% step:b\n%cd -\n",
    good="# %% step:a\n%cd -q .\n# %% step:b\n%cd -q ..\n",
)
NOT_REPEATED = Rule(
    code="KP227",
    name="magic-not-repeated",
    severity=Severity.ERROR,
    why="Magics that set the session up, such as '%load_ext' and '%config', are repeated at the "
    "start of later steps. One that stands in a branch, a loop or a function, or whose text comes "
    "from a variable, cannot be repeated: what it would say there is not known.",
    bad="# %% step:a\nif 1 + 1 == 2:\n    %precision 3\n# %% step:b\n0.12345\n",
    good="# %% imports\nif 1 + 1 == 2:\n    %precision 3\n# %% step:a\n1\n# %% step:b\n0.12345\n",
)
INSTALL_PROBLEM = Rule(
    code="KP228",
    name="install-in-notebook",
    severity=Severity.ERROR,
    why="What a notebook installs becomes requirements of the pipeline: they are met once, before "
    "anything starts. That cannot be done for a line that takes packages away, installs to another "
    "place, or does not say in its own words what it installs.",
    bad="# %% step:a\n!pip uninstall -y no-such-package\nx = 1\n",
    good="# %% step:a\nx = 1\n",
)
INSTALLS_BY_CODE = Rule(
    code="KP229",
    name="install-by-code",
    severity=Severity.WARNING,
    why="Code that installs packages, with words that are only known when it runs, cannot be made "
    "requirements of the pipeline. It runs in each step that it is part of, on a cluster in each "
    "pod.",
    bad="# %% step:a\nimport subprocess, sys\ndef need(name):\n"
    "    subprocess.run([sys.executable, '-m', 'pip', 'install', name])\nx = 1\n",
    good="# %% step:a\n%pip install numpy\nx = 1\n",
)
MAGIC_RULES = (OF_ANOTHER_STEP, NOT_REPEATED, INSTALL_PROBLEM, INSTALLS_BY_CODE)

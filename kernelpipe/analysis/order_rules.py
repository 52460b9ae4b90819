"""The findings on what stands where, KP230-KP239 and KP321-KP325: what each means and why."""

from kernelpipe.model.diagnostic import Severity
from kernelpipe.notebook.rules import Rule

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def _run_before(first: int, second: int) -> str:
    """Return a notebook of two steps, the second of which reads what the first makes."""
    return (
        '{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": ['
        f'{{"cell_type": "code", "metadata": {{"tags": ["step:a"]}}, "source": "x = 1", '
        f'"outputs": [], "execution_count": {first}}}, '
        f'{{"cell_type": "code", "metadata": {{"tags": ["step:b"]}}, "source": "print(x)", '
        f'"outputs": [], "execution_count": {second}}}]}}'
    )


READ_BEFORE_DEFINITION = Rule(
    code="KP230",
    name="read-before-definition",
    severity=_ERROR,
    why="A cell reads a name that only a cell further down defines. Run from top to bottom, the "
    "notebook would stop here with a NameError; it works in a session in which the cells were "
    "run in another order.",
    bad="# %% step:a\nprint(y)\n# %% step:b\ny = 1\n",
    good="# %% step:a\ny = 1\n# %% step:b\nprint(y)\n",
)
DEFINED_IN_SKIPPED = Rule(
    code="KP231",
    name="defined-only-in-skipped-cells",
    severity=_ERROR,
    why="A cell tagged 'skip' is left out everywhere, so what it defines is not there. A cell that "
    "does run reads such a name.",
    bad="# %% skip\nimport math\n# %% step:a\nprint(math.pi)\n",
    good="# %% imports\nimport math\n# %% step:a\nprint(math.pi)\n",
)
TEST_BINDS = Rule(
    code="KP232",
    name="test-leaks-name",
    severity=_ERROR,
    why="A test runs after its step and hands nothing on: it is no part of what runs on a "
    "cluster. In the notebook, however, a name that it binds anew is read by the cells below it, "
    "which would see another value in the pipeline.",
    bad="# %% step:a\nx = 1\n# %% test\nx = 2\nassert x == 2\n# %% step:b\nprint(x)\n",
    good="# %% step:a\nx = 1\n# %% test\nchanged = 2\nassert changed == 2\n# %% step:b\nprint(x)\n",
)
TEST_CHANGES = Rule(
    code="KP233",
    name="test-leaks-change",
    severity=_WARNING,
    why="A test runs after its step and hands nothing on. In the notebook, however, the cells "
    "below it see what it changes in place; in the pipeline they don't.",
    bad="# %% step:a\nx = [2, 1]\n# %% test\nx.sort()\nassert x == [1, 2]\n# %% step:b\nprint(x)\n",
    good="# %% step:a\nx = [2, 1]\n# %% test\nassert sorted(x) == [1, 2]\n# %% step:b\nprint(x)\n",
)
LARGE_VALUE = Rule(
    code="KP234",
    name="large-value-crosses",
    severity=_INFO,
    why="What one step takes from another is written to a file and read again. Here a table or an "
    "array crosses only for a cell or two that make something small of it, which is all that the "
    "rest of the step needs. With these cells in the step before, only that would be stored.",
    bad="# %% step:load\nimport pandas as pd\ndf = pd.DataFrame({'a': range(9)})\n"
    "# %% step:report\nmean = df['a'].mean()\n# %%\nprint(f'{mean:.2f}')\n",
    good="# %% step:load\nimport pandas as pd\ndf = pd.DataFrame({'a': range(9)})\n"
    "# %%\nmean = df['a'].mean()\n# %% step:report\nprint(f'{mean:.2f}')\n",
)
OTHER_ORDER = Rule(
    code="KP235",
    name="run-in-another-order",
    severity=_INFO,
    why="The numbers beside the cells say that a cell was run before, or without, the latest run "
    "of a cell above it on which it depends. The outputs that the notebook shows may so be others "
    "than those of a run from top to bottom, which is what a pipeline does.",
    bad=_run_before(2, 1),
    good=_run_before(1, 2),
)
TEST_RUNS_LATER = Rule(
    code="KP236",
    name="test-sees-later-values",
    severity=_WARNING,
    why="A test runs when all cells of its step have run. Where a cell of the step below the test "
    "binds or changes what the test reads, it sees another value than in the notebook.",
    bad="# %% step:a\nx = 1\n# %% test\nassert x == 1\n# %% step:a\nx = 2\n",
    good="# %% step:a\nx = 1\n# %% test\nassert x == 1\n# %% step:b\nx = 2\n",
)
ORDER_AGAINST_DATA = Rule(
    code="KP321",
    name="order-contradicts-data",
    severity=_ERROR,
    why="'prev:' orders a step after one that itself depends on the step's data, so that each "
    "would wait for the other. Values flow as in the notebook, whatever the tags say.",
    bad="# %% step:a prev:b\nx = 1\n# %% step:b\nprint(x)\n",
    good="# %% step:a\nx = 1\n# %% step:b prev:a\nprint(x)\n",
)
REOPENED = Rule(
    code="KP322",
    name="re-opened-step",
    severity=_ERROR,
    why="A step runs in one piece, with all of its cells. When it is re-opened after another step "
    "has used its values, and goes on with that step's values, each would wait for the other.",
    bad="# %% step:a\nx = 1\n# %% step:b\ny = x\n# %% step:a\nz = y\n",
    good="# %% step:a\nx = 1\n# %% step:b\ny = x\n# %% step:c\nz = y\n",
)
BRANCHES_CHANGE = Rule(
    code="KP323",
    name="branches-change-one-object",
    severity=_WARNING,
    why="The tags make two steps branches of which none needs the other, but both change one "
    "object in place. In the notebook the second works on what the first has changed, and the "
    "pipeline keeps to that: the second waits for the first, sees its changes, and is skipped "
    "when the first is. Branches need objects of their own.",
    bad="# %% step:a\nx = [1]\n# %% step:b prev:a\nx.append(2)\n# %% step:c prev:a\nx.append(3)\n",
    good="# %% step:a\nx = [1]\n# %% step:b prev:a\ny = [*x, 2]\n# %% step:c prev:a\nz = [*x, 3]\n",
)
RULES = (
    READ_BEFORE_DEFINITION,
    DEFINED_IN_SKIPPED,
    TEST_BINDS,
    TEST_CHANGES,
    LARGE_VALUE,
    OTHER_ORDER,
    TEST_RUNS_LATER,
    ORDER_AGAINST_DATA,
    REOPENED,
    BRANCHES_CHANGE,
)

"""Tests of findings with all that belongs to them: place, related places and hint."""

import kit
import pytest
from percent import notebook_of, pipeline_of
from published_kit import EXAMPLES, published_notebooks

from kernelpipe.analysis import build_pipeline
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.notebook import Notebook
from kernelpipe.notebook import parse_notebook, read_notebook

QUIET = {"KP215"}
"""Codes that the corpus may have."""


def _place(location: Location) -> tuple[int | None, int | None, int | None]:
    return location.cell_index, location.line, location.column


def _found(text: str) -> Diagnostic:
    """Return the only finding about a notebook."""
    (found,) = pipeline_of(text).diagnostics
    return found


@pytest.mark.parametrize(
    ("text", "code", "place", "related"),
    [
        pytest.param(
            "# %% step:a\nprint('é', later)\n# %% step:b\nx = 1\nfor later in [x]: pass\n",
            "KP230",
            (0, 1, 11),
            [((1, 2, 4), "'later' is defined here")],
            id="read before definition, behind wide characters",
        ),
        pytest.param(
            "# %% skip\nx = 1\ndef f(): pass\n# %% step:a\nf()\n",
            "KP231",
            (1, 1, 0),
            [((0, 2, 4), "'f' is defined here, in a cell tagged 'skip'")],
            id="defined only in a skipped cell",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% test\n\nhelp_me = x\n# %% step:b\nprint(help_me)\n",
            "KP203",
            (2, 1, 6),
            [((1, 1, 0), "the test defines it here")],
            id="defined only in a test",
        ),
        pytest.param(
            "# %% step:a\nx = n = 3\n# %% functions\nm = 1\nm += n\n# %% step:b\nprint(m)\n",
            "KP207",
            (1, 2, 5),
            [((0, 1, 4), "step 'a' makes it here")],
            id="setup reads what a step makes",
        ),
        pytest.param(
            "# %% imports\nimport time\nstart = time.time()\n# %% step:a\nprint(start)\n"
            "# %% step:b\nprint(start)\n",
            "KP208",
            (0, 2, 0),
            [],
            id="setup differs between steps",
        ),
        pytest.param(
            "# %% step:a\nn = 1\n# %% parameters\nk = 2\nlr = n\n# %% step:b\nprint(lr)\n",
            "KP209",
            (1, 2, 5),
            [((0, 1, 0), "step 'a' makes it here")],
            id="parameters read what a step makes",
        ),
        pytest.param(
            "# %% step:a\nx = y = 1\ndel y, x\n# %% step:b\nprint(1, x)\n",
            "KP204",
            (1, 1, 9),
            [((0, 2, 7), "step 'a' deletes 'x' here")],
            id="deleted",
        ),
        pytest.param(
            "# %% step:a\nn = 3\nsquares = (i * i for i in range(n))\n"
            "# %% step:b\nx = 1\nprint(x, list(squares))\n",
            "KP211",
            (0, 2, 0),
            [((1, 2, 14), "step 'b' reads it here")],
            id="cannot be stored",
        ),
        pytest.param(
            "# %% step:a\nimport json\nx = 1\njson.limit = 3\n# %% step:b\nprint(1)\n",
            "KP212",
            (0, 3, 0),
            [((1, None, None), "step 'b' begins here")],
            id="library changed",
        ),
        pytest.param(
            "# %% step:a\nopen('f.txt', 'w').write('1')\n"
            "# %% step:b\nt = 1\nopen('f.txt').read()\n",
            "KP215",
            (1, 2, 5),
            [((0, 1, 5), "step 'a' touches it here")],
            id="file",
        ),
        pytest.param(
            "# %% functions\nfrom functools import cache\n@cache\ndef f(n):\n    print(n)\n"
            "# %% step:a\nf(1)\n# %% step:b\nx = 1\ny = f(x)\n",
            "KP216",
            (2, 2, 4),
            [((1, 1, 0), "step 'a' calls it here")],
            id="cached",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% test\ny = 1\nx, z = 2, 3\n# %% step:b\nprint(1, x)\n",
            "KP232",
            (1, 2, 0),
            [((2, 1, 9), "step 'b' reads 'x' as it was before the test")],
            id="test binds",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% test\nif x:\n    x = 2\n# %% step:b\nprint(1, x)\n",
            "KP233",
            (1, 2, 4),
            [((2, 1, 9), "step 'b' reads 'x' as it was before the test")],
            id="test may bind",
        ),
        pytest.param(
            "# %% step:a\nx = [2, 1]\ny = [x]\n# %% test\ny[0].sort()\n# %% step:b\nprint(x)\n",
            "KP233",
            (1, 1, 0),
            [((2, 1, 6), "step 'b' works without the test's change")],
            id="test changes what is shared",
        ),
        pytest.param(
            "# %% imports\nimport numpy as np\n# %% step:a\nx = 1\n# %% test\ny = x\n"
            "np.random.seed(y)\n# %% step:b\nprint(np.random.rand())\n",
            "KP233",
            (2, 2, 0),
            [((3, None, None), "step 'b' works without the test's change")],
            id="test changes hidden state",
        ),
        pytest.param(
            "# %% step:a\nx = [1]\n# %% test\nassert len(x) == 1\n# %%\ny = x\ny.append(x[0])\n",
            "KP236",
            (1, 1, 11),
            [((2, 2, 9), "that happens here")],
            id="test sees what is changed later",
        ),
        pytest.param(
            "# %% imports\nimport pandas as pd\n# %% step:load\ndf = pd.DataFrame({'a': [1]})\n"
            "# %% step:report\nn = len(df)\n# %%\nmean = df['a'].mean() / n\n# %%\n"
            "print(n, mean)\n",
            "KP234",
            (2, 1, 8),
            [((1, 1, 0), "step 'load' makes 'df' here")],
            id="large value",
        ),
        pytest.param(
            "# %% step:a prev:b\nx = 1\n# %% step:b prev:c\ny = 1\n# %% step:c\nprint(x)\n",
            "KP321",
            (2, 1, 6),
            [
                ((1, None, None), "the tag 'prev:c' is on this cell"),
                ((0, None, None), "the tag 'prev:b' is on this cell"),
                ((0, 1, 0), "step 'a' makes 'x' here"),
            ],
            id="order against data",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% step:b\ny = 1 + x\n# %% step:a\nz = 1 + y\n",
            "KP322",
            (2, 1, 8),
            [
                ((0, 1, 0), "step 'a' makes 'x' here"),
                ((1, 1, 8), "step 'b' reads 'x' here"),
                ((1, 1, 0), "step 'b' makes 'y' here"),
            ],
            id="re-opened",
        ),
        pytest.param(
            "# %% step:a\nx = [1]\n# %% step:b prev:a\ny = 1\nx.append(2)\n"
            "# %% step:c prev:a\nx.append(3)\n",
            "KP323",
            (2, 1, 0),
            [((1, 2, 0), "step 'b' changes 'x' here")],
            id="branches",
        ),
        pytest.param(
            "# %% step:a\nx = [1]\n# %% step:b\nprint(x)\n# %% step:c\nx.append(2)\n"
            "# %% step:b\nprint(0, x)\n",
            "KP304",
            (3, 1, 9),
            [
                ((0, 1, 0), "step 'a' makes 'x' here"),
                ((1, 1, 6), "step 'b' reads 'x' here"),
                ((2, 1, 0), "step 'c' changes 'x' here"),
            ],
            id="two versions",
        ),
    ],
)
def test_finding__wrong_notebook__leads_to_the_places(
    text: str,
    code: str,
    place: tuple[int, int | None, int | None],
    related: list[tuple[tuple[int, int | None, int | None], str]],
) -> None:
    """Cell, line and column, counted in characters, and the other places with what is there."""
    found = next(d for d in pipeline_of(text).diagnostics if d.code == code)

    assert _place(found.location) == place
    assert [(_place(where), said) for where, said in found.related] == related


def _with_counts(text: str, *counts: int | None) -> Notebook:
    cells = notebook_of(text).cells
    content = kit.notebook(
        *(
            {**kit.code(c.source, f"step:{c.step}"), "execution_count": count}
            for c, count in zip(cells, counts, strict=True)
        )
    )
    return parse_notebook(kit.encode(content), path="n.ipynb")


CHAIN = "# %% step:a\nx = 1\n# %% step:b\ny = 2\n# %% step:c\nprint(0, x)\n"


def test_finding__cell_run_before_what_it_reads_was_made__says_so() -> None:
    """The numbers of the cells show it."""
    (found,) = build_pipeline(_with_counts(CHAIN, 5, 2, 3)).diagnostics

    assert str(found) == (
        "n.ipynb cell 2, line 1: info[KP235]: the outputs in the notebook came from another order: "
        "cell 2 (run as [3]) reads 'x', which cell 0 made later (as [5])\n"
        "  see cell 0, line 1: 'x' is made here, as [5]\n"
        "  hint: run all cells from top to bottom before you compare outputs"
    )


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param((1, 2, 3), id="in order"),
        pytest.param((1, 7, 3), id="another cell, on which it does not depend"),
        pytest.param((None, 2, 3), id="never run"),
        pytest.param((5, 2, None), id="not run since"),
        pytest.param((3, 4, 9), id="in order, with gaps"),
    ],
)
def test_finding__order_of_numbers_harmless__is_not_said(counts: tuple[int | None, ...]) -> None:
    """Only an order that may show in the outputs counts."""
    assert build_pipeline(_with_counts(CHAIN, *counts)).diagnostics == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "# %% functions\nfrom functools import cache\n@cache\ndef f(n):\n    print(n)\n"
            "# %% step:a\nf(1)\nf(1)\n",
            id="a cached function that one step calls",
        ),
        pytest.param(
            "# %% functions\nfrom functools import cache\n@cache\ndef f(n):\n"
            "    return n and n * f(n - 1)\n# %% step:a\nf(1)\n# %% step:b\nf(2)\n",
            id="a cached function that calls itself",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% test\nassert x\n# %%\ny = x\n",
            id="a test in the middle of a step",
        ),
        pytest.param(
            "# %% step:a\nx = [2, 1]\n# %% test\nassert sorted(x) == [1, 2]\ny = max(x)\n"
            "# %% step:b\nprint(x)\n",
            id="a test with a name of its own",
        ),
        pytest.param(
            "# %% step:a\nx = [2, 1]\n# %% test\nx.sort()\n# %% step:b\nprint(1)\n",
            id="a test that changes what nobody reads afterwards",
        ),
        pytest.param(
            "# %% step:a\nx = [1]\n# %% step:b prev:a\nx.append(2)\n"
            "# %% step:c prev:b\nx.append(3)\n",
            id="branches in a row",
        ),
        pytest.param(
            "# %% step:a\nx = [1]\n# %% step:b prev:a\nx = [2]\n# %% step:c prev:a\nx.append(3)\n",
            id="a branch that binds anew",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% step:b\ny = 2\n# %% step:a\nz = x\n",
            id="re-opened without need",
        ),
        pytest.param(
            "# %% imports\nimport pandas as pd\n# %% step:load\ndf = pd.DataFrame({'a': [1]})\n"
            "# %% step:report\nn = len(df)\n# %%\nprint(n, df)\n",
            id="large value, needed to the end",
        ),
        pytest.param(
            "# %% imports\nimport pandas as pd\n# %% step:load\ndf = pd.DataFrame({'a': [1]})\n"
            "# %% step:report\nother = df[df['a'] > 0]\n# %%\nprint(other)\n",
            id="large value, large result",
        ),
        pytest.param(
            "# %% imports\nimport pandas as pd\n# %% step:load\ndf = pd.DataFrame({'a': [1]})\n"
            "# %% step:report\nn = len(df)\n# %%\nprint(n)\n# %% step:more\nprint(df)\n",
            id="large value, needed elsewhere",
        ),
        pytest.param(
            "# %% imports\nimport pandas as pd\n# %% step:load\ndf = pd.DataFrame({'a': [1]})\n"
            "# %% step:report\ndf.hist()\n# %%\nprint('done')\n",
            id="large value, shown",
        ),
    ],
)
def test_finding__notebook_is_fine__is_not_said(text: str) -> None:
    """What is right gets no advice."""
    assert pipeline_of(text).diagnostics == ()


def test_finding__corpus__has_none() -> None:
    """Nothing is said of notebooks that are as they should be."""
    notebooks = [read_notebook(path) for path in sorted(EXAMPLES.glob("*.ipynb"))]
    notebooks += [each.notebook for each in published_notebooks()]

    found = [d for each in notebooks for d in build_pipeline(each).diagnostics]

    assert [str(d) for d in found if d.code not in QUIET] == []

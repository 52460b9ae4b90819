"""Tests of why one step comes after another."""

import pytest
from percent import notebook_of
from published_kit import EXAMPLES, published_notebooks

from kernelpipe.analysis import analyse_steps, explain_order
from kernelpipe.model.explanation import Explanation
from kernelpipe.model.names import StepName
from kernelpipe.notebook import read_notebook


def _explain(text: str, first: str, second: str) -> Explanation:
    pipeline, subject = analyse_steps(notebook_of(text))
    return explain_order(subject, pipeline, StepName(first), StepName(second))


def _lines(explanation: Explanation) -> list[str]:
    """Return links, reasons and places, one per line."""
    lines = []
    for link in explanation.links:
        lines.append(f"{link.producer}->{link.consumer}")
        for reason in link.reasons:
            lines.append(f"{reason.kind.value} {reason.name}: {reason.text}")
            lines += [f"{p.cell_index},{p.line},{p.column}: {text}" for p, text in reason.places]
    return lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "# %% step:a\nn = 1\nx = n\n# %% step:b\nprint(1, x)\n",
            [
                "a->b",
                "value x: step 'b' reads 'x', which step 'a' makes",
                "0,2,0: step 'a' makes 'x' here",
                "1,1,9: step 'b' reads 'x' here",
            ],
            id="value",
        ),
        pytest.param(
            "# %% step:z\nx = []\n# %% step:a\nprint(1); x.append(1)\n# %% step:b\nassert x\n",
            [
                "a->b",
                "value x: step 'b' reads 'x', which step 'a' changes",
                "0,1,0: step 'z' makes 'x' here",
                "1,1,10: step 'a' changes 'x' here",
                "2,1,7: step 'b' reads 'x' here",
            ],
            id="changed value",
        ),
        pytest.param(
            "# %% functions\ndef inner(d):\n    d.append(limit)\ndef outer(d):\n    inner(d)\n"
            "# %% step:a\nlimit = 3\n# %% step:b\nx = []\nouter(x)\n",
            [
                "a->b",
                "value limit: step 'b' reads 'limit', which step 'a' makes",
                "1,1,0: step 'a' makes 'limit' here",
                "2,2,0: step 'b' reads 'limit' here, through outer, inner",
                "0,2,13: inner reads 'limit' here",
            ],
            id="read through functions",
        ),
        pytest.param(
            "# %% functions\ndef add(d):\n    d.append(1)\n# %% step:z\nx = []\n"
            "# %% step:a\nadd(x)\n# %% step:b\nprint(x)\n",
            [
                "a->b",
                "value x: step 'b' reads 'x', which step 'a' changes",
                "1,1,0: step 'z' makes 'x' here",
                "2,1,4: step 'a' changes 'x' here, through add",
                "3,1,6: step 'b' reads 'x' here",
            ],
            id="changed through a function",
        ),
        pytest.param(
            "# %% step:a\nlimit = 3\nclass Store:\n    def get(self):\n        return limit\n"
            "# %% step:b\ns = Store()\ny = s.get()\n",
            [
                "a->b",
                "value Store: step 'b' reads 'Store', which step 'a' makes",
                "0,2,6: step 'a' makes 'Store' here",
                "1,1,4: step 'b' reads 'Store' here",
                "value limit: step 'b' reads 'limit', which step 'a' makes",
                "0,1,0: step 'a' makes 'limit' here",
                "1,1,0: step 'b' reads 'limit' here, through Store.get",
                "0,4,15: Store.get reads 'limit' here",
            ],
            id="read through a method",
        ),
        pytest.param(
            "# %% step:z\nx = [1]\ny = [x]\n# %% step:a\ny.append(2)\n"
            "# %% step:b\nx.append(3)\nprint(x, y)\n",
            [
                "a->b",
                (
                    "sharing x: 'x' may share an object with 'y', which is changed or compared "
                    "later, so both come from one step"
                ),
                "0,1,0: step 'z' makes 'x' here",
                "1,1,0: step 'a' changes 'y' here",
                "2,1,0: step 'b' reads 'x' here",
                "value y: step 'b' reads 'y', which step 'a' changes",
                "0,2,0: step 'z' makes 'y' here",
                "1,1,0: step 'a' changes 'y' here",
                "2,2,9: step 'b' reads 'y' here",
            ],
            id="sharing",
        ),
        pytest.param(
            "# %% imports\nimport random\n# %% step:a\nrandom.seed(1)\n"
            "# %% step:b\nx = 1\ny = random.random()\n",
            [
                "a->b",
                "state @random: step 'b' works with hidden state (random), which step 'a' sets",
                "1,1,0: step 'a' sets hidden state (random) here",
                "2,2,0: step 'b' works with hidden state (random) here",
            ],
            id="hidden state",
        ),
        pytest.param(
            "# %% step:a\nexec(str(1))\n# %% step:b\ny = x\n",
            [
                "a->b",
                (
                    "unseen x: step 'b' reads 'x', which nothing binds visibly, and step 'a' may "
                    "bind any name"
                ),
                "0,1,0: step 'a' may bind any name here",
            ],
            id="unseen",
        ),
        pytest.param(
            "# %% step:a\nopen('f', 'w').write('1')\n# %% step:b prev:a\nx = 1\nopen('f')\n",
            [
                "a->b",
                "file f: step 'b' reads what was written to the file 'f'",
                "0,1,5: step 'a' touches it here",
                "1,2,5: step 'b' touches it here",
                "tag None: the tag 'prev:a' says so",
                "1,None,None: the tag 'prev:a' is on this cell",
            ],
            id="file and tag",
        ),
        pytest.param(
            "# %% step:a\nacc = 1\n# %% metrics\nacc\n# %% step:b when:acc>0\nx = 1\n",
            [
                "a->b",
                "metric acc: step 'b' runs only when acc>0, and step 'a' reports 'acc'",
                "2,None,None: the tag 'when:' is on this cell",
            ],
            id="metric",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% step:m\ny = x\n# %% step:b\nz = y\n",
            [
                "a->m",
                "value x: step 'm' reads 'x', which step 'a' makes",
                "0,1,0: step 'a' makes 'x' here",
                "1,1,4: step 'm' reads 'x' here",
                "m->b",
                "value y: step 'b' reads 'y', which step 'm' makes",
                "1,1,0: step 'm' makes 'y' here",
                "2,1,4: step 'b' reads 'y' here",
            ],
            id="by way of another step",
        ),
        pytest.param(
            "# %% step:a\nx = 1\n# %% step:b\ny = 1\n# %% test\nassert y < 2 * x\n",
            [
                "a->b",
                "value x: step 'b' reads 'x', which step 'a' makes",
                "0,1,0: step 'a' makes 'x' here",
                "2,1,15: a test of it reads 'x' here",
            ],
            id="by a test",
        ),
        pytest.param("# %% step:a\nx = 1\n# %% step:b\ny = 1\n", [], id="not at all"),
    ],
)
def test_explain_order__two_steps__gives_reasons_and_lines(text: str, expected: list[str]) -> None:
    """All reasons of each link, and the lines that make them."""
    explanation = _explain(text, "a", "b")

    assert _lines(explanation) == expected
    assert not explanation.is_reversed


def test_explain_order__other_way_round__is_said() -> None:
    """The links are those that there are."""
    explanation = _explain("# %% step:b\nx = 1\n# %% step:a\nprint(x)\n", "a", "b")

    assert explanation.is_reversed
    assert _lines(explanation)[0] == "b->a"


def test_explain_order__several_ways__takes_the_shortest_and_names_all_steps() -> None:
    """What lies between is told in the pipeline's order."""
    explanation = _explain(
        "# %% step:a\nx = 1\n# %% step:n\ny = x\n# %% step:m\nz = y\n# %% step:b\nprint(x, z)\n",
        "a",
        "b",
    )

    assert [(link.producer, link.consumer) for link in explanation.links] == [("a", "b")]
    assert explanation.between == ("n", "m")


def test_explain_order__every_edge_of_the_corpus__has_reasons_with_lines() -> None:
    """No edge is there without a reason that leads to a line."""
    notebooks = [read_notebook(path) for path in sorted(EXAMPLES.glob("*.ipynb"))]
    notebooks += [each.notebook for each in published_notebooks()]
    without = []
    for notebook in notebooks:
        pipeline, subject = analyse_steps(notebook)
        for edge in pipeline.edges:
            (link,) = explain_order(subject, pipeline, edge.producer, edge.consumer).links
            if not link.reasons or not all(reason.places for reason in link.reasons):
                without.append((notebook.name, edge.producer, edge.consumer))

    assert len(notebooks) > 0
    assert without == []

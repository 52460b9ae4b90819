"""The on-exit step: it stands last and apart, and what it may not do."""

import pytest
from percent import edges_of, pipeline_of

from kernelpipe.model.location import Location


def test_on_exit__stands_in_between__is_the_last_step_without_edges() -> None:
    """Neither files nor tags order it; what is tagged twice is one step."""
    pipeline = pipeline_of(
        "# %% parameters\nn = 1\n"
        "# %% step:a\nx = n\nopen('log.txt', 'w').write('1')\n"
        "# %% step:bye prev:a on-exit\nprint(open('log.txt').read(), n)\n"
        "# %% step:b\ny = x\n"
        "# %% step:bye\nopen('seen.txt', 'w').close()\n"
    )

    assert pipeline.errors() == ()
    assert [step.name for step in pipeline.steps] == ["a", "b", "bye"]
    assert [step.is_exit for step in pipeline.steps] == [False, False, True]
    assert edges_of(pipeline) == "a->b: x"
    assert pipeline.file_ties == ()
    assert pipeline.steps[-1].after == ()


@pytest.mark.parametrize(
    ("text", "code", "cell", "message"),
    [
        pytest.param(
            "# %% step:a\nx = 1\n# %% step:bye on-exit\nprint(x)\n",
            "KP312",
            1,
            "on-exit step 'bye' depends on 'x', which step 'a' makes",
            id="reads",
        ),
        pytest.param(
            "# %% step:a\nimport os\nos.chdir('/')\n# %% step:bye on-exit\nimport os\n"
            "print(os.getcwd())\n",
            "KP312",
            1,
            "on-exit step 'bye' depends on the state 'cwd', which step 'a' makes",
            id="state",
        ),
        pytest.param(
            "# %% step:a\nz = 1\n# %% step:bye on-exit\nx = 1\n# %% step:b\nprint(x)\n",
            "KP312",
            2,
            "step 'b' depends on 'x', which on-exit step 'bye' makes",
            id="hands-on",
        ),
        pytest.param(
            "# %% step:bye on-exit\nx = 1\n# %% step:b prev:bye\nprint(1)\n",
            "KP312",
            1,
            "'prev:bye' names an on-exit step, which runs after all others",
            id="prev",
        ),
        pytest.param(
            "# %% step:bye on-exit\nopen('a.txt', 'w').write('1')\n"
            "# %% step:b\nprint(open('a.txt').read())\n",
            "KP312",
            1,
            "step 'b' reads the file 'a.txt', which on-exit step 'bye' writes",
            id="file",
        ),
        pytest.param(
            "# %% step:a\nz = 1\n# %% step:bye on-exit\nx = 1\n# %% step:end on-exit\ny = 1\n",
            "KP313",
            2,
            "step 'end' is tagged 'on-exit', as step 'bye' is",
            id="two",
        ),
        pytest.param(
            "# %% parameters\ngo = True\n# %% step:a\nz = 1\n"
            "# %% step:bye on-exit when:go\nx = 1\n",
            "KP313",
            2,
            "step 'bye' is tagged 'on-exit' and 'when:'",
            id="when",
        ),
        pytest.param(
            "# %% step:bye on-exit\nx = 1\n",
            "KP314",
            0,
            "step 'bye' is tagged 'on-exit', and there is no step for it to follow",
            id="alone",
        ),
        pytest.param(
            "# %% step:a\nz = 1\n# %% step:bye on-exit\nm = 1\n# %% metrics\nm\n"
            "# %% step:b when:m>1\nx = 1\n",
            "KP309",
            3,
            "step 'b' runs only when 'm' allows it, which the later step 'bye' reports",
            id="metric",
        ),
    ],
)
def test_on_exit__not_possible__is_an_error_at_its_cell(
    text: str, code: str, cell: int, message: str
) -> None:
    """What others make may not exist then, and what it makes comes too late."""
    found = [d for d in pipeline_of(text).errors() if d.code == code]

    assert [each.message for each in found] == [message]
    assert found[0].location == Location(
        path="test.ipynb", cell_index=cell, cell_id=found[0].location.cell_id
    )
    assert found[0].hint

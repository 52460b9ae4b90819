"""The headings in text cells."""

import pytest

from kernelpipe.notebook.headings import Heading, find_headings


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("# Title", [(1, "Title")], id="hash"),
        pytest.param("###### Deep ##", [(6, "Deep")], id="closed"),
        pytest.param("####### Seven", [], id="seven-hashes"),
        pytest.param("#hashtag", [(1, "hashtag")], id="no-blank"),
        pytest.param(
            "Load\n====\ntext\n\nClean\n---", [(1, "Load"), (2, "Clean")], id="underlined"
        ),
        pytest.param("- item\n---\n| a |\n|---|", [], id="rule-below-a-list"),
        pytest.param("text\n\n---\nmore", [], id="rule"),
        pytest.param("```\n# no heading\n```\n## One", [(2, "One")], id="fence"),
        pytest.param("~~~~\n```\n# no\n~~~~\n# Yes", [(1, "Yes")], id="fence-in-fence"),
        pytest.param("<center><h2 style='x'>A <b>b</b></h2>", [(2, "A b")], id="html"),
        pytest.param("**Load the data:**", [(7, "Load the data")], id="bold-line"),
        pytest.param("**Note** that this is text", [], id="bold-in-text"),
        pytest.param(
            "## [Load](#load) the `raw` *data* <a id='x'></a>&amp; more",
            [(2, "Load the raw data & more")],
            id="markup",
        ),
        pytest.param("## snake_case_name", [(2, "snake_case_name")], id="underscores"),
        pytest.param("##   \n# <a name='x'></a>", [], id="empty"),
    ],
)
def test_find_headings__markdown__levels_and_plain_texts(
    source: str, expected: list[tuple[int, str]]
) -> None:
    """Headings are found as Jupyter renders them, and lines in bold that stand alone."""
    found = find_headings({3: source})

    assert [(each.level, each.text) for each in found] == expected
    assert {each.cell_index for each in found} <= {3}


def test_find_headings__several_cells__in_notebook_order() -> None:
    """Each heading tells its cell."""
    assert find_headings({0: "# A\n## B", 4: "text", 7: "## C"}) == (
        Heading(cell_index=0, level=1, text="A"),
        Heading(cell_index=0, level=2, text="B"),
        Heading(cell_index=7, level=2, text="C"),
    )

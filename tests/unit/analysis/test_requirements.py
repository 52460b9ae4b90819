"""What a notebook installs becomes requirements, and the code has no such lines any more."""

from pathlib import Path

import pytest
from percent import pipeline_of

from kernelpipe.analysis.install_commands import Install, read_install, without_installs
from kernelpipe.analysis.installs import take_installs

TAKEN = [
    pytest.param("%pip install numpy", "pass", ["numpy"], id="pip magic"),
    pytest.param("pip install numpy", "pass", ["numpy"], id="automagic"),
    pytest.param("!pip install -q a b\nx = 1", "pass\nx = 1", ["a", "b"], id="two of a shell line"),
    pytest.param(
        "!pip install -q \\\n  a \\\n  b\nx = 1", "pass\n\n\nx = 1", ["a", "b"], id="lines"
    ),
    pytest.param("!pip install a > /dev/null 2>&1", "pass", ["a"], id="redirected"),
    pytest.param("!pip install 'a>=1,<2'", "pass", ["a>=1,<2"], id="a range in quotes"),
    pytest.param("!pip install a[b]==1.0 # why", "pass", ["a[b]==1.0"], id="a comment"),
    pytest.param("!pip install a | tail -1", "!true | tail -1", ["a"], id="a pipe"),
    pytest.param("!apt update && pip install a", "!apt update && true", ["a"], id="after another"),
    pytest.param("!pip install a; pip3 install b", "pass", ["a", "b"], id="two commands"),
    pytest.param("!python -m pip install a", "pass", ["a"], id="a module of python"),
    pytest.param("!{sys.executable} -m pip install a", "pass", ["a"], id="this python"),
    pytest.param("!sudo pip install a", "pass", ["a"], id="as root"),
    pytest.param("!uv pip install a", "pass", ["a"], id="uv"),
    pytest.param("%uv pip install a", "pass", ["a"], id="magic of uv"),
    pytest.param("out = !pip install a", "out = !true", ["a"], id="lines of its output"),
    pytest.param("out = %pip install a", "out = None", ["a"], id="result of a magic"),
    pytest.param("%%capture\n!pip install a\nx = 1", "%%capture\npass\nx = 1", ["a"], id="capture"),
    pytest.param("%%bash\necho hi\npip install a", "%%bash\necho hi\ntrue", ["a"], id="bash"),
    pytest.param("%conda install -y -c forge a=1.2", "pass", ["a==1.2.*"], id="conda"),
    pytest.param("if x:\n    !pip install a", "if x:\n    pass", ["a"], id="in a branch"),
    pytest.param("x = 1\n%pip install a\ny = 2", "x = 1\npass\ny = 2", ["a"], id="between lines"),
    pytest.param("!pip install git+https://h/r.git", "pass", ["git+https://h/r.git"], id="git"),
    pytest.param("!pip install -e .", "pass", ["-e ."], id="editable"),
    pytest.param(
        'import os\nos.system("pip install a")', "import os\npass", ["a"], id="by os.system"
    ),
    pytest.param(
        "subprocess.check_call(\n    [sys.executable, '-m', 'pip', 'install', 'a']\n)\nx = 1",
        "pass\n\n\nx = 1",
        ["a"],
        id="by subprocess",
    ),
    pytest.param("pip.main(['install', 'a'])", "pass", ["a"], id="by pip itself"),
]
LEFT = [
    pytest.param("!pip list", id="a list"),
    pytest.param("!pip --version && which pip", id="a version"),
    pytest.param("pip = 3\npip + 1", id="a name"),
    pytest.param("text = '''\n!pip install a\n'''", id="a text"),
    pytest.param("# %pip install a\nx = 1", id="a comment"),
    pytest.param("%%writefile install.sh\npip install a", id="a file that is written"),
    pytest.param("%%html\npip install a", id="a page"),
    pytest.param("!echo 'pip install a; pip install b'", id="words in quotes"),
]


@pytest.mark.parametrize(("source", "rest", "requirements"), TAKEN)
def test_take_installs__command_that_installs__is_taken_out(
    source: str, rest: str, requirements: list[str]
) -> None:
    """What installs is out of the cell, and everything else is in its line."""
    text, found = take_installs(source)

    assert text == rest
    assert [r for each in found for r in each.install.requirements] == requirements


@pytest.mark.parametrize("source", LEFT)
def test_take_installs__anything_else__stays(source: str) -> None:
    """What only mentions pip, or asks it something, is left alone."""
    assert take_installs(source) == (source, ())


def test_read_install__options__are_told_apart() -> None:
    """Options that decide what is installed stay, others do not."""
    words = (
        "pip -q install -U -qq --pre --index-url https://i --timeout 5 -r r.txt -cc.txt a".split()
    )

    assert read_install(words) == Install(
        requirements=("a",),
        files=("r.txt",),
        options=("--pre", "--index-url", "https://i", "-c", "c.txt"),
        is_upgrade=True,
    )


def test_without_installs__quoted_separators__do_not_separate() -> None:
    """A semicolon in quotes ends no command."""
    command, found = without_installs("pip install 'a;python_version>\"3\"' && echo 'x; y'")

    assert command == "true && echo 'x; y'"
    assert [each.requirements for each in found] == [('a;python_version>"3"',)]


def test_build_pipeline__installs_in_setup_and_steps__are_requirements_with_their_places() -> None:
    """Requirements know their cell, line and step, and no step runs pip."""
    pipeline = pipeline_of(
        "# %% imports\n%pip install one\n# %% step:a\nx = 1\n# %% step:b\n"
        "y = x\ntry:\n    import two\nexcept ImportError:\n    !pip install two\n"
        "if y:\n    !pip install -U three\n"
    )

    assert [
        (each.text, each.step, each.location.cell_index, each.location.line, each.is_optional)
        for each in pipeline.requirements
    ] == [("one", None, 0, 1, False), ("two", "b", 2, 5, False), ("three", "b", 2, 7, True)]
    assert pipeline.requirements[2].is_upgrade
    assert not any("pip" in cell.source for step in pipeline.steps for cell in step.cells)
    assert not any("pip" in each.source for step in pipeline.steps for each in step.setup)
    assert pipeline.errors() == ()


def test_build_pipeline__install_of_a_file__reads_it(tmp_path: Path) -> None:
    """A requirements file, with those that it names, gives its requirements."""
    import json

    import kit

    from kernelpipe.analysis import build_pipeline
    from kernelpipe.notebook import parse_notebook

    (tmp_path / "sub").mkdir()
    (tmp_path / "r.txt").write_text("# first\none>=1 ; python_version > '3'\n-r sub/more.txt\n\n")
    (tmp_path / "sub" / "more.txt").write_text("--pre\n-c limits.txt\ntwo[x]==2.* # why\n")
    notebook = kit.notebook(kit.code("!pip install -r r.txt", "step:a"))

    pipeline = build_pipeline(
        parse_notebook(json.dumps(notebook).encode(), path=str(tmp_path / "n.ipynb"))
    )

    assert [each.text for each in pipeline.requirements] == [
        'one>=1 ; python_version > "3"',
        "two[x]==2.*",
    ]
    assert pipeline.requirements[0].options == ("--pre", "-c", str(tmp_path / "sub" / "limits.txt"))


PROBLEMS = [
    pytest.param("!pip uninstall -y a", "KP228", id="taking away"),
    pytest.param("!pip install --target lib a", "KP228", id="elsewhere"),
    pytest.param("!pip install -r missing.txt", "KP228", id="no such file"),
    pytest.param("p = 'a'\n!pip install $p", "KP228", id="a name"),
    pytest.param("if 1 + 1 == 2:\n    !pip uninstall -y a", "KP229", id="taking away, perhaps"),
]


@pytest.mark.parametrize(("source", "code"), PROBLEMS)
def test_build_pipeline__install_that_cannot_be_done_once__is_said(source: str, code: str) -> None:
    """What cannot be a requirement is refused, or warned of where it may not run."""
    pipeline = pipeline_of(f"# %% step:a\n{source}\n")

    assert [each.code for each in pipeline.diagnostics] == [code]
    assert pipeline.requirements == ()

"""Tests of parsing command lines."""

import pytest

from kernelpipe.cli.arguments import ArgumentParser, one_of, positive_integer
from kernelpipe.errors import UsageError


@pytest.fixture
def parser() -> ArgumentParser:
    """Return the parser of a made-up command."""
    parser = ArgumentParser(prog="kernelpipe thing", description="do a thing")
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument("--format", type=one_of("text", "mermaid"), default="text")
    parser.add_argument("--jobs", type=positive_integer)
    parser.add_pairs("-p", "--parameter", metavar=("NAME", "VALUE"), help_text="set it")
    return parser


@pytest.mark.parametrize("value", ["-0.5", "-1e-3", "-.inf", "--jobs", "-p", "", "a b"])
def test_parse__value_of_any_shape__is_taken_as_it_stands(
    parser: ArgumentParser, value: str
) -> None:
    """A parameter's value may look like an option."""
    arguments = parser.parse(["-p", "lr", value, "nb.ipynb", "--parameter", "n", "1"])

    assert arguments.parameter == [("lr", value), ("n", "1")]
    assert arguments.notebook == "nb.ipynb"


def test_parse__after_two_dashes__everything_is_a_file(parser: ArgumentParser) -> None:
    """A notebook whose name begins with a dash can be named."""
    arguments = parser.parse(["--", "-p"])

    assert arguments.notebook == "-p"
    assert arguments.parameter == []


def test_parse__free_words_on_both_sides_of_an_option__are_taken() -> None:
    """As in ``runs show --home DIR latest``: options may stand anywhere."""
    parser = ArgumentParser(prog="kernelpipe thing", description="do a thing")
    parser.add_argument("action", nargs="?", default="list")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--home")

    arguments = parser.parse(["show", "--home", "there", "latest", "load"])

    assert (arguments.action, arguments.home) == ("show", "there")
    assert arguments.words == ["latest", "load"]


def test_parse__pair_without_value__is_refused(parser: ArgumentParser) -> None:
    """The message names the option."""
    with pytest.raises(UsageError, match="-p takes a name and a value"):
        parser.parse(["nb.ipynb", "-p", "lr"])


@pytest.mark.parametrize("word", ["--fromat", "--fromat=text"])
def test_parse__misspelt_option__suggests_the_nearest(parser: ArgumentParser, word: str) -> None:
    """An unknown option comes with a near one."""
    with pytest.raises(UsageError, match=r"(?s)there is no option .*did you mean '--format'\?"):
        parser.parse(["nb.ipynb", word])


def test_parse__strange_option__shows_the_usage(parser: ArgumentParser) -> None:
    """Without a near option the hint is the usage."""
    with pytest.raises(UsageError, match=r"(?s)no option '--zzz'.*usage: kernelpipe thing"):
        parser.parse(["nb.ipynb", "--zzz"])


def test_parse__abbreviated_option__is_refused(parser: ArgumentParser) -> None:
    """Abbreviations would break when options are added."""
    with pytest.raises(UsageError, match=r"did you mean '--format'"):
        parser.parse(["nb.ipynb", "--form", "text"])


def test_parse__word_too_many__is_named(parser: ArgumentParser) -> None:
    """The surplus word is in the message."""
    with pytest.raises(UsageError, match="'other' is one word too many"):
        parser.parse(["nb.ipynb", "other"])


def test_parse__no_notebook__shows_the_usage(parser: ArgumentParser) -> None:
    """What argparse finds becomes a UsageError with the usage as hint."""
    with pytest.raises(UsageError, match=r"(?s)required: NOTEBOOK.*hint: usage: kernelpipe thing"):
        parser.parse([])


def test_parse__misspelt_choice__suggests_the_nearest(parser: ArgumentParser) -> None:
    """A wrong choice lists all and suggests one."""
    with pytest.raises(UsageError, match=r"not one of text, mermaid; did you mean 'mermaid'\?"):
        parser.parse(["nb.ipynb", "--format", "mermiad"])


def test_parse__strange_choice__lists_them(parser: ArgumentParser) -> None:
    """Without a near choice there is no suggestion."""
    with pytest.raises(UsageError, match="'zzz' is not one of text, mermaid\n"):
        parser.parse(["nb.ipynb", "--format", "zzz"])


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_parse__jobs_not_positive__is_refused(parser: ArgumentParser, text: str) -> None:
    """Counts begin at one."""
    with pytest.raises(UsageError, match="is not a whole number of at least 1"):
        parser.parse(["nb.ipynb", f"--jobs={text}"])


def test_parse__jobs__is_an_int(parser: ArgumentParser) -> None:
    """Counts are converted."""
    assert parser.parse(["nb.ipynb", "--jobs", "3"]).jobs == 3

"""Tests of what is known of texts and paths."""

import pytest

from kernelpipe.analysis.texts import (
    Beginning,
    Computed,
    called,
    concatenated,
    file_of,
    given_of,
    path_of,
)


@pytest.mark.parametrize(
    ("constant", "file"),
    [
        ("a.csv", "a.csv"),
        ("./a.csv", "a.csv"),
        ("out/../a.csv", "a.csv"),
        ("", "."),
        (Beginning("out/"), "out"),
        (Beginning("out/a_"), "out"),
        (Beginning("/x"), "/"),
        (Beginning("a_"), None),
        (None, None),
        ("https://localhost/a.csv", ""),
        ("file:///srv/a.csv", "/srv/a.csv"),
        ("sqlite:///a.db", "a.db"),
        (":memory:", ""),
    ],
)
def test_file_of__text__is_its_normal_form(constant: object, file: str | None) -> None:
    """Of a path that is known in part it is the folder; what is no local file is empty."""
    assert file_of(constant) == file


def test_file_of__pattern__is_the_folder() -> None:
    """Other files in the folder may be meant; elsewhere a star is a character as any other."""
    assert file_of("out/a*.csv", is_pattern=True) == "out"
    assert file_of("*.csv", is_pattern=True) is None
    assert file_of("out/a*.csv") == "out/a*.csv"


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (["a", "b.csv"], "a/b.csv"),
        (["a", "/b.csv"], "/b.csv"),
        (["a", None], Beginning("a/")),
        (["a", Beginning("b_")], Beginning("a/b_")),
        ([None, "b"], None),
        ([], "."),
    ],
)
def test_path_of__parts__are_joined_as_pathlib_does(parts: list[object], path: object) -> None:
    """An absolute part begins anew; what follows a part that is not known is not known."""
    assert path_of(parts) == path


def test_concatenated__parameters__are_told() -> None:
    """A text made of parameters tells which ones, also when its end is not known."""
    folder = Computed.of("out", ["folder"])

    assert given_of(concatenated([folder, "/x"])) == ("folder",)
    assert given_of(concatenated([folder, "/", None])) == ("folder",)
    assert concatenated([folder, "/", None]) == Beginning("out/", ("folder",))


@pytest.mark.parametrize(
    ("name", "text", "arguments", "result"),
    [
        ("with_suffix", "a.csv", [".txt"], "a.txt"),
        ("with_suffix", "a.csv", ["txt"], None),
        ("with_name", "d/a.csv", ["b"], "d/b"),
        ("resolve", "a", [], "a"),
        ("format", "a_{}.csv", [None], Beginning("a_")),
        ("replace", "a.csv", ["a", "b"], "b.csv"),
        ("replace", "a.csv", ["b"], None),
        ("joinpath", Beginning("d/"), ["x"], Beginning("d/")),
        ("upper", "a", [], "A"),
        ("upper", None, [], None),
    ],
)
def test_called__method_of_a_path_or_text__is_computed(
    name: str, text: object, arguments: list[object], result: object
) -> None:
    """What cannot be told, or would fail, is None."""
    assert called(name, text, arguments) == result

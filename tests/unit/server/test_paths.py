"""Tests of contents paths."""

import os
from pathlib import Path

import pytest
from tornado.web import HTTPError

from kernelpipe.errors import UsageError
from kernelpipe.server.paths import ContentsRoot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with a notebook, beside a file that is not in it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.ipynb").write_text("{}")
    (root / ".secret").mkdir()
    (tmp_path / "outside.ipynb").write_text("{}")
    (tmp_path / "root-2").mkdir()
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "", id="the root"),
        pytest.param("sub", "sub", id="a folder"),
        pytest.param("sub/a.ipynb", "sub/a.ipynb", id="a file"),
        pytest.param("sub/new.ipynb", "sub/new.ipynb", id="a file that is not there"),
        pytest.param("at 12:30.ipynb", "at 12:30.ipynb", id="a colon"),
        pytest.param("%2e%2e/a.ipynb", "%2e%2e/a.ipynb", id="no address is decoded"),
        pytest.param("a..b/ä b.ipynb", "a..b/ä b.ipynb", id="odd names"),
    ],
)
def test_absolute__path_inside__is_below_the_root(root: Path, path: str, expected: str) -> None:
    """A contents path counts from the root."""
    assert ContentsRoot(root).absolute(path) == root / expected


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside.ipynb",
        "sub/../../outside.ipynb",
        "sub/../sub/a.ipynb",
        "../root-2/a.ipynb",
        "/etc/passwd",
        "//etc/passwd",
        "sub//a.ipynb",
        "sub/./a.ipynb",
        "sub/",
        "sub\\a.ipynb",
        "..\\outside.ipynb",
        "C:/outside.ipynb",
        "c:outside.ipynb",
        "RTC:sub/a.ipynb",
        "a\0.ipynb",
        ".secret/a.ipynb",
        "sub/.a.ipynb",
        ".kernelpipe",
    ],
)
def test_absolute__path_outside_or_hidden__is_no_file(root: Path, path: str) -> None:
    """Whatever is refused is refused alike: the answer tells nothing of what is there."""
    with pytest.raises(HTTPError, match="404") as caught:
        ContentsRoot(root).absolute(path)

    assert caught.value.status_code == 404


@pytest.mark.parametrize(
    ("target", "path"),
    [
        pytest.param("../outside.ipynb", "link", id="a file"),
        pytest.param("..", "link/outside.ipynb", id="a folder"),
        pytest.param("..", "link/nothing-there", id="a folder, and nothing in it"),
        pytest.param("../root-2", "link/a.ipynb", id="a folder that begins with the root's name"),
        pytest.param(".secret", "link/a.ipynb", id="a hidden folder"),
    ],
)
def test_absolute__link_that_leads_outside__is_no_file(root: Path, target: str, path: str) -> None:
    """A link is as good as what it leads to."""
    (root / "link").symlink_to(target)

    with pytest.raises(HTTPError, match="404"):
        ContentsRoot(root).absolute(path)


def test_absolute__link_that_stays_inside__is_kept(root: Path) -> None:
    """The path that users know names the file."""
    (root / "link").symlink_to("sub")

    assert ContentsRoot(root).absolute("link/a.ipynb") == root / "link" / "a.ipynb"


def test_absolute__root_is_a_link__names_the_link(root: Path, tmp_path: Path) -> None:
    """Homes are often links."""
    (tmp_path / "home").symlink_to(root)

    assert ContentsRoot(tmp_path / "home").absolute("sub") == tmp_path / "home" / "sub"


def test_absolute__hidden_files_are_shown__finds_them(root: Path) -> None:
    """Whoever set up the server decides."""
    shown = ContentsRoot(root, shows_hidden=True)

    assert shown.absolute(".secret/a") == root / ".secret" / "a"


def test_absolute__contents_not_in_files__says_so() -> None:
    """There are contents managers that keep notebooks in databases."""
    with pytest.raises(UsageError, match="not kept in files"):
        ContentsRoot(None).absolute("a.ipynb")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("root", "", id="the root"),
        pytest.param("root/sub/a.ipynb", "sub/a.ipynb", id="a file"),
        pytest.param("root/sub/../b.ipynb", "b.ipynb", id="not normal"),
        pytest.param("home/sub/a.ipynb", "sub/a.ipynb", id="by a link to the root"),
        pytest.param("outside.ipynb", None, id="outside"),
        pytest.param("root-2/a.ipynb", None, id="begins alike"),
        pytest.param("root/.secret/a", None, id="hidden"),
        pytest.param("root/out/a", None, id="a link leads outside"),
    ],
)
def test_relative__absolute_path__is_the_contents_path(
    root: Path, tmp_path: Path, path: str, expected: str | None
) -> None:
    """Runs know absolute paths, browsers contents paths."""
    (tmp_path / "home").symlink_to(root)
    (root / "out").symlink_to("..")

    assert ContentsRoot(root).relative(tmp_path / path) == expected


def test_relative__root_is_a_link__knows_both_names(root: Path, tmp_path: Path) -> None:
    """A run may have recorded the path without links."""
    (tmp_path / "home").symlink_to(root)
    contents = ContentsRoot(tmp_path / "home")

    found = [contents.relative(each / "sub" / "a.ipynb") for each in (root, tmp_path / "home")]

    assert found == ["sub/a.ipynb", "sub/a.ipynb"]


def test_relative__contents_not_in_files__is_none(root: Path) -> None:
    """Nothing has a contents path then."""
    assert ContentsRoot(None).relative(root) is None


def test_folder__root__has_no_relative_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that was given relative to the working directory stays where it was."""
    monkeypatch.chdir(root.parent)
    contents = ContentsRoot(Path("root"))
    os.chdir(root)

    assert contents.folder == root

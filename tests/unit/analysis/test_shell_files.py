"""Tests of what shell lines are taken to do to files."""

import pytest

from kernelpipe.analysis.shell_files import shell_uses

ANY = [(None, False), (None, True)]


@pytest.mark.parametrize(
    ("command", "uses"),
    [
        ("echo one", []),
        ("pip install x", []),
        ("ls", [(".", False)]),
        ("ls out -la", [("out", False)]),
        ("cat a.txt b.txt", [("a.txt", False), ("b.txt", False)]),
        ("head -n 3 a.csv", [("3", False), ("a.csv", False)]),
        ("grep word a.txt", [("a.txt", False)]),
        ("echo one > a.txt", [("a.txt", True)]),
        ("echo one >> 'a b.txt'", [("a b.txt", True)]),
        ("cat < a.txt > b.txt", [("a.txt", False), ("b.txt", True)]),
        ("ls 2> /dev/null", [(".", False)]),
        ("mkdir -p out/deep", [("out/deep", True)]),
        ("rm -rf out", [("out", True)]),
        ("cp a b out", [("a", False), ("b", False), ("out", True)]),
        ("mv a b", [("a", True), ("b", True)]),
        ("cat a | sort | uniq > b", [("a", False), ("b", True)]),
        ("mkdir x && touch x/y; rm z", [("x", True), ("x/y", True), ("z", True)]),
        ("wget -q -O d.zip http://localhost/d.zip", [("d.zip", True)]),
        ("wget -P data http://localhost/d.zip", [("data", True)]),
        ("wget http://localhost/d.zip", [(".", True)]),
        ("curl -Lo d.zip http://localhost/d.zip", [("d.zip", True)]),
        ("curl -O http://localhost/d.zip", [(".", True)]),
        ("curl http://localhost/d.zip", []),
        ("unzip -q d.zip -d data", [("d.zip", False), ("data", True)]),
        ("unzip d.zip", [("d.zip", False), (".", True)]),
        ("sed -i s/a/b/ a.txt", ANY),
        ("python make.py", ANY),
        ("X=1 python make.py", ANY),
        ("X=1 touch a", [("a", True)]),
        ("echo $(cat a)", ANY),
        ("echo 'open", ANY),
    ],
)
def test_shell_uses__command__are_what_it_touches(
    command: str, uses: list[tuple[str | None, bool]]
) -> None:
    """Paths in the order of the words; of a command that is not known, any file."""
    assert [tuple(use) for use in shell_uses(command)] == uses

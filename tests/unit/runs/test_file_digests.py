"""Digests of files: right at any time, and computed as seldom as that allows."""

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from result_kit import NOON, count_reads, start_run, write_file

from kernelpipe.runs import FileDigests
from kernelpipe.runs.database import shared_index
from kernelpipe.runs.file_digests import is_settled

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
JELLO = hashlib.sha256(b"jello").hexdigest()
LATER = NOON * 2


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home that has been made."""
    start_run(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that holds "hello"."""
    return write_file(tmp_path / "data.csv", "hello")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an item whenever a file is hashed."""
    return count_reads(monkeypatch)


def digests(home: Path) -> FileDigests:
    """Return digests for which nothing on the disk is new."""
    return FileDigests(home, clock=lambda: LATER)


def overwrite(path: Path, text: str) -> None:
    """Change the content and set the times back."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_state__regular_file__is_its_sha256(home: Path, file: Path) -> None:
    """Also through a symbolic link."""
    link = file.with_name("link")
    link.symlink_to(file)

    assert FileDigests(home).state(str(file)) == HELLO
    assert FileDigests(home).state(str(link)) == HELLO


@pytest.mark.parametrize("name", ["none", "data.csv/under-a-file", "none/none"])
def test_state__nothing_there__is_none(home: Path, file: Path, name: str) -> None:
    """Absence is a state."""
    assert FileDigests(home).state(str(file.parent / name)) is None


def test_state__directory__tells_its_names_only(home: Path, tmp_path: Path) -> None:
    """Another name changes it, other content does not."""
    folder = tmp_path / "folder"
    write_file(folder / "b", "1")
    write_file(folder / "a", "1")
    found = FileDigests(home)
    before = found.state(str(folder))

    write_file(folder / "a", "2")

    assert before == "dir:" + hashlib.sha256(b"a\0b").hexdigest()
    assert found.state(str(folder)) == before
    write_file(folder / "c", "1")
    assert found.state(str(folder)) == "dir:" + hashlib.sha256(b"a\0b\0c").hexdigest()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


@pytest.mark.parametrize(
    ("make", "state"), [(_pipe, "special:10000 0"), (_socket, "special:140000 0")]
)
def test_state__special_file__is_not_opened(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    state: str,
) -> None:
    """Opening a pipe would wait for a writer."""
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    make(Path("special"))

    assert FileDigests(home).state("special") == state
    assert FileDigests(home).at("special", FileDigests.signature("special") or []) is None


def test_state__file_cannot_be_read__equals_nothing_else(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither absence nor any content, and another text once it changed."""

    def refuse(*_: object) -> int:
        raise PermissionError

    found = FileDigests(home)
    monkeypatch.setattr(os, "open", refuse)
    before = found.state(str(file))
    os.utime(file, (1, 1))

    assert before is not None
    assert before.startswith("unreadable:")
    assert found.state(str(file)) not in {None, HELLO, before}
    assert found.at(str(file), FileDigests.signature(str(file)) or []) is None


def test_state__name_with_a_null__is_unreadable(home: Path) -> None:
    """No file has such a name; that is no reason to fail."""
    assert FileDigests(home).state("/a\0") == "unreadable:?"


def test_state__unchanged__is_read_once(home: Path, file: Path, reads: list[object]) -> None:
    """In one process and in the next."""
    first = digests(home)
    assert first.state(str(file)) == HELLO
    assert first.state(str(file)) == HELLO
    first.flush()

    assert digests(home).state(str(file)) == HELLO

    assert len(reads) == 1


def test_state__changed_with_size_and_time_set_back__is_seen(home: Path, file: Path) -> None:
    """The kernel's ctime cannot be set back."""
    found = digests(home)
    found.state(str(file))
    overwrite(file, "jello")

    assert found.state(str(file)) == JELLO


def test_state__other_file_took_the_place__is_seen(home: Path, file: Path) -> None:
    """Same name, same size, same time."""
    found = digests(home)
    found.state(str(file))
    other = write_file(file.with_name("other"), "jello")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)

    assert found.state(str(file)) == JELLO


def test_state__file_is_new__is_not_remembered(home: Path, file: Path, reads: list[object]) -> None:
    """It may change once more within the same tick of the clock, with the same signature."""
    changed_at = file.stat().st_ctime_ns / 1e9
    found = FileDigests(home, clock=lambda: changed_at)

    found.state(str(file))
    found.state(str(file))

    assert len(reads) == 2


@pytest.mark.parametrize(
    ("changed_at_ns", "looked_at", "expected"),
    [
        pytest.param(10_000_000_001, 10.05, False, id="fine-within-a-tick"),
        pytest.param(10_000_000_001, 10.2, True, id="fine-after-a-tick"),
        pytest.param(10_000_000_000, 11.9, False, id="coarse-within-a-tick"),
        pytest.param(10_000_000_000, 12.1, True, id="coarse-after-a-tick"),
        pytest.param(99_000_000_001, 10.0, False, id="in-the-future"),
    ],
)
def test_is_settled__age__decides(changed_at_ns: int, looked_at: float, *, expected: bool) -> None:
    """Timestamps without parts of milliseconds may be two seconds coarse."""
    assert is_settled([1, 2, 3, 4, changed_at_ns], looked_at) is expected


def test_states__many__are_those_of_each(home: Path, file: Path, reads: list[object]) -> None:
    """Others find what was found at once."""
    none = str(file.with_name("none"))
    paths = [str(write_file(file.with_name(f"f{n}"), "hello")) for n in range(600)]

    found = digests(home).states([*paths, none, str(file.parent)])
    again = digests(home).states([*paths, none, str(file.parent)])

    assert {found.pop(path) for path in paths} == {HELLO}
    assert found[none] is None
    assert (found[str(file.parent)] or "").startswith("dir:")
    assert again == found | dict.fromkeys(paths, HELLO)
    assert len(reads) == 600


def test_at__signature_is_current__is_the_digest(home: Path, file: Path) -> None:
    """It is computed when it is not known."""
    signature = FileDigests.signature(str(file))

    assert signature is not None
    assert FileDigests(home).at(str(file), signature) == HELLO


def test_at__changed_since_but_known__is_what_it_was(home: Path, file: Path) -> None:
    """A step may have changed what it had read."""
    found = digests(home)
    signature = FileDigests.signature(str(file)) or []
    found.state(str(file))
    overwrite(file, "jello")

    assert found.at(str(file), signature) == HELLO
    file.unlink()
    assert found.at(str(file), signature) == HELLO


def test_at__changed_since_and_unknown__is_none(home: Path, file: Path) -> None:
    """Nobody can tell any more what was in it."""
    signature = FileDigests.signature(str(file)) or []
    overwrite(file, "jello")

    assert digests(home).at(str(file), signature) is None
    file.unlink()
    assert digests(home).at(str(file), signature) is None


def test_at__changed_while_it_is_read__is_none(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read may be a mixture."""
    file_digest = hashlib.file_digest

    def digest_and_change(*arguments: object) -> object:
        result = file_digest(*arguments)  # type: ignore[arg-type]  # passed on as they are
        overwrite(file, "jello")
        return result

    signature = FileDigests.signature(str(file)) or []
    monkeypatch.setattr(hashlib, "file_digest", digest_and_change)

    assert digests(home).at(str(file), signature) is None


def test_state__changed_while_it_is_read__is_read_again(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it stays the same."""
    texts = iter(["jello"])
    file_digest = hashlib.file_digest

    def digest_and_change(*arguments: object) -> object:
        result = file_digest(*arguments)  # type: ignore[arg-type]  # passed on as they are
        for text in texts:
            overwrite(file, text)
        return result

    monkeypatch.setattr(hashlib, "file_digest", digest_and_change)

    assert digests(home).state(str(file)) == JELLO


def test_state__never_still__is_not_remembered(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written all the time has no state that could be known again."""
    file_digest = hashlib.file_digest
    numbers = iter(range(100))

    def digest_and_change(*arguments: object) -> object:
        result = file_digest(*arguments)  # type: ignore[arg-type]  # passed on as they are
        file.write_text(f"{next(numbers)}" * 5)
        return result

    monkeypatch.setattr(hashlib, "file_digest", digest_and_change)
    found = digests(home)

    assert found.state(str(file)) != found.state(str(file))


def test_signature__nothing_there__is_none(file: Path) -> None:
    """Else it is what a step records, too."""
    status = file.stat()

    assert FileDigests.signature(str(file.with_name("none"))) is None
    assert FileDigests.signature(str(file)) == [
        status.st_dev,
        status.st_ino,
        5,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def test_state__no_home__works_and_makes_nothing(tmp_path: Path, file: Path) -> None:
    """Planning before the first run does not write."""
    found = digests(tmp_path / "none")

    assert found.state(str(file)) == HELLO
    found.flush()
    assert not (tmp_path / "none").exists()


def test_state__index_cannot_be_used__works(home: Path, file: Path) -> None:
    """What is remembered only saves time."""
    shared_index(home / "index.sqlite").close()
    (home / "index.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 9)
    found = digests(home)

    assert found.states([str(file)]) == {str(file): HELLO}
    assert found.at(str(file), FileDigests.signature(str(file)) or []) == HELLO

"""The store of results: what is kept comes back as it was, or is told to be damaged."""

import hashlib
import os
import resource
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from result_kit import (
    NOON,
    count_reads,
    make_result,
    names,
    start_run,
    store_result,
    write_file,
    write_value,
)

from kernelpipe.errors import RunError
from kernelpipe.model.names import StepName
from kernelpipe.model.result import StoredValue
from kernelpipe.runs import ResultStore

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
LATER = NOON * 2
"""Long after the tests: what was changed now is not new then."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home that has been made."""
    start_run(tmp_path / "home")
    return tmp_path / "home"


def overwrite(path: Path, content: bytes) -> None:
    """Write into a read-only file and set its times back, so that only ctime can tell."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def seen(home: Path, digest: str) -> ResultStore:
    """Return a store that has looked at the object and remembers that it was intact."""
    results = ResultStore(home, clock=lambda: LATER)
    assert results.damage(digest) is None
    return results


def test_keep_file__new_content__is_a_read_only_object_that_shares_the_file(home: Path) -> None:
    """Named by its SHA-256, in a private directory; nothing is copied."""
    path = write_file(home / "runs" / "r" / "executed.ipynb", "hello")
    results = ResultStore(home)

    assert results.keep_file(path) == (HELLO, 5)

    kept = home / "values" / "2c" / HELLO
    assert results.path(HELLO) == kept
    assert kept.read_text() == "hello"
    assert kept.samefile(path)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert names(kept.parent) == [HELLO]


def test_keep_file__value_file__is_named_by_its_header(home: Path) -> None:
    """The digest that the caller knows is taken."""
    digest = write_value(home / "port", b"abc" * 1000)
    results = ResultStore(home)

    assert results.keep_file(home / "port", digest=digest)[0] == digest

    assert results.path(digest).samefile(home / "port")
    assert results.damage(digest) is None


def test_keep_file__content_is_there_already__shares_it(home: Path) -> None:
    """The second file takes no space of its own."""
    first = write_file(home / "runs" / "a", "hello")
    second = write_file(home / "runs" / "b", "hello")
    results = ResultStore(home)

    assert results.keep_file(first) == results.keep_file(second)

    assert second.samefile(first)
    assert names(home / "runs")[-2:] == ["a", "b"]


def test_keep_file__same_file_again__changes_nothing(home: Path) -> None:
    """Keeping is idempotent."""
    path = write_file(home / "a", "hello")
    results = ResultStore(home)
    results.keep_file(path)

    assert results.keep_file(path) == (HELLO, 5)

    assert path.stat().st_nlink == 2


def test_keep_file__object_is_damaged__is_mended(home: Path) -> None:
    """A step that runs again because its result was damaged must not get the damaged one."""
    results = ResultStore(home)
    results.keep_file(write_file(home / "a", "hello"))
    overwrite(results.path(HELLO), b"jello")

    results.keep_file(write_file(home / "b", "hello"))

    assert results.path(HELLO).read_text() == "hello"
    assert results.damage(HELLO) is None
    assert (home / "a").read_text() == "jello"


def test_keep_file__links_fail__copies(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another file system, or with too many links."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    path = write_file(home / "a", "hello")
    results = ResultStore(home)

    results.keep_file(path)
    results.keep_file(path)

    assert results.path(HELLO).read_text() == "hello"
    assert not results.path(HELLO).samefile(path)
    assert names(results.path(HELLO).parent) == [HELLO]


def test_keep_file__disk_is_full__leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written of the copy is removed."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    path = write_file(home / "a", "x" * 1_000_000)
    results = ResultStore(home)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            results.keep_file(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [path for path in (home / "values").rglob("*") if path.is_file()] == []
    digest, _ = results.keep_file(path)
    assert results.damage(digest) is None


def test_keep_file__file_is_changed_meanwhile__is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object whose name does not fit its content is never made."""
    path = write_file(home / "a", "hello")
    hardlink_to = Path.hardlink_to

    def write_and_link(self: Path, target: Path) -> None:
        path.write_text("hello!")
        hardlink_to(self, target)

    monkeypatch.setattr(Path, "hardlink_to", write_and_link)
    results = ResultStore(home)

    with pytest.raises(OSError, match="was changed while it was stored"):
        results.keep_file(path)

    assert results.damage(HELLO) == "is missing"
    assert names(results.path(HELLO).parent) == []


def test_keep_file__many_at_once__all_succeed_with_one_object(home: Path) -> None:
    """Threads that keep the same content do not disturb each other."""
    paths = [write_file(home / "work" / str(number), "hello") for number in range(16)]
    found: list[tuple[str, int]] = []
    threads = [
        threading.Thread(target=lambda path=path: found.append(ResultStore(home).keep_file(path)))
        for path in paths
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [(HELLO, 5)] * 16
    assert names(home / "values" / "2c") == [HELLO]


def test_damage__object_was_removed__is_missing(home: Path) -> None:
    """Also when it had been seen."""
    ResultStore(home).keep_file(write_file(home / "a", "hello"))
    results = seen(home, HELLO)
    results.path(HELLO).unlink()

    assert results.damage(HELLO) == "is missing"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"jello", id="same-size"),
        pytest.param(b"hell", id="cut-off"),
        pytest.param(b"", id="empty"),
    ],
)
def test_damage__content_was_changed_and_times_set_back__was_changed(
    home: Path, content: bytes
) -> None:
    """What was seen intact is looked at again when anything about it is new."""
    ResultStore(home).keep_file(write_file(home / "a", "hello"))
    results = seen(home, HELLO)
    overwrite(results.path(HELLO), content)

    assert results.damage(HELLO) == "was changed"
    assert ResultStore(home).damage(HELLO) == "was changed"


@pytest.mark.parametrize("position", [100, -100, -5], ids=["payload", "header", "trailer"])
def test_damage__byte_of_a_value_file_was_changed__was_changed(home: Path, position: int) -> None:
    """Header and payload are both checked."""
    digest = write_value(home / "port", bytes(1000))
    ResultStore(home).keep_file(home / "port", digest=digest)
    results = seen(home, digest)
    content = bytearray(results.path(digest).read_bytes())
    content[position] ^= 1
    overwrite(results.path(digest), bytes(content))

    assert results.damage(digest) == "was changed"


def test_damage__other_value_file_under_the_name__was_changed(home: Path) -> None:
    """It is whole, but not the one that is meant."""
    digest = write_value(home / "port", b"abc")
    results = ResultStore(home)
    results.keep_file(home / "port", digest=digest)
    write_value(home / "other", b"abd")

    overwrite(results.path(digest), (home / "other").read_bytes())

    assert results.damage(digest) == "was changed"


def test_damage__object_is_a_directory__was_changed(home: Path) -> None:
    """Whatever cannot be read is not intact."""
    results = ResultStore(home)
    results.path(HELLO).mkdir(parents=True)

    assert results.damage(HELLO) == "was changed"


def test_damage__seen_before_and_linked_since__is_read_once_more(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another link changes ctime: that costs one reading, not one each time."""
    reads = count_reads(monkeypatch)
    ResultStore(home).keep_file(write_file(home / "a", "hello"))
    results = seen(home, HELLO)
    reads.clear()

    assert results.damage(HELLO) is None
    assert len(reads) == 0
    (home / "link").hardlink_to(results.path(HELLO))
    assert results.damage(HELLO) is None
    assert len(reads) == 1
    assert results.damage(HELLO) is None
    assert len(reads) == 1


def test_damage__seen_by_another_process__is_not_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen is kept in the index once that is asked for."""
    ResultStore(home).keep_file(write_file(home / "a", "hello"))
    seen(home, HELLO).flush()
    monkeypatch.setattr(hashlib, "file_digest", None)

    assert ResultStore(home).damage(HELLO) is None


def test_add__every_field__comes_back(home: Path) -> None:
    """Results are equal after a round trip, names that are no UTF-8 included."""
    value = StoredValue(port="df", digest="aa" * 32, size_bytes=1 << 40)
    result = make_result("r1", executed=HELLO, values=(value,))

    ResultStore(home).add(result)

    assert ResultStore(home).get("r1") == result
    assert ResultStore(home).get("r2") is None


def test_find__several__returns_the_last_added_first(home: Path) -> None:
    """The clock does not matter."""
    results = ResultStore(home)
    first = replace(make_result("z", executed=HELLO), created_at=NOON + 60)
    second = make_result("a", executed=HELLO)
    other = make_result("b", executed=HELLO, key="k2")
    for result in (first, second, other):
        results.add(result)

    assert results.find("k1") == (second, first)
    assert results.find("k") == ()


def test_find_base__prefix__returns_all_that_begin_with_it(home: Path) -> None:
    """The last added first; the prefix is text, not a pattern."""
    results = ResultStore(home)
    made = [
        make_result(key, executed=HELLO, key=key)
        for key in ("ab1", "ab", "abff", "ac", "aa", "b", "%")
    ]
    for result in made:
        results.add(result)

    assert results.find_base("ab") == (made[2], made[1], made[0])
    assert results.find_base("%") == (made[6],)


def test_latest__several__is_the_last_added_of_the_step(home: Path) -> None:
    """Whatever its key; other steps and other notebooks do not count."""
    results = ResultStore(home)
    for result in (
        make_result("a", executed=HELLO, key="k1"),
        make_result("b", executed=HELLO, key="k2"),
        make_result("c", executed=HELLO, step="train"),
        replace(make_result("d", executed=HELLO), source="/nb/other.ipynb"),
    ):
        results.add(result)

    found = results.latest("/nb/churn.ipynb", StepName("load"))

    assert found is not None
    assert found.id == "b"
    assert results.latest("/nb/churn.ipynb", StepName("none")) is None


def test_reading__no_home__finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    """Planning before the first run does not write."""
    results = ResultStore(tmp_path / "none")

    assert results.find("k") == ()
    assert results.find_base("k") == ()
    assert results.get("k") is None
    assert results.latest("s", StepName("a")) is None
    assert results.damage(HELLO) == "is missing"
    results.mark_used(["r"])
    assert list(tmp_path.iterdir()) == []


def test_add__index_is_gone__says_so(home: Path) -> None:
    """The run cannot be recorded any more."""
    (home / "index.sqlite").unlink()

    with pytest.raises(RunError, match=r"index.sqlite cannot be used: unable to open"):
        ResultStore(home).add(make_result("r1", executed=HELLO))


def test_store_result__helper__keeps_what_it_says(home: Path) -> None:
    """The tests of garbage collection rest on it."""
    result = store_result(home, "r1", "hello")

    assert ResultStore(home).get("r1") == result
    assert result.executed == HELLO
    assert ResultStore(home).path(HELLO).stat().st_nlink == 1

"""Tests of what an interpreter has installed: found, remembered, and seen when it changes."""

import json
import os
import stat
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kernelpipe.backends.local import inventory
from kernelpipe.backends.local.environment import Environment, read_environment
from kernelpipe.errors import BackendError

LONG_AGO_S = 1_600_000_000


class Site:
    """A directory of made-up distributions on the path of an interpreter of its own.

    ``python`` is a script that notes each start and runs the real interpreter without its own
    packages.
    """

    def __init__(self, root: Path) -> None:
        self.directory = root / "site"
        self.directory.mkdir()
        self._log = root / "starts"
        self.python = root / "python"
        self.python.write_text(
            f'#!/bin/sh\necho start >> "{self._log}"\nexec "{sys.executable}" -S "$@"\n'
        )
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)

    def add(self, name: str, version: str, *files: str, requires: tuple[str, ...] = ()) -> Path:
        """Install a distribution that records ``files``; return its directory."""
        found = self.directory / f"{name}-{version}.dist-info"
        found.mkdir()
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        (found / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        (found / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        self.age()
        return found

    def age(self) -> None:
        """Let the last change have been long ago."""
        os.utime(self.directory, (LONG_AGO_S, LONG_AGO_S))

    def starts(self) -> int:
        """Return how often the interpreter was started."""
        return self._log.read_text().count("start") if self._log.exists() else 0

    def read(self) -> Environment:
        """Read the environment of the interpreter."""
        return read_environment(str(self.python))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site that is on the path, with an empty cache."""
    made = Site(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(made.directory))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def _kept(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "cache" / "kernelpipe").iterdir()
    return found


def test_packages__module_of_a_distribution__is_that_and_what_it_needs(site: Site) -> None:
    """Requirements are followed to the end, also in a circle; those not installed are left out."""
    site.add("Frame_Kit", "2.2", "frames/__init__.py", requires=("num>=1", "absent"))
    site.add("num", "1.5", "num/__init__.py", requires=("low.level",))
    site.add("low-level", "0.1", "_low.cpython-311-x86_64-linux-gnu.so", requires=("Frame-Kit",))
    site.add("other", "9", "other.py")

    found = site.read().packages(["frames.core.index", "os", "nothing"])

    assert found == (("Frame_Kit", "2.2"), ("low-level", "0.1"), ("num", "1.5"))


def test_packages__compiled_module_and_single_file__are_known(site: Site) -> None:
    """A module need not be a package."""
    site.add("low-level", "0.1", "_low.cpython-311-x86_64-linux-gnu.so")
    site.add("other", "9", "other.py", "__pycache__/other.cpython-311.pyc", "../../bin/other")

    assert site.read().packages(["_low", "other"]) == (("low-level", "0.1"), ("other", "9"))


def test_packages__namespace_package__is_told_apart_by_full_names(site: Site) -> None:
    """Several distributions may bring parts of one package."""
    site.add("cloud-storage", "3", "cloud/storage/__init__.py", "cloud/storage/blob.py")
    site.add("cloud-query", "4", "cloud/query/__init__.py", "cloud/version.py")
    environment = site.read()

    assert environment.packages(["cloud.storage.blob"]) == (("cloud-storage", "3"),)
    assert environment.packages(["cloud.version"]) == (("cloud-query", "4"),)
    assert environment.packages(["cloud"]) == (("cloud-query", "4"), ("cloud-storage", "3"))


def test_packages__module_of_two_distributions__is_of_both(site: Site) -> None:
    """Which one it came from cannot be told."""
    site.add("one", "1", "both/__init__.py")
    site.add("two", "2", "both/__init__.py")

    assert site.read().packages(["both"]) == (("one", "1"), ("two", "2"))


def test_packages__extras_and_markers__are_evaluated(site: Site) -> None:
    """What an extra names is used where it is there; what is for developers is not."""
    requires = (
        "a; python_version >= '3'",
        "b; sys_platform == 'no-such-system'",
        "c; extra == 'more'",
        "d[more]",
        "e; extra == 'test'",
        "=not a requirement=",
    )
    site.add("top", "1", "top.py", requires=requires)
    for name in "abcde":
        site.add(name, "1", f"{name}.py")

    found = site.read().packages(["top"])

    assert found == (("a", "1"), ("c", "1"), ("d", "1"), ("top", "1"))


def test_packages__editable_install__has_no_version(site: Site) -> None:
    """Its files are the user's and are followed as such; what it needs is not."""
    found = site.add("mine", "0.1", "mine.py", requires=("num",))
    site.add("num", "1.5", "num.py")
    (found / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')

    assert site.read().packages(["mine"]) == (("num", "1.5"),)


def test_packages__without_record__takes_the_top_level_names(site: Site) -> None:
    """Other installers than pip leave less behind."""
    found = site.add("old", "1")
    (found / "RECORD").unlink()
    (found / "top_level.txt").write_text("ancient\n")

    assert site.read().packages(["ancient.part"]) == (("old", "1"),)


def test_packages__same_distribution_twice_on_the_path__first_counts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an import."""
    site.add("num", "2", "num.py")
    second = tmp_path / "second"
    (second / "num-1.dist-info").mkdir(parents=True)
    (second / "num-1.dist-info" / "METADATA").write_text("Name: num\nVersion: 1\n")
    monkeypatch.setenv("PYTHONPATH", f"{site.directory}{os.pathsep}{second}")

    assert site.read().packages(["num"]) == (("num", "2"),)


def test_python__of_the_interpreter__names_kind_version_and_platform(site: Site) -> None:
    """Results of another kind of Python are not ours."""
    version = ".".join(map(str, sys.version_info[:3]))

    assert site.read().python.startswith(f"CPython {version} ")


def test_read_environment__nothing_changed__is_remembered(site: Site, tmp_path: Path) -> None:
    """The interpreter is asked once; the answer is private."""
    site.add("num", "1", "num.py")

    first, second = site.read(), site.read()

    assert first == second
    assert site.starts() == 1
    assert stat.S_IMODE(_kept(tmp_path).stat().st_mode) == 0o600


def test_read_environment__new_version__is_seen(site: Site) -> None:
    """An installer renames the directory of the distribution's facts."""
    old = site.add("num", "1", "num.py")
    assert site.read().packages(["num"]) == (("num", "1"),)

    for file in old.iterdir():
        file.unlink()
    old.rmdir()
    site.add("num", "2", "num.py")
    os.utime(site.directory, (LONG_AGO_S + 1, LONG_AGO_S + 1))

    assert site.read().packages(["num"]) == (("num", "2"),)


def test_read_environment__other_file_in_a_directory_on_the_path__is_remembered(
    site: Site,
) -> None:
    """Steps may write to a directory of the user's that is on the path, too."""
    site.add("num", "1", "num.py")
    first = site.read()

    (site.directory / "table.csv").write_text("a\n")

    assert site.read() == first
    assert site.starts() == 1


def test_read_environment__directory_changed_just_now__is_not_remembered(site: Site) -> None:
    """A second change within the same tick of the clock would not be seen."""
    site.add("num", "1", "num.py")
    os.utime(site.directory)

    site.read()
    site.read()

    assert site.starts() == 2


def test_read_environment__other_variables__are_another_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PYTHONPATH brings distributions of its own."""
    site.add("num", "1", "num.py")
    assert site.read().packages(["num"]) == (("num", "1"),)

    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "nowhere"))

    assert site.read().packages(["num"]) == ()


def test_read_environment__path_file_changed__is_asked_again(site: Site) -> None:
    """A .pth file adds directories to the path."""
    added = site.directory / "more.pth"
    added.write_text("/nowhere\n")
    os.utime(added, (LONG_AGO_S, LONG_AGO_S))
    site.age()
    site.read()

    added.write_text("/elsewhere\n")
    os.utime(added, (LONG_AGO_S + 1, LONG_AGO_S + 1))
    site.read()

    assert site.starts() == 2


def test_read_environment__directory_that_appears__is_seen(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of the path need not exist yet."""
    late = tmp_path / "late"
    monkeypatch.setenv("PYTHONPATH", f"{site.directory}{os.pathsep}{late}")
    site.age()
    site.read()

    (late / "num-1.dist-info").mkdir(parents=True)
    (late / "num-1.dist-info" / "METADATA").write_text("Name: num\nVersion: 1\n")
    (late / "num-1.dist-info" / "top_level.txt").write_text("num\n")

    assert site.read().packages(["num"]) == (("num", "1"),)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("", id="empty"),
        pytest.param("[1]", id="another-shape"),
        pytest.param("{", id="cut-off"),
    ],
)
def test_read_environment__damaged_memory__is_asked_again(
    site: Site, tmp_path: Path, damage: str
) -> None:
    """It is a cache: what is lost is found again."""
    site.add("num", "1", "num.py")
    site.read()
    _kept(tmp_path).write_text(damage)

    assert site.read().packages(["num"]) == (("num", "1"),)
    assert site.starts() == 2


def test_read_environment__memory_with_a_part_of_another_type__is_asked_again(
    site: Site, tmp_path: Path
) -> None:
    """Another version may have written it."""
    site.add("num", "1", "num.py")
    site.read()
    kept = json.loads(_kept(tmp_path).read_text())
    kept["known"]["owners"] = ["num"]
    _kept(tmp_path).write_text(json.dumps(kept))

    assert site.read().packages(["num"]) == (("num", "1"),)


def test_read_environment__cache_that_cannot_be_written__works_without(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept then."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    site.add("num", "1", "num.py")

    assert site.read().packages(["num"]) == (("num", "1"),)


def test_read_environment__without_xdg__is_kept_under_home(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the XDG rules have it."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    site.age()

    site.read()

    assert len(list((tmp_path / ".cache" / "kernelpipe").iterdir())) == 1


def test_read_environment__name_on_the_path__is_found(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel specification may say "python"."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    read_environment("python")

    assert site.starts() == 1


def test_read_environment__no_interpreter__is_an_error(site: Site) -> None:
    """The kernel would not start either."""
    with pytest.raises(BackendError, match="is not a Python that can be asked"):
        read_environment(str(site.directory / "none"))


def test_read_environment__interpreter_that_fails__says_how(site: Site) -> None:
    """The last line of what it says is the reason."""
    site.python.write_text("#!/bin/sh\necho first >&2\necho broken library >&2\nexit 3\n")

    with pytest.raises(BackendError, match="does not start: broken library"):
        site.read()


def test_read_environment__program_that_is_no_python__is_an_error(site: Site) -> None:
    """It says nothing that can be understood."""
    site.python.write_text("#!/bin/sh\nexit 0\n")

    with pytest.raises(BackendError, match="is not a Python that can be asked"):
        site.read()


def test_describe__this_interpreter__knows_its_own_packages() -> None:
    """The same answer as this process gives."""
    found = {each["key"]: each for each in inventory.describe()["distributions"]}

    assert found["packaging"]["version"] == metadata.version("packaging")
    assert found["packaging"]["modules"] == ["packaging"]


def test_module_roots__files_of_all_kinds__are_modules_or_nothing() -> None:
    """Only what can be imported has a name."""
    files = [
        "a/__init__.py",
        "a/b/__init__.py",
        "a/b/c.py",
        "n/s/__init__.py",
        "n/s/t.py",
        "n/alone.py",
        "x.abi3.so",
        "x-1.dist-info/METADATA",
        "data/file.txt",
        "bad-name.py",
        "../../../bin/tool",
        "a/__pycache__/q.cpython-311.pyc",
        "__init__.py",
    ]

    assert inventory.module_roots(files) == ["a", "n.alone", "n.s", "x"]

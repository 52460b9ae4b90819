"""What steps find in files, and when what they wrote keeps them from being found."""

from pathlib import Path

import pytest

from kernelpipe.backends.local.file_states import FileStates, contradictions
from kernelpipe.model.names import StepName
from kernelpipe.model.result import FileState, Touched
from kernelpipe.model.settings import NamedText

HOME = Path("/data")
A, B, C = map(StepName, "abc")


class Disk:
    """A fake disk: path -> digest."""

    def __init__(self, **files: str | None) -> None:
        self._files = {f"/data/{name}": digest for name, digest in files.items()}

    def state(self, path: str) -> str | None:
        """Return the digest."""
        return self._files.get(path)


def states(**files: str | None) -> tuple[FileState, ...]:
    """Return states of files in the notebook's directory."""
    return tuple(FileState(path=f"/data/{name}", digest=d) for name, d in files.items())


def wrote(**files: str | None) -> Touched:
    """Return what a step touched that only wrote."""
    return Touched(writes=states(**files))


def read(**files: str | None) -> Touched:
    """Return what a step touched that only read."""
    return Touched(reads=states(**files))


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        pytest.param("1", "1", None, id="same"),
        pytest.param("1", "2", "x changed", id="changed"),
        pytest.param("1", None, "x is missing", id="removed"),
        pytest.param(None, "1", "x is new", id="new"),
        pytest.param(None, None, None, id="still missing"),
        pytest.param("dir:1", "dir:2", "the files in x changed", id="listing"),
    ],
)
def test_mismatch__file_that_was_read__says_what_changed(
    then: str | None, now: str | None, reason: str | None
) -> None:
    """Paths are told from the notebook's directory."""
    files = FileStates(Disk(x=now), HOME)

    assert files.mismatch(read(x=then), ()) == reason


def test_mismatch__file_that_a_found_step_wrote__is_what_that_step_wrote() -> None:
    """A later step wrote over it in the earlier run; that does not count yet."""
    files = FileStates(Disk(x="later"), HOME)
    files.note_found(wrote(x="first"))

    assert files.mismatch(read(x="first"), ()) is None
    assert files.mismatch(read(x="later"), ()) == "x changed"


def test_mismatch__file_that_a_running_step_may_write__cannot_be_told() -> None:
    """What comes of it shows when that step has run."""
    files = FileStates(Disk(x="old"), HOME)
    files.note_unknown(wrote(x="old"))

    assert files.mismatch(read(x="old"), ()) == FileStates.UNKNOWN

    files.note_ran(wrote(x="old"))
    assert files.mismatch(read(x="old"), ()) is None


def test_mismatch__environment_variable__setting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step's own settings win over this process's variables."""
    monkeypatch.setenv("KP_TEST", "one")
    digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # of "one"
    files = FileStates(Disk(), HOME)
    touched = Touched(environment=(("KP_TEST", digest),))

    assert files.mismatch(touched, ()) is None
    assert (
        files.mismatch(touched, (NamedText(key="KP_TEST", value="two"),))
        == "environment variable KP_TEST changed"
    )


def check(disk: Disk, found: dict[StepName, Touched], **history: Touched) -> dict[StepName, str]:
    """Return the contradictions among steps a, b and c."""
    known = {StepName(name): touched for name, touched in history.items()}
    return contradictions((A, B, C), found, known | found, FileStates(disk, HOME))


def test_contradictions__disk_holds_what_was_written__are_none() -> None:
    """The last writer counts."""
    found = {A: wrote(x="1"), B: wrote(x="2"), C: Touched()}

    assert check(Disk(x="2"), found) == {}


@pytest.mark.parametrize(
    ("now", "word"), [pytest.param("9", "changed", id="changed"), pytest.param(None, "is missing")]
)
def test_contradictions__written_file_was_changed__its_writers_run(
    now: str | None, word: str
) -> None:
    """All of them, so that each finds what was there before."""
    found = {A: wrote(x="1"), B: wrote(x="2"), C: Touched()}

    assert check(Disk(x=now), found) == dict.fromkeys((A, B), f"x, which it wrote, {word}")


def test_contradictions__step_between_two_writers_runs__it_finds_what_the_first_wrote() -> None:
    """The disk holds what the second wrote, so the first must write again."""
    found = {A: wrote(x="1"), C: wrote(x="2")}

    assert check(Disk(x="2"), found) == {A: "x, which it wrote, changed, and step 'b' may read it"}


def test_contradictions__step_that_runs_writes_before_a_found_one__that_runs_too() -> None:
    """Otherwise the disk would end up with the earlier step's file."""
    found = {A: wrote(x="1"), C: wrote(x="1")}

    assert check(Disk(x="1"), found, b=wrote(x="1")) == {C: "x is written anew before it"}


def test_contradictions__last_writer_runs__the_disk_need_not_hold_its_file() -> None:
    """It writes it anyway."""
    found = {A: wrote(y="1"), B: Touched()}

    assert check(Disk(y="1", x=None), found, c=wrote(x="2")) == {}

"""Tests of the command line's entry: commands, errors and exit codes."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import kit
import pytest

from kernelpipe import __version__
from kernelpipe.cli import main, registry
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.errors import BackendUnavailableError, RunInterruptedError


class _Command:
    """A command that does what a test wants."""

    def __init__(self, action: Callable[[], int]) -> None:
        self._action = action

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare one option."""
        parser.add_argument("--json", action="store_true")

    def execute(self, arguments: Namespace) -> int:
        """Do it."""
        del arguments
        return self._action()


@pytest.fixture
def use_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Return a function that puts an action in the place of every command."""

    def use(action: Callable[[], int]) -> None:
        monkeypatch.setattr(registry, "load", lambda _name: _Command(action))

    return use


def _raise(error: BaseException) -> Callable[[], int]:
    def action() -> int:
        raise error

    return action


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_main__help__lists_commands(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every command and the exit codes."""
    assert main([word]) == 0

    shown = capsys.readouterr().out
    assert [name for name in registry.SUMMARIES if f"\n  {name} " not in shown] == []
    assert "Exit codes:" in shown


def test_main__nothing__shows_help_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command there is nothing to do."""
    assert main([]) == 2

    assert capsys.readouterr().out.startswith("usage: kernelpipe COMMAND")


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_main__version__is_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The version is one line."""
    assert main([word]) == 0

    assert capsys.readouterr().out == f"kernelpipe {__version__}\n"


@pytest.mark.parametrize("command", list(registry.SUMMARIES))
def test_main__help_of_a_command__is_shown(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command explains itself."""
    assert main([command, "--help"]) == 0

    assert capsys.readouterr().out.startswith(f"usage: kernelpipe {command}")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        pytest.param(
            "grpah",
            "error: there is no command 'grpah'\n  hint: did you mean 'graph'?\n",
            id="near",
        ),
        pytest.param(
            "zzz",
            "error: there is no command 'zzz'\n"
            "  hint: the commands are: check, explain, graph, propose, plan, compile, parity, "
            "verify, run, batch, resume, submit, schedule, runs, report, gc, sync\n",
            id="far",
        ),
        pytest.param(
            "--verson",
            "error: there is no option '--verson'\n  hint: did you mean '--version'?\n",
            id="option",
        ),
    ],
)
def test_main__unknown_command__suggests(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong word gets the nearest right one."""
    assert main([word]) == 2

    assert capsys.readouterr() == ("", message)


def test_main__exit_code_of_the_command__is_returned(
    use_command: Callable[[Callable[[], int]], None],
) -> None:
    """What a command returns is the exit code."""
    use_command(lambda: 5)

    assert main(["run"]) == 5


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        pytest.param(KeyboardInterrupt(), 130, "interrupted\n", id="interrupted"),
        pytest.param(RunInterruptedError("stopped"), 130, "error: stopped\n", id="run stopped"),
        pytest.param(
            BackendUnavailableError("no kfp", extra="kfp"),
            4,
            "error: no kfp\n  hint: pip install 'kernelpipe[kfp]'\n",
            id="backend",
        ),
    ],
)
def test_main__error__has_its_exit_code(
    error: BaseException,
    code: int,
    message: str,
    use_command: Callable[[Callable[[], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Errors map to exit codes; stdout stays empty."""
    use_command(_raise(error))

    assert main(["run"]) == code
    assert capsys.readouterr() == ("", message)


def test_main__unexpected_error__shows_the_traceback(
    use_command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of ours is not dressed up."""
    use_command(_raise(ZeroDivisionError("oops")))

    assert main(["run"]) == 1

    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "ZeroDivisionError: oops\nThis is a bug in kernelpipe" in shown


def test_main__error_with_json__is_a_document(
    use_command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json stdout holds one JSON document also when something is wrong."""
    use_command(_raise(BackendUnavailableError("no kfp", extra="kfp")))

    assert main(["run", "--json"]) == 4

    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "type": "BackendUnavailableError",
            "message": "no kfp\n  hint: pip install 'kernelpipe[kfp]'",
        },
        "diagnostics": [],
    }


def test_main__reader_gone__is_quiet(tmp_path: Path) -> None:
    """``kernelpipe graph | head -1`` ends without a traceback."""
    cells = [kit.code(f"x{i} = {i}", f"step:s{i}") for i in range(3)]
    path = kit.write(tmp_path / "nb.ipynb", *cells)
    read, write = os.pipe()
    os.close(read)

    ended = subprocess.run(
        [sys.executable, "-m", "kernelpipe", "graph", str(path)],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)

    assert (ended.returncode, ended.stderr) == (141, b"")


def test_main__stdout_without_unicode__is_escaped(tmp_path: Path) -> None:
    """A name that the terminal cannot show must not fail the command."""
    path = kit.write(tmp_path / "größe.ipynb", kit.code("größe = 1", "step:a", "parameters"))

    ended = subprocess.run(
        [sys.executable, "-m", "kernelpipe", "graph", str(path)],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )

    assert b"gr\\xf6\\xdfe" in ended.stdout
    assert b"Traceback" not in ended.stderr

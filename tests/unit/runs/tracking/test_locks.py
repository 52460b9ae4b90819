"""Locks between processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from kernelpipe.runs.tracking.locks import holding

_HOLD = """
import sys
from pathlib import Path
from kernelpipe.runs.tracking.locks import holding
with holding(Path(sys.argv[1])) as is_held:
    print(is_held, flush=True)
    sys.stdin.readline()
"""


def test_holding__nobody_else__is_held_and_says_by_whom(tmp_path: Path) -> None:
    """The file tells a person which process it is."""
    path = tmp_path / "lock"
    with holding(path) as is_held:
        owner = json.loads(path.read_text())

    assert is_held
    assert owner["pid"] == os.getpid()


def test_holding__another_process_until_it_is_killed__then_held(tmp_path: Path) -> None:
    """The system gives the lock back."""
    path = tmp_path / "lock"
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"True\n"

    with holding(path) as is_held:
        assert not is_held
    other.kill()
    other.communicate()

    with holding(path, wait_s=20.0) as is_held:
        assert is_held

"""Run a command and print, as JSON, what it and everything that it started took.

Processes that outlive their parents are adopted and waited for, so that their CPU counts, too; what
still runs long after the command is ended.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

_SET_CHILD_SUBREAPER = 36
_PATIENCE_S = 20


def main() -> None:
    """Run the words after this program's name; what they print goes to standard error."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.perf_counter()
    code = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False).returncode
    wall_s = time.perf_counter() - started
    signal.signal(signal.SIGALRM, lambda *_: _end_children())
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S, 0.1)
    try:
        while True:
            os.wait()
    except ChildProcessError:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    sys.stdout.write(json.dumps({"code": code, "wall_s": wall_s, "cpu_s": cpu_s}))


def _end_children() -> None:
    """End what still runs; what it leaves becomes a child in turn."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        os.kill(int(pid), signal.SIGKILL)


if __name__ == "__main__":
    main()

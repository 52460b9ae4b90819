"""Which Python a kernel runs."""

import re
import shutil
import sys
from pathlib import Path

from kernelpipe.backends.local.kernelspecs import read_kernelspec

_THIS = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}
"""Names that jupyter_client takes for the interpreter that it runs in."""
_PYTHON = re.compile(r"(?i)python[\d.]*w?(\.exe)?")


def kernel_python(kernel: str) -> str | None:
    """Return the path of the interpreter that the kernel with this kernelspec runs.

    None if that cannot be told: another program starts the kernel.
    """
    spec = read_kernelspec(kernel)
    if spec is None or not spec.argv or spec.argv[0] in _THIS:
        return sys.executable
    if not _PYTHON.fullmatch(Path(spec.argv[0]).name):
        return None
    return shutil.which(spec.argv[0]) or spec.argv[0]

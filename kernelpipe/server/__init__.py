"""The Jupyter Server extension: the functions of :mod:`kernelpipe.api` as routes."""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return what a Jupyter Server loads; the programs in this package do without it."""
    from kernelpipe.server.extension import KernelpipeServer  # noqa: PLC0415  # see above

    return [{"module": "kernelpipe.server", "app": KernelpipeServer}]

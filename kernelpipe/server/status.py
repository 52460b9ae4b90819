"""``GET status``: what this server can do."""

import os

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe._version import __version__
from kernelpipe.api.documents import JsonObject
from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.cluster_runs import can_run
from kernelpipe.server.shared import Route, Shared
from kernelpipe.server.watching import EVENT_SCHEMA


class StatusHandler(KernelpipeHandler):
    """Says what can be done here; the panel asks once when it opens."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the backends."""
        self.shared.analysts.warm()
        self.answer(
            {
                "version": __version__,
                "server": self.shared.server,
                "event_schema": EVENT_SCHEMA,
                "backends": {"local": _local(), "kfp": _kfp(self.shared)},
            }
        )


def _local() -> JsonObject:
    return {"can_compile": False, "can_run": True, "reason": None}


def _kfp(shared: Shared) -> JsonObject:
    """Say what can be done with Kubeflow: compiling takes nothing but kernelpipe."""
    reason = can_run(shared, os.environ)
    return {"can_compile": True, "can_run": reason is None, "reason": reason}


ROUTES: tuple[Route, ...] = ((r"kernelpipe/status", StatusHandler),)

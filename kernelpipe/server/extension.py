"""The server extension: settings, routes, and what starts and stops with the server."""

import uuid
from typing import TYPE_CHECKING, Final, cast

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Int, Unicode

from kernelpipe.server import (
    analysis,
    cluster_runs,
    compiling,
    proposals,
    run_files,
    run_values,
    runs,
    schedules,
    status,
    tags,
)
from kernelpipe.server.paths import contents_root
from kernelpipe.server.shared import SETTING, Shared
from kernelpipe.server.workers import Workers

if TYPE_CHECKING:
    from types import ModuleType

    from jupyter_server.serverapp import ServerApp

PARTS: "Final[tuple[ModuleType, ...]]" = (
    status,
    analysis,
    compiling,
    proposals,
    tags,
    runs,
    run_files,
    run_values,
    cluster_runs,
    schedules,
)
"""Modules with ``ROUTES`` and, if they need them, ``start`` and ``stop``: see ``shared.Part``."""


class KernelpipeServer(ExtensionApp):
    """kernelpipe in a Jupyter Server."""

    name = SETTING

    max_body_bytes = Int(
        20_000_000, min=1, help="The largest request that is read: a notebook without its outputs."
    ).tag(config=True)
    analysis_timeout_s = Float(
        20.0, min=0.1, help="How long the analysis of a notebook may take, in seconds."
    ).tag(config=True)
    compile_timeout_s = Float(
        120.0, min=0.1, help="How long compiling or planning may take, in seconds."
    ).tag(config=True)

    cluster_timeout_s = Float(
        120.0, min=0.1, help="How long a Kubeflow cluster may take to answer, in seconds."
    ).tag(config=True)
    cluster_host = Unicode(
        "", help="Address of the KFP API on which runs are started; KF_PIPELINES_ENDPOINT if empty."
    ).tag(config=True)
    cluster_namespace = Unicode("", help="The user's namespace on that cluster.").tag(config=True)

    def initialize_settings(self) -> None:
        """Make what the routes share."""
        serverapp = cast("ServerApp", self.serverapp)  # it is linked before this is called
        self.settings[SETTING] = Shared(
            serverapp=serverapp,
            server=uuid.uuid4().hex,
            max_body_bytes=self.max_body_bytes,
            contents=contents_root(serverapp.contents_manager),
            analysts=Workers(timeout_s=self.analysis_timeout_s),
            compilers=Workers(timeout_s=self.compile_timeout_s),
            clusters=Workers(timeout_s=self.cluster_timeout_s, subject="the cluster"),
            cluster_host=self.cluster_host,
            cluster_namespace=self.cluster_namespace,
        )

    def initialize_handlers(self) -> None:
        """Add the routes."""
        for part in PARTS:
            self.handlers.extend(part.ROUTES)

    async def _start_jupyter_server_extension(self, _serverapp: "ServerApp") -> None:
        """Start what the parts do by themselves."""
        for part in PARTS:
            if hasattr(part, "start"):
                await part.start(self.settings[SETTING])

    async def stop_extension(self) -> None:
        """Stop what the parts do, and the processes."""
        shared: Shared = self.settings[SETTING]
        for part in PARTS:
            if hasattr(part, "stop"):
                await part.stop(shared)
        shared.analysts.close()
        shared.compilers.close()
        shared.clusters.close()

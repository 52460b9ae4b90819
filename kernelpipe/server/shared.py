"""What the routes of one server share."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tornado.web import RequestHandler

from kernelpipe.server.paths import ContentsRoot
from kernelpipe.server.workers import Workers

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

SETTING: Final = "kernelpipe"
"""Where the application's settings hold the :class:`Shared` object."""

Route = tuple[str, type[RequestHandler]] | tuple[str, type[RequestHandler], dict[str, Any]]
"""Pattern below the server's base URL, handler, and what the handler's ``initialize`` is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Made once when the server loads the extension."""

    serverapp: "ServerApp"
    """Its log, its event logger (``serverapp.event_logger``), its settings."""
    server: str
    """Which start of the server this is: a random text."""
    max_body_bytes: int
    contents: ContentsRoot
    analysts: Workers
    """Processes that analyse notebooks: many short tasks."""
    compilers: Workers
    """Processes that compile and plan: few long tasks."""
    clusters: Workers
    """Processes that talk to clusters."""
    cluster_host: str
    """The cluster on which runs are started, "" if the environment says which."""
    cluster_namespace: str


class Part(Protocol):
    """A module of routes; ``start`` and ``stop`` may be missing."""

    ROUTES: Sequence[Route]

    def start(self, shared: Shared) -> Awaitable[None]:
        """Begin what the part does by itself; called once, in the event loop."""

    def stop(self, shared: Shared) -> Awaitable[None]:
        """End that; called when the server stops in good order."""

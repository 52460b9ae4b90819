"""The handler that all routes derive from: who may ask, how much, and how answers look."""

from http import HTTPStatus
from types import TracebackType
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, stream_request_body

from kernelpipe.api.documents import to_json
from kernelpipe.errors import KernelpipeError
from kernelpipe.server.bodies import JsonObject, json_object
from kernelpipe.server.refusals import plain_refusal, refusal
from kernelpipe.server.shared import SETTING, Shared


@stream_request_body
class KernelpipeHandler(APIHandler):
    """Answers JSON; every verb of a subclass is ``@web.authenticated`` and ``@authorized``.

    Exceptions need no handling in subclasses: :meth:`write_error` maps them.
    """

    auth_resource = "kernelpipe"

    def initialize(self) -> None:
        """Begin a request."""
        self._body = bytearray()
        self._received_bytes = 0
        self._is_gone = False

    @property
    def shared(self) -> Shared:
        """What all routes share."""
        shared: Shared = self.settings[SETTING]
        return shared

    async def prepare(self) -> None:  # type: ignore[override]  # as its own base class does
        """Refuse strangers before their body is read."""
        await super().prepare()
        if self.current_user is None and self.request.method != "OPTIONS":
            raise HTTPError(HTTPStatus.FORBIDDEN)

    def on_connection_close(self) -> None:
        """Remember that nobody waits for the answer any more."""
        self._is_gone = True
        super().on_connection_close()

    def is_awaited(self) -> bool:
        """Tell whether somebody still waits for the answer."""
        return not self._is_gone

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, and nothing once there is too much.

        The rest is read and dropped: a browser whose upload is cut off shows no answer at all.
        """
        self._received_bytes += len(chunk)
        if self._received_bytes <= self.shared.max_body_bytes:
            self._body += chunk
        else:
            self._body.clear()

    def body(self) -> bytes:
        """Return the request's body.

        Raises:
            HTTPError: 413 if it is larger than this server reads.
        """
        limit = self.shared.max_body_bytes
        if self._received_bytes > limit:
            raise HTTPError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the notebook is too large: {self._received_bytes / 1e6:.1f} MB without outputs, "
                f"and this server reads {limit / 1e6:.1f} MB (KernelpipeServer.max_body_bytes)",
            )
        return bytes(self._body)

    def json_body(self) -> JsonObject:
        """Return the JSON object that the request's body holds.

        Raises:
            HTTPError: 400 if it is anything else, 413 if it is too large.
        """
        return json_object(self.body())

    def answer(self, document: object, *, status: int = HTTPStatus.OK) -> None:
        """Answer with a JSON document."""
        self.set_status(status)
        self.finish(to_json(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # Any: tornado's
        """Answer with a refusal; see STYLE, "Errors", for the statuses."""
        error: BaseException | None = (kwargs.get("exc_info") or (None, None, None))[1]
        if error is None or isinstance(error, HTTPError):
            self.answer(plain_refusal(status_code, _said(error)), status=status_code)
            return
        status, document = refusal(error)
        self.answer(document, status=status)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what went wrong; a user's mistake is no fault of the server."""
        if isinstance(value, KernelpipeError):
            self.log.debug("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)


def _said(error: HTTPError | None) -> str | None:
    """Return what an exception says to the user."""
    if error is None or not error.log_message:
        return None
    return error.log_message % error.args if error.args else error.log_message.replace("%%", "%")

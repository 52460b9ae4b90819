"""The HTTP side of the stand-in: routes, tokens, and how it misbehaves."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from kfp_server.behaviour import Behaviour
from kfp_server.description import Operation, operations, problems, readable_query
from kfp_server.pipelines import uploaded_file
from kfp_server.refusals import Code, RefusalError, invalid, not_found
from kfp_server.service import Service

JSON = dict[str, Any]

_LOG = re.compile(r"/apis/v1(?:alpha1|beta1)/runs/([^/]+)/nodes/([^/]+)/log")


class KfpServer:
    """A running stand-in; use it as a context manager.

    Attributes:
        behaviour: How it behaves from now on.
        service: What it keeps.
        requests: "VERB path" of each request so far, without query.
        bugs: What went wrong in the stand-in itself; raised when it is closed.
    """

    def __init__(self, directory: Path, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.service = Service(directory, self.behaviour)
        self.requests: list[str] = []
        self.bugs: list[Exception] = []
        self.closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _RequestHandler)
        self._http.front = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def host(self) -> str:
        """Its address, for ``kfp.Client(host=...)``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()
        self.service.close()
        if self.bugs and error is None:
            raise self.bugs[0]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    front: KfpServer

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End what clients keep open, so that its threads end."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _DropError(Exception):
    """The connection is to be closed without an answer."""


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_given: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer."""
        self._answer()

    def _answer(self) -> None:
        front = self.server.front
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        front.requests.append(f"{self.command} {urlsplit(self.path).path}")
        front.closing.wait(front.behaviour.delay_s)
        try:
            if front.behaviour.redirects_to is not None:
                self._redirect(front.behaviour.redirects_to)
            else:
                status, body, kind = self._carried_out(front, content)
                self._send(status, body, kind)
        except _DropError:
            self.close_connection = True
        except RefusalError as refusal:
            self._send(refusal.status, json.dumps(refusal.document()).encode())
        except Exception as error:  # noqa: BLE001 - the outermost edge of a request
            front.bugs.append(error)
            refusal = RefusalError(Code.INTERNAL, f"the stand-in has a bug: {error!r}")
            self._send(refusal.status, json.dumps(refusal.document()).encode())

    def _carried_out(self, front: KfpServer, content: bytes) -> tuple[int, bytes, str]:
        parts = urlsplit(self.path)
        self._check_token(front.behaviour)
        if log := _LOG.fullmatch(parts.path):
            return self._log(front, *log.groups())
        operation, path = _matched(self.command, parts.path)
        if front.behaviour.takes("drops_before", operation.name):
            raise _DropError
        if front.behaviour.takes("failures"):
            self._fail(front.behaviour.failure_status)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self._body(operation, content)
        _check(operation, query, body)
        carry_out = front.service.operations.get(operation.name)
        if carry_out is None:
            raise RefusalError(Code.UNIMPLEMENTED, f"Method {operation.name} not implemented")
        with front.service.lock:
            document = carry_out(path, query, body)
            encoded = json.dumps(document).encode()
        wrong = list(problems(json.loads(encoded), operation.answer, is_input=False))
        assert not wrong, wrong
        if front.behaviour.takes("drops_after", operation.name):
            raise _DropError
        return 200, encoded, "application/json"

    def _check_token(self, behaviour: Behaviour) -> None:
        if behaviour.cookie is not None and self.headers.get("Cookie") != behaviour.cookie:
            raise RefusalError(Code.UNAUTHENTICATED, "Request header error: there is no session")
        if behaviour.tokens is None:
            return
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in behaviour.tokens:
            raise RefusalError(
                Code.UNAUTHENTICATED, "Request header error: there is no valid token"
            )

    def _fail(self, status: int) -> None:
        raise RefusalError(
            Code.UNAVAILABLE if status == Code.UNAVAILABLE.value[1] else Code.INTERNAL,
            "upstream connect error or disconnect/reset before headers",
        )

    def _log(self, front: KfpServer, run_id: str, pod: str) -> tuple[int, bytes, str]:
        if not front.behaviour.has_logs:
            raise RefusalError(Code.INTERNAL, "Failed to read logs: pod logs are not kept")
        with front.service.lock:
            return 200, front.service.runs.log(run_id, unquote(pod)), "text/plain"

    def _body(self, operation: Operation, content: bytes) -> JSON:
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/"):
            return uploaded_file(kind, content)
        if operation.body is None:
            return {}
        try:
            return dict(json.loads(content))
        except (ValueError, TypeError) as error:
            raise invalid(f"invalid JSON: {error}") from error

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def _matched(verb: str, path: str) -> tuple[Operation, dict[str, str]]:
    for operation in operations():
        found = operation.path.fullmatch(path)
        if found and operation.verb == verb:
            return operation, {name: unquote(text) for name, text in found.groupdict().items()}
    raise not_found("Path", path)


def _check(operation: Operation, query: dict[str, str], body: JSON) -> None:
    def found() -> Iterator[str]:
        yield from readable_query(operation, query)
        if operation.body is not None and "uploadfile" not in body:
            yield from problems(body, operation.body)

    wrong = list(found())
    if wrong:
        raise invalid("; ".join(wrong))

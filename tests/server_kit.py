"""A real Jupyter Server with the extension, for tests that ask it over HTTP."""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

REPOSITORY = Path(__file__).parents[1]
START_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.content)

    @property
    def message(self) -> str:
        """What a refusal says."""
        message: str = self.json["error"]["message"]
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; ``root`` is the folder that it shows."""

    port: int
    token: str
    root: Path
    log: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def request(
        self,
        method: str,
        route: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for a route below ``kernelpipe/``, or for an absolute one.

        Args:
            method: Of HTTP.
            route: Is sent as it is, so it can be badly encoded.
            body: Bytes are sent as they are, an iterator of bytes in chunks, None sends nothing,
                anything else is sent as JSON.
            query: Is encoded.
            token: None sends none; "" sends the server's.
            headers: Further ones.
        """
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"token {token or self.token}"
        is_raw = body is None or isinstance(body, bytes | Iterator)
        content: Any = body if is_raw else json.dumps(body).encode()
        path = route if route.startswith("/") else f"/kernelpipe/{route}"
        if query is not None:
            path += f"?{urlencode(query)}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=150)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=dict(answer.headers), content=answer.read())
        finally:
            connection.close()

    def get(self, route: str, **query: str) -> Any:
        """Return the document of a route; a refusal fails the test."""
        answer = self.request("GET", route, query=query or None)
        assert answer.status == http.HTTPStatus.OK, answer.content
        return answer.json

    def post(self, route: str, body: object, **query: str) -> Any:
        """Return what a route answers to a body; a refusal fails the test."""
        answer = self.request("POST", route, body, query=query or None)
        assert answer.status in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}, answer.content
        return answer.json

    def cookies(self, *, is_login: bool = True) -> dict[str, str]:
        """Return the cookies of a browser that logged in with the token: ``_xsrf`` is one.

        Without ``is_login`` they are those of a stranger who saw the page that asks for it.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        found: dict[str, str] = {}
        try:
            for path in ("/login", *([f"/login?token={self.token}"] if is_login else [])):
                cookies = "; ".join(f"{name}={value}" for name, value in found.items())
                connection.request("GET", path, headers={"Cookie": cookies} if cookies else {})
                answer = connection.getresponse()
                answer.read()
                for text in answer.headers.get_all("Set-Cookie") or ():
                    found |= {name: each.value for name, each in SimpleCookie(text).items()}
        finally:
            connection.close()
        return found

    def kill(self) -> None:
        """Kill the server as the system does it: nothing is tidied up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop the server in good order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


@contextmanager
def running(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        folder: Where all its files are; a second server may be started on the same one.
        arguments: Further ones, such as ``--KernelpipeServer.max_body_bytes=1000``.
        environment: Further variables.
        root: The folder that it shows; None means ``folder/root``.
    """
    server = start(folder, *arguments, environment=environment, root=root)
    try:
        yield server
    finally:
        server.stop()


def start(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> Server:
    """Start a server and wait until it answers; see :func:`running`."""
    root = folder / "root" if root is None else root
    runtime = folder / f"runtime-{secrets.token_hex(4)}"
    for each in (root, runtime, folder / "home"):
        each.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    log = folder / f"{runtime.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                f"--ServerApp.root_dir={root}",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={_free_port()}",
                "--ServerApp.port_retries=50",
                "--ServerApp.jpserver_extensions={'kernelpipe.server': True}",
                *arguments,
            ],
            cwd=folder,
            env=_environment(folder, runtime, token) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        port = _wait(process, runtime, log)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Server(port=port, token=token, root=root, log=log, process=process)


def _environment(folder: Path, runtime: Path, token: str) -> dict[str, str]:
    """Return the variables: nothing of the user's own settings is found."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("JUPYTER")}
    return kept | {
        "HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "home" / ".ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_TOKEN": token,
        "KERNELPIPE_MLFLOW": "off",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *kept.get("PYTHONPATH", "").split()]),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def _free_port() -> int:
    """Return a port that is free now; the server takes a near one if it is gone by then."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _wait(process: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> int:
    """Return the port on which the server answers."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        for path in runtime.glob("jpserver-*.json"):
            with suppress(OSError, ValueError, KeyError):
                port: int = json.loads(path.read_text(encoding="utf-8"))["port"]
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/login")
                connection.getresponse().read()
                connection.close()
                return port
        time.sleep(0.05)
    raise AssertionError(f"the server does not answer: {log.read_text(errors='replace')}")

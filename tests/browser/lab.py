"""Starts a real Jupyter server with the extension as this checkout has it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import polling

ROOT = Path(__file__).parents[2]
ACCESS = "t"
MARK = "KP_TEST_MARK"
_SOURCES = ("src", "style", "schema", "package.json", "yarn.lock", "tsconfig.json")
_STARTS_WITHIN_S = 60.0
_COLLABORATION = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
_APPS = ("LabApp", "JupyterNotebookApp")


class StaleBundleError(Exception):
    """What the browser would load is not what this checkout says."""


def find_bundle() -> Path:
    """Return the built extension; ``KERNELPIPE_LABEXTENSION`` names one that is built elsewhere.

    Raises:
        StaleBundleError: If it is missing, or older than its sources.
    """
    place = os.environ.get("KERNELPIPE_LABEXTENSION")
    bundle = Path(place) if place else ROOT / "kernelpipe" / "labextension"
    built = [path.stat().st_mtime for path in bundle.glob("static/remoteEntry*.js")]
    advice = "build it: cd labextension && jlpm install && jlpm build:prod"
    if not built:
        raise StaleBundleError(f"{bundle} holds no built extension; {advice}")
    if place:
        return bundle
    sources = [ROOT / "labextension" / name for name in _SOURCES]
    files = [file for source in sources for file in [source, *source.rglob("*")] if file.is_file()]
    newest = max(files, key=lambda file: file.stat().st_mtime)
    if newest.stat().st_mtime > max(built):
        raise StaleBundleError(f"{bundle} is older than {newest.relative_to(ROOT)}; {advice}")
    return bundle


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Lab:
    """A Jupyter server with JupyterLab and Notebook, in folders of its own.

    Attributes:
        place: Keeps the server's own files; ``root`` below it is what users see.
        has_collaboration: Whether documents are shared live.
        environment: Further variables of the server.
    """

    place: Path
    has_collaboration: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def root(self) -> Path:
        """The folder that the server serves."""
        return self.place / "root"

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.place / "server.log"

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def url(self, path: str, **query: str) -> str:
        """Return the address of ``path`` with the token."""
        words = "".join(f"&{name}={value}" for name, value in query.items())
        return f"http://127.0.0.1:{self.port}/{path}?token={ACCESS}{words}"

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON that the server answers."""
        with urllib.request.urlopen(self.url(path, **query), timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def runs(self, folder: Path) -> list[dict[str, Any]]:
        """Return the runs of the notebooks in a folder as the server lists them, newest first."""
        wanted = folder.relative_to(self.root).as_posix()
        return [run for run in self.get("kernelpipe/runs")["runs"] if run["folder"] == wanted]

    def latest_run(self, folder: Path) -> dict[str, Any]:
        """Return the newest run of the notebooks in a folder."""
        return self.runs(folder)[0]

    def start(self) -> None:
        """Start the server and wait until it answers; a port once chosen is kept."""
        self._configure()
        for _ in range(3):
            port = self.port or _free_port()
            if self._starts_on(port):
                self.port = port
                return
        raise AssertionError(f"the server did not start:\n{self.tail()}")

    def tail(self) -> str:
        """Return the end of what the server printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the server, but none of the processes that it started for runs."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def processes(self) -> dict[int, str]:
        """Return what the server and everything below it runs: pid -> command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                        found[int(entry.name)] = command.decode(errors="replace")
        return {pid: command for pid, command in found.items() if command}

    def end_all(self) -> None:
        """End the server and everything that it left."""
        self.stop()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        polling.until(lambda: not self.processes(), "the server's processes to end")

    def _starts_on(self, port: int) -> bool:
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}"],
                cwd=self.place,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def answers() -> bool:
            if process.poll() is not None:
                return True
            with suppress(OSError):
                urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/api/status?token={ACCESS}", timeout=5
                )
                return True
            return False

        polling.until(answers, "the server to answer", within_s=_STARTS_WITHIN_S)
        return process.poll() is None

    def _environment(self) -> Mapping[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "XDG_", "KERNELPIPE"))
        }
        python_path = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        return kept | {
            "HOME": str(self.place / "home"),
            "JUPYTER_CONFIG_DIR": str(self.place / "config"),
            "JUPYTER_DATA_DIR": str(self.place / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.place / "runtime"),
            "JUPYTER_PATH": str(self.place / "share" / "jupyter"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.place / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.place / "workspaces"),
            "KERNELPIPE_MLFLOW": "off",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
            MARK: self.mark,
            **self.environment,
        }

    def _configure(self) -> None:
        for name in ("home", "root", "runtime"):
            (self.place / name).mkdir(parents=True, exist_ok=True)
        extensions = self.place / "share" / "jupyter" / "labextensions"
        extensions.mkdir(parents=True, exist_ok=True)
        link = extensions / "kernelpipe"
        link.unlink(missing_ok=True)
        link.symlink_to(find_bundle())
        self.set_preference(
            "@jupyterlab/apputils-extension/notification", fetchNews="false", checkForUpdates=False
        )
        _write(
            self.place / "config" / "jupyter_server_config.json",
            {
                "ServerApp": {
                    "allow_root": True,
                    "ip": "127.0.0.1",
                    "jpserver_extensions": {
                        "kernelpipe.server": True,
                        "jupyter_server_ydoc": self.has_collaboration,
                    },
                    "open_browser": False,
                    "port_retries": 0,
                    "root_dir": str(self.root),
                },
                "IdentityProvider": {"token": ACCESS},
            }
            | {app: {"expose_app_in_browser": True, "open_browser": False} for app in _APPS},
        )
        _write(
            self.place / "config" / "labconfig" / "page_config.json",
            {"disabledExtensions": dict.fromkeys(_COLLABORATION, not self.has_collaboration)},
        )

    def set_preference(self, plugin: str, **values: object) -> None:
        """Set a user's preferences of a plugin of Lab ("@jupyterlab/...-extension/name")."""
        name = f"{plugin}.jupyterlab-settings"
        _write(self.place / "settings" / name, values)

    def forget_preference(self, plugin: str) -> None:
        """Let a plugin of Lab have its defaults again."""
        (self.place / "settings" / f"{plugin}.jupyterlab-settings").unlink(missing_ok=True)


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@contextmanager
def running(
    place: Path,
    *,
    has_collaboration: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Lab]:
    """Start a server for as long as the context lasts; nothing of it stays."""
    lab = Lab(place=place, has_collaboration=has_collaboration, environment=dict(environment or {}))
    try:
        lab.start()
        yield lab
    finally:
        lab.end_all()
        shutil.rmtree(place / "root", ignore_errors=True)

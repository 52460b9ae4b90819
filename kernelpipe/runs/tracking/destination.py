"""Finds out where runs are logged and, without MLflow, whether that can be reached."""

import os
import threading
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from kernelpipe.runs.tracking.outbox import Destination

SWITCH = "KERNELPIPE_MLFLOW"
URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
EXPERIMENT_ID = "MLFLOW_EXPERIMENT_ID"
_SQLITE = "sqlite:///"
_PORTS = {"http": 80, "https": 443}
_PROXIES = ("all_proxy", "http_proxy", "https_proxy")
_PROBE_TIMEOUT_S = 5.0


def is_tracking_possible(environment: Mapping[str, str]) -> bool:
    """Tell whether MLflow is installed here, can use the store, and is not switched off."""
    if environment.get(SWITCH, "").strip().lower() in {"off", "0", "false", "no"}:
        return False
    if PathFinder.find_spec("mlflow") is None:
        return False
    # The small distribution of MLflow cannot use databases.
    return bool(environment.get(URI)) or PathFinder.find_spec("sqlalchemy") is not None


def find_destination(
    home: Path, environment: Mapping[str, str], *, experiment: str, directory: Path
) -> Destination:
    """Return where a run is logged.

    Args:
        home: Its home; the default store is a database beside it.
        environment: MLflow's own variables win.
        experiment: The experiment's name unless a variable says another.
        directory: What relative paths in the variables are relative to.
    """
    given = environment.get(URI, "").strip()
    uri = _absolute(given, directory) if given else f"{_SQLITE}{home.parent / 'mlflow.db'}"
    experiment_id = environment.get(EXPERIMENT_ID) or None
    name = environment.get(EXPERIMENT) or experiment
    return Destination(
        uri=without_password(uri),
        experiment=None if experiment_id else name,
        experiment_id=experiment_id,
    )


def full_uri(uri: str, environment: Mapping[str, str]) -> str:
    """Return ``uri`` with the password that the environment has for it."""
    given = environment.get(URI, "").strip()
    return given if given and without_password(given) == uri else uri


def without_password(uri: str) -> str:
    """Return ``uri`` without a user's name and password."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite store, None for other stores."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def store_problem(uri: str) -> str | None:
    """Return why a store on this machine cannot be written, None if nothing speaks against it."""
    path = sqlite_path(uri)
    if path is None:
        return None
    if path.exists():
        # SQLite keeps its journal beside the database.
        is_writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    else:
        parent = next((each for each in path.parents if each.exists()), path.parent)
        is_writable = os.access(parent, os.W_OK | os.X_OK)
    return None if is_writable else f"{path} cannot be written"


class Probe:
    """Looks, in a thread of its own, whether a destination can be reached at all."""

    def __init__(self, uri: str, environment: Mapping[str, str]) -> None:
        self.uri = uri
        self._problem = store_problem(uri)
        parts = urlsplit(uri)
        self._address: tuple[str, int] | None = None
        has_proxy = any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES)
        if parts.scheme in _PORTS and parts.hostname and not has_proxy:
            self._address = (parts.hostname, parts.port or _PORTS[parts.scheme])

    def start(self) -> None:
        """Begin to look."""
        if self._address is not None:
            threading.Thread(target=self._connect, name="mlflow probe", daemon=True).start()

    def problem(self) -> str | None:
        """Return what is known to be wrong by now."""
        return self._problem

    def _connect(self) -> None:
        import socket  # noqa: PLC0415 - only for servers

        assert self._address is not None  # noqa: S101 - started only then
        try:
            with socket.create_connection(self._address, timeout=_PROBE_TIMEOUT_S):
                return
        except OSError as error:
            self._problem = f"{self.uri} cannot be reached: {error.strerror or error}"


def _absolute(uri: str, directory: Path) -> str:
    """Return ``uri`` so that it means the same wherever it is used."""
    if uri.startswith(_SQLITE):
        path, mark, query = uri.removeprefix(_SQLITE).partition("?")
        return f"{_SQLITE}{directory / path}{mark}{query}" if path else uri
    if uri.startswith("file:") and not uri.startswith("file:/"):
        return (directory / uri.removeprefix("file:")).as_uri()
    scheme = urlsplit(uri).scheme
    if not scheme and uri != "databricks":
        return str(directory / uri)
    return uri

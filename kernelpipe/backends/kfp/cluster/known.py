"""The clusters that a user has named once, and how to reach them; never a token or another secret.

A notebook and a folder of runs may come from anybody, and both can name a cluster. Tokens from the
environment are sent only to those that the user named: by an option, in the environment, or before.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

from kernelpipe.backends.kfp.cluster.settings import ClusterSettings
from kernelpipe.notebook import replace_file

_FILE: Final = Path("kernelpipe", "clusters.json")
_NOT_KEPT: Final = frozenset(
    {
        *("token", "cookies", "iap_other_client_secret"),
        *("namespace", "experiment", "service_account", "pipeline_root"),
    }
)
"""Secrets, and what belongs to a run more than to its cluster: a notebook may have said it."""
_KEPT: Final = tuple(each for each in fields(ClusterSettings) if each.name not in _NOT_KEPT)


class KnownClusters:
    """What is remembered in a file of the user's own."""

    def __init__(self, environ: Mapping[str, str], *, home: Path | None = None) -> None:
        """Find the file; it may be missing.

        Args:
            environ: Environment variables: where the file is, and settings that always hold.
            home: The user's; None looks it up.
        """
        config = environ.get("XDG_CONFIG_HOME")
        self._path = (Path(config) if config else (home or Path.home()) / ".config") / _FILE
        self._environ = environ

    def named(self, host: str | None) -> ClusterSettings | None:
        """Return how to reach a cluster that the user has named, None for any other one.

        Args:
            host: Address of its API; None and "" mean the one that is found without an address,
                which only the user's own configuration can name.
        """
        given = ClusterSettings().filled_from(self._environ)
        if same_host(given.host, host):
            return given
        if not host:
            return replace(given, host=None)
        for each in self._read():
            if same_host(each.host, host):
                return each.filled_from(self._environ)
        return None

    def add(self, settings: ClusterSettings) -> None:
        """Remember how a cluster that the user named is reached; a full disk forgets it."""
        if settings.host is None:
            return
        kept = [each for each in self._read() if not same_host(each.host, settings.host)]
        blank = replace(settings, **dict.fromkeys(_NOT_KEPT))  # type: ignore[arg-type]
        if blank in self._read():
            return
        documents = [_document(each) for each in (*kept, blank)]
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, json.dumps({"clusters": documents}, indent=1).encode())
            self._path.chmod(0o600)

    def _read(self) -> list[ClusterSettings]:
        try:
            entries = json.loads(self._path.read_bytes())["clusters"]
            return [_settings(entry) for entry in entries if isinstance(entry.get("host"), str)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []


def same_host(one: str | None, other: str | None) -> bool:
    """Tell whether two addresses mean the same API."""
    return _normal(one) == _normal(other)


def _normal(host: str | None) -> str:
    if not host:
        return ""
    return (host if "://" in host else f"https://{host}").rstrip("/").lower()


def _document(settings: ClusterSettings) -> dict[str, Any]:
    values = asdict(settings)
    return {each.name: values[each.name] for each in _KEPT if values[each.name] != each.default}


def _settings(entry: Mapping[str, Any]) -> ClusterSettings:
    """Return settings from a document; what does not fit is left out."""
    found = {
        each.name: entry[each.name]
        for each in _KEPT
        if isinstance(entry.get(each.name), bool if each.name == "is_tls_verified" else str)
    }
    return ClusterSettings(**found)

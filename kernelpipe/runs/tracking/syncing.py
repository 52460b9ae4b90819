"""Delivers the outbox of a home now, in a process that is waited for."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from kernelpipe.errors import BackendError, BackendUnavailableError
from kernelpipe.model.names import RunId
from kernelpipe.runs.tracking.outbox import Outbox
from kernelpipe.runs.tracking.tracker import LOG, PROGRAM

_ROOM_S = 45.0
"""How much longer than asked the process may take, for the request that it is in."""


class Hindrance(Enum):
    """Why a run is not delivered; the values are the wire text."""

    RUNNING = "running"
    """It has not ended; its own command delivers it."""
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    """Another process is delivering."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A run that is logged; ``notes`` say what of it could not be, in sentences."""

    run_id: RunId
    uri: str
    experiment_id: str
    mlflow_run_id: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A run that is still kept; ``reason`` is in the user's words."""

    run_id: RunId
    reason: str
    kind: Hindrance


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What was delivered and what was not, both with the oldest run first."""

    delivered: tuple[Delivered, ...]
    left: tuple[Left, ...]


def sync_outbox(
    home: Path, *, timeout_s: float, environment: Mapping[str, str] = os.environ
) -> Sync:
    """Deliver what is kept in a home, and wait for it.

    Args:
        home: Of the run store.
        timeout_s: How long to go on with further runs.
        environment: Of the process that delivers.

    Raises:
        BackendUnavailableError: If MLflow is not installed.
        BackendError: If the process that delivers did not end well.
    """
    outbox = Outbox(home.absolute())
    if not outbox.run_ids():
        return Sync(delivered=(), left=())
    if PathFinder.find_spec("mlflow") is None:
        raise BackendUnavailableError("MLflow is not installed", extra="mlflow")
    log = outbox.path / LOG
    command = [sys.executable, "-P", "-m", PROGRAM, str(outbox.home), "--report", f"{timeout_s:g}"]
    try:
        with log.open("ab") as errors:
            ended = subprocess.run(  # noqa: S603 - this program
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                timeout=timeout_s + _ROOM_S,
                check=True,
            )
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"MLflow did not answer within {error.timeout:g} s") from error
    except subprocess.CalledProcessError as error:
        raise BackendError(f"the delivery to MLflow ended early; see {log}") from error
    except OSError as error:
        raise BackendError(f"nothing can be delivered: {error}") from error
    return _parse(json.loads(ended.stdout))


def _parse(outcome: Mapping[str, Any]) -> Sync:
    return Sync(
        delivered=tuple(
            Delivered(**{**each, "notes": tuple(each["notes"])}) for each in outcome["delivered"]
        ),
        left=tuple(Left(**{**each, "kind": Hindrance(each["kind"])}) for each in outcome["left"]),
    )

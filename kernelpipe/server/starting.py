"""Starts workers; it waits for other processes, so it is for threads."""

import json
import logging
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kernelpipe.api.documents import JsonObject
from kernelpipe.model.names import RunId
from kernelpipe.server.refusals import plain_refusal
from kernelpipe.server.worker import PROGRAM, Request

_LOG = logging.getLogger(__name__)
_OUR_FAULT = 500
"""HTTP statuses from here on mean that it was not the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A worker that has recorded its run; it goes on by itself."""

    run_id: RunId
    process: "subprocess.Popen[bytes]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no run: an HTTP status and what to answer."""

    status: int
    document: JsonObject


def start_worker(request: Request, *, directory: Path) -> Started | Refused:
    """Start a worker in ``directory`` and wait until there is a run, or will be none."""
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603  # our own program
                PROGRAM,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=directory,
                start_new_session=True,
            )
        except OSError as error:
            message = f"no process can be started in {directory.name}: {error.strerror}"
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, message)
        line = _exchange(process, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        if "run_id" in answer:
            return Started(run_id=RunId(answer["run_id"]), process=process)
        code = process.wait()
        if answer.get("status", HTTPStatus.INTERNAL_SERVER_ERROR) >= _OUR_FAULT:
            errors.seek(0)
            _LOG.error("a run could not begin: %s", errors.read().decode("utf-8", "replace"))
    if answer:
        return Refused(status=answer["status"], document=answer["document"])
    message = f"the process of the run ended before it began (exit code {code})"
    return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, message)


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> bytes:
    """Hand over the request and return the line that the worker answers."""
    if process.stdin is None or process.stdout is None:
        return b""
    with process.stdout:
        with suppress(BrokenPipeError), process.stdin:  # else it says why itself
            process.stdin.write(request)
        return process.stdout.readline()


def _refused(status: HTTPStatus, message: str) -> Refused:
    return Refused(status=status, document=plain_refusal(status, message))

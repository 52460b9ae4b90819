"""Sends one notification: as an HTTP request, or to a command's standard input."""

import base64
import json
import os
import shlex
import signal
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import IO

from kernelpipe._version import __version__

_STDERR_TAIL = 300


class NotToldError(Exception):
    """Why a target could not be told, in the user's words; never with secrets of its address."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for a refusal: following it would drop what is told."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


def post(address: str, document: Mapping[str, object], *, timeout_s: float) -> None:
    """Send a JSON document to an http(s) address.

    Raises:
        NotToldError: If it is not accepted.
    """
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(_request(address, document), timeout=timeout_s):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise NotToldError(f"it answered {error.code} {error.reason}".rstrip()) from error
    except TimeoutError as error:
        raise NotToldError(f"no answer within {timeout_s:.0f} s") from error
    except OSError as error:  # URLError is one
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise NotToldError(f"no answer within {timeout_s:.0f} s") from error
        raise NotToldError(str(getattr(reason, "strerror", None) or reason)) from error
    except (HTTPException, ValueError) as error:
        raise NotToldError(f"its answer makes no sense ({type(error).__name__})") from error


def _request(address: str, document: Mapping[str, object]) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": f"kernelpipe/{__version__}"}
    if user:
        secret = urllib.parse.unquote(user).encode()
        headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
    return urllib.request.Request(  # noqa: S310 - http(s) only, see parse_target
        urllib.parse.urlunsplit(parts._replace(netloc=host, fragment="")),
        data=json.dumps(document).encode(),
        headers=headers,
        method="POST",
    )


def call(
    command: str,
    document: Mapping[str, object],
    *,
    environment: Mapping[str, str],
    timeout_s: float,
) -> None:
    """Start a command, without a shell, with a JSON document on its standard input.

    Args:
        command: Quoted as for a shell.
        document: What it is told.
        environment: Variables that it gets besides our own.
        timeout_s: After this time it is killed.

    Raises:
        NotToldError: If it cannot be started, fails or does not end.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(json.dumps(document).encode())
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                shlex.split(command),
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        except OSError as error:
            raise NotToldError(f"it cannot be started: {error.strerror}") from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise NotToldError(f"it did not end within {timeout_s:.0f} s") from error
        if code:
            raise NotToldError(f"it ended with exit code {code}{_last_words(errors)}")


def _last_words(errors: IO[bytes]) -> str:
    length = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, length - _STDERR_TAIL))
    text = errors.read().decode("utf-8", "replace").strip()
    return f": {text}" if text else ""

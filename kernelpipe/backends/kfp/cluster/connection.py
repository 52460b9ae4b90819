"""One connection to a cluster's API: requests with a time limit, one new login, errors in words."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from kernelpipe.backends.kfp.cluster.connecting import connect
from kernelpipe.backends.kfp.cluster.settings import ClusterSettings
from kernelpipe.errors import ClusterError

Json = dict[str, Any]  # an answer of the API, before it is parsed
_LOG: Final = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S: Final = 10
_READ_TIMEOUT_S: Final = 60
_UNAUTHORIZED: Final = 401
_LONGEST_MESSAGE: Final = 500


class Calls(Protocol):
    """What asks a cluster's API."""

    settings: ClusterSettings

    def call(self, group: str, operation: str, **arguments: Any) -> Json:
        """Carry out an operation of the generated client; return the answer."""
        ...

    def text(self, path: str) -> str:
        """Return what the API has at ``path``, as text."""
        ...

    def page(self, path: str) -> str:
        """Return the address of a page that people look at."""
        ...


class Connection:
    """A connection that is made when it is first needed, and made anew when a login has expired."""

    def __init__(
        self,
        settings: ClusterSettings,
        *,
        make_client: Callable[[ClusterSettings], Any] = connect,
        read_timeout_s: float = _READ_TIMEOUT_S,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
    ) -> None:
        """Remember how to connect.

        Args:
            settings: Where, and how to log in.
            make_client: Makes a ``kfp.Client``.
            read_timeout_s: How long to wait for an answer.
            connect_timeout_s: How long to wait for a connection.
        """
        self.settings = settings
        self._make_client = make_client
        self._timeout_s = (connect_timeout_s, read_timeout_s)
        self._client: Any = None

    def call(self, group: str, operation: str, **arguments: Any) -> Json:
        """Carry out an operation of the generated client.

        Args:
            group: Of operations: "runs", "recurring_runs", "experiments", "healthzs".
            operation: Its name there.
            arguments: Of the operation.

        Returns:
            The answer, a JSON object.

        Raises:
            ClusterError: If it is refused or not answered. What was asked may have been done.
        """

        def ask(client: Any) -> Any:
            return getattr(getattr(client, group), operation)(
                **arguments, _preload_content=False, _request_timeout=self._timeout_s
            )

        content = self._with_login(ask)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise self._no_api() from error
        if not isinstance(answer, dict):
            raise self._no_api()
        return answer

    def text(self, path: str) -> str:
        """Return what the API has at ``path``, which is not part of its published description.

        Raises:
            ClusterError: If it is refused or not answered.
        """

        def ask(client: Any) -> Any:
            return client.runs.run_service_get_run.__self__.api_client.call_api(
                path,
                "GET",
                auth_settings=["Bearer"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=self._timeout_s,
            )

        return self._with_login(ask).decode("utf-8", errors="replace")

    def page(self, path: str) -> str:
        """Return the address of a page of the Kubeflow UI, "" where none is known."""
        address = self.settings.ui_host or self.settings.host
        if address is None:
            return ""
        return f"{address if '://' in address else f'https://{address}'}".rstrip("/") + f"/#/{path}"

    def _with_login(self, ask: Callable[[Any], Any]) -> bytes:
        try:
            return self._asked(ask)
        except ClusterError as error:
            if error.status != _UNAUTHORIZED:
                raise
            _LOG.info("the login has expired; logging in again")
        self._client = None
        return self._asked(ask)

    def _asked(self, ask: Callable[[Any], Any]) -> bytes:
        if self._client is None:
            self._client = self._make_client(self.settings)
        import kfp_server_api
        import urllib3

        try:
            return bytes(ask(self._client).data)
        except kfp_server_api.ApiException as error:
            raise self._refused(error.status, error.body or error.reason, error.headers) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreached(error) from error
        except OSError as error:  # the token file, on its way into the request
            raise ClusterError(
                f"the login cannot be read: {error}", status=_UNAUTHORIZED
            ) from error

    def _refused(self, status: int, body: Any, headers: Any) -> ClusterError:
        message = _message(body)
        if status == 0:  # how the generated client tells of certificates
            return self._unsafe(message)
        if status == _UNAUTHORIZED:
            return ClusterError(
                f"{self._where()} does not accept the login: {message}",
                status=status,
                hint=_LOGIN_HINT,
            )
        if status in _REDIRECTS:
            return self._redirected(status, (headers or {}).get("Location", ""))
        return ClusterError(
            f"{self._where()} answers {status}: {message}", status=status, hint=_HINTS.get(status)
        )

    def _redirected(self, status: int, target: str) -> ClusterError:
        host = self._where()
        if target.startswith(host.replace("http://", "https://", 1)):
            return ClusterError(
                f"{host} has moved to {target}", status=status, hint="name it with https://"
            )
        place = f", at {target}" if target else ""
        return ClusterError(f"{host} asks to log in first{place}", status=status, hint=_LOGIN_HINT)

    def _unreached(self, error: Exception) -> ClusterError:
        reason = getattr(error, "reason", None) or error
        if reason.args and isinstance(reason.args[-1], Exception):
            reason = reason.args[-1]  # ('Connection aborted.', RemoteDisconnected(...))
        text = str(reason).rpartition(": ")[2] if "object at 0x" in str(reason) else str(reason)
        if "SSL" in type(reason).__name__:
            return self._unsafe(text)
        return ClusterError(f"no answer from {self._where()}: {text[:_LONGEST_MESSAGE]}")

    def _unsafe(self, reason: str) -> ClusterError:
        return ClusterError(
            f"no safe connection to {self._where()}: {reason[:_LONGEST_MESSAGE]}",
            hint=_TLS_HINT,
            is_passing=False,
        )

    def _no_api(self) -> ClusterError:
        return ClusterError(
            f"{self._where()} answers with something else than the KFP API",
            status=404,
            hint="the address may need a path, often /pipeline, or a login",
        )

    def _where(self) -> str:
        return self.settings.host or getattr(self._client, "address", None) or "the cluster"


def _message(body: Any) -> str:
    """Return what an answer says, without the details that repeat it."""
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, Mapping):
        text = str(document.get("message") or document.get("error") or text)
    return " ".join(text.split())[:_LONGEST_MESSAGE] or "without saying why"


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LOGIN_HINT: Final = (
    "give a token (KERNELPIPE_KFP_TOKEN or --token-file), the session cookie "
    "(KERNELPIPE_KFP_COOKIES) or the OAuth client of the proxy (--iap-client-id)"
)
_TLS_HINT: Final = (
    "name the certificate with --ssl-ca-cert; an address that speaks plain HTTP begins with http://"
)
_HINTS: Final = {
    403: "ask for access to the namespace, or name another one with --namespace",
    404: "is it the right cluster, and was it not deleted?",
}

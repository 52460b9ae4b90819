"""Makes the ``kfp.Client`` that settings describe; the only module that imports kfp's client."""

import contextlib
import sys
import warnings
from typing import Any, Final

from kernelpipe.backends.kfp.cluster.settings import ClusterSettings
from kernelpipe.errors import BackendUnavailableError, ClusterError, UsageError

_NOWHERE: Final = "http://localhost"
"""Where the generated client looks when nothing names a host."""


def connect(settings: ClusterSettings) -> Any:
    """Return a client that has logged in; nothing is asked of the cluster itself.

    Raises:
        BackendUnavailableError: If kfp is not installed.
        UsageError: If no cluster is named, or what names it cannot be used.
        ClusterError: If logging in fails.
    """
    with warnings.catch_warnings():
        # What the SDK and what it imports warn of is nothing that users can change.
        warnings.simplefilter("ignore")
        client_class = _client_class()
        import google.auth.exceptions

        try:
            # The SDK prints what it does not find; output belongs to the command.
            with contextlib.redirect_stdout(sys.stderr):
                client = client_class(**_arguments(settings))
        except google.auth.exceptions.GoogleAuthError as error:
            raise ClusterError(f"logging in failed: {error}", status=401) from error
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the settings of the cluster cannot be used: {error}",
                hint="see the files that --token-file, --ssl-ca-cert and ~/.config/kfp hold",
            ) from error
    if settings.host is None and client.address == _NOWHERE:
        raise UsageError(
            "no Kubeflow cluster is named",
            hint="name its address with --host or KF_PIPELINES_ENDPOINT, for example "
            "http://localhost:8080 after 'kubectl port-forward -n kubeflow svc/ml-pipeline-ui "
            "8080:80'",
        )
    return client


def _arguments(settings: ClusterSettings) -> dict[str, Any]:
    import kfp.client

    host = settings.host
    if host is not None and "://" not in host:
        host = f"https://{host}"
    credentials = None
    if settings.token_file is not None:
        with open(settings.token_file, encoding="utf-8"):  # noqa: PTH123 - only to see that it can be
            credentials = kfp.client.ServiceAccountTokenVolumeCredentials(path=settings.token_file)
    return {
        "host": host,
        "ui_host": settings.ui_host,
        "namespace": settings.service_namespace,
        "existing_token": settings.token,
        "credentials": credentials,
        "cookies": settings.cookies,
        "client_id": settings.iap_client_id,
        "other_client_id": settings.iap_other_client_id,
        "other_client_secret": settings.iap_other_client_secret,
        "proxy": settings.proxy,
        "kube_context": settings.kube_context,
        "ssl_ca_cert": settings.ssl_ca_cert,
        "verify_ssl": settings.is_tls_verified,
    }


def _keep_host(config: Any) -> None:
    """Keep the path to KFP in the host.

    With a token from a kubeconfig, the Kubernetes library sets the host back to its own API server
    each time the token is looked at, and the SDK then asks that one for KFP's resources.
    """
    refresh, host = config.refresh_api_key_hook, config.host
    if refresh is None:
        return

    def refresh_token_only(refreshed: Any) -> None:
        refresh(refreshed)
        refreshed.host = host

    config.refresh_api_key_hook = refresh_token_only


def _client_class() -> Any:  # a class of a library without types
    try:
        import kfp
        import kfp_server_api
        import urllib3
    except ImportError as error:
        raise BackendUnavailableError(
            "talking to a Kubeflow cluster needs the KFP SDK", extra="kfp"
        ) from error

    class QuietClient(kfp.Client):  # type: ignore[misc]  # kfp has no types
        """The SDK's client, which asks for nothing and writes nothing before it is told to."""

        def _load_config(self, *given: Any, **named: Any) -> Any:
            config = super()._load_config(*given, **named)
            # No silent repetition: it would submit twice, and a redirect means "log in first".
            config.retries = urllib3.Retry(0, redirect=0, raise_on_redirect=False)
            # The SDK ends the address of the Kubernetes proxy with a slash, paths begin with one.
            config.host = self.address = config.host.rstrip("/")
            _keep_host(config)
            return config

        def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
            """Answer in place of the server: the SDK asks five times, for 20 seconds."""
            del sleep_duration
            return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

        def set_user_namespace(self, namespace: str) -> None:
            """Remember it for this client only; the SDK writes into the user's home."""
            self._context_setting["namespace"] = namespace

    return QuietClient

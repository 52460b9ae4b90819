"""Which cluster, and how to log in: all that ``kfp.Client`` can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

DEFAULT_EXPERIMENT: Final = "Default"
_ENVIRONMENT: Final = {
    "host": "KF_PIPELINES_ENDPOINT",
    "ui_host": "KF_PIPELINES_UI_ENDPOINT",
    "namespace": "KERNELPIPE_KFP_NAMESPACE",
    "token": "KERNELPIPE_KFP_TOKEN",
    "token_file": "KF_PIPELINES_SA_TOKEN_PATH",
    "cookies": "KERNELPIPE_KFP_COOKIES",
    "iap_client_id": "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID",
    "iap_other_client_id": "KF_PIPELINES_APP_OAUTH2_CLIENT_ID",
    "iap_other_client_secret": "KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET",
    "proxy": "KERNELPIPE_KFP_PROXY",
    "ssl_ca_cert": "KERNELPIPE_KFP_SSL_CA_CERT",
}
"""Field -> the environment variable that it is read from; ``KF_...`` are the KFP SDK's own."""
_DEFAULT_EXPERIMENT_VARIABLE: Final = "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME"
_OVERRIDING_EXPERIMENT_VARIABLE: Final = "KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """A cluster, a user's place on it, and a way in; None means "not given".

    Without a host the API is looked for as the KFP SDK does: in the cluster that this process runs
    in, then through the proxy of the current kubeconfig context.
    """

    host: str | None = None
    """Address of the API; "https://" unless it says otherwise."""
    ui_host: str | None = None
    """Address of the pages that people look at, where that is another one."""
    namespace: str | None = None
    """The user's namespace, where Kubeflow has several users."""
    service_namespace: str = "kubeflow"
    """Where KFP itself is installed; only matters without a host."""
    experiment: str | None = None
    service_account: str | None = None
    """Kubernetes service account that the pods of a run use."""
    pipeline_root: str | None = None
    """Where artifacts are stored, for example s3://bucket/path."""
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    """A file with a token, read anew for each request, as Kubernetes replaces such files."""
    cookies: str | None = field(default=None, repr=False)
    iap_client_id: str | None = None
    """OAuth client of Google's Identity-Aware Proxy; the other two are those of a desktop app."""
    iap_other_client_id: str | None = None
    iap_other_client_secret: str | None = field(default=None, repr=False)
    proxy: str | None = None
    kube_context: str | None = None
    ssl_ca_cert: str | None = None
    """File of certificates to trust."""
    is_tls_verified: bool = True

    def filled_from(self, environ: Mapping[str, str]) -> "ClusterSettings":
        """Return the settings with what was not given taken from environment variables.

        A way to log in that was given is not mixed with another one from the environment.
        """
        has_login = any((self.token, self.token_file, self.cookies, self.iap_client_id))
        found: dict[str, Any] = {
            name: environ[variable]
            for name, variable in _ENVIRONMENT.items()
            if getattr(self, name) is None
            and environ.get(variable)
            and not (has_login and name in _LOGIN)
        }
        if "token" in found:
            found.pop("token_file", None)
        overriding = environ.get(_OVERRIDING_EXPERIMENT_VARIABLE)
        chosen = overriding or self.experiment or environ.get(_DEFAULT_EXPERIMENT_VARIABLE)
        return replace(self, **found, experiment=chosen or None)

    def names_given(self) -> tuple[str, ...]:
        """Return the names of the fields that differ from their defaults, in their order."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != each.default)


_LOGIN: Final = frozenset(
    {
        "token",
        "token_file",
        "cookies",
        "iap_client_id",
        "iap_other_client_id",
        "iap_other_client_secret",
    }
)
"""Fields that belong to a way to log in."""

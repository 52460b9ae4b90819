"""The options that name a cluster and say how to log in; secrets come from the environment only."""

from argparse import Namespace
from typing import TYPE_CHECKING

from kernelpipe.cli.arguments import ArgumentParser

if TYPE_CHECKING:
    from kernelpipe.backends.kfp.cluster import ClusterSettings

_OPTIONS = (
    (
        "--host",
        "host",
        "URL",
        "address of the KFP API (default: KF_PIPELINES_ENDPOINT, then what the notebook names)",
    ),
    ("--ui-host", "ui_host", "URL", "address of the Kubeflow pages, where that is another one"),
    ("--namespace", "namespace", "NAME", "your namespace (default: KERNELPIPE_KFP_NAMESPACE)"),
    ("--experiment", "experiment", "NAME", "experiment that groups the runs; made if missing"),
    ("--token-file", "token_file", "FILE", "log in with the token in this file, read each time"),
    ("--iap-client-id", "iap_client_id", "ID", "log in through Google's Identity-Aware Proxy"),
    ("--iap-other-client-id", "iap_other_client_id", "ID", "OAuth client of a desktop app for it"),
    ("--proxy", "proxy", "URL", "reach the cluster through this HTTP proxy"),
    ("--kube-context", "kube_context", "NAME", "context of the kubeconfig file to use"),
    (
        "--kfp-namespace",
        "service_namespace",
        "NAME",
        "where KFP is installed, if no address is named (default: kubeflow)",
    ),
    ("--ssl-ca-cert", "ssl_ca_cert", "FILE", "certificates to trust"),
)
_OF_RUNS = (
    ("--service-account", "service_account", "NAME", "Kubernetes account of the pods"),
    ("--pipeline-root", "pipeline_root", "URI", "where artifacts are stored, as s3://bucket/path"),
)
EPILOG = (
    "Secrets are read from the environment only: KERNELPIPE_KFP_TOKEN, KERNELPIPE_KFP_COOKIES, "
    "KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET."
)


def add_cluster(parser: ArgumentParser) -> None:
    """Declare the options that name a cluster, and those of the runs on it."""
    parser.epilog = EPILOG
    group = parser.add_argument_group("cluster and login")
    for option, field, metavar, text in (*_OPTIONS, *_OF_RUNS):
        group.add_argument(option, dest=field, metavar=metavar, help=text)
    group.add_argument(
        "--no-tls-verify",
        dest="is_tls_verified",
        action="store_false",
        help="trust any certificate: only for tests",
    )


def given_cluster(arguments: Namespace) -> "ClusterSettings":
    """Return what the options say."""
    from kernelpipe.backends.kfp.cluster import ClusterSettings  # noqa: PLC0415  # slow to load

    fields = [field for _, field, _, _ in (*_OPTIONS, *_OF_RUNS)]
    found = {field: getattr(arguments, field) for field in fields}
    given = {field: value for field, value in found.items() if value is not None}
    return ClusterSettings(**given, is_tls_verified=arguments.is_tls_verified)

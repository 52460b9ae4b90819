"""Experiments, in which a cluster groups runs, and the namespace of a user."""

import json
from pathlib import Path
from typing import Final

from kernelpipe.backends.kfp.cluster.connection import Calls
from kernelpipe.backends.kfp.cluster.settings import DEFAULT_EXPERIMENT, ClusterSettings
from kernelpipe.errors import ClusterError, UsageError

_GROUP: Final = "experiments"
_ALREADY_THERE: Final = 409
_CONTEXT: Final = Path(".config/kfp/context.json")
"""Where the KFP SDK keeps a user's namespace, in the home directory."""
_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def user_namespace(
    settings: ClusterSettings, *, home: Path | None = None, pod_file: Path = _POD_NAMESPACE
) -> str | None:
    """Return the namespace to work in: the one given, the SDK's, or that of this pod.

    None where Kubeflow may have one user only.
    """
    if settings.namespace:
        return settings.namespace
    try:
        document = json.loads(((home or Path.home()) / _CONTEXT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = None
    remembered = document.get("namespace") if isinstance(document, dict) else None
    if isinstance(remembered, str) and remembered:
        return remembered
    if settings.host is None:
        try:
            return pod_file.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None
    return None


def check_cluster(calls: Calls) -> None:
    """Ask the cluster how it is.

    Raises:
        UsageError: If it has several users and no namespace is named.
        ClusterError: If it does not answer, or not as a KFP API does.
    """
    answer = calls.call("healthzs", "healthz_service_get_healthz")
    if answer.get("multi_user") and not user_namespace(calls.settings):
        raise UsageError(
            "this Kubeflow has several users, and no namespace is named",
            hint="name yours with --namespace or KERNELPIPE_KFP_NAMESPACE; Kubeflow's UI shows it",
        )


def experiment_id(calls: Calls, *, is_made: bool = True) -> str:
    """Return the id of the experiment that the settings name.

    Args:
        calls: The cluster.
        is_made: Make it if there is none of this name.

    Raises:
        UsageError: If there is none and it is not to be made.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    check_cluster(calls)
    name = calls.settings.experiment or DEFAULT_EXPERIMENT
    found = _find(calls, name)
    if found is not None:
        return found
    if not is_made:
        raise UsageError(f"there is no experiment '{name}' on the cluster")
    body = {"display_name": name}
    namespace = user_namespace(calls.settings)
    if namespace:
        body["namespace"] = namespace
    try:
        answer = calls.call(_GROUP, "experiment_service_create_experiment", experiment=body)
    except ClusterError as error:
        # Somebody was faster, or the answer was lost.
        again = _find(calls, name) if error.status == _ALREADY_THERE or error.is_passing else None
        if again is None:
            raise
        return again
    return str(answer["experiment_id"])


def _find(calls: Calls, name: str) -> str | None:
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    namespace = user_namespace(calls.settings)
    answer = calls.call(
        _GROUP,
        "experiment_service_list_experiments",
        filter=json.dumps({"predicates": [predicate]}),
        **({"namespace": namespace} if namespace else {}),
    )
    listed = answer.get("experiments") or []
    return str(listed[0]["experiment_id"]) if listed else None

"""Delivering to MLflow what earlier runs could not."""

from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.api.operations import PathLike

if TYPE_CHECKING:
    from kernelpipe.runs.tracking.syncing import Sync

SYNC_TIMEOUT_S = 60.0


def sync(*, home: PathLike | None = None, timeout_s: float = SYNC_TIMEOUT_S) -> "Sync":
    """Deliver to MLflow what is kept in a home, and wait for it.

    What is delivered twice is not logged twice.

    Args:
        home: Where the runs are kept; None means ``.kernelpipe`` in this folder.
        timeout_s: How long to go on with further runs, in seconds.

    Raises:
        BackendUnavailableError: If MLflow is not installed.
        BackendError: If nothing can be delivered.
    """
    from kernelpipe.runs.store import DEFAULT_HOME  # noqa: PLC0415  # what `graph` does without
    from kernelpipe.runs.tracking.syncing import sync_outbox  # noqa: PLC0415  # likewise

    return sync_outbox(Path(DEFAULT_HOME if home is None else home), timeout_s=timeout_s)


def sync_document(outcome: "Sync") -> dict[str, object]:
    """Return what :func:`sync` did as JSON."""
    return {
        "delivered": [
            {
                "run_id": each.run_id,
                "uri": each.uri,
                "experiment_id": each.experiment_id,
                "mlflow_run_id": each.mlflow_run_id,
                "notes": list(each.notes),
            }
            for each in outcome.delivered
        ],
        "left": [
            {"run_id": each.run_id, "kind": each.kind.value, "reason": each.reason}
            for each in outcome.left
        ],
    }

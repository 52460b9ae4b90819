"""Runs an IR file with KFP's own local executor, as an independent judge of what we emit."""

import json
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

_METRICS = "run-metrics"
_REPORT = "run-report"
_RUNTIME = "run-runtime"
_OUTPUT_FILE = "executor_output.json"


@dataclass(frozen=True, kw_only=True)
class KfpRun:
    """What came of a run; the keys are task names of the IR, and (task name, port).

    ``log`` is what the steps printed. ``metadata`` is what each artifact's ExecutorOutput says.
    """

    is_succeeded: bool
    directory: Path
    log: str
    metrics: dict[str, JSON] = field(default_factory=dict)
    values: dict[tuple[str, str], Path] = field(default_factory=dict)
    reports: dict[str, Path] = field(default_factory=dict)
    metadata: dict[tuple[str, str], JSON] = field(default_factory=dict)

    def all_metrics(self) -> JSON:
        """Return the metrics of all tasks in one mapping."""
        return {name: value for found in self.metrics.values() for name, value in found.items()}


def run_ir(
    path: Path, directory: Path, *, parameters: Mapping[str, object] | None = None
) -> KfpRun:
    """Run the pipeline in the IR file ``path``; no venv, no containers, one task after another.

    Args:
        path: The YAML file.
        directory: An empty directory for its artifacts.
        parameters: As a KFP client would give them.
    """
    log = StringIO()
    with warnings.catch_warnings(), redirect_stdout(log):
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"kfp|google|keyring")
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"kfp")
        warnings.filterwarnings("ignore", message=".*non-Python base image.*")
        warnings.filterwarnings("ignore", message=".*no effect in the current local runner.*")
        from kfp import components, local

        local.init(
            local.SubprocessRunner(use_venv=False),
            pipeline_root=str(directory),
            raise_on_error=True,
        )
        root_level = logging.getLogger().level
        component = components.load_component_from_file(str(path))
        is_succeeded = True
        try:
            component(**dict(parameters or {}))
        except RuntimeError:
            is_succeeded = False
        finally:
            logging.getLogger().setLevel(root_level)
    run = KfpRun(is_succeeded=is_succeeded, directory=directory, log=log.getvalue())
    for task in sorted(directory.glob("*/*/")):
        _collect(run, task)
    return run


def _collect(run: KfpRun, task: Path) -> None:
    for file in sorted(task.iterdir()):
        if file.name == _METRICS:
            run.metrics[task.name] = json.loads(file.read_text(encoding="utf-8"))
        elif file.name == _REPORT:
            run.reports[task.name] = file
        elif file.name == _OUTPUT_FILE:
            output = json.loads(file.read_text(encoding="utf-8"))
            for port, found in output["artifacts"].items():
                run.metadata[task.name, port] = found["artifacts"][0]["metadata"]
        elif file.name != _RUNTIME:
            run.values[task.name, file.name] = file

"""Runs IR files with KFP's own local executor, in one process for all tests of this one."""

import atexit
import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kernelpipe.backends.kfp.local_run import OUTPUT_FILE, REPORT_FILE, LocalKfp, LocalKfpRun

JSON = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class KfpRun(LocalKfpRun):
    """What came of a run, and what only tests look at.

    ``metadata`` is what each artifact's ExecutorOutput says, by (task name, port).
    """

    reports: dict[str, Path] = field(default_factory=dict)
    metadata: dict[tuple[str, str], JSON] = field(default_factory=dict)

    def all_metrics(self) -> JSON:
        """Return the metrics of all tasks in one mapping."""
        return {name: value for found in self.metrics.values() for name, value in found.items()}


@functools.cache
def executor() -> LocalKfp:
    """Return the executor of this process; importing kfp takes longer than most pipelines."""
    started = LocalKfp()
    atexit.register(started.close)
    return started


def run_ir(
    path: Path, directory: Path, *, parameters: Mapping[str, object] | None = None
) -> KfpRun:
    """Run the pipeline in the IR file ``path``; no venv, no containers, one task after another.

    Args:
        path: The YAML file.
        directory: An empty directory for its artifacts.
        parameters: As a KFP client would give them.
    """
    found = executor().run(path, directory, parameters or {})
    reports, metadata = {}, {}
    for task in sorted(path for path in directory.glob("*/*/") if path.is_dir()):
        if (task / REPORT_FILE).is_file():
            reports[task.name] = task / REPORT_FILE
        if (task / OUTPUT_FILE).is_file():
            output = json.loads((task / OUTPUT_FILE).read_bytes())
            for port, described in output["artifacts"].items():
                metadata[task.name, port] = described["artifacts"][0]["metadata"]
    return KfpRun(**asdict(found), reports=reports, metadata=metadata)

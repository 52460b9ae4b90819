"""Runs IR files with ``kfp.local.DockerRunner``: each pod is a container that may do very little.

It is a program of its own: ``kfp.local`` keeps global state, prints, and sets the logging up.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kernelpipe.backends.kfp import local_run
from kernelpipe.backends.kfp.local_run import LocalKfp, LocalKfpRun, OnTask

LIMITS: Final[Mapping[str, object]] = {
    "cap_drop": ["ALL"],
    "network_mode": "none",
    "read_only": True,
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108 - the container's
    "user": "54321:54321",
}
"""Pods run as a user whom nobody knows, without a home, and write only where they must."""


class DockerKfp(LocalKfp):
    """``kfp.local`` with containers for pods, one after another."""

    def __init__(self, address: str) -> None:
        """Use the container engine that has this address."""
        self._address = address

    def close(self) -> None:
        """Do nothing: what runs a pipeline ends with it."""

    def run(
        self,
        path: Path,
        directory: Path,
        parameters: Mapping[str, object],
        *,
        on_task: OnTask | None = None,
    ) -> LocalKfpRun:
        """Run the pipeline in an IR file."""
        del on_task
        directory.mkdir(parents=True)
        directory.chmod(0o777)
        request = {"path": str(path), "directory": str(directory), "parameters": parameters}
        child = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, json.dumps(request)],
            env={**_without_docker(os.environ), "DOCKER_HOST": self._address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return local_run._collect(directory, child.returncode == 0, child.stdout)


def _without_docker(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what the user's own engine needs."""
    return {name: text for name, text in environment.items() if not name.startswith("DOCKER_")}


def _run(request: Mapping[str, Any]) -> bool:
    from kfp import components, local

    _keep_containers()
    local.init(
        local.DockerRunner(**LIMITS), pipeline_root=request["directory"], raise_on_error=True
    )
    component = components.load_component_from_file(request["path"])
    try:
        component(**request["parameters"])
    except RuntimeError:
        return False
    return True


def _keep_containers() -> None:
    """Keep containers that have ended until the engine ends.

    ``DockerRunner`` lets the engine remove them, asks for the exit code after that, and takes the
    answer that there is no such container for success (kubeflow/pipelines#13332).
    """
    from docker.models.containers import ContainerCollection

    run = ContainerCollection.run

    def run_and_keep(self: ContainerCollection, **arguments: Any) -> Any:
        return run(self, **arguments | {"auto_remove": False})

    ContainerCollection.run = run_and_keep


if __name__ == "__main__":
    sys.exit(not _run(json.loads(sys.argv[1])))

"""What the pods do that run no step: give out a loop's items, and look at gates."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .pod_gates import answers
from .pod_loops import LoopError, item_texts, write_bundle
from .pod_values import given_parameters

if TYPE_CHECKING:
    from .pod import Pod

ITEMS_OUTPUT = "Output"
"""The output of a loop's chore that holds the items."""
METRICS_PORT = "run-metrics"
"""The output that holds a task's metrics."""


def do_chore(pod: "Pod", files: Mapping[str, Any]) -> dict[str, Any]:
    """Write the artifacts of a chore and return its output parameters.

    Args:
        pod: Its ``step`` has ``chore``: ``items``, the entry of a loop's list, or ``metrics``,
            metric name -> step that reports it.
        files: ``step/port`` of each input -> its path, or its paths where it is a loop's.

    Raises:
        LoopError: If there is no list, or not all that it takes has arrived.
        ParameterError: If a value is not of its parameter's type.
    """
    chore = pod.step["chore"]
    values = pod.inputs.get("parameterValues", {})
    told: dict[str, Any] = {}
    if "items" in chore:
        entry = chore["items"]
        given = given_parameters([entry], values, pod.step["json_parameters"])
        listed = given.get(entry["name"], entry["default"])
        if listed is None:
            raise LoopError(f"there is no list '{entry['name']}': it is None")
        told[ITEMS_OUTPUT] = item_texts(listed)
        for each in pod.document["inputs"]:
            port = f"{each['step']}-{each['port']}"
            paths = files[f"{each['step']}/{each['port']}"]
            write_bundle(paths, pod.output_path(port))
    metrics: dict[str, Any] = {}
    for name, step in chore.get("metrics", {}).items():
        reported = json.loads(Path(files[f"{step}/{METRICS_PORT}"]).read_bytes())
        if isinstance(reported.get(name), int | float):  # there may be series, too
            metrics[name] = reported[name]
    return told | answers(pod.step.get("gates", ()), metrics, values, pod.step["json_parameters"])

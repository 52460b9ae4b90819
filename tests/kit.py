"""Builders for the notebooks that tests use."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

PYTHON_KERNEL: JSON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python", "file_extension": ".py"},
}


def code(source: str, *tags: str, **metadata: Any) -> JSON:
    """Return a code cell; ``metadata`` are further keys of the cell's metadata."""
    found: JSON = dict(metadata)
    if tags:
        found["tags"] = list(tags)
    return {
        "cell_type": "code",
        "source": source,
        "metadata": found,
        "outputs": [],
        "execution_count": None,
    }


def markdown(text: str) -> JSON:
    """Return a markdown cell."""
    return {"cell_type": "markdown", "source": text, "metadata": {}}


def raw(text: str) -> JSON:
    """Return a raw cell."""
    return {"cell_type": "raw", "source": text, "metadata": {}}


def notebook(*cells: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> JSON:
    """Return a notebook of format 4.5; its cells get the ids c0, c1, ... unless they have one.

    ``metadata`` is added to (and may replace parts of) the metadata of a Python 3 notebook.
    """
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": PYTHON_KERNEL | dict(metadata or {}),
        "cells": [{"id": f"c{index}"} | dict(cell) for index, cell in enumerate(cells)],
    }


def encode(content: object) -> bytes:
    """Return ``content`` as the bytes of a notebook file."""
    return (json.dumps(content, indent=1) + "\n").encode()


def write(path: Path, *cells: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Path:
    """Write a notebook of ``cells`` to ``path``, making its folder, and return ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(notebook(*cells, metadata=metadata)))
    return path


def read(path: Path) -> JSON:
    """Return the JSON of the notebook at ``path``."""
    content: JSON = json.loads(path.read_bytes())
    return content


def kale_0(**changes: Any) -> JSON:
    """Return notebook metadata as Kale 0.x wrote it, with ``changes`` to ``kubeflow_notebook``."""
    return {
        "kubeflow_notebook": {
            "autosnapshot": False,
            "docker_image": "",
            "experiment": {"id": "new", "name": "titanic"},
            "experiment_name": "titanic",
            "katib_metadata": {
                "algorithm": {"algorithmName": "grid"},
                "maxTrialCount": 12,
                "objective": {"objectiveMetricName": "", "type": "minimize"},
                "parameters": [],
            },
            "katib_run": False,
            "pipeline_description": "Predict Titanic survivors",
            "pipeline_name": "titanic-ml",
            "snapshot_volumes": False,
            "steps_defaults": [],
            "volume_access_mode": "rwm",
            "volumes": [],
        }
        | changes
    }


def kale_2(**changes: Any) -> JSON:
    """Return notebook metadata as Kale 2.x writes it, with ``changes`` to ``kubeflow_notebook``."""
    return {
        "kubeflow_notebook": {
            "base_image": "",
            "enable_caching": True,
            "experiment": {"id": "new", "name": "titanic"},
            "experiment_name": "titanic",
            "pipeline_description": "Predict Titanic survivors",
            "pipeline_name": "titanic-ml",
            "steps_defaults": [],
            "storage_class_name": "",
            "volumes": [],
        }
        | changes
    }

"""Builds the notebook that executes one step: setup, loading, the step's cells, saving, tests."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PACKAGE = "kernelpipe_runtime"
_METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}


def build_step_notebook(
    document: Mapping[str, Any],
    call: Mapping[str, Any],
    *,
    step_directory: str,
    runtime_directory: str,
) -> dict[str, Any]:
    """Return the notebook that executes a step.

    Args:
        document: The task document.
        call: ``parameters`` are the values that the user gave; those of other steps and those
            equal to their defaults are left out. ``record`` says that what the step touches is
            wanted, ``checkpoints`` that what its cells make is kept between them, and ``restart``
            that its cells before ``cell`` (an index) are left out.
        step_directory: Absolute; holds document.json and call.json when the notebook runs.
        runtime_directory: Absolute; the parent of the package ``kernelpipe_runtime``.

    Returns:
        A notebook of format 4.5. A cell that stands for one of the source has metadata
        ``{"kernelpipe": {"cell": index, "role": role}}``, ours have ``{"kernelpipe": {"role":
        "begin" | "injected" | "derived" | "load" | "checkpoint" | "save" | "end"}}``.
    """
    given = given_values(document["parameters"], call.get("parameters", {}))
    cells = [_own("begin", _begin_source(step_directory, runtime_directory))]
    for entry in document["setup"]:
        cells.append(_source(entry))
        if entry["role"] == "parameters":
            cells.extend(_parameter_cells(document, entry, given))
    cells.append(_own("load", _call_source("load")))
    cells.extend(_step_cells(document["cells"], call))
    cells.append(_own("save", _call_source("save")))
    cells.extend(_source(entry) for entry in document["tests"])
    if document["tests"] and call.get("record"):
        cells.append(_own("end", _call_source("end")))
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            **_METADATA,
            "kernelpipe": {
                "version": 1,
                "pipeline": document["pipeline"],
                "step": document["step"],
            },
        },
        "cells": cells,
    }


def given_values(
    parameters: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values that must be injected, by name, in the order of ``parameters``.

    A value equal to its default is left out, a number for a float parameter becomes a float, and a
    list whose default is written as a tuple becomes a tuple.
    """
    chosen: dict[str, Any] = {}
    for entry in parameters:
        name = entry["name"]
        if name not in given or is_equal_json(given[name], entry["default"]):
            continue
        value = given[name]
        if entry["type"] == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if entry.get("tuple") and isinstance(value, list):
            value = tuple(value)
        chosen[name] = value
    return chosen


def is_equal_json(left: object, right: object) -> bool:
    """Tell whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_equal_json, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_equal_json(left[k], right[k]) for k in left)
    return bool(left == right)


def python_text(value: object) -> str:
    """Return the Python expression for a JSON value (or a tuple of them), exact to the last bit."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value!r}')"
    if isinstance(value, list):
        return f"[{', '.join(map(python_text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(python_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {python_text(v)}' for k, v in value.items())}}}"
    return repr(value)


def _parameter_cells(
    document: Mapping[str, Any], entry: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the injected cell after a parameters cell and the one that derives values anew."""
    own = [p["name"] for p in document["parameters"] if p["cell"] == entry["index"]]
    injected = {name: given[name] for name in own if name in given}
    if not injected:
        return
    lines = [f"{name} = {python_text(value)}\n" for name, value in injected.items()]
    number = entry["index"]
    yield _own("injected", "# Parameters\n" + "".join(lines), "injected-parameters", number=number)
    derivations = document.get("derivations", {}).get(str(entry["index"]), [])
    derived = "\n".join(_derived(derivations, injected))
    if derived:
        yield _own("derived", derived, number=number)


def _derived(
    derivations: Sequence[Mapping[str, Any]], injected: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the source of each derivation that depends on an injected value, in order."""
    stale = set(injected)
    for derivation in derivations:
        if stale.isdisjoint(derivation["reads"]):
            continue
        for name, literal in derivation.get("resets", {}).items():
            if name not in injected:
                yield f"{name} = {literal}"
        yield derivation["source"]
        stale.update(derivation["binds"])


def _step_cells(
    entries: Sequence[Mapping[str, Any]], call: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the step's cells that are to be run, and what keeps their state between them."""
    first = (call.get("restart") or {}).get("cell")
    indices = [entry["index"] for entry in entries]
    start = 0 if first is None else indices.index(first)
    for count, entry in enumerate(entries[start:], start=start + 1):
        yield _source(entry)
        if call.get("checkpoints") and count < len(entries):
            source = _call_source("checkpoint", str(count))
            yield _own("checkpoint", source, number=entry["index"])


def _begin_source(step_directory: str, runtime_directory: str) -> str:
    return (
        f'__import__("sys").path.insert(0, {runtime_directory!r})\n'
        f'__import__("{_PACKAGE}.step", fromlist=["begin"])'
        f".begin({step_directory!r}, {runtime_directory!r})"
    )


def _call_source(function: str, argument: str = "") -> str:
    return f'__import__("{_PACKAGE}.step", fromlist=["{function}"]).{function}({argument})'


def _source(entry: Mapping[str, Any]) -> dict[str, Any]:
    role = entry["role"]
    metadata = {"kernelpipe": {"cell": entry["index"], "role": role}}
    tags = ["parameters"] if role == "parameters" else []
    if entry.get("may_raise"):
        tags.append("raises-exception")
    return _code(entry["id"], entry["source"], metadata, tags)


def _own(role: str, source: str, *tags: str, number: int | None = None) -> dict[str, Any]:
    """Return a cell of ours; ``number`` keeps the ids of several with one role apart."""
    metadata = {"kernelpipe": {"role": role}, "jupyter": {"source_hidden": True}}
    identifier = f"kernelpipe-{role}" if number is None else f"kernelpipe-{role}-{number}"
    return _code(identifier, source, metadata, list(tags))


def _code(
    identifier: str, source: str, metadata: dict[str, Any], tags: list[str]
) -> dict[str, Any]:
    if tags:
        metadata["tags"] = tags
    return {
        "cell_type": "code",
        "id": identifier,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }

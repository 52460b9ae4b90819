"""The oracle: a notebook run from top to bottom in one kernel, and what counts as the same output.

Only what cannot be the same in two runs is normalised away: execution counts, timings, memory
addresses, places of temporary files, counters inside HTML, warnings of libraries, and how an image
is compressed. Everything else is compared exactly.
"""

import base64
import contextlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

JSON = dict[str, Any]
Outputs = Sequence[Mapping[str, Any]]

_TEMPORARY = re.escape(os.path.realpath(tempfile.gettempdir()))
_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(?:\b0|\.\.\.)x[0-9a-fA-F]{6,}\b"), "0x..."),
    (re.compile(r"(sk-(?:container|estimator)-id)-\d+"), r"\1-N"),
    (re.compile(r"\bT_[0-9a-f]{5}(?=[_ \"])"), "T_N"),
    (re.compile(r"(?m)^CPU times: .*\n?"), "CPU times: ...\n"),
    (re.compile(r"(?m)^Wall time: .*\n?"), "Wall time: ...\n"),
    (re.compile(r"(?m)^Compiler : .*\n?"), ""),
    (re.compile(r"(?m)^.* ± .* per loop \(.*\)$"), "... per loop"),
    (re.compile(r"(?m)^The slowest run took .*\n.*\n?"), ""),
    (re.compile(r"(?m)^\d+ loops?, best of .*$"), "... per loop"),
    (re.compile(rf"(?:/private)?{_TEMPORARY}/[^\s'\"<>:,)]+"), "<temporary>"),
    (re.compile(r"<ipython-input-[^>]*>|Cell In\[\d+\]"), "<cell>"),
)
_PROGRESS = re.compile(r"(?:^|(?<=[\r\n]))[^\r\n]*\d+%\|[^\r\n]*(?:[\r\n]|$)|\r")
_WARNING = re.compile(r"(?m)^\S.*:\d+: \w*Warning: .*\n(?:[ \t]+.*\n?)*")
_TRACEBACK_KEYS = ("output_type", "ename", "evalue")


def run_in_kernel(notebook: JSON, directory: Path) -> dict[int, list[JSON]]:
    """Run ``notebook`` from top to bottom in one kernel started in ``directory``.

    Cells tagged ``skip`` are left out. An error ends the run, as it does in Jupyter, unless the
    cell is tagged ``raises-exception``.

    Returns:
        Cell index (over all cells) -> its outputs, for the code cells that ran.
    """
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    copy = nbformat.reads(json.dumps(notebook), as_version=4)
    with tempfile.TemporaryDirectory(prefix="plain-") as sockets:
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            ip=f"{sockets}/s",
            connection_file=f"{sockets}/kernel.json",
        )
        client = NotebookClient(
            copy,
            km=manager,
            timeout=300,
            skip_cells_with_tag="skip",
            resources={"metadata": {"path": str(directory)}},
        )
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        with contextlib.suppress(CellExecutionError):
            client.execute(cleanup_kc=True, env=environment)
    return {
        index: json.loads(json.dumps(cell["outputs"]))
        for index, cell in enumerate(copy["cells"])
        if cell["cell_type"] == "code" and cell.get("execution_count") is not None
    }


def normalise(outputs: Outputs) -> list[JSON]:
    """Return ``outputs`` without what two runs of the same code never have in common."""
    found: list[JSON] = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            _add_stream(found, output["name"], _text(output["text"]))
        elif kind == "error":
            found.append({key: _clean(str(output[key])) for key in _TRACEBACK_KEYS})
        elif kind in {"display_data", "execute_result"}:
            data = {mime: _normal_data(mime, value) for mime, value in output["data"].items()}
            found.append({"output_type": kind, "data": dict(sorted(data.items()))})
        else:
            found.append(dict(output))
    return [output for output in _cleaned_streams(found) if output.get("text") != ""]


def first_difference(plain: Mapping[int, Outputs], other: Mapping[int, Outputs]) -> str | None:
    """Return what differs first, by cell, between a plain run and another run; None if nothing.

    Args:
        plain: Cell index -> outputs of the plain run.
        other: The same of the run that is compared with it; a cell that is missing there counts
            as one without outputs, since a step may leave out setup that it does not need.
    """
    for index in sorted(set(plain) | set(other)):
        expected = normalise(plain.get(index, ()))
        actual = normalise(other.get(index, ()))
        for number, (left, right) in enumerate(zip(expected, actual, strict=False)):
            if left != right:
                return (
                    f"cell {index}, output {number}: the plain run has\n{_shown(left)}\n"
                    f"but this run has\n{_shown(right)}"
                )
        if len(expected) != len(actual):
            longer, word = (expected, "lacks") if len(expected) > len(actual) else (actual, "adds")
            extra = longer[min(len(expected), len(actual))]
            return f"cell {index}: this run {word}\n{_shown(extra)}"
    return None


def outputs_of(notebook: JSON) -> dict[int, list[JSON]]:
    """Return cell index -> outputs of the code cells of an executed ``notebook`` that have any."""
    return {
        index: cell["outputs"]
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code" and cell["outputs"]
    }


def _add_stream(found: list[JSON], name: str, text: str) -> None:
    """Append ``text`` to the stream before it if that has the same name, as frontends do."""
    if found and found[-1].get("output_type") == "stream" and found[-1]["name"] == name:
        found[-1]["text"] += text
    else:
        found.append({"output_type": "stream", "name": name, "text": text})


def _cleaned_streams(outputs: Iterable[JSON]) -> Iterable[JSON]:
    merged: list[JSON] = []
    for output in outputs:
        if output["output_type"] != "stream":
            merged.append(output)
            continue
        text = _clean(output["text"])
        if output["name"] == "stderr":
            text = _WARNING.sub("", _PROGRESS.sub("", text))
        if text:
            _add_stream(merged, output["name"], text)
    return merged


def _text(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _clean(text: str) -> str:
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text


def _normal_data(mime: str, value: Any) -> Any:
    if mime == "image/png":
        return _pixels(base64.b64decode(_text(value)))
    if isinstance(value, str | list) and not mime.endswith("json"):
        return _clean(_text(value))
    return value


def _pixels(png: bytes) -> str:
    """Return the size and content of an image as text, or its bytes where pillow is missing."""
    try:
        from PIL import Image
    except ImportError:
        return base64.b64encode(png).decode()
    with Image.open(io.BytesIO(png)) as image:
        pixels = image.convert("RGBA")
        return f"{pixels.size} {base64.b64encode(pixels.tobytes()).decode()}"


def _shown(output: JSON) -> str:
    text = json.dumps(output, indent=1, sort_keys=True)
    return text if len(text) <= 2000 else f"{text[:2000]}... ({len(text)} characters)"

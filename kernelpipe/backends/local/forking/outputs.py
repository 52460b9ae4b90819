"""What a kernel's messages make of a notebook's cells: as nbclient does it."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]
Send = Callable[[str, JSON, JSON], None]
"""Sends a request to the kernel: message type, content, parent header."""

_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
_TIMED = {
    ("status", "busy"): "iopub.status.busy",
    ("status", "idle"): "iopub.status.idle",
    ("execute_input", None): "iopub.execute_input",
}
_DISPLAYS = {"execute_result", "display_data", "update_display_data"}
_SILENT = {"execute_input", "update_display_data"}


def timestamp(message: Mapping[str, Any]) -> str:
    """Return when a message was made, as nbclient writes it into a cell's metadata."""
    made_at = datetime.fromisoformat(message["header"]["date"])
    return made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Outputs:
    """Puts the outputs of a kernel into the cells of one notebook, and follows its widgets."""

    def __init__(self, cells: Sequence[JSON], send: Send) -> None:
        """Prepare for ``cells``, which are changed in place."""
        self._cells = cells
        self._send = send
        self._display_ids: dict[str, dict[int, list[int]]] = {}
        self._is_to_clear = False
        self._widget_state: dict[str, JSON] = {}
        self._widget_buffers: dict[str, dict[tuple[str, ...], JSON]] = {}
        self._output_widgets: dict[str, _OutputWidget] = {}
        self.captures: dict[str, list[_OutputWidget]] = {}
        """Id of a request -> the output widgets that take its outputs, the last one first."""

    def begin_cell(self, index: int) -> None:
        """Empty a cell before it runs."""
        self._cells[index]["outputs"] = []
        self._is_to_clear = False

    def take(self, message: JSON, index: int) -> JSON | None:
        """Follow one IOPub message that cell ``index`` caused.

        Returns:
            The output that the cell got from it, if any.
        """
        kind, content = message["header"]["msg_type"], message["content"]
        cell = self._cells[index]
        display_id = (content.get("transient") or {}).get("display_id")
        if display_id and kind in _DISPLAYS:
            self._update_displays(display_id, content)
        if "execution_count" in content:
            cell["execution_count"] = content["execution_count"]
        timed = _TIMED.get((kind, content.get("execution_state")))
        if timed:
            cell["metadata"]["execution"][timed] = timestamp(message)
        if kind == "clear_output":
            self._clear(message, index)
        elif kind.startswith("comm"):
            self._follow_comm(message)
        elif kind not in _SILENT and kind != "status":
            return self._add(message, display_id, index)
        return None

    def widgets_metadata(self) -> JSON | None:
        """Return the notebook's ``widgets`` metadata, None when no cell made a widget."""
        if not self._widget_state:
            return None
        state = {
            key: {
                "model_name": state.get("_model_name"),
                "model_module": state.get("_model_module"),
                "model_module_version": state.get("_model_module_version"),
                "state": state,
            }
            for key, state in self._widget_state.items()
            if "_model_name" in state
        }
        for key, entry in state.items():
            if self._widget_buffers.get(key):
                entry["buffers"] = list(self._widget_buffers[key].values())
        return {_WIDGET_STATE: {"state": state, "version_major": 2, "version_minor": 0}}

    def set_widget_outputs(self, comm_id: str, outputs: list[JSON], parent: JSON) -> None:
        """Tell the kernel, and the notebook's metadata, what an output widget shows."""
        data = {"method": "update", "state": {"outputs": outputs}, "buffer_paths": []}
        self._send("comm_msg", {"data": data, "comm_id": comm_id}, parent)
        self._widget_state[comm_id]["outputs"] = outputs

    def _update_displays(self, display_id: str, content: JSON) -> None:
        for index, positions in self._display_ids.get(display_id, {}).items():
            for position in positions:
                output = self._cells[index]["outputs"][position]
                output["data"] = content["data"]
                output["metadata"] = content["metadata"]

    def _add(self, message: JSON, display_id: str | None, index: int) -> JSON | None:
        captures = self.captures.get(message["parent_header"].get("msg_id", ""))
        if captures:
            captures[-1].take(message)
            return None
        output = output_of(message)
        if output is None:
            return None
        outputs = self._cells[index]["outputs"]
        if self._is_to_clear:
            self._is_to_clear = False
            self._empty(index)
        if display_id:
            positions = self._display_ids.setdefault(display_id, {}).setdefault(index, [])
            positions.append(len(outputs))
        outputs.append(output)
        return output

    def _clear(self, message: JSON, index: int) -> None:
        captures = self.captures.get(message["parent_header"].get("msg_id", ""))
        if captures:
            captures[-1].clear(message)
        elif message["content"].get("wait"):
            self._is_to_clear = True
        else:
            self._empty(index)

    def _empty(self, index: int) -> None:
        self._cells[index]["outputs"][:] = []
        for places in self._display_ids.values():
            if index in places:
                places[index] = []

    def _follow_comm(self, message: JSON) -> None:
        content = message["content"]
        comm_id, data = content["comm_id"], content["data"]
        if "state" in data:
            self._widget_state.setdefault(comm_id, {}).update(data["state"])
            if data.get("buffer_paths"):
                self._widget_buffers.setdefault(comm_id, {}).update(
                    (tuple(path), _encoded(path, content))
                    for path, content in zip(data["buffer_paths"], message["buffers"], strict=False)
                )
        kind = message["header"]["msg_type"]
        if kind == "comm_open" and content.get("target_name") == "jupyter.widget":
            state = data["state"]
            model = (state.get("_model_module"), state.get("_model_name"))
            if model == ("@jupyter-widgets/output", "OutputModel"):
                self._output_widgets[comm_id] = _OutputWidget(comm_id, state, self)
        elif kind == "comm_msg" and comm_id in self._output_widgets:
            self._output_widgets[comm_id].set_state(data.get("state", {}))


class _OutputWidget:
    """Stands in for the browser's side of an output widget, which takes a cell's outputs."""

    def __init__(self, comm_id: str, state: JSON, owner: Outputs) -> None:
        self._comm_id = comm_id
        self._owner = owner
        self._outputs: list[JSON] = state["outputs"]
        self._is_to_clear = False
        self._request = ""

    def set_state(self, state: JSON) -> None:
        """Begin or end to take the outputs of the request ``msg_id``."""
        if "msg_id" not in state:
            return
        if state["msg_id"]:
            self._owner.captures.setdefault(state["msg_id"], []).append(self)
        else:
            self._owner.captures[self._request].pop()
        self._request = state["msg_id"]

    def take(self, message: JSON) -> None:
        """Show an output."""
        if self._is_to_clear:
            self._outputs = []
            self._is_to_clear = False
        output = output_of(message)
        if output is None:
            return
        last = self._outputs[-1] if self._outputs else {}
        is_stream = output["output_type"] == "stream"
        if is_stream and last.get("output_type") == "stream" and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            self._outputs.append(output)
        self._tell(message)

    def clear(self, message: JSON) -> None:
        """Remove the outputs, or wait for the next one."""
        if message["content"].get("wait"):
            self._is_to_clear = True
        else:
            self._outputs = []
            self._tell(message)

    def _tell(self, message: JSON) -> None:
        self._owner.set_widget_outputs(self._comm_id, self._outputs, message["parent_header"])


def output_of(message: JSON) -> JSON | None:
    """Return a message as an output of a notebook's cell, None if it is none."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind == "stream":
        return {"output_type": kind, "name": content["name"], "text": content["text"]}
    if kind == "error":
        return {"output_type": kind} | {
            key: content[key] for key in ("ename", "evalue", "traceback")
        }
    if kind in {"display_data", "execute_result"}:
        output = {
            "output_type": kind,
            "metadata": content["metadata"],
            "data": content["data"],
        }
        if kind == "execute_result":
            output["execution_count"] = content["execution_count"]
        return output
    return None


def _encoded(path: list[str], content: bytes) -> JSON:
    return {"data": base64.b64encode(content).decode(), "encoding": "base64", "path": path}

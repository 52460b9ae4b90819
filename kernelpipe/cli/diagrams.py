"""Draw a pipeline as a Mermaid flowchart or as a Graphviz graph."""

import json

from kernelpipe.cli.control_flow import control_flow_texts
from kernelpipe.model.pipeline import Edge, EdgeKind, Pipeline

_SHOWN_NAMES = 4
_MERMAID_SPECIAL = frozenset('"#<>&`\\;')


def draw_mermaid(pipeline: Pipeline) -> str:
    """Return a flowchart that GitHub, GitLab and JupyterLab show from a ``mermaid`` block."""
    ids = {step.name: f"s{number}" for number, step in enumerate(pipeline.steps)}
    lines = ["flowchart TD"]
    for number, parameter in enumerate(pipeline.parameters):
        label = f"{parameter.name}: {parameter.type.value} = {parameter.default}"
        lines.append(f'    p{number}(["{_escape_mermaid(label)}"])')
    for step in pipeline.steps:
        texts = map(_escape_mermaid, (step.name, *control_flow_texts(step.settings)))
        lines.append(f'    {ids[step.name]}["{"<br/>".join(texts)}"]')
    for number, parameter in enumerate(pipeline.parameters):
        lines.extend(
            f"    p{number} --> {ids[step.name]}"
            for step in pipeline.steps
            if any(port.source is None and port.name == parameter.name for port in step.inputs)
        )
    for edge in pipeline.edges:
        arrow = "-->" if edge.kind is EdgeKind.DATA else "-.->"
        label = f'|"{_escape_mermaid(_label(edge))}"|' if edge.names or edge.files else ""
        lines.append(f"    {ids[edge.producer]} {arrow}{label} {ids[edge.consumer]}")
    return "\n".join(lines)


def _escape_mermaid(text: str) -> str:
    """Return ``text`` for use between double quotes; Mermaid's escapes are ``#code;``."""
    return "".join(f"#{ord(c)};" if c in _MERMAID_SPECIAL else c for c in text)


def draw_dot(pipeline: Pipeline) -> str:
    """Return a graph in Graphviz's language."""
    lines = [f"digraph {_quote(pipeline.name)} {{", "    node [shape=box];"]
    for parameter in pipeline.parameters:
        label = f"{parameter.name}: {parameter.type.value} = {parameter.default}"
        lines.append(
            f"    {_quote('parameter ' + parameter.name)} [label={_quote(label)}, shape=ellipse];"
        )
    for step in pipeline.steps:
        texts = control_flow_texts(step.settings)
        label = f" [label={_quote(chr(10).join((step.name, *texts)))}]" if texts else ""
        lines.append(f"    {_quote(step.name)}{label};")
    names = {parameter.name for parameter in pipeline.parameters}
    lines.extend(
        f"    {_quote('parameter ' + port.name)} -> {_quote(step.name)};"
        for step in pipeline.steps
        for port in step.inputs
        if port.source is None and port.name in names
    )
    for edge in pipeline.edges:
        style = f"label={_quote(_label(edge))}" if edge.names or edge.files else "style=dashed"
        lines.append(f"    {_quote(edge.producer)} -> {_quote(edge.consumer)} [{style}];")
    return "\n".join([*lines, "}"])


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _label(edge: Edge) -> str:
    names = [*(name.removeprefix("@") for name in edge.names), *edge.files]
    if len(names) > _SHOWN_NAMES:
        rest = len(names) - _SHOWN_NAMES + 1
        names = [*names[: _SHOWN_NAMES - 1], f"{rest} more"]
    return ", ".join(names)

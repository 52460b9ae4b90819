"""Stores the values of a group of names in one file, and takes them out again."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from . import columnar, pickling, states
from .container import Container, ValueFileError, open_container, writing
from .links import Links
from .unstorable import UnstorableValueError

__all__ = ["UnstorableValueError", "ValueFileError", "dump_group", "load_group", "read_values"]


def dump_group(
    names: Sequence[str],
    namespace: dict[str, Any],
    path: str | os.PathLike[str],
    *,
    shared: Mapping[str, int] | None = None,
    links: Links | None = None,
    baseline: states.Baseline | None = None,
) -> dict[str, Any]:
    """Store the values of ``names`` in one file; what they share stays shared.

    Args:
        names: Names of the group; those that begin with ``@`` are hidden interpreter state.
        namespace: The user's global namespace. A name that it lacks is stored as absent.
        path: The file to write, atomically.
        shared: As ``Links.register`` takes it, where ``links`` is None.
        links: Shared objects of this process, as they were registered after setup.
        baseline: What the interpreter's state was before the user's code; None takes it as it is.

    Returns:
        Facts: ``format`` ("pickle", "arrow" or "npy"), ``type`` (of the first name that is there),
        ``types`` (name -> type), ``absent`` (names), ``bytes`` and ``sha256``.

    Raises:
        UnstorableValueError: If a value cannot be stored.
        OSError: If the file cannot be written.
    """
    if links is None:
        links = Links(namespace)
        links.register(shared or {})
    values = {}
    for name in names:
        if name.startswith("@"):
            values[name] = states.capture(name, baseline or states.Baseline.now())
        elif name in namespace:
            values[name] = namespace[name]
    header: dict[str, Any] = {
        "names": list(values),
        "absent": [name for name in names if name not in values],
        "types": {name: _type_name(value) for name, value in values.items()},
    }
    frame = columnar.plan(next(iter(values.values()))) if len(values) == 1 else None
    if frame is None:
        _write_pickle(path, header, values, links)
    else:
        _write_columns(path, header, frame)
    facts = {key: header[key] for key in ("format", "types", "absent", "bytes", "sha256")}
    return {**facts, "type": next(iter(header["types"].values()), None)}


def _type_name(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _write_pickle(
    path: str | os.PathLike[str], header: dict[str, Any], values: dict[str, Any], links: Links
) -> None:
    pickled = pickling.dump(values, links)
    header["format"] = "pickle"
    header["copies"] = sorted(pickled.copies)
    header["sources"] = pickled.sources
    with writing(path, header) as writer:
        with writer.segment(is_big=False):
            writer.write(pickled.stream)
        for key in header["copies"]:
            with writer.segment(is_big=False):
                writer.write(pickled.copies[key])
        for buffer in pickled.buffers:
            content = buffer.raw()
            with writer.segment(is_big=content.nbytes >= _PAGE_ALIGNED_BYTES):
                writer.write(content)


_PAGE_ALIGNED_BYTES = 1 << 16


def _write_columns(
    path: str | os.PathLike[str], header: dict[str, Any], plan: columnar.Plan
) -> None:
    header["format"] = plan.format
    header["layout"] = plan.layout
    with writing(path, header) as writer:
        for write in plan.segments:
            with writer.segment(is_big=True):
                write(writer)


def load_group(
    path: str | os.PathLike[str],
    names: Sequence[str],
    namespace: dict[str, Any],
    *,
    links: Links | None = None,
) -> None:
    """Bind ``names`` in ``namespace`` to their stored values.

    Hidden interpreter state is put in force instead. A name that did not exist when the file was
    written does not exist afterwards.

    Raises:
        ValueFileError: If the file is damaged, or lacks a name, or does not load here.
        OSError: If the file cannot be read.
    """
    container = open_container(path)
    values = _load(container, links or Links(namespace))
    for name in names:
        if name in container.header["absent"]:
            namespace.pop(name, None)
        elif name not in values:
            raise ValueFileError(f"holds no '{name}'", path=str(path))
        elif name.startswith("@"):
            _restore_state(name, values[name], str(path))
        else:
            namespace[name] = values[name]


def _restore_state(name: str, value: Any, path: str) -> None:
    try:
        states.restore(name, value)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueFileError(f"'{name}' cannot be put in force ({reason})", path=path) from error


def read_values(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the stored values by name, outside of a step.

    Functions of the notebook get a namespace of their own, with nothing in it. Hidden interpreter
    state is returned, not put in force.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    return _load(open_container(path), Links(namespace))


def _load(container: Container, links: Links) -> dict[str, Any]:
    header = container.header
    try:
        if header["format"] == "pickle":
            return _load_pickle(container, links)
        value = columnar.load(container)
    except Exception as error:
        names = ", ".join(f"'{name}'" for name in header["names"])
        message = f"{names} cannot be loaded ({type(error).__name__}: {error})"
        here = ".".join(map(str, sys.version_info[:2]))
        if not header["python"].startswith(here + "."):
            message += f"; stored with Python {header['python']}, this is Python {here}"
        raise ValueFileError(message, path=container.path) from error
    return {header["names"][0]: value}


def _load_pickle(container: Container, links: Links) -> dict[str, Any]:
    header = container.header
    keys = header["copies"]
    for index, key in enumerate(keys, start=1):
        if key not in links.shared:
            links.copies[key] = bytes(container.segment(index))
    pickling.add_sources(header["sources"])
    buffers = [container.segment(index) for index in range(1 + len(keys), len(header["segments"]))]
    with links.active():
        return pickling.load(container.seek(0), buffers)

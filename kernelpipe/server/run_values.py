"""Route of the values that a step handed on: names, types, sizes, and how small ones look."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.web import HTTPError

from kernelpipe.api.documents import JsonObject
from kernelpipe.model.run import Run, StepFacts
from kernelpipe.runs.notebooks import SNAPSHOT
from kernelpipe.runs.results import ResultStore
from kernelpipe.runtime.container import ValueFileError, read_header
from kernelpipe.server.run_places import RUN, RunHandler
from kernelpipe.server.shared import Route

_PROGRAM: Final = Path(__file__).with_name("preview_program.py")
_MOST_BYTES: Final = 20_000_000
_MOST_BYTES_IN_ALL: Final = 100_000_000
_TIMEOUT_S: Final = 20.0
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True, kw_only=True)
class _File:
    """A value file; ``types`` are name -> type, ``note`` says why its values are not shown."""

    port: str
    path: Path | None
    size_bytes: int | None
    types: dict[str, str] = field(default_factory=dict)
    note: str | None = None
    shown: dict[str, Any] = field(default_factory=dict)

    def documents(self) -> list[JsonObject]:
        """Return the previews (``IValuePreview``) of the values in it."""
        return [
            {
                "name": name,
                "type": kind.removeprefix("builtins."),
                "bytes": self.size_bytes if len(self.types) == 1 else None,
                "text": self.shown.get(name, {}).get("text"),
                "table": self.shown.get(name, {}).get("table"),
                "note": self.note,
            }
            for name, kind in self.types.items()
        ]


class ValuesHandler(RunHandler):
    """Values that steps handed on."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with how the values look; they are loaded in a process of their own."""
        found = await self.found(self.named(run_id))
        name = self.step(found)["name"]
        if name not in [step.name for step in found.run.steps]:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"step '{name}' is not recorded yet")
        values = await self.watch.ask_slowly(
            lambda: preview(found.run, name, is_trusted=found.is_trusted)
        )
        self.answer({"values": values})


def preview(run: Run, step: str, *, is_trusted: bool) -> list[JsonObject]:
    """Return previews of the values that a step of a run stored, sorted by name.

    Args:
        run: The run.
        step: One of its steps.
        is_trusted: Whether values may be loaded, which may execute code.
    """
    files = _files(run, step)
    room = _MOST_BYTES_IN_ALL
    loaded = []
    for each in files:
        if each.note is not None or each.size_bytes is None:
            continue
        if not is_trusted:
            each.note = "not loaded: the run was not made here; run the notebook to see it"
        elif each.size_bytes > min(_MOST_BYTES, room):
            each.note = "not loaded: it is large"
        else:
            room -= each.size_bytes
            loaded.append(each)
    if loaded:
        _load(run, loaded)
    documents = [document for each in files for document in each.documents()]
    return sorted(documents, key=lambda document: str(document["name"]))


def _files(run: Run, step: str) -> list[_File]:
    store = ResultStore(Path(run.directory).parents[1])
    facts: StepFacts = {}
    for each in run.steps:
        if each.name == step:
            facts = json.loads(each.facts)
    return [_file(value, store) for value in facts.get("values", ())]


def _file(value: dict[str, object], store: ResultStore) -> _File:
    port, digest = str(value.get("port")), str(value.get("digest"))
    if not _DIGEST.fullmatch(digest):
        return _File(port=port, path=None, size_bytes=None)
    path = store.path(digest)
    try:
        header = read_header(path)
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        gone = "not stored any more"
        return _File(port=port, path=None, size_bytes=None, types={port: ""}, note=gone)
    except (OSError, ValueError, ValueFileError) as error:
        return _File(port=port, path=None, size_bytes=None, types={port: ""}, note=str(error))
    types = {name: str(kind) for name, kind in header["types"].items() if name[:1] != "@"}
    return _File(port=port, path=path, size_bytes=size_bytes, types=types)


def _load(run: Run, files: Sequence[_File]) -> None:
    """Let the kernel's interpreter load values and say how they look."""
    answers: list[dict[str, Any]] = []
    problem = "not loaded: it took too long"
    request = {"folder": str(Path(run.source).parent), "paths": [str(each.path) for each in files]}
    try:
        ended = subprocess.run(  # noqa: S603  # our own program
            _command(run),
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
        output = ended.stdout
        problem = f"not loaded: the process that loads it died (exit code {ended.returncode})"
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    except OSError as error:
        output = b""
        problem = f"not loaded: {error.strerror or error}"
    answers = [json.loads(line) for line in output.split(b"\n")[:-1]]
    for index, each in enumerate(files):
        if index >= len(answers):
            each.note = problem
        elif "problem" in answers[index]:
            each.note = f"not loaded: {answers[index]['problem']}"
        else:
            each.shown = answers[index]


def _command(run: Run) -> list[str]:
    """Return how the program is called for the kernel of a run."""
    from kernelpipe.backends.local.interpreters import kernel_python  # noqa: PLC0415  # slow to load
    from kernelpipe.backends.local.kernels import installed_kernel  # noqa: PLC0415  # likewise
    from kernelpipe.backends.local.runtime_copy import install_runtime  # noqa: PLC0415  # likewise

    try:
        notebook = json.loads(Path(run.directory, SNAPSHOT).read_bytes())
        name = notebook["metadata"]["kernelspec"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    kernel, _ = installed_kernel(name if isinstance(name, str) else None)
    runtime = install_runtime(Path(run.directory).parents[1])
    return [kernel_python(kernel) or sys.executable, str(_PROGRAM), str(runtime)]


ROUTES: tuple[Route, ...] = ((RUN + r"/values", ValuesHandler),)

"""``POST compile``: a notebook to a Kubeflow pipeline; ``POST plan``: what a run would do."""

import asyncio
from http import HTTPStatus
from pathlib import PurePosixPath

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.bodies import (
    encoded,
    flag,
    notebook_content,
    optional_mapping,
    run_options,
    text,
)
from kernelpipe.server.notebooks import refuse_unsaved
from kernelpipe.server.shared import Route


class CompileHandler(KernelpipeHandler):
    """Compiles the notebook that it is sent."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the YAML; write it beside the notebook if that is asked for."""
        body = self.json_body()
        path = text(body, "path")
        content = encoded(notebook_content(body))
        saved = str(PurePosixPath(path).with_suffix(".yaml")) if PurePosixPath(path).name else path
        is_saved = flag(body, "save", default=False)
        request = {
            "task": "compile",
            "path": str(self.shared.contents.absolute(path)),
            "shown": path,
            "target": str(self.shared.contents.absolute(saved)) if is_saved else None,
        }
        status, document = await self.shared.compilers.ask(
            request, content, is_wanted=self.is_awaited
        )
        if status == HTTPStatus.OK:
            name = PurePosixPath(saved).name
            document |= {"saved": saved if is_saved else None, "file_name": name}
        self.answer(document, status=status)


class PlanHandler(KernelpipeHandler):
    """Tells what a run would do; nothing is run."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the steps and the time that they are expected to take."""
        body = self.json_body()
        path = text(body, "path")
        source = self.shared.contents.absolute(path)
        notebook = notebook_content(body)
        request = {
            "task": "plan",
            "path": str(source),
            "shown": path,
            "parameters": optional_mapping(body, "parameters") or {},
            "options": run_options(body),
        }
        await asyncio.to_thread(refuse_unsaved, notebook, source)
        status, document = await self.shared.compilers.ask(request, is_wanted=self.is_awaited)
        self.answer(document, status=status)


ROUTES: tuple[Route, ...] = (
    (r"kernelpipe/compile", CompileHandler),
    (r"kernelpipe/plan", PlanHandler),
)

"""``POST analysis``: the pipeline that a notebook means, as it is in the editor."""

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.bodies import encoded, notebook_content, text
from kernelpipe.server.run_places import expect_runs
from kernelpipe.server.shared import Route


class AnalysisHandler(KernelpipeHandler):
    """Analyses the notebook that it is sent; the user's kernel and files are left alone."""

    @web.authenticated
    @authorized(action="read")  # type: ignore[untyped-decorator]  # whoever may look may see steps
    async def post(self) -> None:
        """Answer with the steps, the cells' marks and the findings."""
        body = self.json_body()
        path = text(body, "path")
        content = encoded(notebook_content(body))
        source = self.shared.contents.absolute(path)
        expect_runs(self.shared, source)
        request = {
            "task": "analyse",
            "path": str(source),
            "shown": path,
        }
        status, document = await self.shared.analysts.ask(
            request, content, is_wanted=self.is_awaited
        )
        self.answer(document, status=status)


ROUTES: tuple[Route, ...] = ((r"kernelpipe/analysis", AnalysisHandler),)

"""``POST proposal``: steps for the notebook in the editor; to tag cells is the browser's part."""

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.bodies import encoded, notebook_content, text
from kernelpipe.server.shared import Route


class ProposalHandler(KernelpipeHandler):
    """Proposes steps for the notebook that it is sent; it reads and writes no file."""

    @web.authenticated
    @authorized(action="read")  # type: ignore[untyped-decorator]  # nothing is changed here
    async def post(self) -> None:
        """Answer with the proposed steps and the tags that make them."""
        body = self.json_body()
        path = text(body, "path")
        content = encoded(notebook_content(body))
        source = self.shared.contents.absolute(path)
        request = {"task": "propose", "path": str(source), "shown": path}
        status, document = await self.shared.analysts.ask(
            request, content, is_wanted=self.is_awaited
        )
        self.answer(document, status=status)


ROUTES: tuple[Route, ...] = ((r"kernelpipe/proposal", ProposalHandler),)

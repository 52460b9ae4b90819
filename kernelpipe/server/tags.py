"""``POST tags``: the tags of cells after an edit; setting them is the browser's part."""

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe.api.tagging import edited_tags
from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.shared import Route


class TagsHandler(KernelpipeHandler):
    """Works out tags; it reads and writes no file."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the cells whose tags change, and their new tags."""
        body = self.json_body()
        self.answer(await asyncio.to_thread(edited_tags, body.get("cells"), body.get("edit")))


ROUTES: tuple[Route, ...] = ((r"kernelpipe/tags", TagsHandler),)

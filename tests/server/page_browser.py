"""Asks the real application over ASGI, as a browser on this machine would."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx

from noria.server.app import application
from noria.server.site import Site

if TYPE_CHECKING:
    from datetime import datetime

    from noria.workspace import Workspace

HOST = "127.0.0.1:8765"


class Browser:
    """A person's browser, without the screen."""

    def __init__(self, workspace: Workspace, at: datetime | None = None) -> None:
        """Open a project, `at` a moment at which its clock stands still."""
        self.workspace = workspace
        scorer = "http://127.0.0.1:8766"
        self.serve(Site(workspace, scorer) if at is None else Site(workspace, scorer, now=lambda: at))

    def serve(self, site: Site) -> None:
        """Look at another server of the project from now on."""
        self.site = site
        self._app = application(site, hosts=frozenset({HOST}))

    def ask(self, method: str, path: str, **rest: object) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, **rest)  # type: ignore[arg-type]

        return asyncio.run(asked())

    def get(self, path: str, **rest: object) -> httpx.Response:
        return self.ask("GET", path, **rest)

    def token(self, page: str) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get(page).text)
        assert found is not None, f"{page} has no form"
        return found[1]

    def post(self, path: str, page: str | None = None, **fields: str) -> httpx.Response:
        """Send a form, with the token of the page it stands on."""
        if page is not None:
            fields = {"token": self.token(page), "confirm": "yes", **fields}
        return self.ask("POST", path, data=fields, headers={"origin": f"http://{HOST}"})

"""Asks the real application over ASGI, as a client of the MLflow protocol would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from noria.server.app import application

if TYPE_CHECKING:
    from noria.server.site import Site

HOST = "127.0.0.1:8765"
PROJECT = """
[project]
name = "lab"

[data]
source = "rows.csv"
target = "y"
"""


class Client:
    """Asks the application over ASGI; gives status and JSON."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.app = application(site, hosts=frozenset({HOST}))

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, **rest)

        return asyncio.run(asked())

    def post(self, name: str, /, **fields: Any) -> httpx.Response:
        return self.ask("POST", f"/api/2.0/mlflow/{name}", json=fields)

    def get(self, name: str, /, **fields: Any) -> httpx.Response:
        return self.ask("GET", f"/api/2.0/mlflow/{name}", params=fields)

    def done(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Post something that must work."""
        response = self.post(name, **fields)
        assert response.status_code == 200, response.text
        return response.json()

    def read(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Get something that must be there."""
        response = self.get(name, **fields)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, name: str, status: int, code: str, /, **fields: Any) -> str:
        """Post something that must be refused; gives the message."""
        response = self.post(name, **fields)
        assert (response.status_code, response.json().get("error_code")) == (status, code), response.text
        return response.json()["message"]

    def run(self, experiment: str = "0", **fields: Any) -> str:
        """Start a run."""
        return self.done("runs/create", experiment_id=experiment, start_time=1, **fields)["run"]["info"]["run_id"]

    def data(self, run: str) -> dict[str, Any]:
        return self.read("runs/get", run_id=run)["run"]["data"]

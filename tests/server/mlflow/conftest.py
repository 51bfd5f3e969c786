"""A server of the protocol over an empty project, asked as a client asks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from noria.security.bind import allowed_hosts, listen
from noria.server.app import application
from noria.server.presence import present
from noria.server.site import Site
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@pytest.fixture
def site(store_url: str, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "lab"
    root.mkdir()
    (root / "noria.toml").write_text(f"{PROJECT}\n[store]\ndatabase = {store_url!r}\n")
    workspace = Workspace(root)
    opened = Site(workspace)
    yield opened
    opened.close()
    workspace.close()


@pytest.fixture
def client(site: Site) -> Client:
    return Client(site)


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    """The same server on a socket."""
    bound = listen("127.0.0.1", 0)
    app = application(site, hosts=allowed_hosts(bound))
    config = uvicorn.Config(app, http=present(site.presence), ws="none", loop="uvloop", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join()
    bound.close()

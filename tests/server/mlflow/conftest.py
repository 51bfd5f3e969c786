"""A server of the protocol over an empty project, asked as a client asks."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))
from protocol_client import PROJECT, Client

from noria.security.bind import allowed_hosts, listen
from noria.server.app import application
from noria.server.presence import present
from noria.server.site import Site
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def site(migrated_url: str, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "lab"
    root.mkdir()
    (root / "noria.toml").write_text(f"{PROJECT}\n[store]\ndatabase = {migrated_url!r}\n")
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

"""A project folder with an engine, its database copied from one that was migrated once."""

from __future__ import annotations

import shutil
import textwrap
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import noria.pipeline
from noria.pipeline.discovery import discover
from noria.pipeline.engine import Engine
from noria.pipeline.graph import Graph
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from noria.pipeline.event import Event, Outcome

MIGRATIONS = Path(noria.pipeline.__file__).parent / "migrations"

TRACE = """
from pathlib import Path
import os

def trace(name):
    with open("trace.log", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")
"""


class Workshop:
    """A project whose steps note in ``trace.log`` that they ran."""

    def __init__(self, root: Path, template: Path) -> None:
        self.root = root
        (root / ".noria").mkdir()
        shutil.copy(template, root / ".noria" / "noria.db")
        self.url = f"sqlite:///{root}/.noria/noria.db"
        self.database = Database(self.url)
        self.blobs = Blobs(root / ".noria" / "objects")
        self.events: list[Event] = []
        self.write("tracing.py", TRACE)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def pipeline(self, text: str) -> None:
        """Write ``pipeline.py``; `step` and `trace` are there."""
        self.write("pipeline.py", "from noria import step\nfrom tracing import trace\n" + textwrap.dedent(text))

    def engine(self, jobs: int = 2) -> Engine:
        return Engine(database=self.database, blobs=self.blobs, root=self.root, database_url=self.url, jobs=jobs)

    def graph(self, params: Mapping[str, Mapping[str, object]] | None = None) -> Graph:
        return Graph(discover(self.root / "pipeline.py", params=params))

    def run(
        self,
        params: Mapping[str, Mapping[str, object]] | None = None,
        *,
        jobs: int = 2,
        force: tuple[str, ...] = (),
        keep_going: bool = False,
    ) -> Outcome:
        self.events.clear()
        return self.engine(jobs).run(
            self.graph(params),
            run_id=uuid.uuid4().hex,
            on_event=self.events.append,
            force=force,
            keep_going=keep_going,
        )

    def traced(self) -> list[str]:
        path = self.root / "trace.log"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "noria.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database, [MIGRATIONS])
    database.close()
    return path


@pytest.fixture
def workshop(tmp_path: Path, template: Path) -> Iterator[Workshop]:
    root = tmp_path / "project"
    root.mkdir()
    made = Workshop(root, template)
    yield made
    made.database.close()


def put_distribution(site: Path, name: str, version: str, *, requires: str = "", record: str = "") -> None:
    """Put a distribution's metadata where an installer would."""
    for old in site.glob(f"{name}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    lines = [f"Requires-Dist: {one}" for one in requires.split("|") if one]
    (folder / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
    )
    (folder / "RECORD").write_text(record or f"{name}/__init__.py,,\n{name}-{version}.dist-info/RECORD,,\n")


@pytest.fixture
def install() -> Callable[..., None]:
    return put_distribution

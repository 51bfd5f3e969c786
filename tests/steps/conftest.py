"""Fixtures of these tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loans import Heard, start, turn

from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.workspace import MIGRATIONS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first run. Leave no change behind."""
    root = start(tmp_path_factory.mktemp("loans"))
    assert turn(root).run().ok
    return root


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Heard]:
    """What the engine hands a step; what the step says is in ``context.said``."""
    (tmp_path / ".noria").mkdir()
    url = f"sqlite:///{tmp_path}/.noria/noria.db"
    upgrade(Database(url), MIGRATIONS)
    made = Heard(tmp_path, url)
    yield made
    made.close()

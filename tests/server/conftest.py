"""Projects to look at, through a browser without a screen."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import seeded_project
from page_browser import Browser

from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


MADE = datetime.now(UTC)
"""When the project was last used: its pages are looked at as of then, however long other tests take meanwhile."""


@pytest.fixture(scope="session")
def weeks_old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after some weeks, to be copied."""
    root = tmp_path_factory.mktemp("weeks-old") / "credit"
    seeded_project.seeded(root, MADE).close()
    return root


@pytest.fixture(scope="session")
def filled(weeks_old: Path) -> Iterator[Browser]:
    """It, for tests that only look."""
    workspace = Workspace(weeks_old)
    yield Browser(workspace, MADE)
    workspace.close()


@pytest.fixture
def changing(weeks_old: Path, tmp_path: Path) -> Iterator[Browser]:
    """A copy of it, for tests that change something."""
    workspace = Workspace(shutil.copytree(weeks_old, tmp_path / "credit"))
    yield Browser(workspace)
    workspace.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A project in which nothing has run."""
    workspace = seeded_project.new_project(tmp_path_factory.mktemp("empty") / "credit")
    yield Browser(workspace)
    workspace.close()

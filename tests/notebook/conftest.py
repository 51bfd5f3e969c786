"""A project to open, as the pages' tests fill it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "server"))
import seeded_project

import noria

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[noria.Project]:
    """A project after some weeks."""
    root = tmp_path_factory.mktemp("notebook") / "credit"
    seeded_project.seeded(root).close()
    with noria.open(root) as project:
        yield project

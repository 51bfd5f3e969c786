"""Searching models: what only the stock client asks, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noria.registry.models import Models
from noria.registry.search import search_models

if TYPE_CHECKING:
    from noria.store.database import Database

PROMPT = "mlflow.prompt.is_prompt"


@pytest.fixture
def models(database: Database) -> Database:
    """A model without tags, one marked as none, one with other tags, and a prompt."""
    made = Models(database)
    made.create("plain")
    made.create("marked", tags={PROMPT: "false"})
    made.create("tagged", tags={"team": "risk"})
    made.create("prompt", tags={PROMPT: "true"})
    return database


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"tag.`{PROMPT}` != 'true'", ["marked", "plain", "tagged"]),
        (f"tags.`{PROMPT}` = 'false'", ["marked", "plain", "tagged"]),
        (f"tags.`{PROMPT}` = 'true'", ["prompt"]),
        (f"tags.team = 'risk' AND tag.`{PROMPT}` != 'true'", ["tagged"]),
        (f"tag.`{PROMPT}` != 'false'", ["prompt"]),
        ("tags.team != 'sales'", ["tagged"]),
    ],
)
def test_a_model_without_the_mark_is_no_prompt(models: Database, where: str, found: list[str]) -> None:
    with models.reading() as connection:
        assert [one.name for one in search_models(connection, where=where).rows] == found

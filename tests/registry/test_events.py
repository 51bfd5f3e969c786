"""Every change of the registry leaves an event in its own transaction; each event is handed over once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import Conflict, ModelNotFound
from noria.registry.adoption import Whence, adopt
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.events import KINDS, RegistryEvent, hand_over
from noria.registry.models import Models
from noria.registry.promotion import assign

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def taken(database: Database) -> list[RegistryEvent]:
    with database.transaction() as connection:
        return list(hand_over(connection, now=NOW))


def test_each_change_is_told(database: Database, blobs: Blobs) -> None:
    models, registry = Models(database), Registry(database, blobs)
    models.create("m", actor="ann")
    models.describe("m", "d", actor="ann")
    models.set_tags("m", {"a": "b"}, actor="ann")
    models.delete_tag("m", "a", actor="ann")
    models.delete_tag("m", "a", actor="ann")
    for _ in range(2):
        adopt(registry, "m", Whence("s3://x/y"), user_id="ann")
    models.describe("m", "d", number=1, actor="ann")
    models.set_tags("m", {"a": "b", "c": "d"}, number=1, actor="ann")
    models.delete_tag("m", "a", number=1, actor="ann")
    models.set_stage("m", 1, "Staging", actor="ann")
    assign(registry, "m", "best", 1, actor="ann", reason="r", at=NOW)
    Aliases(database).remove("m", "best", actor="ann", reason="r", at=NOW)
    models.delete_version("m", 1, actor="ann")
    models.rename("m", "n", actor="ann")
    models.delete("n", actor="ann")
    found = taken(database)
    assert [(event.kind, event.number) for event in found] == [
        ("registered_model.created", None),
        ("registered_model.updated", None),
        ("registered_model.tag_set", None),
        ("registered_model.tag_deleted", None),
        ("model_version.created", 1),
        ("model_version.created", 2),
        ("model_version.updated", 1),
        ("model_version.tag_set", 1),
        ("model_version.tag_set", 1),
        ("model_version.tag_deleted", 1),
        ("model_version.transitioned", 1),
        ("model_alias.moved", 1),
        ("model_alias.deleted", 1),
        ("model_version.deleted", 1),
        ("registered_model.renamed", None),
        ("registered_model.deleted", None),
    ]
    assert {event.kind for event in found} <= set(KINDS)
    assert {event.actor for event in found} == {"ann"}
    assert found[-2].detail == {"old": "m"}
    assert found[4].to_json()["text"] == "m@1: model version created by ann"
    assert taken(database) == []


def test_what_was_refused_is_not_told(database: Database) -> None:
    models = Models(database)
    models.create("m")
    assert len(taken(database)) == 1
    with pytest.raises(Conflict):
        models.create("m")
    with pytest.raises(ModelNotFound):
        models.set_tags("m", {"a": "b"}, number=3)
    assert taken(database) == []


def test_each_is_handed_to_one(database: Database) -> None:
    models = Models(database)
    for number in range(40):
        models.create(f"m{number}")
    with ThreadPoolExecutor(4) as pool:
        rounds = [event.id for found in pool.map(lambda _: taken(database), range(8)) for event in found]
    assert len(rounds) == len(set(rounds)) == 40


def test_a_project_that_registers_opens_its_model_once(database: Database, blobs: Blobs) -> None:
    registry = Registry(database, blobs)
    for content in (b"1", b"2", b"2"):
        registry.register(
            "m", {"w": content}, run_id="r", dataset="d@1", data_digest="d", task="regression", family="linear",
            created=NOW,
        )  # fmt: skip
    kinds = [event.kind for event in taken(database)]
    assert kinds == ["registered_model.created", "model_version.created", "model_version.created"]

"""Which version drift is measured against: by number, tag, or by the model that is in production."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from noria.datasets.catalog import Datasets
from noria.errors import DatasetNotFound
from noria.project.against import compared, stands_at
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.workspace import MIGRATIONS

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Store:
    """Records and bytes, with three versions of a table and a model of each of the first two."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/noria.db")
        upgrade(self.database, MIGRATIONS)
        self.blobs = Blobs(folder / "objects")
        self.datasets = Datasets(self.database, self.blobs)

    def fill(self) -> None:
        """Add the versions."""
        for number in (1, 2, 3):
            version = self.datasets.commit("loans", pa.table({"a": list(range(number))}), source="a.csv", at=NOW)
            if number < 3:
                self.register("loans", version.ref)

    def register(self, model: str, dataset: str) -> None:
        """Add a model's version that learned from a dataset's."""
        given: dict[str, Any] = {"task": "regression", "family": "ridge", "data_digest": "0" * 64}
        Registry(self.database, self.blobs).register(
            model, {"model.txt": dataset.encode()}, run_id="r", dataset=dataset, created=NOW, **given
        )

    def point(self, alias: str, number: int) -> None:
        """Move an alias."""
        Aliases(self.database).move("loans", alias, number, actor="ann", reason="why not", at=NOW)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with nothing in it."""
    return Store(tmp_path)


@pytest.mark.parametrize("against", ["@previous", "@prod", "@champion", "@challenger", "@gold", "@1"])
def test_before_the_first_run_there_is_nothing(store: Store, against: str) -> None:
    for records in (None, store):
        found = compared(records, "loans", against, "")
        assert found.version is None
        assert "yet to compare with" in found.told
    assert stands_at(store, "loans", against) is None


def test_nothing_in_production_yet_is_told_and_nothing_fails(store: Store) -> None:
    store.fill()
    found = compared(store, "loans", "@prod", "")
    assert found.version is None
    assert found.told == "drift: no version of loans is in production yet to compare with"
    assert compared(store, "loans", "@challenger", "").version is None


def test_what_the_model_in_production_learned_from(store: Store) -> None:
    store.fill()
    store.point("champion", 2)
    store.point("challenger", 1)
    found = compared(store, "loans", "@prod", "")
    assert found.version is not None
    assert found.version.ref == "loans@2"
    assert found.told == "drift: measured against loans@2, which loans@2 learned from"
    assert stands_at(store, "loans", "@champion") == "loans@2"
    assert stands_at(store, "loans", "@challenger") == "loans@1"
    assert stands_at(store, "other", "loans@prod") == "loans@2"
    store.point("champion", 1)
    assert stands_at(store, "loans", "@prod") == "loans@1"


def test_a_tag_of_the_data_goes_before_an_alias_of_the_model(store: Store) -> None:
    store.fill()
    store.point("champion", 1)
    store.datasets.tag("loans@3", "gold")
    assert stands_at(store, "loans", "@gold") == "loans@3"
    assert stands_at(store, "loans", "@prod") == "loans@1"
    store.datasets.tag("loans@2", "prod")
    found = compared(store, "loans", "@prod", "")
    assert found.version is not None
    assert (found.version.ref, found.told) == ("loans@2", "")


def test_what_is_counted_never_moves(store: Store) -> None:
    store.fill()
    found = compared(store, "loans", "@previous", "")
    assert found.version is not None
    assert found.version.number == 3
    assert stands_at(store, "loans", "@previous") is None
    assert stands_at(store, "loans", "@2") is None


@pytest.mark.parametrize("against", ["@gld", "other@gold", "@9"])
def test_what_is_not_there_is_told_with_what_there_is(store: Store, against: str) -> None:
    store.fill()
    store.datasets.tag("loans@3", "gold")
    with pytest.raises(DatasetNotFound) as missing:
        compared(store, "loans", against, "")
    assert {"@gld": "gold", "other@gold": "loans", "@9": "3, 2, 1"}[against] in missing.value.render()
    assert stands_at(store, "loans", against) is None  # a plan does not fail for it


def test_a_model_from_elsewhere_learned_from_what_nobody_knows(store: Store) -> None:
    store.fill()
    store.register("loans", "")
    store.point("champion", 3)
    found = compared(store, "loans", "@prod", "")
    assert found.version is None
    assert "not known what loans@3 learned from" in found.told

"""Versions on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.parquet import fingerprint, to_bytes
from noria.errors import CorruptedBlob, DatasetNotFound
from noria.store.blobs import Blobs
from noria.store.database import Database

FIRST = pa.table({"id": [1, 2, 3], "grade": ["A", None, "B"]})
SECOND = pa.table({"id": [1, 2, 4], "grade": ["A", "C", "B"]})


def test_versions_are_numbered_and_read_back(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    one = datasets.commit("credit", FIRST, source="a.csv", token="t1", run_id="r1", note="first", at=moment)
    two = datasets.commit("credit", SECOND, source="a.csv", token="t2")
    assert (one.number, two.number, two.parent) == (1, 2, 1)
    assert (one.rows, one.columns, one.created, one.run_id, one.note) == (3, 2, moment, "r1", "first")
    assert datasets.get("credit") == two == datasets.get("credit@latest") == datasets.get("credit", 2)
    assert datasets.get("credit@1") == one
    assert datasets.versions("credit") == (two, one)
    assert datasets.names() == ("credit",)
    assert datasets.read(one).equals(FIRST)
    assert datasets.profile(one)["grade"].missing == 1
    assert one.schema["grade"].values == ("A", "B")
    assert one.to_json()["ref"] == "credit@1"


def test_the_same_rows_make_no_new_version(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    one = datasets.commit("credit", FIRST, source="a.csv")
    pieces = pa.concat_tables([FIRST.slice(0, 1), FIRST.slice(1)])
    assert datasets.commit("credit", pieces, source="b.csv") == one
    assert datasets.commit("credit", FIRST.take([2, 0, 1]), source="a.csv") == one
    assert datasets.commit("other", FIRST, source="a.csv").number == 1
    two = datasets.commit("credit", SECOND, source="a.csv")
    assert datasets.commit("credit", FIRST, source="a.csv").number == two.number + 1


def test_the_same_numbers_of_another_type_make_one(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    datasets.commit("flags", pa.table({"paid": [True, False]}), source="")
    made = datasets.commit("flags", pa.table({"paid": [1, 0]}), source="")
    assert (made.number, datasets.read(made)["paid"].to_pylist()) == (2, [1, 0])


def test_a_lost_profile_is_taken_again(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    version = datasets.commit("credit", FIRST, source="")
    profile = datasets.profile(version)
    blobs.path(version.profile).unlink()
    assert datasets.profile(datasets.commit("credit", FIRST, source="")) == profile


def test_many_commit_at_once(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    tables = [pa.table({"id": [number]}) for number in range(6)]
    threads = [threading.Thread(target=datasets.commit, args=("d", table), kwargs={"source": ""}) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.number for version in datasets.versions("d")] == [6, 5, 4, 3, 2, 1]


def test_what_is_not_there(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    with pytest.raises(DatasetNotFound, match="no dataset 'credit'"):
        datasets.get("credit")
    datasets.commit("credit", FIRST, source="")
    with pytest.raises(DatasetNotFound, match="no version 7"):
        datasets.get("credit@7")
    with pytest.raises(DatasetNotFound, match="no dataset 'credti'") as caught:
        datasets.get("credti")
    assert caught.value.mend == "did you mean 'credit'?"


def test_a_flipped_bit_is_noticed(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    version = datasets.commit("credit", FIRST, source="")
    path = blobs.path(version.digest)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptedBlob):
        datasets.read(version)


def big(rows: int = 60_000, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table({"id": np.arange(rows), "x": draw.normal(size=rows), "y": draw.normal(size=rows)})


@pytest.mark.parametrize("key", [["id"], []])
def test_a_version_costs_what_changed(database: Database, blobs: Blobs, key: list[str]) -> None:
    datasets = Datasets(database, blobs)
    draw = np.random.default_rng(1)
    tables = [big()]
    for _ in range(6):
        x = tables[-1]["x"].to_numpy().copy()
        x[draw.integers(0, len(x), 300)] = 7.5
        kept = np.sort(draw.choice(len(x), len(x) - 50, replace=False))
        tables.append(tables[-1].set_column(1, "x", pa.array(x)).take(pa.array(kept)))
    versions = [datasets.commit("credit", table, source="", key=key) for table in tables]
    whole = versions[0].digest
    sizes = [blobs.files(version.digest)[0].stat().st_size for version in versions]
    assert [len(blobs.files(version.digest)) for version in versions] == [1, 2, 3, 4, 5, 1, 2]
    assert max(sizes[1:5]) < 0.02 * sizes[0]
    for version, table in zip(versions, tables, strict=True):
        assert datasets.read(version).equals(table)
        assert blobs.get(version.digest) == to_bytes(table)
        assert version.fingerprint == fingerprint(table)
    # What is there by its changes is there: the same rows make no new version, nor a second copy.
    assert datasets.commit("credit", tables[-1], source="", key=key) == versions[-1]
    assert blobs.discard(whole, unused_since=time.time() + 60) == 0


def test_a_damaged_parent_does_not_stop_a_commit(database: Database, blobs: Blobs) -> None:
    datasets = Datasets(database, blobs)
    one = datasets.commit("credit", big(), source="", key=["id"])
    path = blobs.path(one.digest)
    path.chmod(0o644)
    path.write_bytes(b"nothing")
    changed = big(seed=3)
    two = datasets.commit("credit", changed, source="", key=["id"])
    assert datasets.read(two).equals(changed)
    assert len(blobs.files(two.digest)) == 1

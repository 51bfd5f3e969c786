"""What a remote has, asked for with few requests, also while others change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.remote_sweeping import take_away
from noria.datasets.sharing import Sharing
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.remote_folder import RemoteFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.datasets.remote_catalog import RemoteCatalog
    from noria.datasets.version import DatasetVersion

VERSIONS = 4


class Counted(RemoteFolder):
    """A folder that remembers what was listed, and in which a sign is renewed while signs are listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []
        self.renewing: list[tuple[str, str]] = []

    def names(self, prefix: str) -> Iterator[str]:
        self.listed.append(prefix)
        found = list(super().names(prefix))
        if prefix == "leases" and self.renewing:
            before, after = self.renewing.pop()
            self.put_new(after, b"{}")
            self.delete(before)
        yield from found


@pytest.fixture
def remote(tmp_path: Path) -> Counted:
    return Counted(tmp_path / "remote")


@pytest.fixture
def versions(database: Database, blobs: Blobs) -> list[DatasetVersion]:
    datasets = Datasets(database, blobs)
    return [datasets.commit("credit", pa.table({"x": [number]}), source="a.csv") for number in range(VERSIONS)]


@pytest.fixture
def catalog(remote: Counted, versions: list[DatasetVersion], database: Database, blobs: Blobs) -> RemoteCatalog:
    sharing = Sharing(Datasets(database, blobs), blobs, remote, blobs.root.parent)
    for version in versions:
        sharing.push(version)
    remote.listed.clear()
    return sharing.catalog


def replace(catalog: RemoteCatalog, version: DatasetVersion) -> None:
    """Let another write the record anew, as an erasure does."""
    found = catalog.record(version.name, version.number)
    assert found is not None
    catalog.replace(version, found.held, found.entries)


def test_all_records_are_read_after_one_look(catalog: RemoteCatalog, remote: Counted) -> None:
    assert [record.version.number for record in catalog.all()] == [1, 2, 3, 4]
    assert remote.listed == ["versions"]


def test_what_changes_while_all_are_read(
    catalog: RemoteCatalog, remote: Counted, versions: list[DatasetVersion]
) -> None:
    found = catalog.all()
    assert next(found).version == versions[0]
    replace(catalog, versions[1])
    catalog.tidy()
    catalog.remove("credit", 3)
    assert [record.version for record in found] == [versions[1], versions[3]]


def test_a_record_is_replaced_with_one_look_and_the_old_ones_go_together(
    catalog: RemoteCatalog, remote: Counted, versions: list[DatasetVersion]
) -> None:
    for version in versions[:2]:
        found = catalog.record(version.name, version.number)
        assert found is not None
        remote.listed.clear()
        catalog.replace(version, found.held, found.entries)
        assert remote.listed == ["versions/credit"]
    there = {"1.json", "1.2.json", "2.json", "2.2.json", "3.json", "4.json"}
    assert {name.rpartition("/")[2] for name in remote.names("versions")} == there
    assert [record.version for record in catalog.all()] == versions
    remote.listed.clear()
    catalog.tidy()
    assert remote.listed == ["versions"]
    assert {name.rpartition("/")[2] for name in remote.names("versions")} == there - {"1.json", "2.json"}
    assert [record.version for record in catalog.all()] == versions


def test_a_sweep_knows_what_time_it_is_while_its_sign_is_renewed(catalog: RemoteCatalog, remote: Counted) -> None:
    remote.put_new("leases/sweep-me.0", b"{}")
    remote.put_new("parts/ab/ab12", b"nobody's")
    remote.renewing = [("leases/sweep-me.0", "leases/sweep-me.1")]
    assert take_away(catalog, grace_seconds=0).parts == 1
    assert remote.renewing == []

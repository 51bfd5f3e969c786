"""Registered models keep their numbers, and each version the files it is made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from world import AnExperiment, ARun, put, run_id, write_folder

from noria.exchange.mlruns import MlrunsFolder
from noria.exchange.report import Report
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.models import Models
from noria.store.blobs import Blobs
from noria.store.database import Database

Take = Callable[..., Report]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a model of three versions; the second is deleted there, the fourth's files are elsewhere."""
    run = ARun(run_id(1), "r", files={"model/MLmodel": b"flavors: {}\n", "model/model.pkl": b"\x80\x04N.", "x": b""})
    folder = write_folder(tmp_path / "mlruns", [AnExperiment("1", "one", [run])])
    here = folder / "models" / "credit"
    put(here / "meta.yaml", "name: credit\ndescription: 'of loans'\ncreation_timestamp: 1700000000000\n")
    put(here / "tags" / "owner", "ada")
    put(here / "aliases" / "champion", "3")
    place = f"file:///elsewhere/mlruns/1/{run.id}/artifacts/model"
    for number, stage, source in (
        (1, "Production", f"runs:/{run.id}/model"),
        (2, "Deleted_Internal", place),
        (3, "None", place),
        (4, "None", "s3://bucket/model"),
    ):
        put(
            here / f"version-{number}" / "meta.yaml",
            f"name: credit\nversion: {number}\ncurrent_stage: {stage}\nsource: {source}\nrun_id: '{run.id}'\n"
            f"creation_timestamp: {1_700_000_000_000 + number}\ndescription: v{number}\nstatus: READY\n",
        )
    put(here / "version-1" / "tags" / "q", "1")
    return folder


def test_versions_keep_their_numbers_and_files(root: Path, take: Take, database: Database, blobs: Blobs) -> None:
    report = take(MlrunsFolder(root))
    registry = Registry(database, blobs)
    assert [version.number for version in registry.versions("credit")] == [4, 3, 1]
    first, third = registry.get("credit", 1), registry.get("credit", "champion")
    assert (first.stage, first.description, dict(first.tags), first.run_id) == (
        "Production",
        "v1",
        {"q": "1"},
        run_id(1),
    )
    assert third.number == 3
    assert third.files == first.files
    assert sorted(first.files) == ["model/MLmodel", "model/model.pkl"]
    assert first.unsafe
    assert first.created == datetime.fromtimestamp(1_700_000_000.001, UTC)
    fourth = registry.get("credit", 4)
    assert (dict(fourth.files), fourth.source) == ({}, "s3://bucket/model")
    assert report.skipped == {"the files of a version are not here; its address is kept": (1, "credit 4")}
    kept = Models(database).get("credit")
    assert (kept.description, dict(kept.tags)) == ("of loans", {"owner": "ada"})


def test_again_adds_only_what_is_new(root: Path, take: Take, database: Database, blobs: Blobs) -> None:
    take(MlrunsFolder(root))
    Aliases(database).move("credit", "champion", 1, actor="me", reason="better", at=datetime.now(UTC))
    Models(database).delete_version("credit", 4, actor="me")
    put(root / "models" / "credit" / "aliases" / "new", "1")
    report = take(MlrunsFolder(root))
    assert (report["versions"].new, report["versions"].known) == (0, 3)
    assert Aliases(database).all("credit") == {"champion": 1, "new": 1}
    assert report.differences == ["alias 'champion' of credit is 1 here, 3 there"]
    assert [version.number for version in Registry(database, blobs).versions("credit")] == [3, 1]


def test_a_model_made_here_is_left_alone(root: Path, take: Take, database: Database, blobs: Blobs) -> None:
    registry = Registry(database, blobs)
    own = registry.register(
        "credit", {"model.txt": b"own"}, run_id="r", dataset="d@1", data_digest="", task="", family="",
        created=datetime.now(UTC),
    )  # fmt: skip
    report = take(MlrunsFolder(root))
    assert [version.number for version in registry.versions("credit")] == [own.number]
    assert any("was made here" in reason for reason in report.skipped)
    take(MlrunsFolder(root), prefix="old-")
    assert [version.number for version in registry.versions("old-credit")] == [4, 3, 1]

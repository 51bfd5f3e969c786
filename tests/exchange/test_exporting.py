"""What goes out is what came in: round trips by the stock clients, and what cannot go out is told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from test_sources import missing
from world import AnExperiment, ARun, run_id, world, write_folder

from conftest import StockServer, filled, stock_python
from noria.errors import ExperimentNotFound, StoreUnavailable, VersionExists
from noria.exchange.exporting import export
from noria.exchange.mlruns import MlrunsFolder
from noria.exchange.mlruns_writing import MlrunsWriter
from noria.exchange.places import open_source
from noria.exchange.report import Report
from noria.exchange.server_writing import ServerWriter
from noria.runs.artifacts import Artifacts
from noria.runs.runs import Runs
from noria.store.blobs import Blobs
from noria.store.database import Database

Take = Callable[..., Report]


def read_by_stock(which: str, uri: str, folder: Path) -> dict[str, dict[str, object]]:
    """Have the stock client read a place."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_PYTHON_REFRESH": "quiet"}
    command = [str(stock_python(which)), str(Path(__file__).parent / "read_stock.py"), uri]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    read: dict[str, dict[str, object]] = json.loads(done.stdout)
    return read


@pytest.mark.slow
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_stock_reads_a_folder_as_it_was(
    which: str, take: Take, database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    if stock_python(which) is None:
        missing(f"the environment of the {which} stock client")
    filled(which, f"file://{tmp_path}/mlruns", tmp_path)
    before = read_by_stock(which, f"file://{tmp_path}/mlruns", tmp_path)
    take(open_source(str(tmp_path / "mlruns")))
    report = export(database, MlrunsWriter(tmp_path / "back", blobs))
    assert report.is_whole
    assert read_by_stock(which, f"file://{tmp_path}/back", tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_stock_reads_a_server_as_it_was(
    which: str,
    take: Take,
    database: Database,
    blobs: Blobs,
    tmp_path: Path,
    stock_server: Callable[[str], StockServer],
) -> None:
    if stock_python(which) is None:
        missing(f"the environment of the {which} stock client")
    first, second = stock_server(which), stock_server(which)
    filled(which, first.url, tmp_path)
    before = read_by_stock(which, first.url, tmp_path)
    take(open_source(first.url))
    for expected in (5, 0):  # a second export adds nothing
        writer = ServerWriter(second.url, blobs)
        report = export(database, writer)
        writer.close()
        assert report.is_whole
        assert report["runs"].new == expected
    assert read_by_stock(which, second.url, tmp_path) == before


def test_a_folder_comes_back_as_it_was(take: Take, database: Database, blobs: Blobs, tmp_path: Path) -> None:
    take(MlrunsFolder(write_folder(tmp_path / "mlruns", world(infinities=True))))
    assert export(database, MlrunsWriter(tmp_path / "back", blobs)).is_whole
    told = []
    for name in ("mlruns", "back"):
        source = MlrunsFolder(tmp_path / name)
        experiments = {one.key: one for one in source.experiments()}
        names = {key: one.name for key, one in experiments.items()}
        runs = [run for key in experiments for batch in source.runs(key) for run in batch]
        points = sorted((row[0], row[1], repr(row[2]), *row[3:]) for rows in source.points(runs) for row in rows)
        told.append(
            (
                sorted((one.name, one.deleted, sorted(one.tags.items())) for one in experiments.values()),
                sorted((names[run.experiment], run.id, run.name, run.status, run.started_ms, run.ended_ms, run.deleted,
                        sorted(run.params.items()), sorted((run.tags | {"mlflow.runName": run.name}).items()),
                        sorted((one.name, one.digest, one.context) for one in run.datasets),
                        sorted((file.path, file.size) for file in source.files(run))) for run in runs),
                [point if point[2] != "-0.0" else (*point[:2], "0.0", *point[3:]) for point in points],
            )
        )  # fmt: skip
        source.close()
    assert told[0] == told[1]


def test_what_a_disk_cannot_hold_is_told(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    room = Runs(database)
    run = room.start("logged", "odd", beats=False)
    room.log_metrics(run, {"a": 1.0, "a/b": 2.0, "../up": 3.0, "fine": 4.0, "x" * 300: 5.0})
    room.log_params(run, {"number": 3, "list": [1, None], "text": "x"})
    kept = blobs.put(b"gone soon")
    Artifacts(database).add(run, "gone.txt", kept, 9)
    Artifacts(database).add(run, "../../evil.txt", blobs.put(b"evil"), 4)
    blobs.path(kept).unlink()
    report = export(database, MlrunsWriter(tmp_path / "out", blobs))
    assert not report.is_whole
    assert sum(count for count, _first in report.skipped.values()) == 5
    source = MlrunsFolder(tmp_path / "out")
    (found,) = [one for batch in source.runs("0") for one in batch]
    assert found.params == {"number": "3", "list": "[1,null]", "text": "x"}
    assert {row[1] for rows in source.points([found]) for row in rows} == {"a", "fine"}
    source.close()
    assert [path for path in tmp_path.rglob("evil.txt")] == []


def test_a_folder_that_is_in_use_is_left_alone(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    MlrunsWriter(tmp_path / "out", blobs)  # an empty one may be filled
    (tmp_path / "out" / "x").write_text("mine")
    with pytest.raises(VersionExists, match="not empty"):
        MlrunsWriter(tmp_path / "out", blobs)
    with pytest.raises(StoreUnavailable, match="cannot write"):
        MlrunsWriter(tmp_path / "out" / "x" / "deeper", blobs)


def test_only_some_experiments(take: Take, database: Database, blobs: Blobs, tmp_path: Path) -> None:
    take(MlrunsFolder(write_folder(tmp_path / "mlruns", [AnExperiment("1", "one", [ARun(run_id(1), "r")])])))
    report = export(database, MlrunsWriter(tmp_path / "out", blobs), only=["one"])
    assert report["experiments"].found == report["runs"].found == 1
    with pytest.raises(ExperimentNotFound, match="no experiment 'onne'"):
        export(database, MlrunsWriter(tmp_path / "more", blobs), only=["onne"])

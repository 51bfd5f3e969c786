"""What an import brings, on both databases, from both forms that can be made without the stock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from world import INF, NAN, AnExperiment, ARun, plain, put, run_id, world, write_database, write_folder, write_run

from noria.errors import ExperimentNotFound, NoriaError, SourceNotFound, WorkFailed, WrongArgument, WrongData
from noria.exchange.mlruns import MlrunsFolder
from noria.exchange.places import open_source
from noria.exchange.report import Report
from noria.exchange.source import Source
from noria.exchange.tables import import_ledger
from noria.runs.artifacts import Artifacts
from noria.runs.experiments import Experiments
from noria.runs.inputs import Inputs
from noria.runs.runs import Runs
from noria.runs.tables import experiments, metric_points, run_params, runs
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.workspace import Workspace

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Take = Callable[..., Report]


@pytest.fixture(params=["folder", "database"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Callable[[], Source], list[AnExperiment]]:
    """Give a source, and what is in it."""
    if request.param == "folder":
        there = world(infinities=True)
        write_folder(tmp_path / "mlruns", there)
        return (lambda: open_source(str(tmp_path / "mlruns"))), there
    there = world(infinities=False)
    url = write_database(f"sqlite:///{tmp_path}/mlflow.db", there, tmp_path / "files")
    return (lambda: open_source(url)), there


def test_everything_comes_as_it_was(
    made: tuple[Callable[[], Source], list[AnExperiment]], take: Take, database: Database, blobs: Blobs
) -> None:
    source, there = made
    report = take(source())
    assert report.skipped == {}
    assert report.differences == []
    room, books = Runs(database), Experiments(database)
    for experiment in there:
        kept = books.by_name(experiment.name)
        assert kept is not None
        assert (kept.deleted is not None) == experiment.deleted
        assert dict(kept.tags) == experiment.tags
        if experiment.key != "0":
            assert kept.created == EPOCH + timedelta(milliseconds=experiment.created)
        for run in experiment.runs:
            found = room.get(run.id)
            assert (found.name, found.status, found.experiment_id) == (run.name, run.status.lower(), kept.id)
            assert found.user_id == "ada"
            assert found.started == EPOCH + timedelta(milliseconds=run.started)
            assert found.ended == (None if run.ended is None else EPOCH + timedelta(milliseconds=run.ended))
            assert (found.deleted is not None) == (run.deleted is not None)
            assert found.params == run.params
            assert found.tags == run.tags
            for name in {point[0] for point in run.points}:
                wanted = sorted((at, step, plain(value)) for key, value, at, step in run.points if key == name)
                got = sorted((point.at_ms, point.step, plain(point.value)) for point in room.history(run.id, name))
                assert got == wanted
            assert {file.path: blobs.get(file.digest) for file in Artifacts(database).all(run.id)} == run.files
            given = Inputs(database).datasets([run.id]).get(run.id, ())
            assert sorted((one.name, one.digest, one.context) for one in given) == sorted(run.datasets)
    first = room.get(run_id(1))
    assert first.metrics["late"] == 0.25
    assert first.git_commit == "c" * 40
    assert report["points"].found == report["points"].new == sum(len(r.points) for e in there for r in e.runs)


def test_a_run_comes_back_out_of_the_bin_with_its_experiment(
    made: tuple[Callable[[], Source], list[AnExperiment]], take: Take, database: Database
) -> None:
    take(made[0]())
    gone = Experiments(database).by_name("gone")
    assert gone is not None
    Experiments(database).restore(gone.id)
    assert Runs(database).get(run_id(5)).deleted is None
    assert Runs(database).get(run_id(6)).deleted is not None  # it had gone before


def test_a_second_import_adds_nothing(
    made: tuple[Callable[[], Source], list[AnExperiment]], take: Take, database: Database
) -> None:
    take(made[0]())
    with database.reading() as connection:
        before = [connection.execute(sa.select(table)).all() for table in (runs, run_params, metric_points)]
    report = take(made[0]())
    assert report["runs"].new == report["points"].new == report["files"].new == 0
    assert report["points"].known == report["points"].found == sum(len(r.points) for e in made[1] for r in e.runs)
    with database.reading() as connection:
        after = [connection.execute(sa.select(table)).all() for table in (runs, run_params, metric_points)]
    assert after == before


def test_what_came_since_is_fetched_and_what_is_ours_stays(tmp_path: Path, take: Take, database: Database) -> None:
    there = world(infinities=True)
    root = write_folder(tmp_path / "mlruns", there)
    take(MlrunsFolder(root))
    room = Runs(database)
    room.set_tag(run_id(1), "note", "ours")
    going = root / "1" / run_id(3)
    put(going / "meta.yaml", (going / "meta.yaml").read_text().replace("end_time: null", "end_time: 1700000007000")
        .replace("status: 1", "status: 3"))  # fmt: skip
    put(going / "metrics" / "loss", "1700000100000 0.125 40\n", add=True)
    put(root / "1" / run_id(1) / "tags" / "new", "tag")
    write_run(
        root / "1", "1", ARun(run_id(9), "newcomer", points=[("a", NAN, 1, 1), ("a", NAN, 1, 1), ("a", INF, 1, 1)])
    )
    report = take(MlrunsFolder(root))
    assert report["runs"].new == 1
    assert room.get(run_id(3)).status == "finished"
    assert len(room.history(run_id(3), "loss")) == 6
    assert len(room.history(run_id(9), "a")) == 2  # an exact repeat is one
    assert room.get(run_id(1)).tags["note"] == "ours"
    assert room.get(run_id(1)).tags["new"] == "tag"
    assert report.differences == [f"tag 'note' of run {run_id(1)} is 'ours' here, 'line\\n\\nline' there"]
    assert take(MlrunsFolder(root)).is_whole


def test_names_that_clash_are_merged_or_prefixed(tmp_path: Path, take: Take, database: Database) -> None:
    root = write_folder(tmp_path / "mlruns", world(infinities=True))
    own = Experiments(database).create("credit scoring: é # x", tags={"team": "ours"})
    take(MlrunsFolder(root))
    assert Runs(database).get(run_id(1)).experiment_id == own.id
    assert Experiments(database).get(own.id).tags["team"] == "ours"
    Experiments(database).delete(own.id)
    report = take(MlrunsFolder(root))
    assert [reason for reason in report.skipped if "deleted here" in reason] != []
    other = write_folder(tmp_path / "other", [AnExperiment("7", "seven", [ARun(run_id(70), "r")])])
    assert take(MlrunsFolder(other), prefix="old/").is_whole
    assert Experiments(database).by_name("old/seven") is not None


def test_a_choice_of_experiments(tmp_path: Path, take: Take, database: Database) -> None:
    root = write_folder(tmp_path / "mlruns", world(infinities=True))
    report = take(MlrunsFolder(root), only=("gone",), files=False)
    assert report["runs"].found == 2
    with pytest.raises(ExperimentNotFound, match="no experiment 'gonne'") as caught:
        take(MlrunsFolder(root), only=("gonne",))
    assert "did you mean 'gone'" in caught.value.why


def test_a_dry_run_counts_and_writes_nothing(
    made: tuple[Callable[[], Source], list[AnExperiment]], take: Take, database: Database, blobs: Blobs
) -> None:
    report = take(made[0](), dry=True)
    assert report["runs"].new == 6
    assert report["files"].found == 3
    assert report["points"].found == sum(len(r.points) for e in made[1] for r in e.runs)
    with database.reading() as connection:
        for table in (runs, metric_points, import_ledger):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(experiments)).scalar() == 1
    assert list(blobs) == []


def test_the_ledger_finds_what_is_lacking(tmp_path: Path, take: Take, database: Database) -> None:
    root = write_folder(tmp_path / "mlruns", world(infinities=True))
    take(MlrunsFolder(root))
    database.write(lambda connection: connection.execute(sa.delete(metric_points)) and None)
    report = take(MlrunsFolder(root))
    assert f"{run_id(4)}: 1 points at the source, 0 here" in report.differences


def test_an_import_that_was_killed_goes_on(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "noria.toml").write_text('[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\n')
    many = [
        ARun(run_id(100 + number), f"r{number}", params={"p": str(number)}, files={"f.txt": b"%d" % number},
             points=[("m", step / 7, step, step) for step in range(30)])
        for number in range(500)
    ]  # fmt: skip
    write_folder(tmp_path / "mlruns", [AnExperiment("1", "many", many)])
    opened = Workspace(project)
    database = opened.database
    command = [sys.executable, "-m", "noria", "import", "mlflow", str(tmp_path / "mlruns"), "--json"]
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(
            command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and _files(database) < (kills + 1) * 40:
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills > 0
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    room = Runs(database)
    for run in many:
        found = room.get(run.id)
        assert found.params == run.params
        assert len(room.history(run.id, "m")) == 30
        (file,) = Artifacts(database).all(run.id)
        assert opened.blobs.get(file.digest) == run.files["f.txt"]
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar() == 500
    opened.close()


def _files(database: Database) -> int:
    from noria.runs.tables import artifacts

    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(artifacts)).scalar_one()


@pytest.mark.parametrize(
    ("address", "error", "text"),
    [
        ("ftp://host/x", WrongArgument, "no place that noria can read"),
        ("http://", WrongArgument, "no address of a server"),
        ("http://127.0.0.1:1", WorkFailed, "does not answer"),
        ("nowhere", SourceNotFound, "no folder nowhere"),
        ("sqlite:///nowhere.db", SourceNotFound, "no file nowhere.db"),
        ("postgresql://nobody@127.0.0.1:1/x", WorkFailed, "cannot read postgresql"),
        ("sqlite://", SourceNotFound, "no file"),
        ("here.db", WrongArgument, "is a file"),
        ("empty", SourceNotFound, "no mlruns folder"),
        ("sqlite:///here.db", WorkFailed, "cannot read sqlite"),
        ("sqlite:///other.db", WrongData, "not a database of MLflow"),
        ("mysql://nobody@127.0.0.1:1/x", NoriaError, "mysql"),
    ],
)
def test_a_wrong_address_is_told(
    address: str, error: type[Exception], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.db").write_text("not a database at all, just text that is long enough")
    Path("empty").mkdir()
    engine = sa.create_engine("sqlite:///other.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE experiments (id INTEGER)")
    engine.dispose()
    with pytest.raises(error, match=text):
        open_source(address)


def test_the_source_is_not_touched(
    made: tuple[Callable[[], Source], list[AnExperiment]], take: Take, tmp_path: Path
) -> None:
    there = [tmp_path / "mlruns", tmp_path / "mlflow.db", tmp_path / "files"]
    every = [path for place in there for path in (place, *place.rglob("*")) if path.is_file()]
    before = {path: path.read_bytes() for path in every}
    take(made[0]())
    assert {path: path.read_bytes() for path in every} == before
    assert not (tmp_path / "mlflow.db-wal").exists()

"""One contract for every form of a source: filled by the stock client, each gives the same through its own door."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from world import world as small_world
from world import write_database, write_folder

from conftest import StockServer, filled, stock_python
from noria.exchange.places import open_source
from noria.exchange.source import ForeignRun, Source

TOP = 1.7976931348623157e308
FORMS = [
    ("newest", "folder"),
    ("newest", "database"),
    ("newest", "server"),
    ("oldest", "folder"),
    ("oldest", "database"),
    ("oldest", "server"),
]


def missing(what: str) -> None:
    """Skip visibly, or fail where everything is demanded."""
    import os

    if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
    pytest.skip(f"{what} is not here")


@pytest.fixture(scope="module", params=FORMS, ids="-".join)
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """Give the address of a source that the stock client filled, its form and its folder."""
    which, form = request.param
    if stock_python(which) is None:
        missing(f"the environment of the {which} stock client")
    folder = tmp_path_factory.mktemp("stock")
    if form == "folder":
        filled(which, f"file://{folder}/mlruns", folder)
        yield str(folder / "mlruns"), form, folder
    elif form == "database":
        filled(which, f"sqlite:///{folder}/mlflow.db", folder)
        yield f"sqlite:///{folder}/mlflow.db", form, folder
    else:
        server = StockServer(which, folder)
        try:
            filled(which, server.url, folder)
            yield server.url, form, folder
        finally:
            server.stop()


@pytest.fixture
def source(stock: tuple[str, str, Path]) -> Iterator[Source]:
    """Open it."""
    opened = open_source(stock[0])
    yield opened
    opened.close()


def all_runs(source: Source) -> dict[str, ForeignRun]:
    """Give every run by its name."""
    return {
        run.name: run
        for experiment in source.experiments()
        for batch in source.runs(experiment.key)
        for run in batch
        if experiment.name != "gone"
    }


@pytest.mark.slow
def test_experiments(source: Source) -> None:
    found = {experiment.name: experiment for experiment in source.experiments()}
    assert {name: one.deleted for name, one in found.items()} == {
        "Default": False,
        "credit scoring: é # x": False,
        "gone": True,
    }
    assert found["credit scoring: é # x"].tags == {"team": "risk", "mlflow.note.content": "one\ntwo: x"}
    assert found["gone"].created_ms is not None
    (lost,) = [run for batch in source.runs(found["gone"].key) for run in batch]
    assert [row[1:3] for rows in source.points([lost]) for row in rows] == [("m", 1.0)]


@pytest.mark.slow
def test_runs(source: Source) -> None:
    runs = all_runs(source)
    assert {name: run.status for name, run in runs.items()} == {
        "run 0": "FINISHED",
        "run 1": "FAILED",
        "run 2": "KILLED",
        "run 3": "RUNNING",
    }
    assert [name for name, run in runs.items() if run.deleted] == ["run 1"]
    for number in range(4):
        run = runs[f"run {number}"]
        assert run.started_ms == 1_700_000_000_000 + number * 1000
        assert run.ended_ms == (None if number == 3 else 1_700_000_005_000)
        assert run.params == {"depth": str(number), "nested/path name": "a: b # c\nnext", "uni": "žluť"}
        assert run.tags["note"] == "multi\nline"
        assert run.tags["t/a.b"] == "x"
        (data,) = run.datasets
        assert (data.name, data.digest, data.context) == ("loans", f"abc{number % 2}", "training")
        assert (data.schema, data.profile) == ('{"cols": 1}', '{"n": 2}')


@pytest.mark.slow
def test_points(source: Source, stock: tuple[str, str, Path]) -> None:
    runs = all_runs(source)
    by_run: dict[str, list[tuple[str, float, int, int]]] = {}
    for rows in source.points(list(runs.values())):
        for run, name, value, at_ms, step in rows:
            by_run.setdefault(run, []).append((name, value, at_ms, step))
    found = by_run[runs["run 2"].id]
    infinity = math.inf if stock[1] == "folder" else TOP  # the stock database holds none
    start = 1_700_000_000_000
    wanted = [("loss", 1 / (step + 1), start + step, step) for step in range(50)]
    wanted += [("acc/val", 0.5, start, 0), ("tiny", 5e-324, 1, 0), ("loss", 0.1, start, 0)]
    wanted += [("inf", infinity, start + 2, 1), ("ninf", -infinity, start + 2, -1)]
    assert sorted(point for point in found if point[0] != "nan") == sorted(wanted)
    (nan,) = [point for point in found if point[0] == "nan"]
    assert math.isnan(nan[1])
    assert nan[2:] == (start + 1, 3)


@pytest.mark.slow
def test_files(source: Source) -> None:
    for number, run in enumerate(all_runs(source)[f"run {number}"] for number in range(4)):
        files = {file.path: file.size for file in source.files(run)}
        assert files["top.bin"] == 256
        with source.open(run, "plots/a.txt") as file:
            assert file.read() == b"hello %d" % number
        with source.open(run, "top.bin") as file:
            assert file.read() == bytes(range(256))


@pytest.mark.slow
def test_logged_models(source: Source, request: pytest.FixtureRequest) -> None:
    (experiment,) = [one for one in source.experiments() if one.name.startswith("credit")]
    found = list(source.models(experiment.key))
    if "oldest" in request.node.name:
        assert found == []
        return
    (model,) = found
    assert (model.name, model.status) == ("model", "READY")
    assert model.params["k"] == "v"
    assert model.tags["lt"] == "1"
    run = all_runs(source)["run 0"]
    assert model.source_run_id == run.id
    assert ("lm", 0.9, 1) in [(metric.name, metric.value, metric.step) for metric in model.metrics]
    assert [use.model_id for use in run.models if use.role == "output"] == [model.id]
    files = {file.path for file in source.files(model)}
    assert {"MLmodel", "python_model.pkl", "requirements.txt"} <= files
    with source.open(model, "MLmodel") as file:
        assert b"python_function" in file.read()


@pytest.mark.slow
def test_registered_models(source: Source) -> None:
    found = {model.name: model for model in source.registered()}
    assert set(found) == {"credit", "empty.model"}
    credit = found["credit"]
    assert credit.description == "a model\nof two lines"
    assert credit.tags == {"owner": "ada"}
    assert credit.aliases == {"champion": 3}
    assert [(version.number, version.stage) for version in credit.versions] == [(1, "Staging"), (3, "None")]
    first = credit.versions[0]
    assert (first.description, first.tags) == ("first", {"q": "1"})
    assert first.run_id == all_runs(source)["run 0"].id


@pytest.mark.slow
def test_a_run_that_did_not_change_has_the_same_mark(source: Source, stock: tuple[str, str, Path]) -> None:
    again = open_source(stock[0])
    try:
        first = {run.id: run.mark for run in all_runs(source).values()}
        assert {run.id: run.mark for run in all_runs(again).values()} == first
        assert len(set(first.values())) == 4
    finally:
        again.close()


def test_hand_made_forms_agree(tmp_path: Path, postgres_url: str | None) -> None:
    there = small_world(infinities=False)
    addresses = [str(write_folder(tmp_path / "mlruns", there))]
    addresses.append(write_database(f"sqlite:///{tmp_path}/m.db", there, tmp_path / "files"))
    if postgres_url is not None:
        addresses.append(write_database(postgres_url, there, tmp_path / "files"))
    told = []
    for address in addresses:
        source = open_source(address)
        told.append(_plain(source))
        assert source.skips.found == {}
        source.close()
    assert all(one == told[0] for one in told)


def _plain(source: Source) -> object:
    found = []
    for experiment in sorted(source.experiments(), key=lambda one: one.key):
        runs = [run for batch in source.runs(experiment.key) for run in batch]
        points = sorted((row[0], row[1], repr(row[2] + 0.0), *row[3:]) for rows in source.points(runs) for row in rows)
        for run in sorted(runs, key=lambda one: one.id):
            found.append(
                [run.id, run.name, run.status, run.started_ms, run.ended_ms, run.deleted, run.deleted_ms, run.params,
                 run.tags, sorted((one.name, one.digest, one.context) for one in run.datasets),
                 sorted((file.path, file.size) for file in source.files(run))]
            )  # fmt: skip
        found.append([experiment, points])
    return found


@pytest.fixture
def postgres_url() -> Iterator[str | None]:
    """URL of an empty schema; None where no server is."""
    import uuid

    from sqlalchemy.exc import OperationalError

    url = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    schema = f"noria_source_{uuid.uuid4().hex}"
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        yield None
        return
    yield f"{url}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()

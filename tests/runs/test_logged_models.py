"""Logged models and experiments: kept, found, ordered, paged; on both databases."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from noria.errors import ExperimentNotFound, ModelNotFound, WrongArgument
from noria.runs.experiment_search import search_experiments
from noria.runs.experiments import Experiments
from noria.runs.logged_models import LoggedModels, ModelMetric
from noria.runs.model_search import ModelOrder, search_logged_models

if TYPE_CHECKING:
    from noria.store.database import Database

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def models(database: Database) -> LoggedModels:
    return LoggedModels(database)


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_model_is_kept_with_all_that_is_known_of_it(models: LoggedModels) -> None:
    made = models.create(0, name="svm", type="sklearn", source_run_id="r", params={"c": "1"}, tags={"t": "a"}, at=NOW)
    assert made.id.startswith("m-")
    assert (made.status, len(made.id)) == ("pending", 34)
    assert models.update(made.id, "ready", at=_at(1)).status == "ready"
    models.set_tags(made.id, {"t": "b", "u": "c"}, at=_at(2))
    models.delete_tag(made.id, "u", at=_at(3))
    models.log_params(made.id, {"c": "1", "d": "2"}, at=_at(4))
    models.log_metrics(made.id, [ModelMetric("auc", 0.5, 1, 1, "r"), ModelMetric("auc", 0.7, 2, 1, "r", "d", "1")])
    models.log_metrics(made.id, [ModelMetric("auc", 0.6, 9, 0, "r"), ModelMetric("loss", math.nan, 1)])
    found = models.get(made.id)
    assert (found.params, found.tags, found.updated) == ({"c": "1", "d": "2"}, {"t": "b"}, _at(4))
    assert [(one.name, one.dataset_name, str(one.value)) for one in found.metrics] == [
        ("auc", "", "0.5"),
        ("auc", "d", "0.7"),
        ("loss", "", "nan"),
    ]
    with pytest.raises(WrongArgument, match="cannot become"):
        models.log_params(made.id, {"c": "2"})
    with pytest.raises(ModelNotFound, match="no tag"):
        models.delete_tag(made.id, "u")
    assert [one.id for one in models.of_run("r")] == [made.id]
    models.delete(made.id)
    assert models.of_run("r") == ()
    assert models.get(made.id, deleted=True).deleted is not None
    for refused in (lambda: models.get(made.id), lambda: models.delete(made.id), lambda: models.set_tags(made.id, {})):
        with pytest.raises(ModelNotFound):
            refused()


def test_a_model_needs_an_experiment_in_use(models: LoggedModels, database: Database) -> None:
    with pytest.raises(ExperimentNotFound):
        models.create(77)
    gone = Experiments(database).create("gone")
    Experiments(database).delete(gone.id)
    with pytest.raises(WrongArgument, match="deleted"):
        models.create(gone.id)


def test_models_are_found_and_ordered(models: LoggedModels, database: Database) -> None:
    made = {}
    for number, (name, auc, other) in enumerate(
        [("a", 0.5, None), ("b", 0.9, 0.1), ("a", None, 0.3), ("c", math.nan, 0.2), ("b", 0.7, None)]
    ):
        one = models.create(
            0,
            name=name,
            type="x",
            params={"n": str(number)},
            at=_at(number),
            tags={"even": "yes"} if number % 2 == 0 else {},
        )
        if auc is not None:
            models.log_metrics(one.id, [ModelMetric("auc", auc, number)])
        if other is not None:
            models.log_metrics(one.id, [ModelMetric("auc", other, number, 0, "", "held out", "1")])
        made[one.id] = number
    models.update(next(iter(made)), "ready")
    hidden = models.create(0, name="a")
    models.delete(hidden.id)

    def find(where: str = "", *order: ModelOrder, limit: int = 2, **more: object) -> list[int]:
        found: list[int] = []
        token = None
        while True:
            with database.reading() as connection:
                page = search_logged_models(
                    connection,
                    experiments=(0, 5),
                    where=where,
                    order=order,
                    limit=limit,
                    token=token,
                    **more,  # type: ignore[arg-type]
                )
            found += [made[one.id] for one in page.rows]
            token = page.token
            if token is None:
                return found

    assert find() == [4, 3, 2, 1, 0]
    assert find("", ModelOrder("creation_timestamp")) == [0, 1, 2, 3, 4]
    assert find("name = 'a' and tags.even = 'yes'") == [2, 0]
    assert find("params.n != '3'") == [4, 2, 1, 0]
    assert find("tags.even IS NULL") == [3, 1]
    assert find("status = 'READY'") == find("attributes.status IN ('LOGGED_MODEL_READY')") == [0]
    assert find("status != 'READY'") == [4, 3, 2, 1]
    models.update(next(iter(made)), "upload_failed")
    assert find("status = 'FAILED'") == find("status = 'UPLOAD_FAILED'") == [0]
    assert find("metrics.auc > 0.6") == [4, 1]
    assert find("metrics.auc < 0.25", datasets=[("held out", None)]) == [3, 1]
    assert find("metrics.auc > 0.6", datasets=[("held out", "1")]) == []
    assert find("name IN ('b', 'c') or params.n = '0'") == [4, 3, 1, 0]
    assert find("", ModelOrder("name", descending=True), ModelOrder("params.n")) == [3, 1, 4, 0, 2]
    held_out = ModelOrder("metrics.auc", descending=True, dataset=("held out", "1"))
    assert find("", held_out) == [2, 3, 1, 4, 0]
    assert find(f"creation_timestamp >= {_at(3).timestamp() * 1000:.0f}") == [4, 3]
    with database.reading() as connection:
        token = search_logged_models(connection, experiments=(0,), limit=1).token
        with pytest.raises(WrongArgument, match="token"):
            search_logged_models(connection, experiments=(0,), where="name = 'a'", limit=1, token=token)
        assert search_logged_models(connection, experiments=()).rows == ()


def test_experiments_are_found_and_ordered(database: Database) -> None:
    book = Experiments(database)
    made = {"Default": 0}
    for number, name in enumerate(("beta", "Alpha", "alpha_1", "gone")):
        made[name] = book.create(name, at=_at(number), tags={"team": "risk"} if number < 2 else {}).id
    book.delete(made["gone"], at=_at(9))

    def find(where: str = "", *order: str, lifecycle: str = "active") -> list[str]:
        found: list[str] = []
        token = None
        while True:
            with database.reading() as connection:
                page = search_experiments(
                    connection,
                    where=where,
                    order=order,
                    lifecycle=lifecycle,
                    limit=2,
                    token=token,  # type: ignore[arg-type]
                )
            found += [one.name for one in page.rows]
            token = page.token
            if token is None:
                return found

    assert find() == ["alpha_1", "Alpha", "beta", "Default"]
    assert find(lifecycle="all")[0] == "gone"
    assert find(lifecycle="deleted") == ["gone"]
    assert find("", "name ASC") == ["Alpha", "Default", "alpha_1", "beta"]
    assert find("name LIKE 'alpha%'") == ["alpha_1"]
    assert find("attribute.name ILIKE 'alpha%'") == ["alpha_1", "Alpha"]
    assert find("tags.team = 'risk'", "creation_time") == ["beta", "Alpha"]
    assert find("tags.team IS NULL") == ["alpha_1", "Default"]
    assert find(f"experiment_id IN ('0', '{made['beta']}')") == ["beta", "Default"]
    assert find(f"creation_time > {_at(0).timestamp() * 1000:.0f}") == ["alpha_1", "Alpha"]
    assert find("", "tags.team DESC", "experiment_id") == ["beta", "Alpha", "Default", "alpha_1"]
    with pytest.raises(WrongArgument):
        find("metrics.m > 1")

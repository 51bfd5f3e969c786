"""The version before against the present one, with real models read back from the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from streams import START

from noria.automation.contesting import Arena, ground
from noria.monitoring.reference import Expected, Reference
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings
from noria.registry import format as formats
from noria.registry.catalog import Registry
from noria.scoring.learning import learn
from noria.scoring.scorer import Scorer
from noria.training.families import resolve
from noria.training.search import select

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

KNOWN = Reference(
    {}, None, "roc_auc", {"roc_auc": Expected(0.8, 0.75, 0.85, 200)}, "classification", "bad", ("bad", "good")
)


def world(rng: np.random.Generator, n: int, sign: float) -> tuple[pd.DataFrame, np.ndarray]:
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    y = np.where(sign * X["a"] + rng.normal(0, 0.7, n) > 0, "bad", "good")
    return X, y.astype(object)


def trained(registry: Registry, X: pd.DataFrame, y: np.ndarray) -> int:
    columns = [("a", "float"), ("b", "float")]
    half = len(y) // 2
    chosen = select(
        X,
        y,
        task="classification",
        families=resolve(["logistic"], "classification"),
        prepare=lambda family, _rows: preparation(columns, PrepareSettings(), encoding=family.encoding),
        error=lambda truth, said: float(np.mean(np.asarray(truth) != np.asarray(said.labels))),
        splitter=[(np.arange(half), np.arange(half, len(y)))],
        budget_seconds=None,
        trials=1,
        seed=0,
        report=lambda progress: None,
    )
    table = pa.table({**{name: X[name].to_numpy() for name in X}, "y": pa.array(y, pa.string())})
    signature = learn(table.select(["a", "b"]), columns, task="classification", positive="bad")
    version = registry.register(
        "credit",
        formats.save(chosen.model),
        run_id="r",
        dataset="credit@1",
        data_digest="d",
        task="classification",
        family="logistic",
        created=START,
        signature=signature.to_json(),
    )
    return version.number


def logged(registry: Registry, number: int, X: pd.DataFrame, y: np.ndarray) -> pa.Table:
    asked = pa.table({name: X[name].to_numpy() for name in X})
    said = Scorer.load(registry, registry.get("credit", number)).score_table(asked)
    columns = {name: said[name] for name in said.column_names}
    columns |= {f"x.{name}": asked[name] for name in asked.column_names}
    return pa.table(
        {
            **columns,
            "ts": pa.array([START + timedelta(seconds=i) for i in range(len(y))], pa.timestamp("us", tz="UTC")),
            "label": pa.array(y, pa.string()),
        }
    )


@pytest.mark.parametrize(("now", "verdict"), [(1.0, "better"), (-1.0, "worse")])
def test_the_version_that_fits_the_world_wins(database: Database, blobs: Blobs, now: float, verdict: str) -> None:
    rng = np.random.default_rng(1)
    registry = Registry(database, blobs)
    before, present = trained(registry, *world(rng, 400, 1.0)), trained(registry, *world(rng, 400, -1.0))
    X, y = world(rng, 300, now)
    found = Arena(registry, "credit", lambda number: KNOWN)(before, present, logged(registry, present, X, y))
    assert found.previous == before
    assert found.verdict == verdict
    assert found.evidence["metric"] == "roc_auc"
    assert found.evidence["n"] == 300


def test_a_contest_at_a_stricter_level_is_judged_by_enough_resamples(database: Database, blobs: Blobs) -> None:
    rng = np.random.default_rng(1)
    registry = Registry(database, blobs)
    before, present = trained(registry, *world(rng, 400, 1.0)), trained(registry, *world(rng, 400, -1.0))
    rows = logged(registry, present, *world(rng, 300, 1.0))
    found = Arena(registry, "credit", lambda number: KNOWN)(before, present, rows, 0.9975)
    assert (found.verdict, found.evidence["level"], found.evidence["resamples"]) == ("better", 0.9975, 8000)


def test_of_a_window_whose_end_is_not_known_all_rows_count_as_picked() -> None:
    rows = pa.table({"ts": pa.array([START + timedelta(seconds=i) for i in range(9)], pa.timestamp("us", tz="UTC"))})
    assert ground(rows, ended=None, alarm=0.05).level == pytest.approx(0.9975)
    assert ground(rows, ended=START + timedelta(seconds=2), alarm=0.05).rows["ts"].to_pylist()[0] > START


def test_without_a_reference_there_is_no_contest(database: Database, blobs: Blobs) -> None:
    rows = pa.table({"label": pa.array(["bad"])})
    assert Arena(Registry(database, blobs), "credit", lambda number: None)(1, 2, rows) is None


def test_rows_of_few_customers_prove_less(database: Database, blobs: Blobs) -> None:
    rng = np.random.default_rng(1)
    registry = Registry(database, blobs)
    before, present = trained(registry, *world(rng, 400, 1.0)), trained(registry, *world(rng, 400, -1.0))
    rows = logged(registry, present, *world(rng, 300, 1.0))
    customers = rows.append_column("k.customer", pa.array(np.arange(300) % 12))
    alone = Arena(registry, "credit", lambda number: KNOWN)(before, present, rows)
    grouped = Arena(registry, "credit", lambda number: KNOWN, group="customer")(before, present, customers)
    assert grouped.evidence["groups"] == 12
    assert "groups" not in alone.evidence
    assert grouped.evidence["difference"] == alone.evidence["difference"]
    one = rows.append_column("k.customer", pa.array([7] * 300))
    assert Arena(registry, "credit", lambda number: KNOWN, group="customer")(before, present, one).verdict == (
        "inconclusive"
    )

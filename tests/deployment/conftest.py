"""A bundle with a real model, made once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry.version import ModelVersion, model_digest
from noria.scoring.learning import learn
from noria.scoring.policies import Policies
from noria.scoring.proof.compiled import compiled
from noria.serving.bundle import Bundle
from noria.store.blobs import Digest, digest_bytes
from noria.training.boosting import LightGBM
from noria.training.ensemble import EnsembleModel
from noria.training.family import Fitting
from noria.training.model import TabularModel

COLUMNS = [("age", "int"), ("income", "float"), ("grade", "category"), ("member", "int")]


def trained(seed: int, name: str = "credit-risk", *, plan: bool = True, mean: bool = False) -> Bundle:
    """Train a small model, or the mean of two, and give it as version `seed`, compiled or not."""
    rng = np.random.default_rng(seed)
    rows = 300
    income = [None if rng.random() < 0.1 else float(value) for value in rng.normal(2000, 500, rows)]
    table = pa.table(
        {
            "age": rng.integers(18, 76, rows),
            "income": pa.array([*income[:-3], 1200.5, 1200.5, None], pa.float64()),
            "grade": rng.choice(["A", "B", None], rows),
            "member": rng.integers(0, 2, rows),
        }
    )
    X = frame(table, COLUMNS)
    prepared = preparation(COLUMNS, encoding="linear").fit(X)
    y = (X["age"].to_numpy() + rng.normal(0, 10, rows) > 45).astype(int)
    head = LogisticRegression().fit(prepared.transform(X), y)
    kinds = (("age", "number"), ("income", "number"), ("grade", "string"), ("member", "number"))
    model = TabularModel("classification", "logistic", kinds, prepared, head, ("bad", "good"))  # type: ignore[arg-type]
    if mean:
        boosted = LightGBM({}, Fitting("classification", 1, n_classes=2)).fit(prepared.transform(X), y)
        model = EnsembleModel((model, replace(model, head=boosted)), (2.0, 1.0))  # type: ignore[assignment]
    files = formats.save(model)
    signature = learn(table, COLUMNS, target="status", positive="bad")
    held = {f"model/{path}": data for path, data in files.items()} | (compiled(model, signature) if plan else {})
    held = dict(sorted(held.items()))
    version = ModelVersion(
        model=name,
        number=seed,
        created=datetime(2026, 3, 1, 12, tzinfo=UTC),
        run_id="r",
        dataset="credit@1",
        data_digest=Digest("d"),
        code_commit=None,
        code_clean=None,
        environment={},
        params={},
        metrics={},
        signature=signature.to_json(),
        model_digest=model_digest(files),
        evaluation_digest=Digest(""),
        files={path: digest_bytes(data) for path, data in held.items()},
        family="logistic",
        task="classification",
        tags={},
    )
    return Bundle(version, name, Policies(), held)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Version 1 of credit-risk, which answers by its plan."""
    return trained(1)


@pytest.fixture(scope="session")
def uncompiled() -> Bundle:
    """The same without a plan: it answers through its own library."""
    return trained(1, plan=False)


@pytest.fixture(scope="session")
def mean_of_two() -> Bundle:
    """The mean of it and a booster, without a plan: it answers through both libraries."""
    return trained(1, plan=False, mean=True)


@pytest.fixture(scope="session")
def newer() -> Bundle:
    """Version 2 of it."""
    return trained(2)

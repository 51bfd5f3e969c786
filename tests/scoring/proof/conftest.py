"""A fitted model with its signature and rows it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.scoring.learning import learn
from noria.scoring.signature import Signature
from noria.training.model import TabularModel, columns_of

if TYPE_CHECKING:
    from noria.training.family import Estimator

COLUMNS = [("age", "int"), ("income", "float"), ("grade", "category")]


@dataclass(frozen=True)
class Known:
    model: TabularModel
    signature: Signature
    held_out: pa.Table


def rows(count: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "age": pa.array(rng.integers(18, 76, count), mask=rng.random(count) < 0.1),
            "income": pa.array(rng.lognormal(size=count) * 1e4, mask=rng.random(count) < 0.1),
            "grade": pa.array(rng.choice(["A", "B", "C"], count), mask=rng.random(count) < 0.1),
        }
    )


def known(head: Estimator, task: str = "classification", encoding: str = "linear") -> Known:
    learned = rows(400, 0)
    sample = frame(learned, COLUMNS)
    y = (np.nan_to_num(sample["age"].to_numpy(), nan=40.0) + np.random.default_rng(3).normal(0, 9, 400)) > 45
    prepared = preparation(COLUMNS, encoding=encoding, task=task)  # type: ignore[arg-type]
    matrix = np.asarray(prepared.fit_transform(sample, y))
    head.fit(matrix, y.astype(int) if task == "classification" else y * 3.5)
    model = TabularModel(
        task,  # type: ignore[arg-type]
        "family",
        columns_of(sample),
        prepared,
        head,
        ("bad", "good") if task == "classification" else None,
    )
    return Known(model, learn(learned, COLUMNS, task=task, target="y"), rows(300, 7))


@pytest.fixture(scope="session")
def logistic() -> Known:
    return known(LogisticRegression())

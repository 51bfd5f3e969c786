"""Synthetic streams of answers for these tests: what a prediction log joined with its labels looks like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from noria.monitoring.reference import Reference, learn_reference

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
COLUMNS = [("age", "float"), ("income", "float"), ("grade", "category"), ("visits", "int")]


def people(rng: np.random.Generator, n: int, *, shift: float = 0.0, missing: float = 0.0) -> pa.Table:
    """Rows of a population; `shift` moves age by so many standard deviations."""
    income = np.where(rng.random(n) < 0.05 + missing, np.nan, rng.lognormal(0, 1, n))
    return pa.table(
        {
            "age": rng.normal(40 + 10 * shift, 10, n),
            "income": pa.array(income, from_pandas=True),
            "grade": rng.choice(list("ABCDE"), n, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "visits": rng.poisson(3, n),
        }
    )


def answers(
    rng: np.random.Generator,
    n: int,
    *,
    start: datetime = START,
    every: timedelta = timedelta(seconds=1),
    version: int = 1,
    arm: str = "live",
    shift: float = 0.0,
    missing: float = 0.0,
    skill: float = 1.5,
    labelled: float = 0.0,
    prefix: str = "p",
) -> pa.Table:
    """Log rows: score of a model whose classes lie `skill` standard deviations apart."""
    table = people(rng, n, shift=shift, missing=missing)
    truth = rng.random(n) < 0.3
    score = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + skill * truth - 1)))
    known = rng.random(n) < labelled
    return pa.table(
        {
            "prediction_id": pa.array([f"{prefix}{i:06d}" for i in range(n)], pa.string()),
            "ts": pa.array([start + i * every for i in range(n)], pa.timestamp("us", tz="UTC")),
            "model": pa.array(["credit"] * n, pa.string()),
            "version": pa.array([version] * n, pa.int64()),
            "arm": pa.array([arm] * n, pa.string()),
            "prediction": np.where(score > 0.5, "bad", "good"),
            "score": score,
            "p.good": 1 - score,
            "p.bad": score,
            "flags": pa.array([""] * n, pa.string()),
            **{f"x.{name}": table[name] for name in table.column_names},
            "label": pa.array(
                [("bad" if t else "good") if k else None for t, k in zip(truth, known, strict=True)], pa.string()
            ),
            "label_ts": pa.array([start if k else None for k in known], pa.timestamp("us", tz="UTC")),
        }
    )


def reference(
    rng: np.random.Generator, n: int = 3500, *, auc: tuple[float, float, float] = (0.856, 0.83, 0.88)
) -> Reference:
    """What the version was trained on."""
    held_out = answers(rng, n // 4)
    return learn_reference(
        people(rng, n),
        COLUMNS,
        score=held_out["score"].to_numpy(),
        metric="roc_auc",
        metrics={"roc_auc": auc},
        rows=n // 4,
        positive="bad",
        classes=("good", "bad"),
    )

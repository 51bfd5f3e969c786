"""A project as it looks after some weeks: real rooms, filled through their own functions."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa

from noria.automation.decisions import Decisions
from noria.evaluation.evaluate import evaluate
from noria.evaluation.judged import Prediction
from noria.monitoring.alerts import open_or_grow
from noria.monitoring.tables import windows
from noria.pipeline.records import Records, StepRecord
from noria.project.example import example
from noria.registry.promotion import promote
from noria.serving.stats import Load, Process, Stats, Traffic
from noria.workspace import Workspace

if TYPE_CHECKING:
    from noria.registry.version import ModelVersion

MODEL = "credit-risk"
FEATURES = ("amount", "age", "income", "job", "months", "savings", "home")
STEPS = ("ingest", "check", "clean", "split", "train", "evaluate", "gate", "register")


def new_project(folder: Path) -> Workspace:
    """Copy the credit example."""
    shutil.copytree(example("credit").folder, folder)
    return Workspace(folder)


def seeded(folder: Path, now: datetime | None = None) -> Workspace:
    """Fill a project with three versions, runs, traffic, windows, an alert and what was done about it."""
    moment = now or datetime.now(UTC)
    workspace = new_project(folder)
    with gzip.open(workspace.root / "data" / "credit.csv.gz") as file:
        rows = pacsv.read_csv(pa.BufferReader(file.read()))
    before = moment - timedelta(days=30)
    workspace.datasets.commit(MODEL, rows.slice(0, 2000), source="data/credit.csv.gz", at=before)
    workspace.datasets.commit(MODEL, rows, source="data/credit.csv.gz", at=moment - timedelta(days=2))
    made = [
        _run(workspace, moment - timedelta(days=30), "manual", number=1, auc=0.781, passed=True),
        _run(workspace, moment - timedelta(days=9), "cron:0 3 * * 1 UTC", number=2, auc=0.742, passed=False),
        _run(workspace, moment - timedelta(hours=5), "alert:drift", number=3, auc=0.802, passed=True),
    ]
    for version, days in ((made[0], 29.9), (made[2], 0.2)):
        promote(
            workspace.registry,
            MODEL,
            version.number,
            actor="ada",
            reason="better on the locked test rows",
            at=moment - timedelta(days=days),
        )
    _failed_run(workspace, moment - timedelta(days=4))
    _windows(workspace, moment)
    _alerts(workspace, moment)
    _traffic(workspace, moment)
    return workspace


def _run(workspace: Workspace, at: datetime, trigger: str, *, number: int, auc: float, passed: bool) -> ModelVersion:
    run = workspace.runs.start(
        "pipeline", MODEL, git_commit=f"{number}a7c9e" + "0" * 34, git_clean=number != 2, trigger=trigger, at=at
    )
    moment = at
    records = []
    for place, step in enumerate(STEPS):
        seconds = (0.8, 1.2, 0.4, 0.2, 14.0, 3.1, 0.1, 0.3)[place]
        cached = number == 3 and place == 0
        records.append(
            StepRecord(
                run,
                step,
                "cached" if cached else "finished",
                reason="nothing changed" if cached else f"first run of {step}" if number == 1 else "data changed",
                seconds=seconds,
                started=moment,
                ended=moment + timedelta(seconds=seconds),
            )
        )
        moment += timedelta(seconds=seconds)
    Records(workspace.database).settle(records)
    workspace.runs.log_params(run, {"candidates": ["logistic", "boosting"], "folds": 5, "seed": 7, "split.test": 0.25})
    workspace.runs.log_metrics(run, {"roc_auc": auc, "brier": 0.16, "log_loss": 0.49, "f1": 0.58}, at=moment)
    workspace.runs.finish(run, "finished", at=moment)
    report = b"<!doctype html><title>report</title><style>h1{color:teal}</style><h1>Report</h1>"
    workspace.artifacts.add(run, "report.html", workspace.blobs.put(report), len(report), "text/html")
    metrics = {
        "roc_auc": {"value": auc, "low": auc - 0.03, "high": auc + 0.028},
        "brier": {"value": 0.16, "low": 0.15, "high": 0.175},
        "log_loss": {"value": 0.49, "low": 0.46, "high": 0.52},
        "f1": {"value": 0.58, "low": 0.53, "high": 0.62},
    }
    data = workspace.datasets.get(MODEL, 2 if number == 3 else 1)
    version = workspace.registry.register(
        MODEL,
        {"model.json": f'{{"version": {number}}}'.encode()},
        run_id=run,
        dataset=data.ref,
        data_digest=data.digest,
        task="classification",
        family=("logistic", "random_forest", "boosting")[number - 1],
        created=moment,
        evidence={
            "report.html": report,
            "evaluation.json": json.dumps(_evaluation(number)).encode(),
            "selection.json": json.dumps(_SELECTION).encode(),
            **_plan(number),
        },
        evaluation_digest=str(number),
        code_commit=f"{number}a7c9e" + "0" * 34,
        code_clean=number != 2,
        environment={"python": "3.11.9", "libraries": {"scikit-learn": "1.9.0", "lightgbm": "4.6.0"}},
        params={"learning_rate": 0.05 * number, "num_leaves": 31, "encoding": "tree"},
        metrics=metrics,
        signature={"columns": [_column(name) for name in FEATURES]},
    )
    verdicts = [
        {
            "gate": "roc_auc >= 0.75",
            "passed": passed,
            "value": auc,
            "bound": 0.75,
            "message": f"{auc} on 614 test rows",
        },
        {
            "gate": "roc_auc not worse than champion by 0.01",
            "passed": True,
            "value": 0.004,
            "bound": -0.01,
            "message": "difference +0.0040 [-0.0060, 0.0140] on the same rows",
        },
    ]
    workspace.verdicts.record(MODEL, version.model_digest, run, verdicts, moment)
    return version


def _plan(number: int) -> dict[str, bytes]:
    """Version 1 is older than plans, 2 has no counterpart, 3 is proven."""
    if number == 1:
        return {}
    if number == 2:
        return {"plan/plan_check.json": b'{"equal": false, "reason": "a step <i> has no counterpart"}'}
    verdict = {
        "equal": True, "reason": "", "rows": 1234, "held_out": 614, "bit_equal": 1200, "max_difference": 3.3e-16,
        "held_out_difference": 1.1e-16,
    }  # fmt: skip
    return {"plan/plan_check.json": json.dumps(verdict).encode(), "plan/plan.json": b"{}"}


_DIAGNOSIS = {
    "curve": {
        "by": "rows",
        "judged": [200, 200, 200],
        "sizes": [
            {"share": rows / 400, "rows": [rows] * 3, "train": [0.1, 0.11, 0.1], "valid": [high, high + 0.01, high]}
            for rows, high in ((100, 0.25), (200, 0.21), (400, 0.19))
        ],
    },
    "paths": [
        {
            "candidate": "logistic", "family": "logistic", "penalty": "L2", "parameter": "C",
            "values": [0.01, 0.1, 1.0], "at": 1.0, "train": [[0.2] * 3, [0.18] * 3, [0.17] * 3],
            "used": [2.0, 3.0, 3.0],
            "valid": [[0.24, 0.25, 0.24], [0.21, 0.22, 0.21], [0.22, 0.22, 0.21]], "base": [0.22, 0.22, 0.21],
        },
    ],
    "notes": ["the L1 path <i> was left out: the budget was spent"],
    "seconds": 1.2,
}  # fmt: skip
_SELECTION = {
    "winner": {"name": "boosting-2", "family": "boosting", "params": {}, "scores": [0.19, 0.2, 0.19], "mean": 0.19},
    "diagnosis": _DIAGNOSIS,
    "stopped_by": "the budget was spent",
    "table": [
        {"name": "boosting-2", "family": "boosting", "mean": 0.19, "sd": 0.02, "seconds": 2.1, "status": "complete"},
        {"name": "logistic", "family": "logistic", "mean": 0.22, "sd": 0.01, "seconds": 0.3, "status": "complete"},
        {"name": "svm", "family": "svm", "mean": None, "seconds": 0.1, "status": "stopped", "note": "too slow <b>"},
    ],
}


def _evaluation(number: int) -> dict[str, object]:
    chance = np.random.default_rng(number)
    hit = chance.random(600) < 0.3
    score = 1 / (1 + np.exp(-(1.6 * hit - 1.4 + chance.normal(size=600))))
    said = Prediction(np.where(score > 0.5, "bad", "good"), np.column_stack([score, 1 - score]), ("bad", "good"))
    truth = np.where(hit, "bad", "good")
    frame = pd.DataFrame({"age": chance.integers(18, 70, 600), "job": chance.choice(["fixed", "other"], 600)})
    return evaluate(
        "classification", truth, said, metric="roc_auc", positive="bad", frame=frame, slice_metrics=("roc_auc",),
        resamples=60, protected=frame[["job"]] if number == 3 else None,
    ).to_json()  # fmt: skip


def _column(name: str) -> dict[str, object]:
    if name in ("job", "home"):
        return {
            "name": name,
            "type": "category",
            "missing": True,
            "categories": ["a", "b", "c", "d", "e", "f", "g", "h"],
        }
    return {"name": name, "type": "float", "missing": False, "min": 0.5, "max": 12500.0}


def _failed_run(workspace: Workspace, at: datetime) -> None:
    run = workspace.runs.start("pipeline", MODEL, trigger="data:changed", at=at)
    error = {
        "type": "CheckFailed",
        "code": "N-CHECK-001",
        "what": "the data broke 1 expectation",
        "why": "unique id: 3 rows share an id <b>&",
        "mend": "see the rows: noria check",
    }
    end = at + timedelta(seconds=2)
    Records(workspace.database).settle(
        [
            StepRecord(run, "ingest", "finished", reason="data changed", seconds=0.9, started=at, ended=at),
            StepRecord(run, "check", "failed", reason="data changed", seconds=1.1, started=at, ended=end, error=error),
            StepRecord(run, "clean", "skipped", reason="check failed"),
        ]
    )
    workspace.runs.finish(run, "failed", error=error, at=end)


def _windows(workspace: Workspace, now: datetime) -> None:
    chance = random.Random(7)
    rows = []
    for place in range(20):
        shifted = max(0.0, (place - 14) * 0.09)
        begin = now - timedelta(days=20 - place)
        findings = [
            {
                "name": name,
                "aspect": "values",
                "kind": "category" if name in ("job", "home") else "numeric",
                "effect": round(
                    min(0.9, chance.uniform(0.005, 0.05) + (shifted if name in ("income", "amount") else 0)), 4
                ),
                "p": 0.0004 if shifted and name in ("income", "amount") else round(chance.uniform(0.05, 0.9), 3),
                "flagged": bool(shifted > 0.1 and name in ("income", "amount")),
                "detail": "mean 0.6 sd lower" if shifted else "",
                "before": None,
                "now": None,
                "psi": 0.02,
                "w1": 0.1,
            }
            for name in (*FEATURES, "prediction")
        ]
        matured = 1.0 if place < 17 else (0.6, 0.2, 0.0)[place - 17]
        value = round(0.78 + chance.uniform(-0.015, 0.015) - shifted * 0.35, 4)
        verdict = "immature" if matured < 0.9 else "worse" if shifted > 0.15 else "fine"
        performance = {
            "metric": "roc_auc", "value": value, "low": value - 0.03, "high": value + 0.03, "rows": int(500 * matured),
            "answered": 500, "verdict": verdict, "reference": 0.781, "reference_low": 0.751, "reference_high": 0.809,
            "difference": value - 0.781, "margin": 0.01, "bound": 0.0, "pooled": 1, "matured": matured,
        }  # fmt: skip
        rows.append(
            {
                "model": MODEL,
                "version": 1,
                "arm": "live",
                "starts": begin,
                "first_id": f"{place}-a",
                "ends": begin + timedelta(days=1),
                "first_ts": begin,
                "last_ts": begin + timedelta(hours=23),
                "last_id": f"{place}-z",
                "rows": 500,
                "judged": begin + timedelta(days=1),
                "counts": None,
                "drift": {
                    "findings": findings,
                    "calibrated": place > 5,
                    "rows": 500,
                    "level": 0.01,
                    "least_effect": 0.02,
                },
                "state": "drifted" if shifted > 0.1 else "clean",
                "pooled": 1,
                "performance": performance if matured else None,
                "verdict": verdict,
                "matured": matured,
                "settled": matured == 1.0,
            }
        )
    with workspace.database.transaction() as connection:
        connection.execute(sa.insert(windows), rows)
    workspace.labels.add(MODEL, [(f"p{place}", "good") for place in range(50)], now, "outcomes.csv")


def _alerts(workspace: Workspace, now: datetime) -> None:
    with workspace.database.transaction() as connection:
        for _ in range(3):
            open_or_grow(
                connection, model=MODEL, version=1, kind="drift", severity="warn", since=now - timedelta(days=4),
                text="income and amount have moved from what version 1 was trained on",
                evidence={"window": 17}, now=now - timedelta(days=3),
            )  # fmt: skip
        open_or_grow(
            connection, model=MODEL, version=1, kind="performance", severity="error", since=now - timedelta(days=2),
            text="roc_auc 0.671 [0.641, 0.701] is proven worse than 0.781 on the held-out rows",
            evidence={"window": 18}, now=now - timedelta(hours=6),
        )  # fmt: skip
    drift, performance = workspace.alerts.open(MODEL)
    workspace.alerts.resolve(drift.id, now=now - timedelta(hours=4), resolution="3 clean windows in a row")
    decisions = Decisions(workspace.database)
    decisions.record(
        at=now - timedelta(hours=5), model=MODEL, cause="alert:drift", action="retrain", alert_id=drift.id,
        reason="features moved and 640 labelled rows have come in", outcome="version 3 passed its gates",
        evidence={"labelled_rows": 640, "champion": 1, "version": 3, "gates_passed": True},
    )  # fmt: skip
    decisions.record(
        at=now - timedelta(hours=4.8), model=MODEL, cause="alert:drift", action="promote", alert_id=drift.id,
        reason="passed its gates after alert:drift", outcome="version 3 answers instead of 1",
        evidence={"champion": 1, "version": 3},
    )  # fmt: skip
    decisions.record(
        at=now - timedelta(hours=1), model=MODEL, cause="alert:performance", action="hold", alert_id=performance.id,
        reason="the last retraining was 4 hours ago", outcome="nothing was changed", evidence={"cooldown": "6h"},
    )  # fmt: skip


def _traffic(workspace: Workspace, now: datetime) -> None:
    chance = random.Random(11)
    stats = Stats(workspace.database, "f" * 32, MODEL)
    for minute in range(55, 0, -1):
        at = now - timedelta(minutes=minute)
        for _ in range(chance.randint(20, 60)):
            outcome = "refused" if chance.random() < 0.01 else "answered"
            version = 1 if minute >= 40 else 3
            stats.count(version, "live", outcome, 1, chance.lognormvariate(-6.4, 0.5), at)
    stats.count(3, "live", "failed", 1, 0.2, now - timedelta(minutes=5))
    stats.flush()
    traffic = Traffic(workspace.database)
    traffic.record_process(
        Process("f" * 32, MODEL, MODEL, "champion", "http://127.0.0.1:8766", 4711, now - timedelta(hours=9), now,
                "ready", 3, None, None, 2140, 0, "")
    )  # fmt: skip
    traffic.record_load(Load("f" * 32, MODEL, 1, now - timedelta(hours=9), True, 0.41, "plan", None))
    traffic.record_load(Load("f" * 32, MODEL, 3, now - timedelta(hours=5), True, 0.38, "plan", None))

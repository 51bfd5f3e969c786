"""One model's facts, as a registered version holds them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from noria.evaluation.evaluate import evaluate
from noria.evaluation.gates import ChampionEvidence, Rule, judge, to_json
from noria.evaluation.judged import Prediction

NASTY = '<img src=x onerror="alert(1)"> | `x` @team'


@pytest.fixture(scope="session")
def facts() -> dict[str, object]:
    """Everything a report can show, with hostile texts where users' texts go."""
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.35
    score = 1 / (1 + np.exp(-(1.8 * truth + rng.normal(size=400) - 0.9)))
    said = Prediction(
        np.where(score > 0.5, NASTY, "good"), np.column_stack([score, 1 - score]), (NASTY, "good")
    )  # fmt: skip
    y = np.where(truth, NASTY, "good")
    frame = pd.DataFrame({"grade": rng.choice(["A", NASTY], 400), "age": rng.integers(18, 80, 400)})
    evaluation = evaluate("classification", y, said, positive=NASTY, frame=frame, resamples=100)
    verdicts = judge(
        [Rule("roc_auc", min=0.6), Rule("roc_auc", min=0.99), Rule("roc_auc", against="champion"),
         Rule("roc_auc", slice="worst", min=0.5)],
        evaluation,
        ChampionEvidence("credit@1", y, said, said, positive=NASTY, resamples=100),
    )  # fmt: skip
    row = {"family": "logistic", "params": {"C": 0.1}, "scores": [0.2] * 5, "sd": 0.02, "seconds": 1.2, "note": ""}
    selection = {
        "winner": {"name": "logistic"},
        "table": [
            {**row, "name": "logistic", "mean": 0.2, "status": "complete"},
            {**row, "name": "svm", "mean": None, "sd": None, "status": "failed", "note": NASTY},
        ],
        "stopped_by": "the budget",
        "beats_baseline": True,
    }
    return {
        "project": "credit-risk",
        "model": "credit-risk@3",
        "created": "2024-03-01 10:00 UTC",
        "run_id": "abc",
        "code_commit": "0123456789abcdef",
        "code_clean": False,
        "family": "logistic",
        "evaluation": json.loads(json.dumps(evaluation.to_json(), allow_nan=False)),
        "verdicts": to_json(verdicts),
        "selection": selection,
        "dataset": {"name": "credit", "number": 4, "digest": "ab" * 32, "rows": 2000, "source": NASTY},
        "split": {"method": "stratified", "train_rows": 1600, "test_rows": 400, "features": ["age", NASTY]},
        "checks": {"passed": True, "findings": [{"severity": "warn", "check": "missing", "message": NASTY}]},
        "params": {"C": 0.1, "note": NASTY},
        "environment": {"python": "3.11", "libraries": {"numpy": "2.4"}},
    }

"""Does the search beat the libraries' own defaults on rows it never saw, and does it keep its budget?

Real tables: breast_cancer, diabetes and wine from scikit-learn, credit and sensors from noria's examples. One fixed
quarter of each is held out. noria gets BUDGET seconds of wall time for the whole selection, the defaults get what they
take. The same preparation for all: the families' default one. Lower is better; nothing was tuned on the held-out rows.

    python benchmarks/training_search.py | tee benchmarks/training_search.txt
"""

from __future__ import annotations

import os
import platform
import time
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

import noria
from noria.preparation.frame import frame, labels
from noria.preparation.recipe import preparation
from noria.sources.source import read
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.model import Prediction
from noria.training.search import select

BUDGET = float(os.environ.get("BUDGET", "10"))
SEEDS = (1, 2)
DEFAULTS = {
    "classification": ("logistic", "random_forest", "hist_boosting", "xgboost", "catboost"),
    "regression": ("ridge", "random_forest", "hist_boosting", "xgboost", "catboost"),
}
TYPES = {"f": "float", "M": "timestamp"}


def area(y: np.ndarray, p: Prediction) -> float:
    return 1 - float(roc_auc_score(y == p.classes[1], p.proba[:, 1]))


def surprise(y: np.ndarray, p: Prediction) -> float:
    return float(log_loss(y.astype(str), p.proba, labels=list(p.classes)))


def distance(y: np.ndarray, p: Prediction) -> float:
    return float(np.sqrt(np.mean((y - p.values) ** 2)))


def example(name: str, target: str, features: dict[str, str]) -> tuple[pd.DataFrame, np.ndarray, str]:
    root = Path(noria.__file__).parent / "project" / "examples" / name
    settings = tomllib.loads((root / "noria.toml").read_text())
    table = read(settings["data"]["source"], root=root)
    table = table.filter(table[target].is_valid())
    task = settings["model"]["task"]
    return frame(table, list(features.items())), labels(table, target, task=task), task


def tables() -> dict[str, tuple[pd.DataFrame, np.ndarray, str]]:
    cancer, diabetes, wine = (
        load(return_X_y=True, as_frame=True) for load in (load_breast_cancer, load_diabetes, load_wine)
    )
    credit = dict.fromkeys(
        ("seniority", "term", "age", "expenses", "income", "assets", "debt", "amount", "price"), "int"
    )
    credit |= dict.fromkeys(("home", "marital", "records", "job"), "category")
    air = dict.fromkeys(("hour", "temperature", "wind_speed", "rain_hours", "pm25_3h_before"), "float")
    air["wind_direction"] = "category"
    return {
        "breast_cancer": (cancer[0], cancer[1].astype(str).to_numpy(object), "classification"),
        "diabetes": (diabetes[0], diabetes[1].to_numpy(float), "regression"),
        "wine": (wine[0], wine[1].astype(str).to_numpy(object), "classification"),
        "credit": example("credit", "status", credit),
        "sensors": example("sensors", "pm25", air),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; budget {BUDGET:g} s")
    systems = ["noria", "logistic", "ridge", "random_forest", "hist_boosting", "xgboost", "catboost"]
    print(f"{'table':14}{'rows':>6} seed  " + "".join(f"{name:>15}" for name in systems) + "   noria s  winner")
    ranks: list[int] = []
    over = 0
    for name, (X, y, task) in tables().items():
        columns = [(str(c), TYPES.get(d.kind, "category")) for c, d in X.dtypes.items()]
        error = distance if task == "regression" else area if len(set(y)) == 2 else surprise
        for seed in SEEDS:
            rows = np.arange(len(y))
            train, test = train_test_split(rows, random_state=seed, stratify=y if task == "classification" else None)
            splitter = folds(y[train], n_rows=len(train), task=task, seed=seed)
            errors: dict[str, float] = {}
            seconds, winner = 0.0, ""
            for system in ("noria", *DEFAULTS[task]):
                wanted = (
                    [f for f in resolve("auto", task) if f.name != "keras_mlp"]
                    if system == "noria"
                    else resolve([system], task)
                )
                start = time.perf_counter()
                made = select(
                    X.iloc[train],
                    y[train],
                    task=task,
                    families=wanted,
                    prepare=lambda family: preparation(columns, encoding=family.encoding, task=task),  # noqa: B023
                    error=error,
                    splitter=splitter if system == "noria" else splitter[:2],
                    budget_seconds=BUDGET if system == "noria" else None,
                    trials=None if system == "noria" else 1,
                    seed=seed,
                )
                errors[system] = error(y[test], made.model.answer(X.iloc[test]))
                if system == "noria":
                    seconds, winner = time.perf_counter() - start, made.winner.name
            ranks.append(sorted(errors.values()).index(errors["noria"]) + 1)
            over += seconds > BUDGET
            cells = "".join(f"{errors[s]:15.4f}" if s in errors else f"{'-':>15}" for s in systems)
            print(f"{name:14}{len(train):6} {seed:4}  {cells}  {seconds:8.1f}  {winner}", flush=True)
    print(
        f"mean rank of noria among 6: {np.mean(ranks):.2f}; best {ranks.count(1)} of {len(ranks)}; over budget {over}"
    )


if __name__ == "__main__":
    main()

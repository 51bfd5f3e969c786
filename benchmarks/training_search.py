"""Does the search beat the libraries' own defaults on rows it never saw, and does it keep its budget?

Real tables: breast_cancer, diabetes and wine from scikit-learn, credit and sensors from noria's examples. One fixed
quarter of each is held out. noria gets BUDGET CPU-seconds of one thread for the whole selection, the final fits
included; the defaults get what they take. `never`, `auto` and `always` say whether the mean of a few candidates may be
the model; `auto` is what noria does unasked. The same preparation for all: the families' default one. Lower is better;
nothing was tuned on the held-out rows.

    python benchmarks/training_search.py | tee benchmarks/training_search.txt
"""

from __future__ import annotations

import os
import platform
import time
import tomllib
import warnings
from collections.abc import Callable
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
from noria.training.candidate import Selection
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.model import Prediction
from noria.training.search import select

BUDGET = float(os.environ.get("BUDGET", "10"))
SEEDS = (1, 2, 3)
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


def error_of(y: np.ndarray, task: str) -> Callable[[np.ndarray, Prediction], float]:
    """Give 1 - AUC of two classes, log-loss of more, the root of the mean square of a regression."""
    return distance if task == "regression" else area if len(set(y)) == 2 else surprise


def searched(
    X: pd.DataFrame,
    y: np.ndarray,
    task: str,
    *,
    seed: int,
    ensemble: str = "never",
    alone: str | None = None,
    budget: float | None = None,
) -> Selection:
    """Select with noria on one thread, by a clock of CPU seconds; ``alone`` fits the default of one family."""
    columns = [(str(c), TYPES.get(d.kind, "category")) for c, d in X.dtypes.items()]
    splitter = folds(y, n_rows=len(y), task=task, seed=seed)
    unasked = [family for family in resolve("auto", task) if family.name != "keras_mlp"]
    return select(
        X,
        y,
        task=task,
        families=unasked if alone is None else resolve([alone], task),
        prepare=lambda family, _rows=None: preparation(columns, encoding=family.encoding, task=task),
        error=error_of(y, task),
        splitter=splitter if alone is None else splitter[:2],
        budget_seconds=budget,
        trials=None if alone is None else 1,
        seed=seed,
        threads=1,
        ensemble=ensemble,
        tempers=error_of(y, task) is surprise,
        clock=time.process_time,
    )


NORIA = ("never", "auto", "always")


def main() -> None:
    warnings.simplefilter("ignore")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; budget {BUDGET:g} CPU-s")
    systems = [*NORIA, "logistic", "ridge", "random_forest", "hist_boosting", "xgboost", "catboost"]
    print(f"{'table':14}{'rows':>6} seed  " + "".join(f"{name:>14}" for name in systems) + "  CPU-s  winner (auto)")
    ranks: dict[str, list[int]] = {name: [] for name in NORIA}
    longest = 0.0
    for name, (X, y, task) in tables().items():
        error = error_of(y, task)
        for seed in SEEDS:
            rows = np.arange(len(y))
            train, test = train_test_split(rows, random_state=seed, stratify=y if task == "classification" else None)
            errors: dict[str, float] = {}
            seconds, winner = 0.0, ""
            for system in (*NORIA, *DEFAULTS[task]):
                ours = system in NORIA
                start = time.process_time()
                asked = {"ensemble": system, "budget": BUDGET} if ours else {"alone": system}
                made = searched(X.iloc[train], y[train], task, seed=seed, **asked)
                errors[system] = error(y[test], made.model.answer(X.iloc[test]))
                if ours:
                    longest = max(longest, time.process_time() - start)
                if system == "auto":
                    seconds, winner = time.process_time() - start, made.winner.name
            others = [errors[one] for one in DEFAULTS[task]]
            for one in NORIA:
                ranks[one].append(1 + sum(other < errors[one] for other in others))
            cells = "".join(f"{errors[s]:14.4f}" if s in errors else f"{'-':>14}" for s in systems)
            print(f"{name:14}{len(train):6} {seed:4}  {cells} {seconds:6.1f}  {winner}", flush=True)
    for one, found in ranks.items():
        print(f"{one:7} mean rank among 6: {np.mean(found):.2f}; best {found.count(1)} of {len(found)}")
    print(f"longest selection: {longest:.1f} of {BUDGET:g} CPU-s")


if __name__ == "__main__":
    main()

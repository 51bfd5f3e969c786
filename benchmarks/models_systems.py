"""The systems of `models.py`: one is fitted on one table, in a process and an environment of its own, and measured.

    python benchmarks/models_systems.py SYSTEM TABLES SET-SPLIT TASK BUDGET SEED OUT

Writes ``OUT.npz``, what it says of the test rows, and ``OUT.json``, what it cost. The errors are computed elsewhere, of
all systems by one code. Time is CPU time of the process and what it started, never the wall's: AutoGluon and FLAML ask
Python's clocks, so those are turned by CPU time before they are imported. What a system imports by itself counts as
part of its fit where it does that while fitting.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MOST_CALLS, LEAST_CALLS, MOST_SECONDS = 60, 5, 0.5


def cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def turn_clocks() -> None:
    """Let Python's clocks tell CPU seconds: on a busy machine the wall's would take a peer's time away."""
    start, spent = time.time(), cpu()

    def clock() -> float:
        return start + cpu() - spent

    time.time = time.perf_counter = time.monotonic = clock


class Fitted:
    """A system that has learned.

    Parameters
    ----------
    classes : list of str
        In the order of the columns of ``ask``; empty in a regression.
    ask : callable
        From rows, as the system takes them, to probabilities or values.
    rows : callable
        From a frame and numbers of its rows to those rows as the system takes them.
    size : callable
        Bytes of what has to lie on a disk for it to answer.
    about : dict
        What else is worth keeping.
    """

    def __init__(
        self,
        classes: Sequence[str],
        ask: Callable[[Any], Any],
        size: Callable[[], int],
        *,
        rows: Callable[[pd.DataFrame, np.ndarray], Any] = lambda X, numbers: X.iloc[numbers].reset_index(drop=True),
        ask_one: Callable[[Any], Any] | None = None,
        about: dict[str, Any] | None = None,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self.classes = [str(each) for each in classes]
        self.ask, self.ask_one, self.rows, self.size = ask, ask_one or ask, rows, size
        self.about = about or {}
        self.prepare = prepare


Fit = Callable[[pd.DataFrame, pd.Series, str, float, int], Fitted]
Test = pd.DataFrame


# --- noria ------------------------------------------------------------------------------------------------------------


def noria(ensemble: str) -> Callable[[], Fit]:
    def load() -> Fit:
        import pyarrow as pa

        from noria.preparation.frame import frame
        from noria.registry import format as formats
        from noria.scoring.learning import learn
        from noria.scoring.proof.compiled import compiled
        from noria.scoring.proof.files import load_plan, reason_of
        from noria.scoring.scorer import Scorer
        from training_search import searched

        def fit(X: pd.DataFrame, y: pd.Series, task: str, budget: float, seed: int) -> Fitted:
            table = pa.Table.from_pandas(X, preserve_index=False)
            columns = [(name, "float" if kind.kind == "f" else "category") for name, kind in X.dtypes.items()]
            truth = y.to_numpy(np.float64 if task == "regression" else object)
            started = cpu()
            made = searched(frame(table, columns), truth, task, seed=seed, ensemble=ensemble, budget=budget)
            fitted = cpu()
            # As a version is registered: compiled, the plan proven equal to the libraries, then only the plan loaded.
            signature = learn(table, columns, task=task, target="target", missing="impute", unseen="ignore")
            model, proven = formats.save(made.model), compiled(made.model, signature)
            plan = load_plan(proven)
            engine = "library" if plan is None else "plan"
            scorer = Scorer(plan or made.model, signature, name="m", number=1, engine=engine)

            def whole(rows: pa.Table) -> Any:
                said = scorer.score_table(rows)
                if task == "regression":
                    return said["prediction"].to_numpy()
                return np.column_stack([said[f"p.{name}"].to_numpy() for name in scorer.classes])

            return Fitted(
                scorer.classes,
                whole,
                lambda: sum(map(len, model.values())) + sum(map(len, proven.values())),
                rows=lambda X, numbers: pa.Table.from_pandas(X.iloc[numbers], table.schema, preserve_index=False),
                ask_one=lambda rows: scorer.score(rows),
                about={
                    "fit_seconds": fitted - started,
                    "compile_seconds": cpu() - fitted,
                    "engine": engine,
                    "reason": "" if plan is not None else reason_of(proven),
                    "winner": made.winner.name,
                    "stopped_by": made.stopped_by,
                    "tried": len(made.table),
                    "table": [
                        {
                            "name": each.name, "family": each.family, "mean": each.mean, "status": each.status,
                            "seconds": round(each.seconds, 2), "note": each.note, "params": dict(each.params),
                            "folds": len(each.scores),
                        }
                        for each in made.table
                    ],
                    "finalists": [each.to_json() for each in made.finalists],
                },
            )  # fmt: skip

        return fit

    return load


# --- peers that search ------------------------------------------------------------------------------------------------


def autogluon(**further: object) -> Callable[[], Fit]:
    def load() -> Fit:
        from autogluon.tabular import TabularPredictor

        def fit(X: pd.DataFrame, y: pd.Series, task: str, budget: float, seed: int) -> Fitted:
            kind = "regression" if task == "regression" else "binary" if y.nunique() == 2 else "multiclass"
            metric = {"regression": "root_mean_squared_error", "binary": "roc_auc", "multiclass": "log_loss"}[kind]
            folder = Path(tempfile.mkdtemp())
            started = cpu()
            made = TabularPredictor(
                label="target", problem_type=kind, eval_metric=metric, path=str(folder / "all"), verbosity=2
            ).fit(
                X.assign(target=y), presets="good_quality", time_limit=budget, num_cpus=1, num_gpus=0, **further
            )  # fmt: skip
            spent = cpu() - started
            board = made.leaderboard(silent=True)
            keep = ["model", "score_val", "fit_time", "pred_time_val", "stack_level", "can_infer"]
            about = {
                "fit_seconds": spent,
                "winner": made.model_best,
                "table": json.loads(board[keep].to_json(orient="records")),
                "models": {name: str(info) for name, info in _members(made).items()},
            }
            ask = made.predict if task == "regression" else made.predict_proba
            classes = [] if task == "regression" else list(made.class_labels)

            def size() -> int:
                clone = Path(made.clone_for_deployment(str(folder / "deployed")))
                return sum(file.stat().st_size for file in clone.rglob("*") if file.is_file())

            return Fitted(classes, lambda rows: ask(rows).to_numpy(), size, about=about, prepare=lambda: made.persist())

        return fit

    return load


def _members(made: Any) -> dict[str, object]:
    """Give what the winner of AutoGluon is made of."""
    best = made.model_best
    info = made.info()["model_info"].get(best, {})
    children = info.get("children_info", {})
    weights = {name: child.get("model_weights") for name, child in children.items()}
    return {best: weights or info.get("model_weights") or info.get("stacker_info") or ""}


def flaml() -> Fit:
    from flaml import AutoML

    def fit(X: pd.DataFrame, y: pd.Series, task: str, budget: float, seed: int) -> Fitted:
        metric = "rmse" if task == "regression" else "roc_auc" if y.nunique() == 2 else "log_loss"
        started = cpu()
        made = AutoML()
        made.fit(X, y.to_numpy(), task=task, metric=metric, time_budget=budget, n_jobs=1, seed=seed, verbose=0)
        about = {
            "fit_seconds": cpu() - started,
            "winner": made.best_estimator,
            "tried": len(made.config_history or {}),
            "params": {key: str(value) for key, value in (made.best_config or {}).items()},
            "table": [
                {"name": name, "mean": loss if np.isfinite(loss) else None}
                for name, loss in made.best_loss_per_estimator.items()
            ],
        }
        classes = [] if task == "regression" else list(made.classes_)
        return Fitted(
            classes, made.predict if task == "regression" else made.predict_proba,
            lambda: len(pickle.dumps(made)), about=about,
        )  # fmt: skip

    return fit


# --- libraries as they come -------------------------------------------------------------------------------------------


class Categories:
    """Text columns as categories of those that were learned from; others are missing."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.kinds = {
            name: pd.CategoricalDtype(sorted(X[name].dropna().unique()))
            for name, kind in X.dtypes.items()
            if kind.kind != "f"
        }

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return X.astype(self.kinds)


class Strings:
    """Text columns without gaps, as CatBoost takes them."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.names = [name for name, kind in X.dtypes.items() if kind.kind != "f"]

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return X.assign(**{name: X[name].astype(object).fillna("missing") for name in self.names})


class Same:
    def __init__(self, X: pd.DataFrame) -> None:
        pass

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return X


def library(
    build: Callable[[str, pd.DataFrame], Any], prepared: type[Any], *, coded: bool = False
) -> Callable[[], Fit]:
    def load() -> Fit:
        import sklearn.ensemble  # noqa: F401 - as the others, before the clock starts

        def fit(X: pd.DataFrame, y: pd.Series, task: str, budget: float, seed: int) -> Fitted:
            classes, codes = np.unique(y.to_numpy(), return_inverse=True)
            started = cpu()
            shape = prepared(X)
            model = build(task, X)
            model.fit(shape.transform(X), codes if coded and task == "classification" else y.to_numpy())
            spent = cpu() - started
            ask = model.predict if task == "regression" else model.predict_proba
            return Fitted(
                [] if task == "regression" else list(classes),
                lambda rows: ask(shape.transform(rows)),
                lambda: len(pickle.dumps((shape, model))),
                about={"fit_seconds": spent},
            )

        return fit

    return load


def _either(task: str, classifier: Any, regressor: Any, **given: Any) -> Any:
    return (regressor if task == "regression" else classifier)(**given)


def _lightgbm(task: str, X: pd.DataFrame) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return _either(task, LGBMClassifier, LGBMRegressor, n_jobs=1, verbose=-1)


def _xgboost(task: str, X: pd.DataFrame) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    return _either(task, XGBClassifier, XGBRegressor, n_jobs=1, enable_categorical=True)


def _catboost(task: str, X: pd.DataFrame) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    return _either(
        task, CatBoostClassifier, CatBoostRegressor, thread_count=1, verbose=False, allow_writing_files=False,
        cat_features=Strings(X).names,
    )  # fmt: skip


def _hist_boosting(task: str, X: pd.DataFrame) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return _either(
        task, HistGradientBoostingClassifier, HistGradientBoostingRegressor, random_state=0,
        categorical_features="from_dtype",
    )  # fmt: skip


def _columns(X: pd.DataFrame, numbers: Any, texts: Any) -> Any:
    from sklearn.compose import ColumnTransformer

    names = Strings(X).names
    return ColumnTransformer([("numbers", numbers, [n for n in X.columns if n not in names]), ("texts", texts, names)])


def _random_forest(task: str, X: pd.DataFrame) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    forest = _either(task, RandomForestClassifier, RandomForestRegressor, random_state=0)
    return make_pipeline(_columns(X, SimpleImputer(strategy="median"), codes), forest)


def _linear(task: str, X: pd.DataFrame) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist")
    if task == "regression":
        return make_pipeline(_columns(X, numbers, texts), RidgeCV(np.logspace(-3, 3, 13)))
    penalty = LogisticRegressionCV(
        Cs=10, cv=5, scoring="neg_log_loss", max_iter=2000, l1_ratios=(0.0,), use_legacy_attributes=False
    )
    return make_pipeline(_columns(X, numbers, texts), penalty)


SYSTEMS: dict[str, Callable[[], Fit]] = {
    "noria": noria("auto"),
    "noria single": noria("never"),
    "AutoGluon": autogluon(),
    "AutoGluon, no DyStack": autogluon(dynamic_stacking=False),
    "FLAML": lambda: flaml(),
    "LightGBM": library(_lightgbm, Categories),
    "XGBoost": library(_xgboost, Categories, coded=True),
    "CatBoost": library(_catboost, Strings),
    "HGB": library(_hist_boosting, Categories),
    "forest": library(_random_forest, Same),
    "linear": library(_linear, Strings),
}


# --- measuring --------------------------------------------------------------------------------------------------------


def median_ms(ask: Callable[[Any], object], each: Iterable[Any]) -> float:
    """CPU milliseconds of a call, the median of up to 60 within half a CPU-second, after three that warm up."""
    taken: list[float] = []
    for number, rows in enumerate(each):
        start = time.process_time()
        ask(rows)
        if number >= 3:
            taken.append(time.process_time() - start)
        if len(taken) >= MOST_CALLS or (len(taken) >= LEAST_CALLS and sum(taken) > MOST_SECONDS):
            break
    return 1000 * float(np.median(taken))


def measure(system: str, train: pd.DataFrame, test: Test, task: str, budget: float, seed: int, out: Path) -> None:
    if system in ("FLAML",) or system.startswith("AutoGluon"):
        turn_clocks()
    fit = SYSTEMS[system]()
    X, y, asked = train.drop(columns="target"), train["target"], test.drop(columns="target")
    started = cpu()
    made = fit(X, y, task, budget, seed)
    about = {"fit_seconds": cpu() - started, **made.about}
    made.prepare()
    said = np.asarray(made.ask(made.rows(asked, np.arange(len(asked)))), dtype=np.float64)
    numbers = np.resize(np.arange(len(asked)), MOST_CALLS + 3)
    ones = (made.rows(asked, numbers[n : n + 1]) for n in range(len(numbers)))
    if made.ask_one is not made.ask:  # noria's own way in for single rows takes records
        ones = (each.to_pylist() for each in ones)
    thousand = made.rows(asked, np.resize(np.arange(len(asked)), 1000))
    about |= {
        "row_ms": median_ms(made.ask_one, ones),
        "rows_ms": median_ms(made.ask, (thousand for _ in range(23))),
        "bytes": made.size(),
        "versions": _versions(),
    }
    np.savez_compressed(out.with_suffix(".npz"), said=said, classes=np.array(made.classes, dtype=str))
    out.with_suffix(".json").write_text(json.dumps(about, indent=1, default=str))


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (
        "autogluon.tabular",
        "flaml",
        "scikit-learn",
        "lightgbm",
        "xgboost-cpu",
        "catboost",
        "pandas",
        "numpy",
    ):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if "noria" in sys.modules:
        asked = ["git", "-C", str(Path(__file__).parents[1]), "log", "-1", "--format=%h", "--", "src/noria"]
        found["noria"] = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name, tables, cut, task, budget, seed, out = sys.argv[1:]
    parts = [pd.read_parquet(f"{tables}/{cut}-{part}.parquet") for part in ("train", "test")]
    measure(name, parts[0], parts[1], task, float(budget), int(seed), Path(out))

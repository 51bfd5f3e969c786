"""The models that `serving.py` asks every server for: registered with noria, and saved as its peers want them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NUMERIC, CATEGORIES = 14, 6
CLASSES = ("bad", "good")
MODELS = ("logistic", "forest", "hist_boosting", "lightgbm", "network")

PROJECT = """\
[project]
name = "serving"

[data]
source = "rows.csv"
target = "y"
positive = "good"

[model]
candidates = ["logistic"]
"""

PIPELINE = '''
"""A preparation and what stands behind it, as one object with predict_proba: what the peers of noria serve."""

from __future__ import annotations

import numpy as np


class Pipeline:
    """Frame to probabilities, by the libraries' own code."""

    def __init__(self, preparation, head):
        self.preparation = preparation
        self.head = head

    def predict_proba(self, frame):
        return np.asarray(self.head.predict_proba(self.preparation.transform(frame)))


class Boosted:
    """A LightGBM booster behind a preparation."""

    def __init__(self, preparation, booster):
        self.preparation = preparation
        self.booster = booster

    def predict_proba(self, frame):
        made = self.booster.predict(np.asarray(self.preparation.transform(frame)), num_threads=1)
        return np.column_stack([1 - made, made])


class Network:
    """A Keras model behind a preparation; called, not `predict`ed, which is its faster way for single rows."""

    def __init__(self, preparation, path):
        self.preparation = preparation
        self.path = path
        self.model = None

    def __getstate__(self):
        return {"preparation": self.preparation, "path": self.path, "model": None}

    def predict_proba(self, frame):
        if self.model is None:
            import keras
            self.model = keras.saving.load_model(self.path)
        made = np.asarray(self.model(np.asarray(self.preparation.transform(frame), dtype=np.float32)), dtype=float)
        return np.column_stack([1 - made, made])
'''


def frame_of(rows: list[dict[str, object]]) -> Any:
    """Give rows as the frame that the models were fitted on: texts as objects, gaps as NaN."""
    import pandas as pd

    made = pd.DataFrame(rows)
    for name in made.columns:
        made[name] = made[name].astype(float) if name.startswith("n") else made[name].astype(object)
    return made


def lay_out(root: Path, models: tuple[str, ...]) -> list[dict[str, object]]:
    """Fit, register and save the models; give rows to ask about.

    Leaves a project whose registry holds every model with a champion, and ``peers/NAME.joblib``.
    """
    import joblib
    import numpy as np
    import pyarrow as pa

    from noria.preparation.frame import frame
    from noria.preparation.recipe import preparation
    from noria.registry import format as formats
    from noria.scoring.learning import learn
    from noria.scoring.proof.compiled import compiled
    from noria.training.model import TabularModel
    from noria.workspace import Workspace

    (root / "noria.toml").write_text(PROJECT)
    (root / "rows.csv").write_text("y\n")
    peers = root / "peers"
    peers.mkdir()
    (peers / "peer_model.py").write_text(PIPELINE)
    sys.path.insert(0, str(peers))
    import peer_model  # type: ignore[import-not-found] # written above

    rng = np.random.default_rng(1)
    rows = 5_000
    made: dict[str, object] = {}
    for number in range(NUMERIC):
        made[f"n{number}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < (0.05 if number < 4 else 0))
    for number in range(CATEGORIES):
        made[f"c{number}"] = pa.array(list("abcdefgh")).take(pa.array(rng.integers(0, 8, rows)))
    table = pa.table(made)
    columns = [(name, "float" if name.startswith("n") else "category") for name in table.column_names]
    kinds = tuple((name, "number" if kind == "float" else "string") for name, kind in columns)
    X = frame(table, columns)
    y = (X["n5"].to_numpy() + rng.normal(size=rows) > 0).astype(int)
    signature = learn(table, columns, target="y", positive="good")
    opened = Workspace(root)
    for name in models:
        encoding, family, head = _head(name)
        prepared = preparation(columns, encoding=encoding, task="classification").fit(X, y)  # type: ignore[arg-type]
        head.fit(np.asarray(prepared.transform(X)), y)
        model = TabularModel("classification", family, kinds, prepared, head, CLASSES)  # type: ignore[arg-type]
        now = datetime.now(UTC)
        opened.registry.register(
            name, formats.save(model), run_id="b", dataset="b@1", data_digest="b", task="classification",
            family=family, created=now, signature=signature.to_json(),
            evidence=compiled(model, signature, table.slice(0, 500)),
        )  # fmt: skip
        opened.aliases.move(name, "champion", 1, actor="b", reason="b", at=now)
        if name == "network":
            head.model.save(peers / "network.keras")
            peer = peer_model.Network(prepared, str(peers / "network.keras"))
        elif name == "lightgbm":
            peer = peer_model.Boosted(prepared, head.booster)
        else:
            peer = peer_model.Pipeline(prepared, head)
        joblib.dump(peer, peers / f"{name}.joblib")
    opened.close()
    return table.slice(0, 500).to_pylist()  # type: ignore[no-any-return]


def _head(name: str) -> tuple[str, str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    from noria.training.boosting import BOOSTING
    from noria.training.family import Fitting

    fitting = Fitting(task="classification", seed=1, n_classes=2)
    if name == "network":
        from noria.training.keras import KERAS_MLP

        return "linear", "keras_mlp", KERAS_MLP.build({"hidden": (64, 32)}, fitting)
    if name == "lightgbm":
        return "tree", "boosting", BOOSTING.build({}, fitting)
    if name == "forest":
        return "tree", "random_forest", RandomForestClassifier(200, max_depth=14, random_state=1)
    if name == "hist_boosting":
        return "tree", "hist_boosting", HistGradientBoostingClassifier(max_iter=200, random_state=1)
    return "linear", "logistic", LogisticRegression(max_iter=500)

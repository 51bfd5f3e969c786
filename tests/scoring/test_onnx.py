"""ONNX files: written, asked by ONNX Runtime, and held back where they answer otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from noria.errors import CheckFailed, MissingExtra, WrongArgument
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.scoring import onnx as exporting
from noria.scoring.compiling.network import compile_sequential
from noria.scoring.learning import learn
from noria.scoring.onnx import export_onnx
from noria.training.dense import Dense
from noria.training.ensemble import EnsembleModel
from noria.training.family import Fitting
from noria.training.keras import KerasMLP
from noria.training.model import TabularModel, columns_of
from noria.training.own_network import NetworkMeta, OwnNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from noria.scoring.signature import Signature
    from noria.training.family import Estimator

needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxruntime")), reason="the onnx extra"
)
needs_skl2onnx = pytest.mark.skipif(find_spec("skl2onnx") is None, reason="the onnx extra: skl2onnx")
needs_onnxmltools = pytest.mark.skipif(find_spec("onnxmltools") is None, reason="the onnx extra: onnxmltools")
COLUMNS = [("age", "int"), ("income", "float"), ("grade", "category")]
RNG = np.random.default_rng(4)


def table(count: int) -> pa.Table:
    rng = np.random.default_rng(count)
    return pa.table(
        {
            "age": pa.array(rng.integers(18, 76, count), mask=rng.random(count) < 0.1),
            "income": rng.lognormal(size=count) * 1e4,
            "grade": rng.choice(["A", "B", "C"], count),
        }
    )


def model_of(head: object, n_classes: int, encoding: str = "linear") -> tuple[TabularModel, Signature]:
    """Put an estimator behind a fitted preparation; one that has yet to learn is fitted."""
    rows = table(300)
    sample = frame(rows, COLUMNS)
    task = "classification" if n_classes else "regression"
    ages = np.nan_to_num(sample["age"].to_numpy(), nan=40.0)
    y = np.digitize(ages, np.quantile(ages, np.arange(1, n_classes) / n_classes)) if n_classes else ages * 10
    prepared = preparation(COLUMNS, encoding=encoding, task=task)
    matrix = np.ascontiguousarray(prepared.fit_transform(sample, y), dtype=np.float64)
    made: Estimator = head(matrix.shape[1]) if callable(head) else head
    if not isinstance(made, KerasMLP):
        made.fit(matrix, y)
    classes = tuple("abcd"[:n_classes]) or None
    model = TabularModel(task, "family", columns_of(sample), prepared, made, classes)
    return model, learn(rows, COLUMNS, task=task, target="y")


def perceptron(n_classes: int, width: int) -> KerasMLP:
    last, n_out = {0: ("linear", 1), 2: ("sigmoid", 1)}.get(n_classes, ("softmax", n_classes))
    shapes = [(width, 8, "relu"), (8, 5, "relu"), (5, n_out, last)]
    layers = [
        Dense(RNG.normal(0, 0.5, (n, m)).astype(np.float32), RNG.normal(size=m).astype(np.float32), activation)
        for n, m, activation in shapes
    ]
    fitting = Fitting("classification" if n_classes else "regression", 1, n_classes=n_classes)
    return KerasMLP({}, fitting, layers, 0.0 if n_classes else 70.0, 1.0 if n_classes else 12.5)


def asked(data: bytes, model: TabularModel) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    matrix = np.asarray(model.preparation.transform(frame(table(50), COLUMNS)), dtype=np.float32)
    return session.run(["probabilities" if model.classes else session.get_outputs()[0].name], {"x": matrix})[0]


@needs_onnx
@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_a_perceptron_is_written_without_keras(n_classes: int) -> None:
    model, signature = model_of(lambda width: perceptron(n_classes, width), n_classes)
    made = export_onnx(model, signature, about={"noria.version": "m@1"})
    said = asked(made.data, model)
    rows = frame(table(50), COLUMNS)
    expected = model.predict_proba(rows) if n_classes else model.predict(rows).reshape(-1, 1)
    np.testing.assert_allclose(said, expected, rtol=1e-4, atol=1e-5)
    assert made.rows == 1000
    assert made.largest < 1e-3


@needs_onnx
def test_the_file_says_what_it_takes_and_means() -> None:
    import onnx

    model, signature = model_of(lambda width: perceptron(2, width), 2)
    made = export_onnx(model, signature, about={"noria.version": "m@1"})
    told = {entry.key: entry.value for entry in onnx.load_from_string(made.data).metadata_props}
    assert json.loads(told["noria.features"]) == list(made.features)
    assert json.loads(told["noria.classes"]) == ["a", "b"]
    assert (told["noria.task"], told["noria.version"]) == ("classification", "m@1")
    onnx.checker.check_model(onnx.load_from_string(made.data), full_check=True)


@needs_onnx
@pytest.mark.parametrize(
    "activation",
    ["linear", "relu", "sigmoid", "tanh", "elu", "selu", "gelu", "softplus", "silu", "leaky_relu"],
)
def test_every_activation_of_a_plan_is_written(activation: str) -> None:
    import onnxruntime

    config = {
        "layers": [
            {"class_name": "BatchNormalization", "config": {"axis": -1, "epsilon": 1e-3}},
            {"class_name": "Dense", "config": {"units": 5, "activation": activation}},
            {"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}},
        ]
    }
    shapes = [(4,), (4,), (4,), (4,), (4, 5), (5,), (5, 3), (3,)]
    weights = [np.abs(RNG.normal(size=shape)).astype(np.float32) * (0.5 - 0.2 * n) for n, shape in enumerate(shapes)]
    weights[3] = np.abs(weights[3]) + 0.5  # a variance
    network = compile_sequential(config, weights, 3)
    data = exporting._of_layers(network, 4).SerializeToString()
    X = RNG.normal(size=(20, 4))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": X.astype(np.float32)})[0], network.answer(X), atol=1e-5)


@needs_onnx
@needs_skl2onnx
@pytest.mark.parametrize("name", ["Ridge", "LogisticRegression", "RandomForestClassifier"])
def test_estimators_of_scikit_learn_are_written(name: str) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge

    head = {
        "Ridge": Ridge(),
        "LogisticRegression": LogisticRegression(max_iter=500),
        "RandomForestClassifier": RandomForestClassifier(10, max_depth=4, random_state=1),
    }[name]
    model, signature = model_of(head, 0 if name == "Ridge" else 3)
    made = export_onnx(model, signature)
    rows = frame(table(50), COLUMNS)
    expected = model.predict(rows).reshape(-1, 1) if name == "Ridge" else model.predict_proba(rows)
    np.testing.assert_allclose(asked(made.data, model), expected, rtol=1e-4, atol=1e-4)


@needs_onnx
@needs_skl2onnx
def test_what_answers_otherwise_is_not_handed_over() -> None:
    from sklearn.linear_model import LinearRegression

    model, signature = model_of(LinearRegression(), 0)
    model.head.intercept_ = 1e8  # beside it float32 drops what the rows say
    with pytest.raises(CheckFailed, match="is not handed over") as caught:
        export_onnx(model, signature)
    assert "made-up rows differ" in caught.value.why


@needs_onnx
@needs_onnxmltools
def test_a_booster_is_written() -> None:
    from noria.training.boosting import LightGBM

    fitting = Fitting("classification", 1, n_classes=2, rounds=20)
    model, signature = model_of(LightGBM({"leaves": 4}, fitting), 2, encoding="linear")
    made = export_onnx(model, signature)
    rows = frame(table(50), COLUMNS)
    np.testing.assert_allclose(asked(made.data, model), model.predict_proba(rows), atol=1e-4)


def graph(meta: NetworkMeta) -> object:
    """A network that is no stack."""
    import keras

    inputs = keras.Input((meta.n_features,))
    x = keras.layers.Dense(6, activation="tanh")(inputs)
    x = keras.layers.Concatenate()([inputs, x])
    return keras.Model(inputs, keras.layers.Dense(meta.n_outputs, activation=meta.activation)(x))


@needs_onnx
@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(any(find_spec(name) is None for name in ("keras", "tf2onnx")), reason="the keras and onnx extras")
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_a_graph_is_written_by_keras(n_classes: int) -> None:
    fitting = Fitting("classification" if n_classes else "regression", 1, n_classes=n_classes, rounds=3)
    model, signature = model_of(OwnNetwork({}, fitting, graph, "graph"), n_classes)
    made = export_onnx(model, signature)
    rows = frame(table(50), COLUMNS)
    expected = model.predict_proba(rows) if n_classes else model.predict(rows).reshape(-1, 1)
    np.testing.assert_allclose(asked(made.data, model), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["ensemble", "balanced", "clustering"])
def test_what_has_no_onnx_says_why(kind: str) -> None:
    model, signature = model_of(lambda width: perceptron(2, width), 2)
    made = {
        "ensemble": EnsembleModel((model, model), (0.5, 0.5), {}),
        "balanced": replace(model, ratios=(1.0, 2.0)),
        "clustering": replace(model, task="clustering", classes=None),
    }[kind]
    with pytest.raises(WrongArgument) as caught:
        export_onnx(made, signature)
    assert caught.value.code == "N-SCORING-032"
    assert caught.value.why


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda module: None)
    model, signature = model_of(lambda width: perceptron(2, width), 2)
    with pytest.raises(MissingExtra) as caught:
        export_onnx(model, signature)
    assert 'pip install "noria[onnx]"' in caught.value.mend

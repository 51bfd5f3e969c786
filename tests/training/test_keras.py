"""The one file that starts TensorFlow: the perceptron, its `.keras` file, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noria.errors import UntrustedFormat
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry import keras as keras_files
from noria.training.families import resolve
from noria.training.family import Fitting
from noria.training.folds import folds
from noria.training.keras import KerasMLP
from noria.training.search import select

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from noria.training.candidate import Selection
    from noria.training.model import Prediction

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of TensorFlow's own import
    pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is None, reason="the keras extra"),
]


def squared(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.mean((y - prediction.values) ** 2))


def wrong(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.mean(y != prediction.values))


def chosen(X: pd.DataFrame, y: np.ndarray, task: str, error: Callable[..., float]) -> Selection:
    columns = [(name, "float") for name in X.columns]
    return select(
        X,
        y,
        task=task,
        families=resolve(["keras_mlp"], task),
        prepare=lambda family, _rows: preparation(columns, encoding=family.encoding, task=task),
        error=error,
        splitter=folds(y, n_rows=len(X), task=task, k=2),
        seed=3,
        trials=1,
    )


@pytest.fixture(scope="module")
def selection() -> Selection:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return chosen(X, y.to_numpy(float), "regression", squared)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True)["data"]


@pytest.fixture(scope="module")
def files(selection: Selection) -> dict[str, bytes]:
    return formats.save(selection.model)


def test_it_learns_more_than_the_baseline(selection: Selection) -> None:
    assert selection.winner.family == "keras_mlp"
    assert selection.beats_baseline


def test_numpy_answers_as_keras_does(selection: Selection, files: dict[str, bytes], frame: pd.DataFrame) -> None:
    head = selection.model.head
    assert isinstance(head, KerasMLP)
    matrix = selection.model.preparation.transform(frame)
    network = keras_files.open_model(files["head.keras"])
    expected = np.asarray(network(np.asarray(matrix, dtype=np.float32)))[:, 0] * head.spread + head.center
    np.testing.assert_allclose(head.predict(matrix), expected, rtol=1e-4)


def test_round_trip_is_bit_equal(selection: Selection, files: dict[str, bytes], frame: pd.DataFrame) -> None:
    again = formats.load(files)
    np.testing.assert_array_equal(again.predict(frame), selection.model.predict(frame))
    assert formats.save(again)["head.keras"] == files["head.keras"]


def test_classes_and_probabilities_survive() -> None:
    from sklearn.datasets import load_iris

    X, numbers = load_iris(return_X_y=True, as_frame=True)
    y = np.array(["setosa", "versicolor", "virginica"], dtype=object)[numbers.to_numpy()]
    made = chosen(X, y, "classification", wrong)
    again = formats.load(formats.save(made.model))
    np.testing.assert_array_equal(again.predict_proba(X), made.model.predict_proba(X))
    np.testing.assert_allclose(again.predict_proba(X).sum(axis=1), 1)
    assert again.classes == ("setosa", "versicolor", "virginica")
    assert (again.predict(X) == y).mean() > 0.85


def rewritten(data: bytes, member: str, change: Callable[[bytes], bytes], extra: str | None = None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == member else content)
        if extra is not None:
            new.writestr(extra, b"")
    return made.getvalue()


def layer(config: dict[str, object], change: dict[str, object]) -> bytes:
    config["config"]["layers"][1].update(change)
    return json.dumps(config).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"class_name": "Lambda", "registered_name": "Lambda"},
        {"module": "os", "class_name": "system"},
        {"registered_name": "Mine>Dense"},
        {"config": {"units": 1, "activation": {"module": "builtins", "class_name": "function", "config": "exec"}}},
        {"config": {"units": 1, "activation": "relu", "use_bias": True, "url": "file:///etc/passwd"}},
    ],
    ids=["lambda", "foreign module", "registered", "activation", "unknown key"],
)
def test_a_layer_off_the_list_is_refused(files: dict[str, bytes], change: dict[str, object]) -> None:
    hostile = rewritten(files["head.keras"], "config.json", lambda old: layer(json.loads(old), change))
    with pytest.raises(UntrustedFormat):
        formats.load({**files, "head.keras": hostile})


def test_a_further_member_is_refused(files: dict[str, bytes]) -> None:
    hostile = rewritten(files["head.keras"], "config.json", lambda old: old, extra="assets/../../x")
    with pytest.raises(UntrustedFormat, match="not a network"):
        formats.load({**files, "head.keras": hostile})


def test_arrays_that_do_not_fit_are_refused(files: dict[str, bytes]) -> None:
    made = io.BytesIO()
    np.savez(made, kernel0=np.zeros((3, 3), dtype=np.float32), bias0=np.zeros(3, dtype=np.float32))
    with pytest.raises(UntrustedFormat, match="not a network"):
        formats.load({**files, "head.npz": made.getvalue()})


def test_pickled_arrays_are_refused(files: dict[str, bytes]) -> None:
    made = io.BytesIO()
    np.savez(made, kernel0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UntrustedFormat, match="not a network"):
        formats.load({**files, "head.npz": made.getvalue()})


def test_a_small_spread_on_a_large_target_is_learned() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 2))
    y = 1e9 + X[:, 0]  # in single precision every one of them is 1e9
    head = KerasMLP({"hidden": (16,), "learning_rate": 5e-3}, Fitting("regression", 1, n_rows=300)).fit(X, y)
    assert np.corrcoef(head.predict(X) - 1e9, X[:, 0])[0, 1] > 0.9

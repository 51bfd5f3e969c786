"""Networks of the user's own, fitted by Keras: epochs, curves, deadlines, files, plans, and what is refused."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from noria.errors import UntrustedFormat, WorkFailed, WrongSetting
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry import keras as keras_files
from noria.scoring.compiling.compile import compile_model
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.learning import learn
from noria.scoring.plan import network as plan_network
from noria.scoring.plan.refusals import TooLarge
from noria.scoring.proof.compiled import compiled
from noria.scoring.proof.files import FOLDER
from noria.scoring.scorer import Scorer
from noria.training.families import resolve
from noria.training.family import Fitting, OutOfTime
from noria.training.folds import folds
from noria.training.inner import Bonds
from noria.training.layers import LAYERS
from noria.training.own_network import LARGEST, OwnNetwork, Unanswerable, own_network
from noria.training.rounds import rounds_for
from noria.training.search import select

sys.path.insert(0, str(Path(__file__).parent))
from networks import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from noria.training.candidate import Selection
    from noria.training.model import Prediction

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of TensorFlow's own import
    pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is None, reason="the keras extra"),
]

Told = tuple[str, bool, int, dict[str, float]]


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("nets")
    (folder / "nets_of_mine.py").write_text(GOOD + BAD)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("nets_of_mine", None)


def chosen(X: pd.DataFrame, y: np.ndarray, task: str, build: str, told: list[Told]) -> Selection:
    def error(y: np.ndarray, said: Prediction) -> float:
        return float(np.mean(y != said.values)) if task == "classification" else float(np.mean((y - said.values) ** 2))

    columns = [(name, "float") for name in X.columns]
    return select(
        X,
        y,
        task=task,
        families=resolve([{"build": f"nets_of_mine:{build}"}], task),
        prepare=lambda family, _rows: preparation(columns, encoding=family.encoding, task=task),
        error=error,
        splitter=folds(y, n_rows=len(X), task=task, k=2),
        seed=3,
        trials=1,
        follow=lambda *said: told.append(said),
    )


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_iris

    X, numbers = load_iris(return_X_y=True, as_frame=True)
    return X, np.array(["setosa", "versicolor", "virginica"], dtype=object)[numbers.to_numpy()]


@pytest.fixture(scope="module")
def diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X, y.to_numpy(float)


@pytest.fixture(scope="module")
def heard() -> list[Told]:
    return []


@pytest.fixture(scope="module")
def wide(diabetes: tuple[pd.DataFrame, np.ndarray], heard: list[Told]) -> Selection:
    return chosen(*diabetes, "regression", "wide", heard)


@pytest.fixture(scope="module")
def residual(iris: tuple[pd.DataFrame, np.ndarray]) -> Selection:
    return chosen(*iris, "classification", "residual", [])


def test_it_wins_and_its_epochs_are_found_once_and_carried_over(wide: Selection) -> None:
    assert wide.winner.family == "wide"
    assert wide.beats_baseline
    assert wide.winner.rounds == int(np.argmin(wide.winner.curve["val_loss"])) + 1
    assert wide.model.head.rounds == rounds_for(442, found=wide.winner.rounds, on=221)


def test_the_first_fold_and_the_last_fit_are_followed_epoch_by_epoch(wide: Selection, heard: list[Told]) -> None:
    first = [one for one in heard if not one[1]]
    last = [one for one in heard if one[1]]
    assert [one[2] for one in first] == list(range(len(wide.winner.curve["loss"])))
    assert [one[2] for one in last] == list(range(wide.model.head.rounds))
    assert [one[3]["val_loss"] for one in first] == list(wide.winner.curve["val_loss"])
    assert all(set(one[3]) == {"loss"} and one[0] == "wide" for one in last)
    record = json.loads(json.dumps(wide.winner.to_json()))["curve"]
    np.testing.assert_allclose(record["loss"], wide.winner.curve["loss"], rtol=1e-5)


def test_a_row_of_layers_is_compiled_and_answers_as_keras_does(
    wide: Selection, diabetes: tuple[pd.DataFrame, np.ndarray]
) -> None:
    plan = compile_model(wide.model)
    X, _ = diabetes
    matrix = np.asarray(wide.model.preparation.transform(X))
    difference = np.abs(plan.head.answer(matrix) - wide.model.predict(X))
    assert (difference <= plan.head.bound(matrix)).all()
    assert difference.max() < 1e-2  # of values about 150


def test_a_graph_is_answered_by_keras_and_says_why(residual: Selection) -> None:
    with pytest.raises(Unsupported, match="'add' does not take what the one before it gives"):
        compile_model(residual.model)


def test_a_file_needs_nothing_of_the_users_own(
    residual: Selection, iris: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch, nets: Path
) -> None:
    files = formats.save(residual.model)
    monkeypatch.delitem(sys.modules, "nets_of_mine")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(nets)])
    again = formats.load(files)
    np.testing.assert_array_equal(again.predict_proba(iris[0]), residual.model.predict_proba(iris[0]))
    np.testing.assert_allclose(again.predict_proba(iris[0]).sum(axis=1), 1, rtol=1e-12)
    assert again.predict(iris[0]).tolist() == residual.model.predict(iris[0]).tolist()
    assert formats.save(again) == files
    assert json.loads(files["meta.json"])["backend"] == "tensorflow"


def test_what_float32_cannot_hold_is_refused_by_both(wide: Selection) -> None:
    assert plan_network.LARGEST == LARGEST
    head, plan = wide.model.head, compile_model(wide.model).head
    at_most, beyond, missing = np.full((1, 10), 1e30), np.full((1, 10), 1.1e30), np.full((1, 10), np.nan)
    assert np.isfinite(head.predict(at_most)).all()
    assert np.isfinite(plan.answer(at_most)).all()
    for rows in (beyond, missing):
        with pytest.raises(Unanswerable):
            head.predict(rows)
    with pytest.raises(TooLarge):
        plan.answer(beyond)


def test_nothing_is_learned_from_missing_values() -> None:
    X = np.array([[1.0, np.nan]] * 80)
    with pytest.raises(WrongSetting, match="would learn from missing values"):
        fitted("wide", Fitting("regression", 1), X, np.arange(80.0))


class Shelf:
    """A version's files in memory."""

    def __init__(self, model: dict[str, bytes], plan: dict[str, bytes]) -> None:
        self.model, self.plan = model, plan

    def files(self, version: object, folder: str = "") -> dict[str, bytes]:
        return {name.removeprefix(FOLDER): data for name, data in self.plan.items()} if folder else self.model


@pytest.mark.parametrize("build", ["wide", "residual"])
def test_a_server_says_what_answers(build: str, request: pytest.FixtureRequest) -> None:
    selection = request.getfixturevalue(build)
    X, _ = request.getfixturevalue("diabetes" if build == "wide" else "iris")
    columns = [(name, "float") for name in X.columns]
    rows = pa.table({name: X[name].to_numpy() for name in X.columns})
    signature = learn(rows, columns, task=selection.model.task, target="y")
    shelf = Shelf(formats.save(selection.model), compiled(selection.model, signature, rows))
    version = SimpleNamespace(signature=signature.to_json(), model="mine", number=1)
    scorer = Scorer.load(shelf, version)
    answers = scorer.score([{name: float(X[name].iloc[number]) for name in X.columns} for number in range(20)])
    said = [answer.prediction for answer in answers]
    if build == "wide":
        assert (scorer.engine, scorer.reason) == ("plan", "")
        np.testing.assert_allclose(said, selection.model.predict(X.iloc[:20]), rtol=1e-4)
    else:
        assert scorer.engine == "keras"
        assert "'add' does not take what the one before it gives" in scorer.reason
        assert said == list(selection.model.predict(X.iloc[:20]))


def fitted(build: str, fitting: Fitting, X: np.ndarray, y: np.ndarray) -> OwnNetwork:
    made = own_network({"build": f"nets_of_mine:{build}"}).build({}, fitting)
    assert isinstance(made, OwnNetwork)
    return made.fit(X, y)


def test_the_same_seed_gives_the_same_bytes() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = X[:, 0] + rng.normal(0, 0.1, 100)
    files = [
        keras_files.archive_of(fitted("wide", Fitting("regression", seed, rounds=2), X, y).model) for seed in (1, 1, 2)
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_fit_ends_at_its_deadline() -> None:
    X, asked = np.random.default_rng(0).normal(size=(100, 3)), iter(range(10_000))
    fitting = Fitting("regression", 1, rounds=50, seconds_left=lambda: 12.0 - next(asked))
    with pytest.raises(OutOfTime):
        fitted("wide", fitting, X, X[:, 0])
    assert next(asked) == 13


def test_a_fit_without_time_for_its_epochs_takes_fewer() -> None:
    X, asked = np.random.default_rng(0).normal(size=(100, 3)), iter(range(10_000))
    fitting = Fitting("regression", 1, seconds_left=lambda: 60.0 - next(asked))
    with pytest.warns(UserWarning, match="fewer rounds than it would take"):
        made = fitted("wide", fitting, X, X[:, 0])
    assert 1 <= made.rounds <= 10


def test_weights_count() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = (np.arange(200) % 2).astype(int)
    fitting = Fitting("classification", 1, n_classes=2, rounds=30)
    made = own_network({"build": "nets_of_mine:wide"}).build({}, fitting)
    proba = made.fit(X, y, sample_weight=np.where(y == 1, 9.0, 1.0)).predict_proba(X)
    assert proba[:, 1].mean() > 0.65


def test_neighbours_do_not_tell_a_network_to_learn_them_by_heart() -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(60), 10)
    X = rng.normal(size=(60, 8))[of] + 0.01 * rng.normal(size=(600, 8))
    y = 0.3 * X[:, 0] + rng.normal(size=60)[of]
    bound, free = (
        fitted("residual", Fitting("regression", 1, bonds=bonds), X, y).rounds for bonds in (Bonds.of(of), Bonds())
    )
    assert bound < free / 2


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ("number", "gave a int"),
        ("narrow", "gives 1 numbers a row, and there are 3 classes to tell"),
        ("greedy", "takes 5 numbers a row, and the matrix has 4 columns"),
        ("code", "has the layer 'lambda', a Lambda"),
        ("logits", "gives numbers that are no probabilities"),
        ("subclass", "gave a Mine, a class of its own"),
    ],
)
def test_what_is_no_network_for_the_task_is_told(build: str, says: str) -> None:
    X = np.random.default_rng(0).normal(size=(90, 4))
    with pytest.raises(WrongSetting) as caught:
        fitted(build, Fitting("classification", 1, n_classes=3), X, np.arange(90) % 3)
    assert caught.value.what.startswith(f"nets_of_mine:{build} ")
    assert says in caught.value.what
    assert caught.value.code == "N-TRAIN-082"


def test_a_race_of_such_alone_says_so(iris: tuple[pd.DataFrame, np.ndarray]) -> None:
    with pytest.raises(WorkFailed) as caught:
        chosen(*iris, "classification", "code", [])
    assert "a Lambda" in caught.value.why


def altered(files: dict[str, bytes], change: Callable[[dict[str, object]], object]) -> dict[str, bytes]:
    """Change the config of the second layer that has weights."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files["head.keras"])) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config["config"]["layers"][1])
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return {**files, "head.keras": made.getvalue()}


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.update(class_name="Lambda", registered_name="Lambda"),
        lambda layer: layer.update(class_name="StringLookup", registered_name="StringLookup"),
        lambda layer: layer.update(module="os", class_name="system"),
        lambda layer: layer.update(class_name={"a": 1}),
        lambda layer: layer["config"].update(activation={"class_name": "function", "config": "exec"}),
        lambda layer: layer["config"].update(activation="mine>evil"),
        lambda layer: layer["config"].update(units=10**9),
        lambda layer: layer["config"].update(vocabulary="/etc/passwd"),
        lambda layer: layer["config"].update(quantization_config={"mode": "int8"}),
        lambda layer: layer["config"]["dtype"]["config"].update(name="mixed_float16"),
        lambda layer: layer.update(config=None),
        lambda layer: layer["config"].update(kernel_initializer={"class_name": "Mine", "module": "os", "config": {}}),
    ],
    ids=(
        "lambda",
        "lookup",
        "module",
        "table",
        "activation",
        "own activation",
        "huge",
        "file",
        "quantised",
        "half",
        "nothing",
        "own initializer",
    ),
)
def test_a_network_off_the_list_is_refused(residual: Selection, change: Callable[[dict[str, object]], object]) -> None:
    files = formats.save(residual.model)
    with pytest.raises(UntrustedFormat, match=r"not a network"):
        formats.load(altered(files, change))


def test_weights_that_do_not_fit_are_refused(residual: Selection, wide: Selection) -> None:
    files = formats.save(residual.model)

    def wider(layer: dict[str, object]) -> None:
        layer["config"]["units"] = 17

    with pytest.raises(UntrustedFormat, match=r"not a network"):
        formats.load(altered(files, wider))


def test_the_list_of_layers_is_that_of_keras() -> None:
    import keras

    needed = {
        "InputLayer": ((3,),), "Dense": (2,), "Dropout": (0.1,), "AlphaDropout": (0.1,), "GaussianDropout": (0.1,),
        "GaussianNoise": (0.1,), "Activation": ("relu",), "Dot": (1,), "Reshape": ((1,),), "RepeatVector": (2,),
        "Rescaling": (2.0,), "Conv1D": (2, 2), "MaxPooling1D": (2,), "AveragePooling1D": (2,), "LSTM": (2,),
        "GRU": (2,), "MultiHeadAttention": (1, 2),
    }  # fmt: skip
    for name, settings in LAYERS.items():
        layer = getattr(keras.layers, name)(*needed.get(name, ()))
        assert set(layer.get_config()) <= settings, name

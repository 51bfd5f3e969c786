"""Models that other clients logged, made safe: opened elsewhere, bounded, and answering as they did."""

from __future__ import annotations

import json
import operator
import pickle
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from noria.errors import NoriaError, StepFailed, UntrustedFormat, WrongArgument
from noria.registry import format as formats
from noria.registry.adoption import Whence, adopt
from noria.registry.catalog import Registry
from noria.registry.conversion import Converted, convert
from noria.registry.models import Models
from noria.runs.artifacts import Artifacts
from noria.runs.runs import Runs
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.registry.version import ModelVersion

ROOMS = sorted((Path(__file__).parents[2] / "src" / "noria").glob("*/migrations"))
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {"age": RNG.normal(40, 9, 200), "income": RNG.normal(0, 1, 200), "grade": RNG.choice(["A", "B"], 200)}
)
LABEL = np.where(FRAME["age"] + RNG.normal(0, 5, 200) > 40, "bad", "good")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    database = Database(f"sqlite:///{tmp_path}/noria.db")
    upgrade(database, ROOMS)
    Models(database).create("churn model")
    yield Registry(database, Blobs(tmp_path / "objects"))
    database.close()


def described(flavor: str, **about: str) -> str:
    """Write an MLmodel file as the client does."""
    return f"flavors:\n  {flavor}:\n" + "".join(f"    {key}: {value}\n" for key, value in about.items())


def adopted(registry: Registry, files: dict[str, bytes], about: str = "") -> ModelVersion:
    run = Runs(registry.database).start("logged", "x")
    about = about or described("sklearn", pickled_model="model.pkl", serialization_format="cloudpickle")
    for path, content in {"MLmodel": about.encode(), **files}.items():
        Artifacts(registry.database).add(run, f"model/{path}", registry.blobs.put(content), len(content))
    return adopt(registry, "churn model", Whence(f"runs:/{run}/model", run, "model"))


def example(frame: pd.DataFrame) -> bytes:
    return json.dumps(frame.to_dict(orient="split", index=False)).encode()


def converted(registry: Registry, model: object, rows: pd.DataFrame | None = None, signature: str = "") -> Converted:
    files = {"model.pkl": pickle.dumps(model)}
    if rows is not None:
        files["input_example.json"] = example(rows)
    about = described("sklearn", pickled_model="model.pkl") + signature
    return convert(registry, adopted(registry, files, about))


def numbers(count: int = 3) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(size=(150, count))


def test_a_pipeline_with_names_and_categories(registry: Registry) -> None:
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    chosen = ColumnTransformer([("n", StandardScaler(), ["age", "income"]), ("c", filled, ["grade"])])
    model = Pipeline([("columns", chosen), ("head", LogisticRegression())]).fit(FRAME, LABEL)
    types = [{"name": n, "type": "string" if n == "grade" else "double"} for n in FRAME.columns]
    made = converted(registry, model, FRAME.head(20), f"signature:\n  inputs: '{json.dumps(types)}'\n")
    assert (made.task, made.classes, made.checked) == (
        "classification",
        ("bad", "good"),
        "20 rows of the input example",
    )
    assert made.columns == (("age", "number"), ("income", "number"), ("grade", "string"))
    assert made.categories == {"grade": ("A", "B")}
    loaded = formats.load(made.files)
    assert list(loaded.predict(FRAME)) == list(model.predict(FRAME))
    assert np.allclose(loaded.predict_proba(FRAME), model.predict_proba(FRAME))


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(10, random_state=0), make_pipeline(StandardScaler(), LogisticRegression()), LinearSVC()],
    ids=lambda model: type(model).__name__,
)
def test_classifiers_without_names(registry: Registry, model: Any) -> None:
    X = numbers()
    model.fit(X, (X[:, 0] > 0).astype(int) + 5)
    made = converted(registry, model)
    assert made.checked == "64 rows drawn at random"
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2"])
    assert list(formats.load(made.files).predict(frame)) == list(model.predict(X))


def test_a_model_that_the_client_kept_without_pickle(registry: Registry) -> None:
    X = FRAME[["age", "income"]]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABEL)
    files = {"model.skops": skops.io.dumps(model), "input_example.json": example(X.head(9))}
    about = described("sklearn", pickled_model="model.skops", serialization_format="skops")
    version = adopted(registry, files, about)
    assert version.unsafe == ""
    made = convert(registry, version)
    assert made.checked == "9 rows of the input example"
    assert list(formats.load(made.files).predict(X)) == list(model.predict(X))


def test_a_regression_and_clusters(registry: Registry) -> None:
    X = numbers()
    for model in (LinearRegression().fit(X, X[:, 0] * 2), KMeans(3, n_init=1, random_state=0).fit(X)):
        made = converted(registry, model, pd.DataFrame(X[:5]))
        frame = pd.DataFrame(X, columns=[name for name, _ in made.columns])
        assert np.allclose(np.asarray(formats.load(made.files).predict(frame), float), model.predict(X))
        assert made.task == ("clustering" if isinstance(model, KMeans) else "regression")


@pytest.mark.parametrize("pickled", [False, True])
def test_lightgbm(registry: Registry, pickled: bool) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    X = FRAME[["age", "income"]]
    model = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1).fit(X, LABEL)
    name = "model.pkl" if pickled else "model.lgb"
    content = pickle.dumps(model) if pickled else model.booster_.model_to_string().encode()
    version = adopted(
        registry,
        {name: content, "input_example.json": example(X.head(9))},
        described("lightgbm", data=name, serialization_format="skops"),
    )
    made = convert(registry, version)
    loaded = formats.load(made.files)
    assert made.checked == "9 rows of the input example"
    if pickled:
        assert list(loaded.predict(X)) == list(model.predict(X))
    else:
        assert made.task == "regression"
        assert np.allclose(np.asarray(loaded.predict(X), float), model.predict_proba(X)[:, 1])


def test_xgboost(registry: Registry, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    X = FRAME[["age", "income"]]
    y = (LABEL == "bad").astype(int)
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, y)
    model.save_model(tmp_path / "model.json")
    about = described("xgboost", data="model.json", model_class="xgboost.sklearn.XGBClassifier")
    files = {"model.json": (tmp_path / "model.json").read_bytes(), "input_example.json": example(X.head(9))}
    made = convert(registry, adopted(registry, files, about))
    assert (made.classes, made.checked) == ((0, 1), "9 rows of the input example")
    assert list(formats.load(made.files).predict(X)) == list(model.predict(X))


class Runner:
    """Runs some code when it is opened."""

    def __init__(self, code: str) -> None:
        self.code = textwrap.dedent(code)

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, (self.code,))


def test_a_pickle_gets_nothing_of_this_process(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    told = tmp_path / "told.json"
    code = f"""
        import json, os, resource, sys
        told = [dict(os.environ), os.getcwd(), os.getppid(), "noria" in sys.modules]
        told += [resource.getrlimit(resource.RLIMIT_CORE)[1], sorted(os.listdir("/proc/self/fd"))]
        open({str(told)!r}, "w").write(json.dumps(told))
        """
    with pytest.raises(NoriaError):
        convert(registry, adopted(registry, {"model.pkl": pickle.dumps(Runner(code))}))
    environment, folder, _parent, loaded, core, descriptors = json.loads(told.read_text())
    assert "canary" not in json.dumps(environment)
    assert set(environment) <= {
        "PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED",
    }  # fmt: skip
    assert not Path(folder).exists()
    assert (loaded, core) == (False, 0)
    assert len(descriptors) < 8


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_pickle_that_does_not_end_is_ended_with_what_it_started(registry: Registry, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"""
        import subprocess, sys, time
        started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(pid)!r}, "w").write(str(started.pid))
        time.sleep(600)
        """
    with pytest.raises(StepFailed, match="could not be opened") as caught:
        convert(registry, adopted(registry, {"model.pkl": pickle.dumps(Runner(code))}), seconds=4)
    assert "longer than 4 s" in (caught.value.why or "")
    deadline = time.monotonic() + 20  # it is killed at once, and ends when the kernel next lets it run
    while alive(int(pid.read_text())):
        assert time.monotonic() < deadline, "what it started goes on"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('no')",
        "import os; os._exit(0)",
        "import os; os.symlink('/etc/passwd', 'out/facts.json'); os._exit(0)",
        "import os; os.mkfifo('out/facts.json'); os._exit(0)",
        "import os; os.mkdir('out/facts.json'); os._exit(0)",
        "open('out/facts.json', 'w').write('[' * 100000); import os; os._exit(0)",
        "open('out/facts.json', 'w').write('{}'); import os; os._exit(0)",
        """import json, os
open('out/facts.json', 'w').write(json.dumps(dict(task='regression', kind='skops', family='x', columns=['a'])))
open('out/head.skops', 'wb').write(b'PK\\x03\\x04')
os._exit(0)""",
        """import json, os
open('out/facts.json', 'w').write(json.dumps(dict(task='regression', kind='lightgbm', family='x', columns=['a'])))
open('out/head.txt', 'wb').write(b'tree\\nnothing')
os._exit(0)""",
        "import sys; sys.stdout.write('x' * 10_000_000); raise SystemExit(3)",
    ],
)
def test_whatever_a_pickle_leaves_is_refused_or_told(registry: Registry, code: str) -> None:
    with pytest.raises((StepFailed, UntrustedFormat, WrongArgument)):
        convert(registry, adopted(registry, {"model.pkl": pickle.dumps(Runner(code))}))


def test_what_noria_does_not_load_is_not_converted(registry: Registry) -> None:
    X = numbers()
    model = make_pipeline(FunctionTransformer(np.exp), LinearRegression()).fit(X, X[:, 0])
    with pytest.raises(UntrustedFormat):
        converted(registry, model)


def test_a_model_that_answers_otherwise_is_not_registered(registry: Registry) -> None:
    X = numbers()
    y = (X[:, 0] > 0).astype(int)
    model = RandomForestClassifier(3, random_state=0).fit(X, y)
    code = "from sklearn.ensemble import RandomForestClassifier as R\nR.predict = lambda self, X: [7] * len(X)\n"
    with pytest.raises(NoriaError) as caught:
        converted(registry, _Both(code, model))
    assert caught.value.code == "N-REGISTRY-052"


class _Both:
    """Changes the class, then is the model."""

    def __init__(self, code: str, model: object) -> None:
        self.code, self.model = code, model

    def __reduce__(self) -> tuple[object, ...]:
        # Not by a function of this file: the other process has not got it.
        return (operator.itemgetter(1), ((Runner(self.code), self.model),))


@pytest.mark.parametrize(
    "about",
    [
        described("pytorch", model_data="data"),
        "mlflow_version: 3.17.2\n",
        described("sklearn", pickled_model="../../../etc/passwd"),
        described("sklearn", pickled_model="other.pkl"),
    ],
)
def test_what_cannot_be_converted_is_told(registry: Registry, about: str) -> None:
    version = adopted(registry, {"model.pkl": pickle.dumps(1)}, about)
    with pytest.raises(WrongArgument) as caught:
        convert(registry, version)
    assert caught.value.code == "N-REGISTRY-051"


def test_a_python_that_is_not_there(registry: Registry) -> None:
    version = adopted(registry, {"model.pkl": pickle.dumps(1)})
    with pytest.raises(WrongArgument, match="cannot be started"):
        convert(registry, version, python="/nowhere/python")


def test_nothing_of_noria_imports_the_file_that_unpickles() -> None:
    source = Path(__file__).parents[2] / "src" / "noria"
    spelt = ("import unpickler", "registry.unpickler")
    texts = {path: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    assert [path for path, text in texts.items() if any(way in text for way in spelt)] == []
    assert (source / "registry" / "unpickler.py").is_file()

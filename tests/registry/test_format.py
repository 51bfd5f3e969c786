"""Every family through its files and back: bit-equal answers, and nothing loaded that is not on the list."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from noria.errors import UntrustedFormat
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings
from noria.registry import format as formats
from noria.registry import skops as skops_files
from noria.training.families import catalogue, resolve
from noria.training.folds import folds
from noria.training.search import select

if TYPE_CHECKING:
    from noria.training.model import Prediction, TabularModel

COLUMNS = [("a", "float"), ("b", "float"), ("g", "category"), ("t", "timestamp")]
TASKS = ("regression", "classification", "clustering")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 120
    made = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.normal(size=n),
            "g": pd.Series(rng.choice(["xx", "yy", "zz"], n), dtype="str"),
            "t": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
        }
    )
    made.loc[::9, ["a", "g", "t"]] = None
    return made


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Callable[..., TabularModel]:
    def error(y: np.ndarray, prediction: Prediction) -> float:
        return float(np.mean(y != prediction.values))

    def fit(
        task: str, candidate: object, *, classes: int = 2, prepare: dict[str, list[str]] | None = None
    ) -> TabularModel:
        lean = rows["b"].to_numpy() + (rows["g"] == "xx").to_numpy()
        y = lean if task == "regression" else np.digitize(lean, np.quantile(lean, np.arange(1, classes) / classes))
        target = None if task == "clustering" else y.astype(object if task == "classification" else float)
        settings = PrepareSettings.model_validate(prepare or {})
        return select(
            rows,
            target,
            task=task,
            families=resolve([candidate], task),
            prepare=lambda family, _rows: preparation(COLUMNS, settings, encoding=family.encoding, task=task),
            error=error,
            splitter=[] if target is None else folds(target, n_rows=len(rows), task=task, k=2),
            trials=1,
        ).model

    return fit


def strange(rows: pd.DataFrame) -> pd.DataFrame:
    made = rows.copy()
    made.loc[3, "g"] = "never seen"
    made.loc[4, :] = None
    return made


def families() -> list[object]:
    return [
        pytest.param(task, family.name, classes, id=f"{task}{classes}-{family.name}")
        for task in TASKS
        for classes in ((2, 3) if task == "classification" else (0,))
        for family in catalogue(task)
        if family.name != "keras_mlp"
    ]


@pytest.mark.parametrize(("task", "name", "classes"), families())
def test_round_trip_is_bit_equal(
    task: str, name: str, classes: int, rows: pd.DataFrame, fitted: Callable[..., TabularModel]
) -> None:
    for module in next(family for family in catalogue(task) if family.name == name).modules:
        pytest.importorskip(module)
    model = fitted(task, name, classes=classes)
    files = formats.save(model)
    assert set(files) <= {"meta.json", "preparation.skops"} | {
        name for names in formats.HEADS.values() for name in names
    }
    again = formats.load(files)
    before, after = model.answer(strange(rows)), again.answer(strange(rows))
    np.testing.assert_array_equal(before.values, after.values)
    assert before.values.dtype == after.values.dtype
    if task == "classification":
        np.testing.assert_array_equal(before.proba, after.proba)
        assert again.classes == model.classes
    assert again.feature_names == model.feature_names
    assert again.task == model.task
    if name in ("logistic", "boosting", "xgboost", "catboost"):
        assert formats.save(again).keys() == files.keys()


RECIPES = [
    {"numeric": ["impute:drop_rows", "outliers:zscore,flag", "scale:power"], "category": ["frequency"]},
    {"numeric": ["impute:median", "products", "scale:maxabs"], "g": ["hash:buckets=4"], "t": ["dates:dow,hour,cyclic"]},
    {"a": ["outliers:forest=0.1,null", "impute:median"], "g": ["tfidf"], "b": ["scale:power"]},
    {"a": ["outliers:iqr,null", "impute:median"], "g": ["count"]},
    {"numeric": ["impute:knn", "indicator", "scale:minmax"], "category": ["ordinal"]},
    {"a": ["impute:iterative", "indicator", "scale:quantile"], "g": ["target"]},
    {
        "numeric": ["impute:mean", "log", "clip", "scale:robust"],
        "category": ["impute:most_frequent", "onehot:rare=0.1"],
    },
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("name", ["logistic", "boosting"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_preparation_survives(
    recipe: dict[str, list[str]], name: str, classes: int, rows: pd.DataFrame, fitted: Callable[..., TabularModel]
) -> None:
    model = fitted("classification", name, prepare=recipe, classes=classes)
    again = formats.load(formats.save(model))
    np.testing.assert_array_equal(again.predict_proba(strange(rows)), model.predict_proba(strange(rows)))


def test_labels_keep_their_kind(rows: pd.DataFrame) -> None:
    for labels in ((False, True), (0, 1), ("no", "yes")):
        y = np.array(labels, dtype=object)[(rows["b"] > 0).astype(int)]
        model = select(
            rows,
            y,
            task="classification",
            families=resolve(["dummy"], "classification"),
            prepare=lambda family, _rows: preparation(COLUMNS, encoding=family.encoding),
            error=lambda y, p: 0.0,
            splitter=folds(y, n_rows=len(rows), task="classification", k=2),
        ).model
        again = formats.load(formats.save(model))
        assert again.classes == labels
        assert type(again.predict(rows)[0]) is type(labels[0])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(fitted: Callable[..., TabularModel]) -> dict[str, bytes]:
    return formats.save(fitted("classification", "logistic"))


@pytest.fixture(scope="module")
def forest(fitted: Callable[..., TabularModel]) -> dict[str, bytes]:
    return formats.save(fitted("classification", "random_forest"))


def refused(files: dict[str, bytes], **changed: bytes) -> UntrustedFormat:
    with pytest.raises(UntrustedFormat) as caught:
        formats.load({**files, **{name.replace("__", "."): data for name, data in changed.items()}})
    assert caught.value.exit_status == 5
    assert caught.value.mend
    return caught.value


def schema_changed(data: bytes, change: Callable[[str], str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()).encode() if name == "schema.json" else content)
    return made.getvalue()


def test_a_pickle_is_refused_whatever_it_is_called(files: dict[str, bytes]) -> None:
    pickle = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    for name in ("head.skops", "preparation.skops"):
        refused(files, **{name: pickle})
    refused(files, meta__json=pickle)


@pytest.mark.parametrize(
    ("loader", "module", "kind"),
    [
        ("ObjectNode", "subprocess", "Popen"),
        ("FunctionNode", "os", "system"),
        ("TypeNode", "os", "_Environ"),
        ("PartialNode", "functools", "partial"),
        ("MethodNode", "builtins", "str"),
        ("OperatorFuncNode", "operator", "methodcaller"),
        ("ConstructorFromReduceNode", "builtins", "eval"),
        ("ObjectNode", "sklearn.utils._mocking", "CheckingClassifier"),
    ],
)
def test_a_type_off_the_list_is_refused(files: dict[str, bytes], loader: str, module: str, kind: str) -> None:
    def hostile(schema: str) -> str:
        tree = json.loads(schema)
        tree["content"]["content"]["coef_"] = {
            "__class__": kind,
            "__module__": module,
            "__loader__": loader,
            "content": {},
        }
        return json.dumps(tree)

    error = refused(files, head__skops=schema_changed(files["head.skops"], hostile))
    assert f"{module}.{kind}" in error.what


def test_a_file_cannot_vouch_for_itself(files: dict[str, bytes]) -> None:
    def hostile(schema: str) -> str:
        return json.dumps({**json.loads(schema), "__class__": "Popen", "__module__": "subprocess", "trusted": True})

    meta = json.dumps({**json.loads(files["meta.json"]), "trusted": ["subprocess.Popen"]}).encode()
    refused(files, head__skops=schema_changed(files["head.skops"], hostile), meta__json=meta)


def test_nothing_hostile_is_imported_before_it_is_refused(files: dict[str, bytes]) -> None:
    module = "antigravity"
    assert module not in sys.modules
    data = schema_changed(files["head.skops"], lambda old: old.replace("sklearn.linear_model._logistic", module))
    refused(files, head__skops=data)
    assert module not in sys.modules


def test_a_tree_that_points_outside_itself_is_refused(forest: dict[str, bytes]) -> None:
    made = io.BytesIO()
    changed = 0
    with zipfile.ZipFile(io.BytesIO(forest["head.skops"])) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(content), allow_pickle=False)
                if array.dtype.names and "left_child" in array.dtype.names and len(array) > 1:
                    array["left_child"][0] = 10**6
                    changed += 1
                    buffer = io.BytesIO()
                    np.save(buffer, array, allow_pickle=False)
                    content = buffer.getvalue()
            new.writestr(name, content)
    assert changed
    error = refused(forest, head__skops=made.getvalue())
    assert "outside itself" in error.why


@pytest.mark.parametrize("estimator", ["hist", "forest"])
def test_a_tree_that_asks_for_a_feature_beyond_the_rows_is_refused(estimator: str) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = (X[:, 0] > 0).astype(int)
    model: object
    if estimator == "hist":
        model = HistGradientBoostingClassifier(max_iter=1).fit(X, y)
        model._predictors[0][0].nodes["feature_idx"][0] = 200_000_000
    else:  # its trees say honestly how many features they want: more than the forest is ever given
        model = RandomForestClassifier(1).fit(np.hstack([X * 0, y[:, None]]), y)
        model.n_features_in_ = 3
    with pytest.raises(UntrustedFormat, match="not a model file"):
        skops_files.loads(skops_files.dumps(model), name="head.skops")


def test_a_zip_bomb_is_refused(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skops_files, "MOST_BYTES", 1000)
    assert "more than a model may" in refused(files).why


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_cut_file_is_refused(files: dict[str, bytes], cut: int) -> None:
    refused(files, head__skops=files["head.skops"][: cut or None] if cut else b"")
    refused(files, meta__json=files["meta.json"][:cut] if cut else b"")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"head": "pickle"},
        {"head": "lightgbm"},
        {"head": []},
        {"head": {}},
        {"columns": []},
        {"columns": [["a", "number"], ["a", "number"], ["g", "string"], ["t", "timestamp"]]},
        {"classes": [1]},
        {"classes": ["a", "a"]},
        {"task": "chess"},
        {"columns": [["a"]]},
        {"columns": [["a", "number", "x"]]},
        {"classes": None},
        {"classes": [{}]},
        {"scale": "1"},
        {"categorical": ["x"]},
        {"params": []},
    ],
    ids=str,
)
def test_a_description_that_does_not_fit_is_refused(files: dict[str, bytes], change: dict[str, object]) -> None:
    refused(files, meta__json=json.dumps({**json.loads(files["meta.json"]), **change}).encode())


def test_a_file_with_a_flipped_byte_is_refused_or_loaded_and_nothing_else(files: dict[str, bytes]) -> None:
    rng = np.random.default_rng(0)
    outcomes = set()
    for name in ("head.skops", "preparation.skops"):
        for place in rng.integers(0, len(files[name]), 80).tolist():
            data = bytearray(files[name])
            data[place] ^= 0xFF
            try:
                formats.load({**files, name: bytes(data)})
            except UntrustedFormat:
                outcomes.add("refused")
    assert outcomes == {"refused"}


def test_a_packed_schema_with_a_flipped_byte_is_refused() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"{}" * 5000)
    start = made.getvalue().index(b"schema.json") + len("schema.json")
    for place in range(start, start + 30):
        data = bytearray(made.getvalue())
        data[place] ^= 0xFF
        with pytest.raises(UntrustedFormat):
            skops_files.types_in(bytes(data))


@pytest.mark.parametrize("name", ["meta.json", "head.skops", "preparation.skops"])
def test_a_missing_file_is_refused(files: dict[str, bytes], name: str) -> None:
    with pytest.raises(UntrustedFormat):
        formats.load({key: data for key, data in files.items() if key != name})


# --- estimators of the user's own -------------------------------------------------------------------------------------

OWN = """
import numpy as np
from sklearn.base import BaseEstimator

class Centre(BaseEstimator):
    def __init__(self, shrink=0.0):
        self.shrink = shrink

    def fit(self, X, y):
        self.centres_ = np.stack([X[y == k].mean(axis=0) for k in np.unique(y)])
        return self

    def predict(self, X):
        return ((X[:, None] - self.centres_[None]) ** 2).sum(axis=2).argmin(axis=1)
"""


def test_own_classes_are_loaded_only_for_a_caller_who_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: pd.DataFrame, fitted: Callable[..., TabularModel]
) -> None:
    (tmp_path / "my_centre.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = fitted("classification", {"class": "my_centre:Centre"})
    with pytest.raises(UntrustedFormat, match=r"my_centre\.Centre") as caught:
        formats.save(model)
    assert "trusted" in caught.value.mend
    files = formats.save(model, trusted=["my_centre.Centre"])
    with pytest.raises(UntrustedFormat):
        formats.load(files)
    again = formats.load(files, trusted=["my_centre.Centre"])
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


@pytest.mark.parametrize("family", ["logistic", "random_forest", "hist_boosting", "boosting", "svm"])
def test_the_same_model_trained_again_gives_the_same_bytes(family: str, fitted: Callable[..., TabularModel]) -> None:
    # Two digests for one model would make two versions of it, and leave a damaged file without a mend.
    first, again = fitted("classification", family), fitted("classification", family)
    assert formats.save(first) == formats.save(again)


def test_weight_of_evidence_survives(rows: pd.DataFrame, fitted: Callable[..., TabularModel]) -> None:
    model = fitted("classification", "logistic", prepare={"category": ["woe"]}, classes=2)
    again = formats.load(formats.save(model))
    np.testing.assert_array_equal(again.predict_proba(strange(rows)), model.predict_proba(strange(rows)))


def test_a_model_says_how_its_probabilities_are_led_back_or_is_refused(
    rows: pd.DataFrame, fitted: Callable[..., TabularModel]
) -> None:
    model = fitted("classification", "logistic", classes=2)
    files = formats.save(replace(model, ratios=(0.25, 1.0)))
    assert formats.load(files).ratios == (0.25, 1.0)  # type: ignore[attr-defined]
    assert json.loads(formats.save(model)["meta.json"])["format"] == 1
    for wrong in ([0.25], [0.0, 1.0], "half", [1.0, float("inf")], [1, 2]):
        meta = json.loads(files["meta.json"]) | {"ratios": wrong}
        with pytest.raises(UntrustedFormat):
            formats.load({**files, "meta.json": json.dumps(meta).encode()})

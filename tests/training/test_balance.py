"""Balanced training: only rows that are learned from, and probabilities that say how often a class comes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.utils.class_weight import compute_class_weight

from noria.errors import MissingExtra, NoriaError, WrongData
from noria.evaluation import metrics
from noria.preparation.recipe import Encoding, preparation
from noria.preparation.settings import PrepareSettings
from noria.registry import format as formats
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.plan.storage import dumps, loads
from noria.scoring.proof.equivalence import prove
from noria.training.balance import Balance, balanced, class_weights
from noria.training.candidate import Candidate
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.inner import Bonds
from noria.training.prior import shifted
from noria.training.search import Selection, select
from noria.training.task import encode
from noria.training.trial import Bench, Matrices, Notes, Preparation, Shaping

HOWS: list[Balance] = ["class_weight", "over", "under", "smote"]
COLUMNS = [("a", "float"), ("b", "float"), ("g", "category")]


def _needs(how: Balance) -> None:
    if how == "smote":
        pytest.importorskip("imblearn")


def rows(n: int, seed: int, base: float = -3.2) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Draw rows whose true probabilities are known; about one in fifteen is of the rare class."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.normal(size=n), "g": pd.Series(rng.choice(["x", "y"], n), dtype="str")}
    )
    truth = 1 / (1 + np.exp(-(base + 1.2 * frame["a"] - 0.8 * frame["b"] + 0.5 * (frame["g"] == "x")))).to_numpy()
    return frame, truth, np.where(rng.random(n) < truth, "yes", "no").astype(object)


def trained(family: str, how: Balance, n: int = 6000) -> Selection:
    frame, _, y = rows(n, 1)
    return select(
        frame,
        y,
        task="classification",
        families=resolve([family], "classification"),
        prepare=lambda one, _rows: preparation(COLUMNS, encoding=one.encoding, task="classification"),
        error=metrics.error_for(metrics.get("roc_auc", "classification"), positive="yes"),
        splitter=folds(y, n_rows=n, task="classification", k=3),
        trials=1,
        seed=3,
        shaping=Shaping(balance=how, seed=3),
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=6, max_size=60), st.sampled_from(["over", "under", "class_weight"]))
def test_every_class_weighs_the_same(classes: list[int], how: Balance) -> None:
    y = np.array(classes)
    X = np.arange(len(y), dtype=float)[:, None]
    made = balanced(X, y, np.arange(len(y)) + 100, how=how, n_classes=4, seed=5)
    if len(set(classes)) < 2:
        assert made.ratios is None
        return
    np.testing.assert_array_equal(made.X[:, 0] + 100, made.rows)
    weights = np.ones(len(made.rows)) if made.weights is None else made.weights
    mass = np.bincount(y[made.rows - 100], weights=weights, minlength=4)
    assert np.allclose(mass[mass > 0], mass.max())
    if how == "over":
        assert set(made.rows) == set(range(100, 100 + len(y)))
    if how == "under":
        assert len(set(made.rows)) == len(made.rows)
    again = balanced(X, y, np.arange(len(y)) + 100, how=how, n_classes=4, seed=5)
    np.testing.assert_array_equal(again.rows, made.rows)


def test_class_weights_are_scikit_learns() -> None:
    y = np.array([0] * 70 + [1] * 20 + [2] * 10)
    np.testing.assert_allclose(
        class_weights(np.bincount(y)), compute_class_weight("balanced", classes=np.arange(3), y=y)
    )


def test_made_up_rows_lie_between_neighbours_of_their_class() -> None:
    imblearn = pytest.importorskip("imblearn.over_sampling")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), np.array([0] * 70 + [1] * 10)
    made = balanced(X, y, np.arange(80), how="smote", n_classes=2, seed=9)
    even = (X - X.mean(axis=0)) / X.std(axis=0)  # neighbours are those with every number on one scale
    wanted, labels = imblearn.SMOTE(k_neighbors=5, random_state=9).fit_resample(even, y)
    np.testing.assert_array_equal(made.X[:80], X)
    np.testing.assert_allclose(made.X, wanted * X.std(axis=0) + X.mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(y[made.rows], labels)
    holes = X.copy()
    holes[::7, 1] = np.nan
    kept = balanced(holes, y, np.arange(80), how="smote", n_classes=2, seed=9)
    np.testing.assert_array_equal(kept.X[:80], holes)
    assert not np.isnan(kept.X[80:]).any()
    coded = np.column_stack([X, rng.integers(0, 4, 80)])
    codes = balanced(coded, y, np.arange(80), how="smote", n_classes=2, seed=9, codes=[3]).X[:, 3]
    assert set(codes) <= {0.0, 1.0, 2.0, 3.0}
    with pytest.raises(WrongData, match="between the numbers"):
        balanced(X, np.array([0] * 79 + [1]), np.arange(80), how="smote", n_classes=2, seed=9)


MIXED = [
    ("a", "float"), ("gone", "float"), ("kids", "int"), ("yes", "bool"),
    ("g", "category"), ("h", "category"), ("level", "category"), ("mean", "category"),
]  # fmt: skip


def some(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw rows of every kind, a fifth of them rare, with things missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.lognormal(size=n) * 1e4,
            "gone": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "kids": rng.integers(0, 5, n).astype(float),
            "yes": (rng.random(n) < 0.5).astype(float),
            **{
                name: pd.Series(np.where(rng.random(n) < 0.1, None, rng.choice(list("uvwxyz")[:width], n)), dtype="str")
                for name, width in (("g", 3), ("h", 6), ("level", 4), ("mean", 5))
            },
        }
    )
    y = np.where(np.arange(n) % 5 == 0, "rare", "common").astype(object)
    return frame, y


@settings(deadline=None, max_examples=10)
@given(st.integers(60, 240), st.integers(0, 10**6), st.sampled_from(["linear", "tree"]))
def test_a_made_up_row_has_whole_categories(n: int, seed: int, encoding: Encoding) -> None:
    pytest.importorskip("imblearn")
    frame, y = some(n, seed)
    target = encode(y, "classification")
    rules = PrepareSettings.model_validate(
        {
            "numeric": ["impute:median", "indicator", "scale:standard"],
            "g": ["onehot"], "h": ["onehot:rare=0.1"], "level": ["ordinal"], "mean": ["target"],
        }
    )  # fmt: skip

    def prepare(_family: object, _rows: object) -> Preparation:
        return preparation(MIXED, rules, encoding=encoding, task="classification")

    train, valid = np.arange(0, n - 20), np.arange(n - 20, n)
    family = resolve(["logistic" if encoding == "linear" else "boosting"], "classification")[-1]
    shaped, plain = (
        Matrices(frame, target, [(train, valid)], prepare, Shaping(balance=how, seed=seed)).fold(family, 0, Notes())
        for how in ("smote", "none")
    )
    np.testing.assert_array_equal(shaped.train[: len(train)], plain.train)
    np.testing.assert_array_equal(shaped.valid, plain.valid)  # what is fitted does not know of made-up rows
    made, own = shaped.train[len(train) :], shaped.rows[len(train) :]
    assert len(made)
    parts = plain.preparation.output_indices_  # type: ignore[attr-defined]
    strings = [part for name, part in parts.items() if name.startswith("string")]
    assert len(strings) == (4 if encoding == "linear" else 3)  # for trees an ordinal number is a code
    for part in strings:  # each row has the categories of one row of its class, all of them
        np.testing.assert_array_equal(made[:, part], plain.train[own][:, part])
    for part in strings[:2]:
        assert set(np.unique(made[:, part])) <= {0.0, 1.0}
        assert made[:, part].sum(axis=1).max() <= 1
    ordinal = made[:, strings[2] if encoding == "linear" else parts["codes"]]
    np.testing.assert_array_equal(ordinal, np.round(ordinal))
    for column in range(made.shape[1]):  # marks, yes and no, and counts are among those that were seen
        seen = np.unique(plain.train[:, column])
        if len(seen) <= 5:
            assert (np.isin(made[:, column], seen) | np.isnan(made[:, column])).all()
    assert (target.values[own] == 1).all()


@pytest.mark.parametrize("only", [True, False])
def test_codes_are_taken_from_neighbours_and_a_missing_one_is_a_code_too(only: bool) -> None:
    pytest.importorskip("imblearn")
    rng = np.random.default_rng(0)
    codes = rng.choice([0.0, 1.0, 4.0, np.nan], size=(90, 2), p=[0.3, 0.2, 0.1, 0.4])
    X = codes if only else np.column_stack([rng.normal(size=(90, 2)) * [1, 1e6], codes])
    y = np.array([0] * 70 + [1] * 20)
    made = balanced(
        X, y, np.arange(90), how="smote", n_classes=2, seed=9, codes=range(X.shape[1] - 2, X.shape[1])
    ).X[90:]  # fmt: skip
    assert len(made) == 50
    found = made[:, -2:]
    assert set(found[~np.isnan(found)]) <= {0.0, 1.0, 4.0}
    assert np.isnan(found).any()


@pytest.mark.parametrize("how", HOWS)
def test_what_is_judged_is_never_balanced(how: Balance) -> None:
    _needs(how)
    frame, _, y = rows(300, 2)
    splitter = folds(y, n_rows=300, task="classification", k=3)
    family = resolve(["logistic"], "classification")[-1]
    plain = Matrices(
        frame, encode(y, "classification"), splitter, lambda one, _rows: preparation(COLUMNS, encoding="linear")
    )
    shaped = Matrices(
        frame, encode(y, "classification"), splitter,
        lambda one, _rows: preparation(COLUMNS, encoding="linear"), Shaping(balance=how),
    )  # fmt: skip
    for number, (train, _) in enumerate(splitter):
        one, other = shaped.fold(family, number, Notes()), plain.fold(family, number, Notes())
        np.testing.assert_array_equal(one.valid, other.valid)
        assert set(one.rows) <= set(train)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("family", ["logistic", "boosting", "xgboost", "random_forest"])
def test_probabilities_are_led_back_to_the_true_share(family: str, how: Balance) -> None:
    _needs(how)
    if family == "xgboost":
        pytest.importorskip("xgboost")
    selection = trained(family, how)
    model = selection.model
    frame, truth, y = rows(20_000, 7)
    said = model.predict_proba(frame)[:, 1]
    assert said.mean() == pytest.approx(truth.mean(), rel=0.2)
    bare = model.head.predict_proba(np.asarray(model.preparation.transform(frame)))[:, 1]  # type: ignore[attr-defined]
    assert bare.mean() > (1.4 if family == "random_forest" else 3) * truth.mean()  # a forest knows each row by heart
    y_true = y == "yes"
    assert log_loss(y_true, said) < log_loss(y_true, bare)
    # Leading back is a rising curve: of two classes the order of the rows stays.
    assert roc_auc_score(y_true, said) == pytest.approx(roc_auc_score(y_true, bare), abs=1e-3)
    if family == "logistic":
        np.testing.assert_allclose(said, truth, atol=0.15)
        assert np.abs(said - truth).mean() < 0.02
    assert selection.oof is not None
    _, _, learned = rows(6000, 1)
    assert np.nanmean(selection.oof[:, 1]) == pytest.approx((learned == "yes").mean(), rel=1e-6)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=9), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_shift_and_its_opposite_cancel(chances: list[float], before: float, after: float) -> None:
    proba = np.column_stack([1 - np.array(chances), chances])
    ratios = np.array([(1 - after) / (1 - before), after / before])
    np.testing.assert_allclose(shifted(shifted(proba, ratios), 1 / ratios), proba, rtol=1e-9)
    # Bayes' rule in odds
    odds = shifted(proba, ratios)
    wanted = np.array(chances) / (1 - np.array(chances)) * ratios[1] / ratios[0]
    np.testing.assert_allclose(odds[:, 1] / odds[:, 0], wanted, rtol=1e-9)


@pytest.mark.parametrize("family", ["logistic", "boosting"])
def test_a_balanced_model_is_saved_compiled_and_proven(family: str) -> None:
    import pyarrow as pa

    model = trained(family, "class_weight", n=1500).model
    frame, _, y = rows(200, 8)
    files = formats.save(model)
    again = formats.load(files)
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert b'"format": 2' in files["meta.json"]
    table = pa.Table.from_pandas(frame).append_column("y", pa.array(list(y)))
    signature = learn(table, COLUMNS, task="classification", target="y", positive="yes")
    plan = compile_model(model)
    verdict = prove(plan, model, signature, table)
    assert verdict.equal, verdict.reason
    assert loads(dumps(plan)).head.facts() == plan.head.facts()


def test_a_class_is_weighed_once() -> None:
    frame, _, y = rows(400, 2)
    family = resolve(["logistic"], "classification")[-1]
    target = encode(y, "classification")
    matrices = Matrices(
        frame, target, [], lambda one, _rows: preparation(COLUMNS, encoding="linear"), Shaping(balance="class_weight")
    )
    bench = Bench("classification", target, matrices, 1)
    matrix = matrices.fold(family, -1, Notes())
    one = bench.fit(Candidate("a", family, {"C": 1.0}), matrix, -1, Notes())
    two = bench.fit(Candidate("a", family, {"C": 1.0, "class_weight": "balanced"}), matrix, -1, Notes())
    np.testing.assert_array_equal(one.coef_, two.coef_)  # type: ignore[attr-defined]


def test_copies_of_a_row_stay_on_one_side_of_what_stops_a_booster() -> None:
    from noria.training.trial import _bonded

    bonds = _bonded(Bonds(), np.array([0, 1, 2, 2, 2]))
    assert bonds.groups is not None
    assert bonds.groups.tolist() == [0, 1, 2, 2, 2]
    assert _bonded(Bonds(), np.arange(3)).groups is None


def test_who_takes_no_weights_is_told() -> None:
    frame, _, y = rows(120, 2)
    with pytest.raises(NoriaError) as caught:
        select(
            frame, y, task="classification",
            families=resolve([{"class": "sklearn.neighbors:KNeighborsClassifier"}], "classification"),
            prepare=lambda one, _rows: preparation(COLUMNS, encoding="linear"),
            error=metrics.error_for(metrics.get("roc_auc", "classification"), positive="yes"),
            splitter=folds(y, n_rows=120, task="classification", k=2), trials=1,
            shaping=Shaping(balance="class_weight"),
        )  # fmt: skip
    assert "takes no weights" in caught.value.why


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(MissingExtra, match="imbalanced-learn") as caught:
        balanced(np.zeros((4, 1)), np.array([0, 0, 0, 1]), np.arange(4), how="smote", n_classes=2, seed=1)
    assert "noria[balance]" in (caught.value.mend or "")

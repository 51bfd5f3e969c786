"""A compiled preparation gives the matrix of the fitted one, bit for bit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from noria.preparation.dates import FIELDS
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings
from noria.scoring.coded import Coded
from noria.scoring.compiling.preparation import compile_preparation
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.constant import Constant
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.storage import dumps, loads
from noria.training.model import align, columns_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = [
    ("age", "int"),
    ("income", "float"),
    ("empty", "float"),
    ("owner", "bool"),
    ("grade", "category"),
    ("town", "category"),
    ("opened", "timestamp"),
]


def table(rows: int = 300, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)

    def some(values: list[object], share: float) -> list[object]:
        return [None if lost else value for value, lost in zip(values, rng.random(rows) < share, strict=True)]

    opened = [datetime(2020, 1, 1) + timedelta(minutes=int(m)) for m in rng.integers(0, 3_000_000, rows)]
    return pa.table(
        {
            "age": pa.array(some(rng.integers(18, 76, rows).tolist(), 0.1), pa.int64()),
            "income": pa.array(some((rng.lognormal(size=rows) * 1e4).round(2).tolist(), 0.2), pa.float64()),
            "empty": pa.array([None] * rows, pa.float64()),
            "owner": pa.array(some((rng.random(rows) < 0.5).tolist(), 0.1), pa.bool_()),
            "grade": pa.array(some(rng.choice(["A", "B", "C"], rows).tolist(), 0.1), pa.string()),
            "town": pa.array(some([f"t{int(n)}" for n in rng.exponential(8, rows)], 0.05), pa.string()),
            "opened": pa.array(some(list(opened), 0.1), pa.timestamp("us")),
        }
    )


def target(rows: pa.Table) -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, 3, rows.num_rows)


def strange() -> pa.Table:
    """Rows that training has not seen: all missing, unseen categories, huge and tiny numbers."""
    return pa.table(
        {
            "age": pa.array([None, 2**53 + 1, -1, 0, 40], pa.int64()),
            "income": pa.array([None, 1e300, -5e-324, -0.0, 1e4], pa.float64()),
            "empty": pa.array([None, 1.0, -1.0, 0.0, 5.0], pa.float64()),
            "owner": pa.array([None, True, False, True, None], pa.bool_()),
            "grade": pa.array([None, "Z", "", "A", "nan"], pa.string()),
            "town": pa.array([None, "t0", "somewhere", "t999", "None"], pa.string()),
            "opened": pa.array([None, datetime(1969, 12, 31), datetime(2199, 1, 1), datetime(2000, 2, 29), None]),
        }
    )


def planned(fitted: object, sample: pd.DataFrame) -> Plan:
    blocks, stages = compile_preparation(fitted, columns_of(sample))
    return Plan("regression", None, blocks, Constant(np.zeros(1)), stages)


def columns(rows: pa.Table) -> dict[str, list[object]]:
    return rows.to_pydict()


def same(fitted: object, plan: Plan, rows: pa.Table) -> None:
    features = [(name, kind) for name, kind in COLUMNS if name in plan.columns]
    framed = frame(rows, features)
    wanted = np.asarray(fitted.transform(align(framed, columns_of(framed))), dtype=float)  # type: ignore[attr-defined]
    made = plan.matrix(columns(rows), rows.num_rows)
    assert made.shape == wanted.shape == (rows.num_rows, plan.width)
    np.testing.assert_array_equal(made, wanted)
    for row in range(min(rows.num_rows, 8)):
        alone = plan.matrix(columns(rows.slice(row, 1)), 1)
        assert alone.tobytes() == np.ascontiguousarray(made[row : row + 1]).tobytes(), f"row {row} alone"


NUMERIC = st.builds(
    lambda impute, indicator, more: [impute, *indicator, *more],
    st.sampled_from(["impute:median", "impute:mean", "impute:most_frequent", "impute:constant=-1"]),
    st.sampled_from([[], ["indicator"]]),
    st.lists(
        st.sampled_from(
            [
                "scale:standard",
                "scale:robust",
                "scale:minmax",
                "scale:quantile",
                "scale:maxabs",
                "scale:power",
                "log",
                "clip:p5,p90",
                "outliers:iqr,clip",
                "outliers:zscore=2,flag",
                "outliers:iqr,drop",
            ]
        ),
        max_size=3,
        unique=True,
    ),
)
CATEGORY = st.builds(
    lambda impute, encode: [*impute, encode],
    st.sampled_from([[], ["impute:most_frequent"], ["impute:constant=none"]]),
    st.sampled_from(["onehot", "onehot:rare=0.05", "onehot:max=4", "ordinal", "target", "frequency", "count"]),
)


@pytest.mark.filterwarnings("ignore")  # libraries tell of unknown categories and overflow: both are meant here
@given(numeric=NUMERIC, category=CATEGORY, encoding=st.sampled_from(["linear", "tree"]), own=CATEGORY)
@settings(max_examples=40, deadline=None)
def test_every_recipe_is_equal_to_the_bit(
    numeric: list[str], category: list[str], encoding: str, own: list[str]
) -> None:
    rules = PrepareSettings.model_validate({"numeric": numeric, "category": category, "grade": own})
    rows = table()
    fitted = preparation(COLUMNS, rules, encoding=encoding, task="classification")  # type: ignore[arg-type]
    sample = frame(rows, COLUMNS)
    fitted.fit(sample, target(rows))
    plan = planned(fitted, sample)
    same(fitted, plan, rows)
    same(fitted, plan, table(80, seed=9))
    same(fitted, plan, strange())


DATES = st.builds(
    lambda fields, cyclic, more: [f"dates:{','.join(fields)}{cyclic}", *more],
    st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=5, unique=True),
    st.sampled_from(["", ",cyclic"]),
    st.sampled_from([[], ["scale:standard"], ["impute:mean", "indicator", "scale:power"]]),
)
OWN_NUMBERS = st.sampled_from(
    [
        ["outliers:iqr=0.5,null", "impute:median", "indicator"],
        ["outliers:zscore=1,null", "impute:mean", "scale:maxabs"],
        ["impute:median", "scale:boxcox"],
        ["outliers:iqr,flag", "impute:median"],
        ["impute:drop_rows", "scale:power"],
    ]
)
TEXTS = st.sampled_from(["hash:buckets=5", "hash", "tfidf:max=7", "tfidf:max=50,rare=0.01"])


@pytest.mark.filterwarnings("ignore")
@given(dates=DATES, income=OWN_NUMBERS, town=TEXTS, encoding=st.sampled_from(["linear", "tree"]))
@settings(max_examples=40, deadline=None)
def test_rules_of_single_columns_are_equal_to_the_bit(
    dates: list[str], income: list[str], town: str, encoding: str
) -> None:
    rules = PrepareSettings.model_validate({"opened": dates, "income": income, "town": [town]})
    rows = table()
    fitted = preparation(COLUMNS, rules, encoding=encoding, task="classification")  # type: ignore[arg-type]
    sample = frame(rows, COLUMNS)
    fitted.fit(sample, target(rows))
    plan = planned(fitted, sample)
    again = loads(dumps(plan))
    for other in (rows, table(80, seed=9), strange()):
        same(fitted, plan, other)
        asked = columns(other)
        np.testing.assert_array_equal(again.matrix(asked, other.num_rows), plan.matrix(asked, other.num_rows))
    coded = rows["town"].combine_chunks().dictionary_encode()
    said = Coded([*coded.dictionary.to_pylist(), None], coded.indices.fill_null(len(coded.dictionary)).to_numpy())
    np.testing.assert_array_equal(plan.matrix({**columns(rows), "town": said}, 300), plan.matrix(columns(rows), 300))


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"income": ["outliers:forest,flag"]}, "Strangers"),
        ({"numeric": ["impute:median", "products"]}, "Products"),
        ({"income": [{"class": "sklearn.preprocessing:Binarizer"}]}, "Binarizer"),
    ],
)
def test_a_rule_without_a_counterpart_is_named(rules: dict[str, object], reason: str) -> None:
    rows, sample = table(), frame(table(), COLUMNS)
    settings = PrepareSettings.model_validate({"numeric": ["impute:median"], "income": ["impute:median"], **rules})
    fitted = preparation(COLUMNS, settings, encoding="linear", task="classification")
    if "Binarizer" in reason:
        sample["income"] = sample["income"].fillna(0.0)
    fitted.fit(sample, target(rows))
    with pytest.raises(Unsupported, match=reason):
        planned(fitted, sample)


def test_weight_of_evidence_is_tabulated() -> None:
    rows = table()
    rules = PrepareSettings(category=["woe:smooth=0.5"])
    fitted = preparation(COLUMNS, rules, encoding="linear", task="classification")
    sample = frame(rows, COLUMNS)
    fitted.fit(sample, (target(rows) > 0).astype(int))
    for other in (rows, strange()):
        same(fitted, planned(fitted, sample), other)


def test_target_encoding_of_two_classes_and_of_values() -> None:
    rows = table()
    rules = PrepareSettings(category=["target"])
    for task, y in (("classification", target(rows) > 0), ("regression", target(rows) * 1.5)):
        fitted = preparation(COLUMNS, rules, encoding="linear", task=task)
        sample = frame(rows, COLUMNS)
        fitted.fit(sample, y.astype(float) if task == "regression" else y.astype(int))
        same(fitted, planned(fitted, sample), strange())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("drop", [None, "first", "if_binary"])
@pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist"])
def test_a_pipeline_of_somebody_elses(drop: str | None, unknown: str) -> None:
    rows = table()
    numbers, texts = ["age", "income", "owner"], ["grade", "town"]
    fitted = Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("n", Pipeline([("i", SimpleImputer(add_indicator=True)), ("s", RobustScaler())]), numbers),
                        (
                            "c",
                            Pipeline(
                                [
                                    ("i", SimpleImputer(strategy="most_frequent")),
                                    ("o", OneHotEncoder(handle_unknown=unknown, drop=drop, min_frequency=0.02)),
                                ]
                            ),
                            texts,
                        ),
                        ("gone", "drop", ["empty"]),
                    ],
                    remainder="drop",
                ),
            ),
            ("again", MinMaxScaler(clip=True)),
        ]
    )
    sample = frame(rows, COLUMNS)
    if hasattr(fitted[0], "set_params"):
        fitted[0].set_params(sparse_threshold=0)
    fitted.fit(sample)
    same(fitted, planned(fitted, sample), rows)
    same(fitted, planned(fitted, sample), strange())


def test_columns_that_are_passed_on() -> None:
    rows = table()
    fitted = ColumnTransformer(
        [("o", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-7), ["grade"])],
        remainder="passthrough",
    )
    sample = frame(rows.select(["grade", "age", "income"]), [COLUMNS[4], COLUMNS[0], COLUMNS[1]])
    fitted.fit(sample)
    blocks, stages = compile_preparation(fitted, columns_of(sample))
    plan = Plan("regression", None, blocks, Constant(np.zeros(1)), stages)
    np.testing.assert_array_equal(plan.matrix(columns(rows), rows.num_rows), fitted.transform(sample))


def test_categories_that_are_numbers() -> None:
    sample = pd.DataFrame({"n": [1.0, 2.0, np.nan, 2.0, 3.0]})
    fitted = Pipeline([("i", SimpleImputer(strategy="most_frequent")), ("o", OneHotEncoder(handle_unknown="ignore"))])
    fitted.fit(sample)
    plan = planned(fitted, sample)
    asked = [1.0, 2, 3.5, None, True]
    wanted = fitted.transform(pd.DataFrame({"n": np.array(asked, dtype=float)})).toarray()
    np.testing.assert_array_equal(plan.matrix({"n": asked}, 5), wanted)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (PolynomialFeatures(2), "PolynomialFeatures"),
        (SimpleImputer(missing_values=-1), "takes a number for missing"),
    ],
)
def test_what_has_no_counterpart_is_told(step: object, reason: str) -> None:
    sample = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    fitted = Pipeline([("step", step), ("scale", StandardScaler())]).fit(sample)
    with pytest.raises(Unsupported, match=reason):
        compile_preparation(fitted, columns_of(sample))


def test_texts_that_nobody_encodes_are_told() -> None:
    sample = pd.DataFrame({"a": pd.Series(["x", "y"], dtype="str")})
    fitted = ColumnTransformer([("a", "passthrough", ["a"])]).fit(sample)
    with pytest.raises(Unsupported, match="texts go into the model as they are"):
        compile_preparation(fitted, columns_of(sample))


def test_an_encoder_that_refuses_strangers_is_told() -> None:
    sample = pd.DataFrame({"a": pd.Series(["x", "y"], dtype="str")})
    with pytest.raises(Unsupported, match="refuses a category"):
        compile_preparation(OneHotEncoder(sparse_output=False).fit(sample), columns_of(sample))


def test_uniform_quantiles() -> None:
    rng = np.random.default_rng(0)
    sample = pd.DataFrame({"a": rng.integers(0, 20, 400).astype(float), "b": rng.normal(size=400)})
    fitted = QuantileTransformer(n_quantiles=50, output_distribution="uniform").fit(sample)
    plan = planned(fitted, sample)
    asked = {"a": [0.0, 19.0, 7.0, None, -1.0, 25.0], "b": [0.0, None, 9.0, -9.0, 1e-9, 0.5]}
    wanted = fitted.transform(pd.DataFrame({name: np.array(values, float) for name, values in asked.items()}))
    np.testing.assert_array_equal(plan.matrix(asked, 6), wanted)

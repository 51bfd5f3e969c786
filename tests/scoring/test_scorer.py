"""The scorer gives what the pipeline gives, row by row and in bulk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from noria.errors import CorruptedBlob, WrongSetting
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry.catalog import Registry
from noria.scoring.answers import label_text
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.policies import Policies
from noria.scoring.proof.compiled import compiled
from noria.scoring.scorer import Scorer
from noria.scoring.signature import InputRefused
from noria.training.model import TabularModel

if TYPE_CHECKING:
    from noria.registry.version import ModelVersion
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [("age", "int"), ("grade", "category"), ("owner", "bool")]
KINDS = (("age", "number"), ("grade", "string"), ("owner", "number"))


def data(rows: int = 200) -> pa.Table:
    rng = np.random.default_rng(3)
    age = rng.integers(18, 76, rows)
    return pa.table(
        {
            "age": pa.array(age, mask=rng.random(rows) < 0.1),
            "grade": rng.choice(["A", "B", "C"], rows),
            "owner": rng.random(rows) < 0.5,
            "risky": age + rng.normal(0, 10, rows) > 45,
        }
    )


def fitted(task: str, table: pa.Table, classes: tuple[object, ...] = ("bad", "good")) -> TabularModel:
    X = frame(table, COLUMNS)
    prepared = preparation(COLUMNS, encoding="linear").fit(X)
    matrix = prepared.transform(X)
    risky = table["risky"].to_numpy(zero_copy_only=False)
    if task == "classification":
        y = risky.astype(int) + ((X["grade"] == "C").to_numpy() & risky if len(classes) == 3 else 0)
        head = LogisticRegression().fit(matrix, y)
    else:
        head = (
            LinearRegression().fit(matrix, risky * 100.0)
            if task == "regression"
            else KMeans(3, random_state=0).fit(matrix)
        )
    return TabularModel(task, "f", KINDS, prepared, head, classes if task == "classification" else None)  # type: ignore[arg-type]


def scorer(
    task: str, *, classes: tuple[object, ...] = ("bad", "good"), positive: object = None
) -> tuple[Scorer, TabularModel]:
    table = data()
    model = fitted(task, table, classes)
    signature = learn(table, COLUMNS, task=task, target="risky", positive=positive)  # type: ignore[arg-type]
    return Scorer(model, signature, name="m", number=1), model


def records(table: pa.Table) -> list[dict[str, object]]:
    return table.drop_columns("risky").to_pylist()


def test_classification_equals_the_pipeline_row_by_row_and_in_bulk() -> None:
    made, model = scorer("classification", positive="bad")
    table = data(50)
    X = frame(table, COLUMNS)
    proba, labels = model.predict_proba(X), model.predict(X)
    bulk = made.score(records(table))
    single = [made.score([record])[0] for record in records(table)]
    assert [answer.prediction for answer in bulk] == list(labels)
    np.testing.assert_array_equal([answer.score for answer in bulk], proba[:, 0])
    np.testing.assert_allclose([answer.score for answer in single], proba[:, 0], rtol=0, atol=1e-15)
    assert bulk[0].probabilities == {"bad": proba[0, 0], "good": proba[0, 1]}
    scored = made.score_table(table)
    assert scored.column_names == ["prediction", "score", "p.bad", "p.good", "flags"]
    assert scored["prediction"].to_pylist() == list(labels)


def test_the_score_is_that_of_the_positive_class() -> None:
    record = records(data(1))
    by_name = scorer("classification", positive="good")[0].score(record)[0]
    assert by_name.score == by_name.probabilities["good"]  # type: ignore[index]
    default = scorer("classification")[0].score(record)[0]
    assert default.score == default.probabilities["good"], "of two, the second"  # type: ignore[index]
    three = scorer("classification", classes=("x", "y", "z"))[0].score(record)[0]
    assert three.score == max(three.probabilities.values())  # type: ignore[union-attr]
    numbers, _ = scorer("classification", classes=(0, 1), positive=1)
    answer = numbers.score(record)[0]
    assert type(answer.prediction) is int
    assert numbers.label_datatype == "INT64"
    assert answer.score == answer.probabilities["1"]  # type: ignore[index]


def test_regression_and_clustering() -> None:
    made, model = scorer("regression")
    table = data(5)
    answers = made.score(records(table))
    assert [answer.prediction for answer in answers] == [answer.score for answer in answers]
    assert [answer.prediction for answer in answers] == pytest.approx(model.predict(frame(table, COLUMNS)))
    assert answers[0].probabilities is None
    clusters = scorer("clustering")[0].score(records(table))
    assert all(type(answer.prediction) is int and answer.score is None for answer in clusters)


def test_what_does_not_fit_is_refused_and_what_is_unusual_flagged() -> None:
    made, _ = scorer("classification")
    good = records(data(1))[0] | {"age": 30}
    with pytest.raises(InputRefused):
        made.score([good, {**good, "grade": "Z"}])
    assert made.score([{**good, "age": 99}])[0].flags == ("range:age",)
    assert made.score([]) == []
    assert made.warm() > 0
    assert made.seconds(10) > 0


def registered(database: Database, blobs: Blobs) -> tuple[Registry, ModelVersion]:
    made, model = scorer("classification", positive="bad")
    registry = Registry(database, blobs)
    version = registry.register(
        "m", formats.save(model), run_id="r", dataset="d@1", data_digest="d", task="classification", family="logistic",
        created=NOW, signature=made.signature.to_json(),
    )  # fmt: skip
    return registry, version


def test_a_version_answers_the_same_after_the_registry(database: Database, blobs: Blobs) -> None:
    registry, version = registered(database, blobs)
    loaded = Scorer.load(registry, registry.get("m", 1))
    before, _ = scorer("classification", positive="bad")
    rows = records(data(20))
    assert loaded.score(rows) == before.score(rows)
    assert (loaded.engine, loaded.name, loaded.number) == ("sklearn", "m", 1)
    path = blobs.path(version.files["model/head.skops"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptedBlob):
        Scorer.load(registry, version)


def test_a_deployment_decides_about_unusual_input(database: Database, blobs: Blobs) -> None:
    registry, version = registered(database, blobs)
    row: dict[str, object] = {"age": None, "grade": "Z", "owner": None, "more": 1}
    with pytest.raises(InputRefused) as refused:
        Scorer.load(registry, version).score([row])
    assert {problem.column for problem in refused.value.problems} == {"grade", "owner", "more"}
    open_door = Policies(missing="flag", unseen="flag", extra="ignore")
    answer = Scorer.load(registry, version, policies=open_door).score([row])[0]
    assert answer.flags == ("missing:age", "unseen:grade", "missing:owner")


@pytest.mark.parametrize("engine", ["plan", "sklearn"])
def test_missing_values_are_not_let_through_to_a_model_that_cannot_take_them(
    database: Database, blobs: Blobs, engine: str
) -> None:
    table = data().drop_columns(["grade", "risky"]).drop_null()
    columns = [("age", "int"), ("owner", "bool")]
    X = frame(table, columns)
    prepared = ColumnTransformer([("all", "passthrough", ["age", "owner"])]).fit(X)
    head = LinearRegression().fit(prepared.transform(X), X["age"])
    model = TabularModel("regression", "linear", (("age", "number"), ("owner", "number")), prepared, head)
    registry = Registry(database, blobs)
    signature = learn(table, columns, task="regression")
    version = registry.register(
        "m", formats.save(model), run_id="r", dataset="d@1", data_digest="d", task="regression", family="linear",
        created=NOW, signature=signature.to_json(),
        evidence=compiled(model, signature, table) if engine == "plan" else {},
    )  # fmt: skip
    scorer = Scorer.load(registry, version, policies=Policies())
    assert scorer.engine == engine
    assert scorer.score([{"age": 30, "owner": True}])
    with pytest.raises(WrongSetting, match=r"deploy\.input"):
        Scorer.load(registry, version, policies=Policies(missing="impute"))


@pytest.mark.parametrize(
    ("task", "classes", "positive"),
    [
        ("classification", ("bad", "good"), "bad"),
        ("classification", (False, True), None),
        ("classification", ("a", "b", "c"), None),
        ("regression", ("bad", "good"), None),
        ("clustering", ("bad", "good"), None),
    ],
)
def test_the_plan_says_what_the_library_says(
    database: Database, blobs: Blobs, task: str, classes: tuple[object, ...], positive: object
) -> None:
    table = data(120)
    model = fitted(task, data(), classes)
    signature = learn(data(), COLUMNS, task=task, target="risky", positive=positive)  # type: ignore[arg-type]
    registry = Registry(database, blobs)
    version = registry.register(
        "m", formats.save(model), run_id="r", dataset="d@1", data_digest="d", task=task, family="f",
        created=NOW, signature=signature.to_json(), evidence=compiled(model, signature, table),
    )  # fmt: skip
    planned = Scorer.load(registry, version)
    assert (planned.engine, planned.reason) == ("plan", "")
    library = Scorer(model, signature, name="m", number=1)
    assert planned.classes == library.classes
    assert planned.label_datatype == library.label_datatype
    ours, theirs = planned.score(records(table)), library.score(records(table))
    if task != "regression":
        assert [answer.prediction for answer in ours] == [answer.prediction for answer in theirs]
    assert [type(answer.prediction) for answer in ours] == [type(answer.prediction) for answer in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-12)
        assert one.flags == other.flags
        assert (one.probabilities is None) == (other.probabilities is None)
    assert planned.score(records(table)[:1]) == ours[:1]
    assert planned.score_table(table).num_rows == 120


def test_classes_as_text() -> None:
    assert [label_text(value) for value in ("a", 1, 1.0, 1.5, True, np.str_("b"))] == [
        "a",
        "1",
        "1",
        "1.5",
        "True",
        "b",
    ]


@pytest.mark.parametrize("encoding", ["linear", "tree"])
def test_a_table_is_answered_to_the_bit_as_its_rows_are(encoding: str) -> None:
    table = data(400)
    sample = frame(table, COLUMNS)
    heads = {
        "linear": [LogisticRegression()],
        "tree": [RandomForestClassifier(20, random_state=0), HistGradientBoostingClassifier(max_iter=20)],
    }
    signature = learn(table, COLUMNS, task="classification", target="risky", positive="bad")
    for head in heads[encoding]:
        prepared = preparation(COLUMNS, encoding=encoding, task="classification")  # type: ignore[arg-type]
        y = table["risky"].to_numpy(zero_copy_only=False).astype(int)
        head.fit(np.asarray(prepared.fit_transform(sample, y)), y)
        model = TabularModel("classification", "f", KINDS, prepared, head, ("good", "bad"))
        made = Scorer(compile_model(model), signature, name="m", number=1, engine="plan")
        scored = made.score_table(table)
        for row, answer in zip(scored.to_pylist(), made.score(records(table)), strict=True):
            alone = (answer.prediction, answer.score, *(answer.probabilities or {}).values(), " ".join(answer.flags))
            assert tuple(row.values()) == alone
        single = [made.score([record])[0].score for record in records(table)[:50]]
        assert scored["score"].to_pylist()[:50] == single
        assert made.score_table(table.slice(0, 0)).schema == scored.schema


def test_a_whole_number_beyond_what_a_double_tells_apart_is_answered_without_a_plan_too() -> None:
    table = data()
    ages = [None if age is None else 2**60 + 3 * age for age in table["age"].to_pylist()]
    table = table.set_column(0, "age", pa.array(ages))
    model = fitted("regression", table)
    signature = learn(table, COLUMNS, task="regression", target="risky")
    made = Scorer(model, signature, name="m", number=1)
    said = [answer.prediction for answer in made.score(records(table))]
    assert said == pytest.approx(model.predict(frame(table, COLUMNS)).tolist())

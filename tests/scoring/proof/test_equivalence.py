"""A plan that is right passes the gate; one that is wrong anywhere does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from noria.errors import WorkFailed
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.plan.blocks import Categories, Numbers
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.refusals import Incomplete, TooLarge
from noria.scoring.plan.stages import Impute, Scale
from noria.scoring.plan.unsound import Unsound
from noria.scoring.proof.compiled import compiled
from noria.scoring.proof.equivalence import prove
from noria.scoring.proof.files import load_plan, reason_of, told_of
from noria.scoring.proof.golden import golden, replay
from noria.scoring.proof.probes import probes
from noria.training.model import TabularModel, columns_of

from .conftest import Known, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.scoring.plan.blocks import Block


def test_a_plan_is_equal_to_its_model(logistic: Known) -> None:
    verdict = prove(compile_model(logistic.model), logistic.model, logistic.signature, logistic.held_out)
    assert verdict.equal, verdict.reason
    assert verdict.held_out == 300
    assert verdict.rows > 350
    assert verdict.bit_equal > 0.5 * verdict.rows
    assert verdict.max_share <= 1.0
    assert verdict.made_with["scikit-learn"]


def changed(plan: Plan, kind: type, change: Callable[[object], object]) -> Plan:
    """Give the plan with the first part of a kind changed."""
    blocks: list[Block] = []
    for block in plan.blocks:
        if isinstance(block, kind):
            blocks.append(change(block))  # type: ignore[arg-type]
        elif isinstance(block, Numbers):
            stages = tuple(change(stage) if isinstance(stage, kind) else stage for stage in block.stages)
            blocks.append(Numbers(block.columns, stages))  # type: ignore[arg-type]
        else:
            blocks.append(block)
    return replace(plan, blocks=tuple(blocks))


def _other_fill(stage: Impute) -> Impute:
    return Impute(stage.fill + np.array([0.0, 1e-6]), stage.marks)


def _no_marks_moved(stage: Impute) -> Impute:
    return Impute(stage.fill, stage.marks[::-1].copy())


def _folded(stage: Scale) -> Scale:
    return Scale(stage.center, np.nextafter(stage.spread, np.inf) * (1 + 1e-12))


def _blind(block: Categories) -> Categories:
    tables = tuple(np.vstack([table[:-1], table[:1]]) for table in block.tables)
    return Categories(block.columns, block.known, tables, block.stages)


@pytest.mark.parametrize(
    ("kind", "change"),
    [(Impute, _other_fill), (Impute, _no_marks_moved), (Scale, _folded), (Categories, _blind)],
    ids=[
        "another value is imputed",
        "marks are swapped",
        "a spread is off by rounding",
        "a stranger is known",
    ],
)
def test_a_plan_that_is_wrong_somewhere_is_found_out(
    logistic: Known, kind: type, change: Callable[[object], object]
) -> None:
    wrong = changed(compile_model(logistic.model), kind, change)
    # Made-up rows alone find it: held-out rows may hold no stranger.
    verdict = prove(wrong, logistic.model, logistic.signature)
    assert not verdict.equal
    assert "rows differ" in verdict.reason


@dataclass(frozen=True)
class Neighbourly:
    """A head whose answers depend on the rows beside them."""

    plan: Plan
    kind = "neighbourly"

    def answer(self, X: np.ndarray) -> np.ndarray:
        said = self.plan.head.answer(X).astype(float)
        return said + (1e-17 if len(X) == 1 else 0.0) * said.sum() + np.spacing(said) * (len(X) == 1)

    def bound(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), np.inf)

    def edges(self) -> dict[int, np.ndarray]:
        return {}


def test_a_row_must_be_answered_alike_alone_and_among_others(logistic: Known) -> None:
    plan = compile_model(logistic.model)
    verdict = prove(replace(plan, head=Neighbourly(plan)), logistic.model, logistic.signature)  # type: ignore[arg-type]
    assert not verdict.equal
    assert "alone" in verdict.reason


def test_a_model_that_cannot_do_without_a_value_is_not_asked_to() -> None:
    bare = known(LinearRegression(), "regression")
    plan = compile_model(bare.model)
    assert not plan.takes_missing
    naked = replace(plan, blocks=tuple(Numbers(b.columns) if isinstance(b, Numbers) else b for b in plan.blocks[:1]))
    with pytest.raises(Incomplete, match="cannot do without"):
        naked.matrix({"age": [None], "income": [1.0]}, 1)
    with pytest.raises(TooLarge, match="too large"):
        plan.matrix({"age": [1.0], "income": [np.inf], "grade": ["A"]}, 1)


def test_probes_hold_what_can_part_plan_and_library(logistic: Known) -> None:
    made = probes(compile_model(logistic.model), logistic.signature)
    ages = {row["age"] for row in made.rows}
    median = logistic.model.preparation.transformers_[0][1][0].statistics_[0]  # type: ignore[attr-defined]
    assert {None, 0.0, 5e-324, float(median), float(np.nextafter(median, np.inf))} <= ages
    grades = {row["grade"] for row in made.rows}
    assert {None, "", "A", "B", "C", "nobody has seen this"} <= grades
    assert any(set(row.values()) == {None} for row in made.rows)
    assert len(made.huge) == 2 * 7
    seen = {value for name in ("age", "income") for value in logistic.held_out[name].to_pylist()} - {None}
    assert not seen & {row["income"] for row in made.rows} - {0.0, 1.0}, "no row of anybody's data is among them"


def test_files_of_a_compiled_version(logistic: Known) -> None:
    files = compiled(logistic.model, logistic.signature, logistic.held_out)
    assert sorted(files) == ["plan/golden.json", "plan/plan.json", "plan/plan.npz", "plan/plan_check.json"]
    assert files == compiled(logistic.model, logistic.signature, logistic.held_out), "equal models, equal bytes"
    plan = load_plan(files)
    assert plan is not None
    assert reason_of(files) == ""
    assert told_of(files).startswith("compiled: equal to its library")
    table = logistic.held_out
    said = plan.answer(table.to_pydict(), table.num_rows)
    wanted = logistic.model.predict_proba(table.to_pandas())
    np.testing.assert_allclose(said, wanted, rtol=0, atol=1e-14)


def test_how_equal_is_told_of_real_rows_and_not_of_made_up_ones() -> None:
    def told(**verdict: float) -> str:
        return told_of({"plan/plan.json": b"", "plan/plan_check.json": json.dumps(verdict).encode()})

    # A made-up row holds 9e15: the answers on it differ by 2, and that is rounding.
    found = {"rows": 1700, "held_out": 1000, "bit_equal": 1500, "max_difference": 2.0, "held_out_difference": 3.2e-14}
    rest = "within what rounding explains on 700 made-up rows"
    assert told(**found) == f"compiled: equal to its library within 3e-14 on 1,000 held-out rows, {rest}"
    found["held_out_difference"] = 0.0
    assert told(**found) == f"compiled: equal to its library to the bit on 1,000 held-out rows, {rest}"
    del found["held_out_difference"]  # as it was written before
    assert told(**found) == f"compiled: equal to its library {rest}"
    found["bit_equal"] = 1700
    assert told(**found) == "compiled: equal to its library to the bit on 1,700 rows, 1,000 of them held out"


def test_the_difference_on_held_out_rows_is_kept(logistic: Known) -> None:
    files = compiled(logistic.model, logistic.signature, logistic.held_out)
    verdict = json.loads(files["plan/plan_check.json"])
    plan = load_plan(files)
    assert plan is not None
    ours = plan.answer(logistic.held_out.to_pydict(), logistic.held_out.num_rows)
    away = np.abs(np.asarray(ours) - logistic.model.predict_proba(logistic.held_out.to_pandas())).max()
    assert verdict["held_out_difference"] == away
    assert verdict["held_out_difference"] <= verdict["max_difference"]


def test_a_model_without_a_plan_says_why() -> None:
    class Stranger(LinearRegression):  # type: ignore[misc]
        pass

    files = compiled(known(Stranger(), "regression").model, known(LinearRegression(), "regression").signature)
    assert list(files) == ["plan/plan_check.json"]
    assert "Stranger" in json.loads(files["plan/plan_check.json"])["reason"]
    assert load_plan(files) is None
    assert "Stranger" in told_of(files)
    assert "registered before" in reason_of({})


def test_another_machine_may_round_otherwise_and_not_more(logistic: Known) -> None:
    plan = compile_model(logistic.model)
    kept = golden(plan, logistic.signature)
    replay(plan, kept)
    held = json.loads(kept)
    proven = float.fromhex(held["answers"][3][0])
    held["answers"][3][0] = float(np.nextafter(proven, 2.0)).hex()
    replay(plan, json.dumps(held).encode())
    held["answers"][3][0] = (proven + 1e-12).hex()
    with pytest.raises(WorkFailed, match="1 of 64 answers differ"):
        replay(plan, json.dumps(held).encode())
    held["answers"][3][0] = "nan"
    with pytest.raises(WorkFailed, match="1 of 64 answers differ"):
        replay(plan, json.dumps(held).encode())
    held["answers"][3] = ["0x1"]
    for damaged in (b"", b"[]", b'{"columns": {}, "answers": []}', kept[:100], json.dumps(held).encode()):
        with pytest.raises(Unsound):
            replay(plan, damaged)


def test_infinite_decisions_are_refused_and_prove_nothing_against_a_plan() -> None:
    rng = np.random.default_rng(1)
    table = pa.table({"size": rng.normal(size=200)})
    sample, y = frame(table, [("size", "float")]), rng.integers(0, 3, 200)
    prepared = preparation([("size", "float")], SimpleNamespace(numeric=["impute:median"], category=[], columns={}),
                           encoding="linear", task="classification")  # fmt: skip
    head = LogisticRegression().fit(prepared.fit_transform(sample), y)
    # Near the largest number two decisions are infinite, and their softmax is what no JSON can say.
    head.coef_ *= 1e3
    model = TabularModel("classification", "f", columns_of(sample), prepared, head, ("a", "b", "c"))
    signature = learn(table, [("size", "float")], target="y")
    plan = compile_model(model)
    with np.errstate(all="ignore"):
        assert np.isnan(head.predict_proba([[1e308]])).any()
    with pytest.raises(TooLarge):
        plan.answer({"size": [1e308]}, 1)
    verdict = prove(plan, model, signature)
    assert verdict.equal, verdict.reason

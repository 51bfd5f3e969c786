"""Whole pipelines that end in CatBoost, alone and in a mean, pass the gate that registering holds them to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from noria.preparation.frame import frame
from noria.preparation.recipe import CODES, preparation
from noria.registry import format as formats
from noria.scoring.learning import learn
from noria.scoring.plan.unsound import Unsound
from noria.scoring.proof.compiled import compiled
from noria.scoring.proof.files import load_plan, told_of
from noria.training.boosting import BOOSTING
from noria.training.catboost import CATBOOST
from noria.training.ensemble import EnsembleModel
from noria.training.family import Fitting
from noria.training.linear import LOGISTIC, RIDGE
from noria.training.model import TabularModel, columns_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.scoring.signature import Signature
    from noria.training.family import Family
    from noria.training.model import FittedModel

pytest.importorskip("catboost")

COLUMNS = [("age", "int"), ("income", "float"), ("plan", "category"), ("town", "category"), ("shop", "category")]
CLASSES = {0: None, 2: ("no", "yes"), 3: ("low", "middle", "high")}
TOGETHER = 250  # rounds, from 200 on CatBoost takes columns together


def rows(count: int, seed: int, towns: int = 60) -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(seed)
    age, income = rng.integers(18, 76, count), rng.lognormal(size=count) * 1e4
    plan, town, shop = (rng.integers(0, levels, count) for levels in (4, towns, 25))
    target = age / 20 + np.log(income) + (plan == 2) + np.sin(town) + np.cos(town * shop) + rng.normal(size=count) / 3
    named = {"plan": plan, "town": town, "shop": shop}
    gaps = {name: rng.random(count) < 0.1 for name in ("age", "income", *named)}
    made = {"age": pa.array(age, mask=gaps["age"]), "income": pa.array(income, mask=gaps["income"])}
    for name, codes in named.items():
        made[name] = pa.array([f"{name} {one}" for one in codes], mask=gaps[name])
    return pa.table(made), target


@dataclass(frozen=True)
class Learned:
    signature: Signature
    held_out: pa.Table
    member: Callable[..., TabularModel]


@pytest.fixture(scope="module")
def learned() -> Callable[[int], Learned]:
    """Give what trains members on the same rows: the held-out ones have towns that nobody has seen."""

    def make(n_classes: int) -> Learned:
        table, target = rows(900, 0)
        y = target if not n_classes else np.digitize(target, np.quantile(target, np.arange(1, n_classes) / n_classes))
        task = "classification" if n_classes else "regression"
        X = frame(table, COLUMNS)

        def member(family: Family, rounds: int | None = None) -> TabularModel:
            prepared = preparation(COLUMNS, encoding=family.encoding, task=task)  # type: ignore[arg-type]
            matrix = np.ascontiguousarray(prepared.fit_transform(X, y), dtype=np.float64)
            codes = getattr(prepared, "output_indices_", {}).get(CODES, slice(0, 0))
            places = tuple(range(codes.start, codes.stop)) if family.encoding == "tree" else ()
            fitting = Fitting(task, 1, n_classes=n_classes, n_rows=900, categorical=places, rounds=rounds)  # type: ignore[arg-type]
            head = family.build(dict(family.portfolio[0]), fitting)
            head.fit(matrix, y)
            return TabularModel(task, family.name, columns_of(X), prepared, head, CLASSES[n_classes])  # type: ignore[arg-type]

        signature = learn(table, COLUMNS, task=task, target="y", unseen="ignore")
        return Learned(signature, rows(400, 1, towns=70)[0], member)

    return make


def _equal(model: FittedModel, with_: Learned) -> dict[str, bytes]:
    files = compiled(model, with_.signature, with_.held_out)
    verdict = json.loads(files["plan/plan_check.json"])
    assert verdict["equal"], verdict["reason"]
    assert verdict["held_out"] == 400
    assert load_plan(files) is not None
    return files


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_a_model_with_many_categories_is_proven(learned: Callable[[int], Learned], n_classes: int) -> None:
    known = learned(n_classes)
    model = known.member(CATBOOST, TOGETHER)
    files = _equal(model, known)
    plan = load_plan(files)
    assert plan is not None
    assert plan.head.questions.combinations is not None  # type: ignore[attr-defined]
    verdict = json.loads(files["plan/plan_check.json"])
    assert n_classes == 3 or verdict["bit_equal"] == verdict["rows"]
    assert verdict["made_with"]["catboost"]
    assert told_of(files).startswith("compiled: equal to its library")
    # the model that the registry gives back has the same plan
    again = _equal(formats.load(formats.save(model)), known)
    assert {name: files[name] for name in ("plan/plan.json", "plan/plan.npz")} == {
        name: again[name] for name in ("plan/plan.json", "plan/plan.npz")
    }


@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_mean_with_catboost_in_it_is_proven(learned: Callable[[int], Learned], n_classes: int) -> None:
    known = learned(n_classes)
    linear = LOGISTIC if n_classes else RIDGE
    members = (known.member(CATBOOST, TOGETHER), known.member(BOOSTING, 60), known.member(linear))
    _equal(EnsembleModel(members, (3.0, 2.0, 1.0)), known)


def test_a_plan_whose_splits_point_elsewhere_is_not_loaded(learned: Callable[[int], Learned]) -> None:
    known = learned(2)
    files = _equal(known.member(CATBOOST, 20), known)
    for damaged in (files["plan/plan.npz"][:-200], files["plan/plan.npz"].replace(b"head/asked", b"head/askee")):
        with pytest.raises(Unsound):
            load_plan({**files, "plan/plan.npz": damaged})

"""A fitted model read into a plan."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.preparation import compile_preparation
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.ensemble import Ensemble
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.shifted import Shifted
from noria.scoring.plan.sliced import Sliced
from noria.scoring.plan.tempered import Tempered
from noria.training.ensemble import EnsembleModel
from noria.training.model import TabularModel

if TYPE_CHECKING:
    from noria.scoring.plan.head import Head
    from noria.training.family import Estimator
    from noria.training.model import FittedModel

__all__ = ["compile_model"]

_LIBRARIES = ("noria", "numpy", "scikit-learn", "lightgbm", "xgboost", "catboost", "keras")


def compile_model(model: FittedModel) -> Plan:
    """Read a fitted model into arrays.

    Parameters
    ----------
    model : FittedModel
        As training or the registry gives it.

    Raises
    ------
    Unsupported
        Part of it has no counterpart; the reason says which.
    """
    if isinstance(model, EnsembleModel):
        return _together(model)
    if not isinstance(model, TabularModel):
        raise Unsupported(f"it is a {type(model).__name__}, not a preparation with an estimator behind it")
    blocks, stages = compile_preparation(model.preparation, model.columns)
    plan = Plan(
        task=model.task,
        classes=model.classes,
        blocks=blocks,
        stages=stages,
        head=_head(model),
        family=model.family,
        made_with=_versions(),
    )
    return replace(plan, takes_missing=_takes_missing(model.head, plan.width))


def _together(model: EnsembleModel) -> Plan:
    """Put the matrices of all members side by side; members that share a preparation share its columns."""
    sides: dict[int, tuple[Plan, int]] = {}
    heads: list[Head] = []
    width = 0
    for member in model.members:
        made = compile_model(member)
        if id(member.preparation) not in sides:
            sides[id(member.preparation)] = made, width
            width += made.width
        _, start = sides[id(member.preparation)]
        heads.append(Sliced(made.head, start, start + made.width, made.takes_missing))
    plans = [plan for plan, _ in sides.values()]
    if len(plans) > 1 and any(plan.stages for plan in plans):
        raise Unsupported("its members are prepared in ways that cannot stand side by side")
    mean = Ensemble(tuple(heads), np.asarray(model.weights, dtype=np.float64))
    return replace(
        plans[0],
        blocks=tuple(block for plan in plans for block in plan.blocks),
        head=_tempered(mean, model.temperature),
        family=model.family,
        takes_missing=True,  # each member says for itself
    )


def _head(model: TabularModel) -> Head:
    head: Head = compile_head(model.head, len(model.classes or ()))
    if model.ratios is not None:
        head = Shifted(head, np.asarray(model.ratios, dtype=np.float64))
    return _tempered(head, model.temperature)


def _tempered(head: Head, temperature: float | None) -> Head:
    return head if temperature is None else Tempered(head, np.array([temperature], dtype=np.float64))


def _takes_missing(head: Estimator, width: int) -> bool:
    """Ask the estimator itself whether it answers a row in which all is missing."""
    try:
        head.predict(np.full((1, width), np.nan))
    except ValueError:
        return False
    return True


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

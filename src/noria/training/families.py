"""The catalogue: which families there are for a task, and which of them are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from noria.errors import MissingExtra, WrongSetting, did_you_mean
from noria.training.boosting import BOOSTING
from noria.training.catboost import CATBOOST
from noria.training.clustering import DBSCAN, KMEANS
from noria.training.dummy import DUMMY
from noria.training.family import Family
from noria.training.forest import HIST_BOOSTING, RANDOM_FOREST
from noria.training.keras import KERAS_MLP
from noria.training.linear import ELASTIC_NET, LASSO, LINEAR, LOGISTIC, RIDGE
from noria.training.own import own_family
from noria.training.svm import SVM, SVR_FAMILY
from noria.training.task import Task
from noria.training.xgboost import XGBOOST

__all__ = ["available", "catalogue", "resolve"]

_CATALOGUE: Mapping[Task, tuple[Family, ...]] = {
    "regression": (
        LINEAR,
        RIDGE,
        LASSO,
        ELASTIC_NET,
        SVR_FAMILY,
        RANDOM_FOREST,
        BOOSTING,
        HIST_BOOSTING,
        KERAS_MLP,
        XGBOOST,
        CATBOOST,
        DUMMY,
    ),
    "classification": (
        LOGISTIC,
        SVM,
        RANDOM_FOREST,
        BOOSTING,
        HIST_BOOSTING,
        KERAS_MLP,
        XGBOOST,
        CATBOOST,
        DUMMY,
    ),
    "clustering": (KMEANS, DBSCAN, DUMMY),
}

_OTHER_TASKS = {family.name: task for task, families in _CATALOGUE.items() for family in families}


def catalogue(task: Task) -> tuple[Family, ...]:
    """Give every family for a task, also those whose libraries are not installed.

    Examples
    --------
    >>> [family.name for family in catalogue("clustering")]
    ['kmeans', 'dbscan', 'dummy']
    """
    return _CATALOGUE[task]


def available(family: Family) -> bool:
    """Say whether a family's libraries are installed, without importing them."""
    return all(find_spec(module) is not None for module in family.modules)


def resolve(candidates: Sequence[str | Mapping[str, object]] | str, task: Task) -> tuple[Family, ...]:
    """Turn the candidates of the project file into families; the baseline is always among them.

    Parameters
    ----------
    candidates : "auto", or a sequence of names and tables
        A table is an estimator of the user's own, see `noria.training.own`.
    task : Task
        What is learned.

    Raises
    ------
    WrongSetting
        A name is not a family of this task.
    MissingExtra
        A family asked for by name needs libraries that are not installed.

    Examples
    --------
    >>> [family.name for family in resolve(["ridge"], "regression")]
    ['dummy', 'ridge']
    """
    known = {family.name: family for family in catalogue(task)}
    if candidates == "auto":
        return (DUMMY, *(family for family in known.values() if family is not DUMMY and available(family)))
    named = [candidates] if isinstance(candidates, (str, Mapping)) else candidates
    found: dict[str, Family] = {DUMMY.name: DUMMY}
    for candidate in named:
        family = own_family(candidate) if isinstance(candidate, Mapping) else _named(candidate, known, task)
        found[family.name] = family
    if len(found) == 1 and DUMMY.name not in named:
        raise WrongSetting("there are no candidates to choose among", mend='candidates = "auto"', code="N-TRAIN-012")
    return tuple(found.values())


def _named(name: str, known: Mapping[str, Family], task: Task) -> Family:
    family = known.get(name)
    if family is None:
        elsewhere = _OTHER_TASKS.get(name)
        why = f"it is a family for {elsewhere}" if elsewhere else did_you_mean(name, known)
        raise WrongSetting(
            f"candidate {name!r} is not a family for {task}",
            why=why,
            mend=f'candidates = "auto", or some of: {", ".join(known)}',
            code="N-TRAIN-013",
        )
    if not available(family):
        raise MissingExtra(
            f"candidate {name!r} needs libraries that are not installed: {', '.join(family.modules)}",
            mend=f'pip install "noria[{family.extra}]"\nor take {name!r} out of [model] candidates',
            code="N-TRAIN-014",
        )
    return family

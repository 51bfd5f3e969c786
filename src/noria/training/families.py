"""The catalogue: which families there are for a task, and which of them are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from noria.errors import MissingExtra, WrongSetting, did_you_mean
from noria.training.backend import Backend, install
from noria.training.boosting import BOOSTING
from noria.training.catboost import CATBOOST
from noria.training.centers import AGGLOMERATIVE, MINIBATCH
from noria.training.clustering import DBSCAN, KMEANS
from noria.training.dummy import DUMMY
from noria.training.family import Family
from noria.training.forest import EXTRA_TREES, HIST_BOOSTING, RANDOM_FOREST, TREE
from noria.training.hierarchy import HDBSCAN
from noria.training.keras import KERAS_MLP, keras_mlp
from noria.training.linear import (
    DISCRIMINANT,
    ELASTIC_NET,
    HUBER,
    LASSO,
    LINEAR,
    LOGISTIC,
    NAIVE_BAYES,
    RIDGE,
)
from noria.training.mixture import MIXTURE
from noria.training.own import own_family
from noria.training.own_network import own_network
from noria.training.svm import LINEAR_SVM, LINEAR_SVR, SVM, SVR_FAMILY
from noria.training.task import Task
from noria.training.xgboost import XGBOOST

__all__ = ["available", "catalogue", "resolve"]

# In the order of the race: what is quick and what is usually good come first.
_CATALOGUE: Mapping[Task, tuple[Family, ...]] = {
    "regression": (
        RIDGE,
        BOOSTING,
        EXTRA_TREES,
        RANDOM_FOREST,
        CATBOOST,
        SVR_FAMILY,
        XGBOOST,
        LASSO,
        ELASTIC_NET,
        LINEAR,
        HIST_BOOSTING,
        KERAS_MLP,
        HUBER,
        LINEAR_SVR,
        TREE,
        DUMMY,
    ),
    "classification": (
        LOGISTIC,
        BOOSTING,
        EXTRA_TREES,
        RANDOM_FOREST,
        CATBOOST,
        SVM,
        XGBOOST,
        HIST_BOOSTING,
        KERAS_MLP,
        LINEAR_SVM,
        DISCRIMINANT,
        NAIVE_BAYES,
        TREE,
        DUMMY,
    ),
    "clustering": (KMEANS, MINIBATCH, MIXTURE, AGGLOMERATIVE, DBSCAN, HDBSCAN, DUMMY),
}

ENSEMBLE = "ensemble"
"""How the mean of a few candidates is called."""

_OTHER_TASKS = {family.name: task for task, families in _CATALOGUE.items() for family in families}


def catalogue(task: Task) -> tuple[Family, ...]:
    """Give every family for a task, also those whose libraries are not installed.

    Examples
    --------
    >>> [family.name for family in catalogue("clustering")]
    ['kmeans', 'minibatch_kmeans', 'mixture', 'agglomerative', 'dbscan', 'hdbscan', 'dummy']
    """
    return _CATALOGUE[task]


def available(family: Family) -> bool:
    """Say whether a family's libraries are installed, without importing them."""
    return all(find_spec(module) is not None for module in family.modules)


def resolve(
    candidates: Sequence[str | Mapping[str, object]] | str, task: Task, *, backend: Backend = "tensorflow"
) -> tuple[Family, ...]:
    """Turn the candidates of the project file into families; the baseline is always among them.

    Parameters
    ----------
    candidates : "auto", or a sequence of names and tables
        A table is an estimator of the user's own, see `noria.training.own`, or a network of theirs, see
        `noria.training.own_network`.
    task : Task
        What is learned.
    backend : Backend
        What networks are fitted on.

    Raises
    ------
    WrongSetting
        A name is not a family of this task, or two candidates have the same.
    MissingExtra
        A family asked for by name needs libraries that are not installed.

    Examples
    --------
    >>> [family.name for family in resolve(["ridge"], "regression")]
    ['dummy', 'ridge']
    """
    known = {family.name: family for family in catalogue(task)}
    if KERAS_MLP.name in known:
        known[KERAS_MLP.name] = keras_mlp(backend)
    if candidates == "auto":
        wanted = (family for family in known.values() if family is not DUMMY and family.in_auto)
        return (DUMMY, *(family for family in wanted if available(family)))
    named = [candidates] if isinstance(candidates, (str, Mapping)) else candidates
    found: dict[str, Family] = {DUMMY.name: DUMMY}
    for candidate in named:
        if isinstance(candidate, Mapping):
            family = _own(candidate, backend)
            _alone(family, found, known)
        else:
            family = _named(candidate, known, task)
        if not available(family):
            raise _missing(family)
        found[family.name] = family
    if len(found) == 1 and DUMMY.name not in named:
        raise WrongSetting("there are no candidates to choose among", mend='candidates = "auto"', code="N-TRAIN-012")
    return tuple(found.values())


def _alone(family: Family, found: Mapping[str, Family], known: Mapping[str, Family]) -> None:
    """Refuse a name that stands for something else already: one of the two would be left out, and nobody told."""
    if family.name in {*found, *known, ENSEMBLE}:
        other = "another candidate" if family.name in found and family.name not in known else "a part of noria's own"
        raise WrongSetting(
            f"the candidate {family.title} is called {family.name!r}, and so is {other}",
            why="tables, records and the final fit know a candidate by its name",
            mend=f'{{ class = "{family.title}", name = "another name", … }}',
            code="N-TRAIN-015",
        )


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
    return family


def _own(written: Mapping[str, object], backend: Backend) -> Family:
    return own_network(written, backend) if "build" in written else own_family(written)


def _missing(family: Family) -> MissingExtra:
    absent = [module for module in family.modules if find_spec(module) is None]
    how = f'pip install "noria[{family.extra}]"'
    for backend in ("torch", "jax"):
        how = install(backend) if backend in family.modules else how
    return MissingExtra(
        f"candidate {family.name!r} needs libraries that are not installed: {', '.join(absent)}",
        mend=f"{how}\nor take {family.name!r} out of [model] candidates",
        code="N-TRAIN-014",
    )

"""The families by name, for those who only read settings and must not load scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from noria.errors import did_you_mean

__all__ = ["FAMILIES", "complaint"]

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "regression": (
        "ridge",
        "boosting",
        "extra_trees",
        "random_forest",
        "catboost",
        "svr",
        "xgboost",
        "lasso",
        "elastic_net",
        "linear",
        "hist_boosting",
        "keras_mlp",
        "huber",
        "linear_svr",
        "tree",
        "dummy",
    ),
    "classification": (
        "logistic",
        "boosting",
        "extra_trees",
        "random_forest",
        "catboost",
        "svm",
        "xgboost",
        "hist_boosting",
        "keras_mlp",
        "linear_svm",
        "discriminant",
        "naive_bayes",
        "tree",
        "dummy",
    ),
    "clustering": ("kmeans", "minibatch_kmeans", "mixture", "agglomerative", "dbscan", "hdbscan", "dummy"),
}
"""Names of `noria.training.families.catalogue`, held equal to it by a test."""


def complaint(names: Sequence[str], task: str | None) -> str:
    """Say what is wrong with candidates' names; empty when nothing is.

    Examples
    --------
    >>> complaint(["lasso"], "regression")
    ''
    >>> complaint(["laso"], None)
    "'laso' is not a family: did you mean 'lasso'?"
    >>> complaint(["kmeans"], "regression")
    "'kmeans' is a family for clustering, not for regression"
    """
    known = {name: kind for kind, found in FAMILIES.items() for name in found}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"known are {', '.join(known)}"
            return f"{name!r} is not a family: {hint}"
        if task is not None and name not in FAMILIES[task]:
            return f"{name!r} is a family for {known[name]}, not for {task}"
    return ""

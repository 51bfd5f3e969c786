"""Clusterings, read into plans."""

from __future__ import annotations

import numpy as np

from noria.scoring.compiling.fitted import fitted, fitted_number
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.constant import Constant
from noria.scoring.plan.mixture import Mixture
from noria.scoring.plan.nearest import NOISE, Nearest

__all__ = ["compile_centers", "compile_density", "compile_hierarchy", "compile_mixture", "compile_one_cluster"]


def compile_centers(estimator: object, n_classes: int = 0) -> Nearest:
    """Compile a K-means clustering."""
    centers = fitted(estimator, "cluster_centers_", 2)
    return Nearest(centers, np.arange(len(centers), dtype=np.int64))


def compile_density(estimator: object, n_classes: int = 0) -> Nearest | Constant:
    """Compile noria's clustering by density: core points, each with its cluster, and how far they reach."""
    points = fitted(estimator, "core_points_", 2)
    labels = np.asarray(getattr(estimator, "core_labels_", ()), dtype=np.int64)
    if labels.shape != (len(points),):
        raise Unsupported(f"it has {len(points)} core points and {labels.shape} labels")
    if len(points) == 0:
        return Constant(np.array([NOISE], dtype=np.int64))
    return Nearest(points, labels, fitted_number(estimator, "eps_"))


def compile_hierarchy(estimator: object, n_classes: int = 0) -> Nearest | Constant:
    """Compile noria's clustering by densities: rows of groups, and how far those of each group reach."""
    points, reaches = fitted(estimator, "points_", 2), fitted(estimator, "reaches_", 1)
    labels = np.asarray(getattr(estimator, "labels_", ()), dtype=np.int64)
    if labels.shape != (len(points),):
        raise Unsupported(f"it has {len(points)} grouped rows and {labels.shape} labels")
    if len(points) == 0:
        return Constant(np.array([NOISE], dtype=np.int64))
    if labels.min() < 0 or labels.max() >= len(reaches):
        raise Unsupported("a group does not say how far it reaches")
    return Nearest(points, labels, reaches[labels])


def compile_mixture(estimator: object, n_classes: int = 0) -> Mixture:
    """Compile noria's Gaussian mixture."""
    means, roots, weights = (
        fitted(estimator, "means_", 2),
        fitted(estimator, "roots_", 3),
        fitted(estimator, "weights_", 1),
    )
    groups, features = means.shape
    if roots.shape != (groups, features, features) or weights.shape != (groups,) or groups == 0:
        raise Unsupported("its groups do not all have a center, a shape and a share")
    if (weights <= 0).any() or any((np.diag(root) <= 0).any() for root in roots):
        raise Unsupported("a group has no spread or no share")
    sizes = [float(np.log(np.diag(root)).sum() + np.log(weight)) for root, weight in zip(roots, weights, strict=True)]
    return Mixture(means, np.ascontiguousarray(roots.transpose(0, 2, 1)), np.array(sizes))


def compile_one_cluster(estimator: object, n_classes: int = 0) -> Constant:
    """Compile the clustering of everything into one."""
    return Constant(np.zeros(1, dtype=np.int64))

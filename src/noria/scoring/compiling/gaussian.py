"""Naive Bayes of normal features, read into a plan."""

from __future__ import annotations

import numpy as np

from noria.scoring.compiling.fitted import fitted
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.gaussian import GaussianBayes

__all__ = ["compile_gaussian"]


def compile_gaussian(estimator: object, n_classes: int) -> GaussianBayes:
    """Compile a ``GaussianNB``."""
    mean, variance, prior = (
        fitted(estimator, "theta_", 2),
        fitted(estimator, "var_", 2),
        fitted(estimator, "class_prior_", 1),
    )
    if (variance <= 0).any() or (prior <= 0).any() or len(prior) != n_classes:
        raise Unsupported("a class has no spread or no share")
    scale = np.array([-0.5 * np.sum(np.log(2.0 * np.pi * spread)) for spread in variance])
    return GaussianBayes(mean, variance, scale, np.log(prior))

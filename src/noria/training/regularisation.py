"""How a model that can be read errs along the strength of its penalty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.training.candidate import Candidate
from noria.training.linear import LASSO, RIDGE
from noria.training.space import Uniform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.training.clock import Budget
    from noria.training.family import Estimator, Family
    from noria.training.learning_curve import Judge

__all__ = ["Penalty", "RegularisationPath", "paths_of", "regularisation_path"]

POINTS = 9

_STRENGTHS: Mapping[str, tuple[str, str]] = {
    "huber": ("alpha", "L2"),
    "linear_svm": ("C", "L2"),
    "linear_svr": ("C", "L2"),
    "discriminant": ("shrinkage", "shrinkage"),
    "tree": ("leaf", "rows in a leaf"),
}
"""Family -> its one regulariser, and what that is."""


@dataclass(frozen=True)
class Penalty:
    """A family along one of its parameters.

    Parameters
    ----------
    name : str
        As people call it: L2, L1, shrinkage.
    family : Family
        What is fitted.
    parameter : str
        What changes.
    fixed : mapping
        The other parameters.
    at : float or None
        Where the candidate itself stands on the path; None where its penalty is another.
    """

    name: str
    family: Family
    parameter: str
    fixed: Mapping[str, object]
    at: float | None

    def values(self) -> list[float]:
        """Give the grid, from the weakest value of the family's space to the largest, the candidate's own among it."""
        space = self.family.space[self.parameter]
        assert isinstance(space, Uniform)  # noqa: S101 - a strength is a range in every family named here
        grid = (np.geomspace if space.log else np.linspace)(space.low, space.high, POINTS)
        found = {float(f"{value:.3g}") for value in (np.round(grid) if space.integer else grid)}
        return sorted(found if self.at is None else found | {self.at})


@dataclass(frozen=True)
class RegularisationPath:
    """Errors along the strength of a penalty.

    Parameters
    ----------
    candidate : str
        Of whom in the table of candidates this is the path.
    family, penalty, parameter : str
        What was fitted and what changed.
    values : tuple of float
        Of the parameter, upwards.
    at : float or None
        The candidate's own value.
    train, valid : tuple of tuple of float
        For each value the error of each fold, on rows that were learned from and on those that judge.
    used : tuple of float
        For each value the coefficients that are not zero, mean of the folds; empty where the model has none.
    base : tuple of float
        The candidate's own error on those folds.
    """

    candidate: str
    family: str
    penalty: str
    parameter: str
    values: tuple[float, ...]
    at: float | None
    train: tuple[tuple[float, ...], ...]
    valid: tuple[tuple[float, ...], ...]
    used: tuple[float, ...]
    base: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return told | {side: [list(folds) for folds in getattr(self, side)] for side in ("train", "valid")}


def paths_of(candidate: Candidate, n_classes: int) -> Iterator[Penalty]:
    """Name the penalties worth following for a candidate, its own first.

    Examples
    --------
    >>> from noria.training.linear import LINEAR
    >>> [each.name for each in paths_of(Candidate("linear", LINEAR, {}), 0)]
    ['L2', 'L1']
    """
    family, params = candidate.family, candidate.params
    if family.name in _STRENGTHS:
        parameter, name = _STRENGTHS[family.name]
        yield _own(name, family, parameter, params)
    elif family.name == "logistic":
        yield from _logistic(family, params, n_classes)
    elif family.name in ("linear", "ridge", "lasso", "elastic_net"):
        if family.name == "elastic_net":
            yield _own("L1 and L2", family, "alpha", params)
        made = [Penalty("L2", RIDGE, "alpha", {}, None), Penalty("L1", LASSO, "alpha", {}, None)]
        own = [_own(each.name, family, "alpha", params) for each in made if each.family.name == family.name]
        yield from own
        yield from (each for each in made if each.family.name != family.name)


def _logistic(family: Family, params: Mapping[str, object], n_classes: int) -> Iterator[Penalty]:
    ratio = params.get("l1_ratio", 0.0)
    rest = {name: value for name, value in params.items() if name not in ("C", "l1_ratio")}
    names = {0.0: "L2", 1.0: "L1"}
    yield _own(names.get(_number(ratio), "L1 and L2"), family, "C", params)
    for other, name in names.items():
        # With more than two classes L1 takes a hundred times as long as L2, and is followed only where it was chosen.
        if other != ratio and (other == 0 or n_classes == 2):
            yield Penalty(name, family, "C", rest | ({"l1_ratio": other} if other else {}), None)


def _own(name: str, family: Family, parameter: str, params: Mapping[str, object]) -> Penalty:
    at = params.get(parameter)
    return Penalty(
        name,
        family,
        parameter,
        {key: value for key, value in params.items() if key != parameter},
        None if at is None else _number(at),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float, np.number)) else 0.0


def regularisation_path(
    judge: Judge,
    candidate: Candidate,
    scores: tuple[float, ...],
    penalty: Penalty,
    budget: Budget,
    seconds: float,
    temperature: float | None = None,
) -> RegularisationPath | None:
    """Fit every value on every fold, on the rows that the race had; None where the time does not do for one fold.

    Parameters
    ----------
    judge : Judge
        Fits and judges.
    candidate : Candidate
        Whose path this is.
    scores : tuple of float
        Its error on each fold.
    penalty : Penalty
        What is followed.
    budget : Budget
        Cuts it: a fold that did not end is left out.
    seconds : float
        What one fit took in the selection.
    temperature : float, optional
        Of the candidate's probabilities: all values are judged at it.
    """
    values = penalty.values()
    folds: list[list[tuple[float, float, float | None]]] = []
    took = seconds
    for fold in range(min(judge.track.k, len(scores))):
        if not budget.fits(took):
            break
        begun = budget.clock()
        made = _fold(judge, penalty, values, fold, budget, seconds, temperature)
        if made is None:
            break
        folds.append(made)
        took = max(took, budget.clock() - begun)
    if not folds:
        return None
    used = [[fold[place][2] for fold in folds] for place in range(len(values))]
    counted = [[each for each in of_value if each is not None] for of_value in used]
    sides = [tuple(tuple(fold[place][side] for fold in folds) for place in range(len(values))) for side in (0, 1)]
    return RegularisationPath(
        candidate=candidate.name,
        family=penalty.family.name,
        penalty=penalty.name,
        parameter=penalty.parameter,
        values=tuple(values),
        at=penalty.at,
        train=sides[0] if judge.tells_of_training else (),  # type: ignore[arg-type]
        valid=sides[1],  # type: ignore[arg-type]
        used=tuple(float(np.mean(each)) for each in counted) if all(counted) else (),
        base=scores[: len(folds)],
    )


def _fold(
    judge: Judge,
    penalty: Penalty,
    values: list[float],
    fold: int,
    budget: Budget,
    slowest: float,
    temperature: float | None,
) -> list[tuple[float, float, float | None]] | None:
    bench, made = judge.track.bench, []
    train, _ = bench.matrices.folds[fold]
    matrix = judge.matrix(penalty.family, fold, train, keep=True)
    for value in values:
        if not budget.fits(slowest):
            return None
        begun = budget.clock()
        # A parameter that counts is whole, and has the seed of a candidate that has it.
        chosen = int(value) if _is_whole(penalty) else value
        one = Candidate("", penalty.family, {**penalty.fixed, penalty.parameter: chosen})
        estimator = bench.fit(one, matrix, fold, judge.notes)
        made.append((*judge.errors([(estimator, matrix)], (1.0,), fold, train, [temperature]), _used(estimator)))
        slowest = budget.clock() - begun if value == values[0] else max(slowest, budget.clock() - begun)
    return made


def _is_whole(penalty: Penalty) -> bool:
    space = penalty.family.space[penalty.parameter]
    return isinstance(space, Uniform) and space.integer


def _used(estimator: Estimator) -> float | None:
    coefficients = getattr(getattr(estimator, "regressor_", estimator), "coef_", None)
    if coefficients is None:
        return None
    return float((np.atleast_2d(coefficients) != 0).any(axis=0).sum())

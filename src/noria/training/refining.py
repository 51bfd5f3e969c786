"""Which parameters are tried after the defaults: the last winners', the rest of the portfolio, then drawn ones.

Drawn are they by chance, or by a tree-structured Parzen estimator that learns from what was tried: J. Bergstra,
R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", NeurIPS 2011, in Optuna's hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.errors import MissingExtra
from noria.training.candidate import Candidate
from noria.training.space import Choice, Uniform, sample

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from noria.training.family import Family
    from noria.training.space import Params, Space

__all__ = ["Next", "Past", "Sampler", "Tuning", "drawer", "further"]

Sampler = Literal["auto", "random", "tpe"]
"""How parameters are drawn; auto is tpe where Optuna is installed."""

Past = Mapping[str, Sequence["Params"]]
"""Parameters of earlier winners, by family."""

Known = Callable[["Family"], Sequence[tuple["Params", float]]]
"""Takes a family, gives the parameters that were tried and their errors."""

Draw = Callable[["Family", np.random.Generator], dict[str, object]]

_FEWEST_KNOWN = 5
_SHARES = (0.5, 0.3, 0.2)
_MOST_MISSES = 100
"""Draws in a row that were tried before: a space of a few values is soon exhausted."""


@dataclass(frozen=True)
class Tuning:
    """How parameters are refined.

    Parameters
    ----------
    sampler : Sampler
        How they are drawn.
    past : mapping
        Those of earlier winners, tried first.
    """

    sampler: Sampler = "random"
    past: Past = field(default_factory=dict)


@dataclass(frozen=True)
class Next:
    """What is tried next.

    Parameters
    ----------
    family : Family
        Of which kind.
    params : mapping
        With which parameters.
    drawn : bool
        By chance: worth one look. What is written down, or won before, is worth more than one.
    """

    family: Family
    params: dict[str, object]
    drawn: bool = False


def further(
    ranked: Callable[[], Sequence[Family]],
    *,
    tried: set[str],
    draw: Draw | None,
    seed: int,
    past: Past | None = None,
) -> Iterator[Next]:
    """Give what is to be tried, the most promising first.

    Parameters
    ----------
    ranked : callable
        Gives the families that were tried, the best first.
    tried : set of str
        Keys of the candidates so far; grows.
    draw : callable or None
        Draws parameters of a family; None where there is no time for more than the portfolio.
    seed : int
        For what is drawn.
    past : mapping, optional
        Parameters of earlier winners.
    """
    first = ranked()
    before = [(f, params) for f in first for params in (past or {}).get(f.name, ()) if _is_known(f, params)]
    longest = max((len(family.portfolio) for family in first), default=0)
    written = [(f, f.portfolio[rank]) for rank in range(1, longest) for f in first if rank < len(f.portfolio)]
    for family, params in (*before, *written):
        if _is_new(family, params, tried):
            yield Next(family, dict(params))
    if draw is None:
        return
    rng = np.random.default_rng([abs(seed), 1])
    misses = 0
    while misses < _MOST_MISSES:
        leaders = [family for family in ranked() if family.space][: len(_SHARES)]
        if not leaders:
            return
        shares = np.array(_SHARES[: len(leaders)])
        family = leaders[int(rng.choice(len(leaders), p=shares / shares.sum()))]
        made = draw(family, rng) if not misses else sample(family.space, rng)
        if _is_new(family, made, tried):
            misses = 0
            yield Next(family, made, drawn=True)
        else:
            misses += 1


def drawer(sampler: Sampler, known: Known) -> Draw:
    """Give what draws parameters.

    Parameters
    ----------
    sampler : Sampler
        How.
    known : callable
        What was tried of a family, to learn from.

    Raises
    ------
    MissingExtra
        Optuna is asked for and not installed.
    """
    has_optuna = find_spec("optuna") is not None
    if sampler == "tpe" and not has_optuna:
        raise MissingExtra(
            'sampler = "tpe" needs Optuna, which is not installed',
            mend='pip install "noria[tune]"\nor write sampler = "auto" in [model]',
            code="N-TRAIN-085",
        )
    if sampler == "random" or not has_optuna:
        return lambda family, rng: sample(family.space, rng)
    return lambda family, rng: _by_estimator(family.space, known(family), rng)


def _is_known(family: Family, params: Params) -> bool:
    """Say whether a family still has such parameters: those of an earlier release may mean nothing now."""
    return set(params) <= set(family.space).union(*family.portfolio)


def _is_new(family: Family, params: Params, tried: set[str]) -> bool:
    key = Candidate("", family, params).key
    if key in tried:
        return False
    tried.add(key)
    return True


def _by_estimator(space: Space, known: Sequence[tuple[Params, float]], rng: np.random.Generator) -> dict[str, object]:
    """Draw where errors were low and little is known; by chance while too little is known."""
    told = [(params, error) for params, error in known if _lies_in(params, space) and np.isfinite(error)]
    if len(told) < _FEWEST_KNOWN:
        return sample(space, rng)
    import optuna  # noqa: PLC0415 - an extra, and slow to load

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    made = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)), n_startup_trials=_FEWEST_KNOWN)
    study = optuna.create_study(sampler=made, direction="minimize")
    for params, error in told:
        written = {name: _written(params[name], dimension) for name, dimension in space.items()}
        study.add_trial(optuna.trial.create_trial(params=written, distributions=distributions, value=float(error)))
    asked = study.ask(distributions).params
    return {
        name: dimension.values[asked[name]] if isinstance(dimension, Choice) else asked[name]
        for name, dimension in space.items()
    }


def _distribution(dimension: Choice | Uniform) -> BaseDistribution:
    from optuna import distributions  # noqa: PLC0415 - as above

    if isinstance(dimension, Choice):  # by place: values may be lists, or come twice to be likelier
        return distributions.CategoricalDistribution(range(len(dimension.values)))
    if dimension.integer:
        return distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _written(value: object, dimension: Choice | Uniform) -> object:
    return dimension.values.index(value) if isinstance(dimension, Choice) else value


def _lies_in(params: Params, space: Space) -> bool:
    if set(params) != set(space):
        return False
    for name, dimension in space.items():
        value = params[name]
        if isinstance(dimension, Choice):
            if value not in dimension.values:
                return False
        elif not isinstance(value, (int, float)) or not dimension.low <= value <= dimension.high:
            return False
    return True

"""The last fit: who won, on every training row."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from noria.training.candidate import Candidate
from noria.training.ensemble import EnsembleModel
from noria.training.model import TabularModel, columns_of
from noria.training.prior import ratios_for, shifted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from noria.training.candidate import Kind
    from noria.training.finalists import Mean
    from noria.training.racer import Racer
    from noria.training.trial import Matrix

__all__ = ["fit_mean", "fit_others", "fit_single"]


def fit_single(winner: Racer) -> tuple[NDArray[np.float64], TabularModel]:
    """Fit a candidate on every row; give its out-of-fold answers too.

    After balanced training both are led back to how often the classes come.
    """
    oof, further = _true_shares(winner)
    return oof, _fitted(winner, further, {})


def fit_mean(mean: Mean) -> EnsembleModel:
    """Fit the members of an ensemble on every row; those of one encoding share its preparation."""
    matrices: dict[str, Matrix] = {}
    members = tuple(_fitted(racer, None, matrices) for racer in mean.racers)
    return EnsembleModel(members, mean.weights, mean.shares(), temperature=mean.temperature)


def fit_others(
    chosen: TabularModel | EnsembleModel,
    single: Racer,
    glass: Racer | None,
    mean: Mean | None,
    *,
    fits: Callable[[float], bool],
) -> dict[Kind, TabularModel | EnsembleModel]:
    """Fit the finalists that were not chosen as well, so that it can be said what they would have cost.

    One that fails, or that there is no time for, is left out.

    Parameters
    ----------
    chosen : TabularModel or EnsembleModel
        Who won, fitted.
    single, glass, mean : Racer and Mean
        The finalists.
    fits : callable
        Takes the seconds that their folds took, says whether their final fits are in time.
    """
    members: Sequence[TabularModel] = chosen.members if isinstance(chosen, EnsembleModel) else (chosen,)
    known = {Candidate.key_of(model.family, model.params): model for model in members}

    def fitted(racer: Racer) -> TabularModel | None:
        key = racer.candidate.key
        if key not in known and fits(racer.per_further_fold):
            with suppress(Exception):  # an estimator may raise anything, and the winner stands already
                known[key] = fit_single(racer)[1]
        return known.get(key)

    made: dict[Kind, TabularModel | EnsembleModel] = {}
    if (one := fitted(single)) is not None:
        made["single"] = one
    if glass is not None and (one := fitted(glass)) is not None:
        made["glass box"] = one
    if mean is not None:
        few = [model for model in map(fitted, mean.racers) if model is not None]
        if len(few) == len(mean.racers):
            made["ensemble"] = EnsembleModel(tuple(few), mean.weights, mean.shares(), temperature=mean.temperature)
    return made


def _true_shares(winner: Racer) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    bench = winner.track.bench
    oof, target = winner.out_of_fold(), bench.target
    if bench.matrices.shaping.balance == "none" or target is None or target.classes is None:
        return oof, None
    judged = ~np.isnan(oof[:, 0])
    counts = np.bincount(np.asarray(target.values[judged], dtype=np.int64), minlength=len(target.classes))
    further = ratios_for(oof[judged], counts / counts.sum())
    oof[judged] = shifted(oof[judged], further)
    return oof, further


def _fitted(racer: Racer, further: NDArray[np.float64] | None, matrices: dict[str, Matrix]) -> TabularModel:
    bench, candidate = racer.track.bench, racer.candidate
    matrix = matrices.get(candidate.family.encoding) or bench.matrices.fold(candidate.family, -1, racer.notes)
    matrices[candidate.family.encoding] = matrix
    head = bench.fit(candidate, matrix, -1, racer.notes, racer.rounds(len(matrix.rows)))
    ratios = None if matrix.ratios is None else matrix.ratios * (1.0 if further is None else further)
    return TabularModel(
        task=bench.task,
        family=candidate.family.name,
        columns=columns_of(bench.matrices.frame),
        preparation=matrix.preparation,
        head=head,
        classes=bench.target.classes if bench.target is not None else None,
        params=dict(candidate.params),
        ratios=None if ratios is None else tuple(ratios.tolist()),
        temperature=racer.temperature,
    )

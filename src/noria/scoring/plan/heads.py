"""From a kind and its files to a head that answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from noria.scoring.plan.nested import parts_of
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from noria.scoring.plan.head import Arrays, Facts, Head

    Restore = Callable[[Facts, Arrays], Head]
    Enclose = Callable[[Facts, Arrays, Sequence[Head]], Head]

__all__ = ["restore_head"]

_DEEPEST = 8
"""Heads inside heads; nothing that is compiled comes near."""


def restore_head(kind: str, facts: Facts, arrays: Arrays) -> Head:
    """Build the head of a plan again.

    Parameters
    ----------
    kind : str
        As `Head.kind`.
    facts, arrays : mapping
        As the head gave them.

    Raises
    ------
    Unsound
        The kind is unknown, or the parts do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> restore_head("constant", {}, {"said": np.array([4.5])}).answer(np.zeros((1, 2))).tolist()
    [4.5]
    """
    return _restore(kind, facts, arrays, 0)


def _restore(kind: str, facts: Facts, arrays: Arrays, depth: int) -> Head:
    if depth > _DEEPEST:
        raise Unsound("its heads are nested too deep")
    enclose = _enclosing(kind)
    if enclose is None:
        return _plain(kind)(facts, arrays)
    return enclose(facts, arrays, [_restore(*part, depth + 1) for part in parts_of(facts, arrays)])


def _enclosing(kind: str) -> Enclose | None:
    """Find who builds a head around others; each kind is imported only where a plan has it."""
    if kind == "calibrated":
        from noria.scoring.plan.calibrated import Calibrated  # noqa: PLC0415 - one kind a plan

        return Calibrated.restore
    if kind == "coupled":
        from noria.scoring.plan.coupled import Coupled  # noqa: PLC0415 - one kind a plan

        return Coupled.restore
    if kind == "ensemble":
        from noria.scoring.plan.ensemble import Ensemble  # noqa: PLC0415 - one kind a plan

        return Ensemble.restore
    if kind == "rescaled":
        from noria.scoring.plan.target import Rescaled  # noqa: PLC0415 - one kind a plan

        return Rescaled.restore
    if kind == "shifted":
        from noria.scoring.plan.shifted import Shifted  # noqa: PLC0415 - one kind a plan

        return Shifted.restore
    if kind == "tempered":
        from noria.scoring.plan.tempered import Tempered  # noqa: PLC0415 - one kind a plan

        return Tempered.restore
    if kind == "sliced":
        from noria.scoring.plan.sliced import Sliced  # noqa: PLC0415 - one kind a plan

        return Sliced.restore
    if kind in ("certain", "placed"):
        from noria.scoring.plan.classes import Certain, Placed  # noqa: PLC0415 - one kind a plan

        return Certain.restore if kind == "certain" else Placed.restore
    return None


def _plain(kind: str) -> Restore:
    if kind == "linear":
        from noria.scoring.plan.linear import Linear  # noqa: PLC0415 - one kind a plan

        return Linear.restore
    if kind == "trees":
        from noria.scoring.plan.trees import Trees  # noqa: PLC0415 - one kind a plan

        return Trees.restore
    if kind == "oblivious":
        from noria.scoring.plan.oblivious import Oblivious  # noqa: PLC0415 - one kind a plan

        return Oblivious.restore
    if kind == "machine":
        from noria.scoring.plan.machine import Machine  # noqa: PLC0415 - one kind a plan

        return Machine.restore
    if kind == "network":
        from noria.scoring.plan.network import Network  # noqa: PLC0415 - one kind a plan

        return Network.restore
    if kind == "nearest":
        from noria.scoring.plan.nearest import Nearest  # noqa: PLC0415 - one kind a plan

        return Nearest.restore
    if kind == "mixture":
        from noria.scoring.plan.mixture import Mixture  # noqa: PLC0415 - one kind a plan

        return Mixture.restore
    if kind == "gaussian_bayes":
        from noria.scoring.plan.gaussian import GaussianBayes  # noqa: PLC0415 - one kind a plan

        return GaussianBayes.restore
    if kind == "constant":
        from noria.scoring.plan.constant import Constant  # noqa: PLC0415 - one kind a plan

        return Constant.restore
    raise Unsound(f"it ends in {kind!r}, which is no kind of head")

"""What the finalists of a selection would cost in production: how long a row takes, how large they are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from noria.errors import NoriaError
from noria.registry import format as formats
from noria.steps.measuring import latency, size
from noria.steps.signing import signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from noria.datasets.settings import DataSettings
    from noria.steps.outputs import SplitOutput
    from noria.training.candidate import Finalist, Selection
    from noria.training.model import FittedModel

__all__ = ["weighed"]

_BLOCK_SECONDS = 0.01
_SECONDS = 0.5
"""About what compiling and asking a finalist takes: with less time left it stays unmeasured."""


def weighed(
    selection: Selection,
    split: SplitOutput,
    settings: DataSettings,
    *,
    trusted: Mapping[str, str],
    left: Callable[[], float],
) -> Selection:
    """Measure each finalist that is fitted, the chosen one first, while there is time.

    Parameters
    ----------
    selection : Selection
        With the models of its finalists; without them it is given back as it is.
    split, settings : mapping and DataSettings
        What rows look like.
    trusted : mapping of str to str
        See `noria.registry.format.save`.
    left : callable
        Gives the seconds that are left of the budget.
    """
    took: dict[int, tuple[float, float] | None] = {}
    longest = _SECONDS

    def measured(finalist: Finalist) -> Finalist:
        nonlocal longest
        model = selection.models.get(finalist.kind)
        if model is None:
            return finalist
        if id(model) not in took:  # the best single may be the glass box as well
            before = left()
            if before < 2 * longest:
                return finalist
            took[id(model)] = _measured(model, split, settings, trusted)
            longest = max(longest, before - left())
        found = took[id(model)]
        return finalist if found is None else replace(finalist, latency_ms=found[0], size_kb=found[1])

    by_kind = {each.kind: measured(each) for each in sorted(selection.finalists, key=lambda each: not each.chosen)}
    return replace(selection, finalists=tuple(by_kind[each.kind] for each in selection.finalists))


def _measured(
    model: FittedModel, split: SplitOutput, settings: DataSettings, trusted: Mapping[str, str]
) -> tuple[float, float] | None:
    with suppress(NoriaError):
        spent = latency(model, signature_of(split, settings, model), block_seconds=_BLOCK_SECONDS)
        room = size(formats.save(model, trusted=dict(trusted)))
        return (spent.value, room.value) if spent.value is not None and room.value is not None else None
    return None

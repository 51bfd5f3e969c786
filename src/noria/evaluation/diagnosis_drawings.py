"""The drawings of what was found out about a winner; report and pages show the same ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from noria.evaluation.penalties import REGULARISERS
from noria.evaluation.wording import figure
from noria.plots.lines import Series, line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.evaluation.catalogue import Definition
    from noria.evaluation.diagnosis import Diagnosed
    from noria.evaluation.learning import Learning
    from noria.evaluation.penalties import Penalty
    from noria.plots.figure import Figure

__all__ = ["diagnosis_drawings"]

_FALL_OF_TEN = 10.0
"""Ends of a grid further apart than this are drawn by their logarithm."""


def diagnosis_drawings(found: Diagnosed, definition: Definition) -> dict[str, Figure]:
    """Draw the learning curve, and each path.

    Returns
    -------
    dict of str to Figure
        ``learning``, and one a path, by family and penalty; those that there are.
    """
    drawn: dict[str, Figure] = {}
    if found.learning is not None and len(found.learning.rows) > 1:
        drawn["learning"] = _learning(found.learning, definition)
    return drawn | {f"{each.family} {each.name}": _path(each, definition) for each in found.penalties}


def _learning(found: Learning, definition: Definition) -> Figure:
    low, high = _band(found.valid, found.error, definition)
    series = [Series("rows it had not seen", found.rows, _values(found.valid, definition), low, high, dots=True)]
    if found.train:
        series.append(Series("rows it learned from", found.rows, _values(found.train, definition), dots=True))
    if found.doubling is not None:
        gain, now = found.doubling, found.valid[-1]
        low, high = _ends([(now, now), (now - gain.high, now - gain.low)], definition)
        ahead = _values((now, now - gain.gain), definition)
        series.append(
            Series("twice as many, if it goes on", (found.rows[-1], 2 * found.rows[-1]), ahead, low, high, dashed=True)
        )
    less = {"groups": "whole groups left out", "time": "the newest rows"}.get(found.by, "rows drawn at random")
    band = "; the band is one standard error" if found.error else ""
    return line(
        series,
        title="Learning curve",
        subtitle=f"mean of {found.folds} fold{'s' * (found.folds != 1)}, {less}{band}",
        x_title="Rows learned from",
        y_title=definition.title,
    )


def _path(found: Penalty, definition: Definition) -> Figure:
    is_log = found.values[0] > 0 and found.values[-1] / found.values[0] > _FALL_OF_TEN
    x = [math.log10(value) if is_log else value for value in found.values]
    at = dict(zip(found.values, x, strict=True))
    valid = _values(found.valid, definition)
    low, high = _band(found.valid, found.error, definition)
    series = [Series("rows it had not seen", x, valid, low, high)]
    shown = [*valid, *(low or ()), *(high or ())]
    if found.train:
        series.append(Series("rows it learned from", x, _values(found.train, definition)))
        shown += _values(found.train, definition)
    ends = min(shown), max(shown)
    marks = {"the candidate's own": found.at, "one standard error": found.simplest}
    series += [Series(name, (at[v], at[v]), ends, dashed=True) for name, v in marks.items() if v in at]
    title, more_is_stronger = REGULARISERS[found.parameter]
    best = f"best at {figure(found.best)}"
    return line(
        series,
        title=f"{found.family}, {found.name}",
        subtitle=f"mean of {found.folds} fold{'s' * (found.folds != 1)} and one standard error; {best}",
        x_title=f"{f'log10 of {title}' if is_log else title}; {'right' if more_is_stronger else 'left'} is stronger",
        y_title=definition.title,
    )


def _values(errors: Sequence[float], definition: Definition) -> list[float]:
    return [definition.from_error(each) for each in errors]


def _band(
    errors: Sequence[float], spread: Sequence[float], definition: Definition
) -> tuple[list[float] | None, list[float] | None]:
    if not spread or not any(spread):
        return None, None
    return _ends([(mean - half, mean + half) for mean, half in zip(errors, spread, strict=True)], definition)


def _ends(errors: Sequence[tuple[float, float]], definition: Definition) -> tuple[list[float], list[float]]:
    ends = [sorted((definition.from_error(low), definition.from_error(high))) for low, high in errors]
    return [low for low, _ in ends], [high for _, high in ends]

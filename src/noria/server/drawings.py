"""The pages' plots, drawn by `noria.plots`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from noria.datasets.profile_drawings import information
from noria.evaluation.catalogue import DEFINITIONS
from noria.plots.heatmap import heatmap
from noria.plots.lines import Series, line
from noria.plots.points import scatter
from noria.server.pages.series import labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from noria.datasets.profiled import TargetProfile
    from noria.server.pages.columns import Column
    from noria.server.pages.deployments import MinuteRow
    from noria.server.pages.monitoring import HeatMap, PerformancePoint
    from noria.server.pages.series import Curve

__all__ = [
    "curves", "diagnosis", "diagnosis_lines", "drift", "evaluation", "explanation", "latency", "performance", "points",
    "telling", "traffic",
]  # fmt: skip

_WIDE, _HALF = 1080.0, 520.0
_MOST_SERIES = 6
_CAPTIONS = {
    "roc": "Positives found against false alarms, at every threshold",
    "precision_recall": "How many of the called are right, the more are found",
    "gain": "What the rows with the highest scores find",
    "calibration": "What was promised against what happened",
    "confusion": "Which class is taken for which",
    "scores": "How the scores of both classes are spread",
    "threshold": "What each threshold comes to, out of fold",
    "residuals": "What is left over, along the predictions",
    "clusters": "The plane that shows most of the spread",
    "cluster_sizes": "Rows of each cluster",
}
_CLEAR = 0.3
"""An effect that is plain to see: the deepest colour begins no lower, so that noise stays pale."""


def drift(heat: HeatMap) -> str | None:
    """Draw how far each feature has moved, window by window; None without a window."""
    if not heat.names or not heat.windows:
        return None
    largest = max((effect for row in heat.effects for effect in row if effect is not None), default=0.0)
    return heatmap(
        heat.effects,
        heat.names,
        _moments(heat.windows),
        flags=heat.flagged,
        highest=max(_CLEAR, largest),
        width=_WIDE,
    ).svg


def performance(points: Sequence[PerformancePoint]) -> str | None:
    """Draw the realised metric of each window with its interval, one curve a version; None without a label."""
    drawn = [point for point in points if point.estimate.value is not None]
    if not drawn:
        return None
    versions = sorted({point.version for point in drawn})[-_MOST_SERIES:]
    series = []
    for version in versions:
        its = [point for point in drawn if point.version == version]
        series.append(
            Series(
                f"version {version}",
                [point.ends for point in its],
                [point.estimate.value for point in its],
                [point.estimate.low for point in its],
                [point.estimate.high for point in its],
                dots=True,
                flagged=[point.verdict == "worse" for point in its],
            )
        )
    newest = drawn[-1]
    bounds = {"on the test rows": newest.reference} if newest.reference is not None else {}
    return line(series, y_title=newest.estimate.name, bounds=bounds, width=_WIDE, height=300).svg


def traffic(minutes: Sequence[MinuteRow]) -> str | None:
    """Draw requests a minute; None without any."""
    if not minutes:
        return None
    moments = [row.minute for row in minutes]
    series = [Series("requests", moments, [float(row.requests) for row in minutes])]
    if any(row.failed for row in minutes):
        series.append(Series("failed", moments, [float(row.failed) for row in minutes]))
    return line(series, y_title="a minute", low=0, width=_HALF, height=220).svg


def latency(minutes: Sequence[MinuteRow]) -> str | None:
    """Draw median and slowest hundredth of each minute in ms; None without any."""
    if not minutes:
        return None
    moments = [row.minute for row in minutes]
    series = [
        Series("p50", moments, [row.p50 for row in minutes]),
        Series("p99", moments, [row.p99 for row in minutes]),
    ]
    return line(series, y_title="ms", low=0, width=_HALF, height=220).svg


def curves(found: Sequence[Curve], metric: str, *, width: float = _WIDE, height: float = 320) -> str | None:
    """Draw the curves of one metric by step, the first ten; None without a point."""
    series = []
    for one, label in zip(found, labels(found), strict=True):
        pairs = sorted(zip(one.points.step, map(float, one.points.value), strict=True), key=lambda pair: pair[0])
        if pairs:
            series.append(Series(label, [float(step) for step, _ in pairs], [y for _, y in pairs]))
    return line(series, x_title="step", y_title=metric, width=width, height=height).svg if series else None


def points(table: Sequence[Column]) -> str | None:
    """Draw the first numeric column against the last; None without two."""
    numeric = [column for column in table if column.kind == "number"]
    if len(numeric) < 2:
        return None
    x, y = numeric[0], numeric[-1]
    pairs = [
        (float(one), float(two))
        for one, two in zip(x.values, y.values, strict=True)
        if one is not None and two is not None
    ]
    finite = [pair for pair in pairs if math.isfinite(pair[0]) and math.isfinite(pair[1])]
    if not finite:
        return None
    groups = {"runs": ([one for one, _ in finite], [two for _, two in finite])}
    return scatter(groups, x_title=x.label, y_title=y.label, width=_WIDE, height=320).svg


def telling(target: TargetProfile | None) -> str | None:
    """Draw what each column alone tells of the target; None without one."""
    if target is None or not target.relations:
        return None
    return information(target).svg


def _moments(moments: Sequence[datetime]) -> list[str]:
    """Name windows by day, and by the time too where several begin on one day."""
    days = {moment.date() for moment in moments}
    pattern = "%m-%d" if len(days) == len(moments) else "%m-%d %H:%M"
    return [moment.strftime(pattern) for moment in moments]


def explanation(found: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Draw what a model looks at, as ``explanation.json`` tells it: captions with their drawings."""
    if not found:
        return ()
    from noria.evaluation.explanation_drawings import (  # noqa: PLC0415 - few pages need it
        explanation_drawings,
        profile_drawings,
    )

    captions = {
        "importance": "What is lost when a column is shuffled",
        "contributions": "Exact parts of the answers, by size",
    }
    groups = cast("Sequence[Mapping[str, object]]", found.get("profiles") or ())
    told = [("What makes a group different", each.svg) for each in profile_drawings(groups)]
    drawn = explanation_drawings(found).items()
    return (*told, *((captions.get(name, f"The answer along {name}"), each.svg) for name, each in drawn))


def diagnosis(selection: Mapping[str, object], metric: str) -> tuple[tuple[str, str], ...]:
    """Draw whether the winner of a selection overfits, as ``selection.json`` tells it: captions with their drawings."""
    if not selection.get("diagnosis") or metric not in DEFINITIONS:
        return ()
    from noria.evaluation.diagnosis import diagnosed  # noqa: PLC0415 - loads scipy, which few pages need
    from noria.evaluation.diagnosis_drawings import diagnosis_drawings  # noqa: PLC0415 - as above

    drawn = diagnosis_drawings(diagnosed(selection), DEFINITIONS[metric]).items()
    return tuple(
        ("More rows to learn from" if name == "learning" else f"{name} along its strength", each.svg)
        for name, each in drawn
    )


def diagnosis_lines(selection: Mapping[str, object], metric: str) -> tuple[str, ...]:
    """Say the same in sentences."""
    if not selection.get("diagnosis") or metric not in DEFINITIONS:
        return ()
    from noria.evaluation.diagnosis import diagnosed, told  # noqa: PLC0415 - loads scipy, which few pages need

    return told(diagnosed(selection), DEFINITIONS[metric])


def evaluation(found: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Draw an evaluation, as `Evaluation.to_json` wrote it: captions with their drawings."""
    if not found:
        return ()
    from noria.evaluation.drawings import drawings  # noqa: PLC0415 - loads scipy, which few pages need

    named = ((name.partition(" ")[0], figure) for name, figure in drawings(found).items())
    return tuple((_CAPTIONS[name], figure.svg) for name, figure in named if name in _CAPTIONS)

"""Lines: curves with bands, ROC, reliability, sparklines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from noria.plots.axes import Axis, finite, numeric_axis, share_axis, time_axis
from noria.plots.figure import Figure
from noria.plots.panel import HEIGHT, WIDTH, Key, Panel, colour, drawing, hue, legend_height
from noria.plots.svg import group, number, path, tag, text, tooltip

__all__ = ["Series", "calibration", "line", "roc", "sparkline"]

X = float | datetime


@dataclass(frozen=True)
class Series:
    """A curve.

    Attributes
    ----------
    name : str
        As in the legend.
    x : sequence of float or aware datetime
        Upwards.
    y : sequence of float or None
        None and NaN leave a gap.
    low, high : sequence of float or None
        A band around the curve.
    dashed : bool
        For what is only a reference.
    dots : bool
        Whether points are marked, as for windows of monitoring.
    flagged : sequence of bool
        Points drawn as alarms.
    """

    name: str
    x: Sequence[X]
    y: Sequence[float | None]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    dashed: bool = False
    dots: bool = False
    flagged: Sequence[bool] = ()


def line(
    series: Sequence[Series],
    *,
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    y_title: str = "",
    bounds: Mapping[str, float] | None = None,
    share: bool = False,
    low: float | None = None,
    high: float | None = None,
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """Draw curves over numbers or time.

    Parameters
    ----------
    series : sequence of Series
        One to six; all over numbers or all over time.
    title, subtitle, x_title, y_title : str
        Words around it.
    bounds : mapping of str to float, optional
        Horizontal lines, as a gate or the reference value.
    share : bool
        Whether values are shares, written in percent from zero.
    low, high : float, optional
        Ends of the vertical axis.
    width, height : float
        In CSS pixels.

    Examples
    --------
    >>> figure = line([Series("loss", [1, 2, 3], [0.9, 0.5, 0.4])], title="Training")
    >>> figure.svg.startswith("<svg")
    True
    """
    bounds = bounds or {}
    values: list[float | None] = [*bounds.values()]
    for each in series:
        values += [*each.y, *(each.low or ()), *(each.high or ())]
    panel = Panel(
        _horizontal([x for each in series for x in each.x], x_title),
        share_axis(values, y_title) if share else numeric_axis(values, y_title, low=low, high=high),
        title,
        subtitle,
        [Key(each.name, at, "dashed" if each.dashed else "line") for at, each in enumerate(series, 1)]
        if len(series) > 1
        else (),
        width,
        height,
    )
    marks = "".join(_bound(panel, name, value) for name, value in bounds.items())
    marks += "".join(_band(panel, each, at) for at, each in enumerate(series, 1))
    marks += "".join(_curve(panel, each, at) for at, each in enumerate(series, 1))
    told = "; ".join(_told(each) for each in series)
    data = {
        each.name: {"x": list(each.x), "y": list(each.y), "low": each.low, "high": each.high} for each in series
    } | ({"bounds": dict(bounds)} if bounds else {})
    return panel.figure(marks, told=told, data=data)


def roc(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    band: tuple[Sequence[float], Sequence[float]] | None = None,
    title: str = "ROC curve",
    subtitle: str = "",
    size: float = 340.0,
) -> Figure:
    """Draw receiver operating characteristics.

    Parameters
    ----------
    curves : mapping of str to (fpr, tpr)
        By name, usually with the area in it.
    band : (low, high), optional
        Of the first curve's true positive rate.
    title, subtitle : str
        Words around it.
    size : float
        Width in CSS pixels.
    """
    series = [
        Series(name, [0.0, *fpr], [0.0, *tpr], *_from_origin(band if at == 0 else None))
        for at, (name, (fpr, tpr)) in enumerate(curves.items())
    ]
    keys = [Key(name, at) for at, name in enumerate(curves, 1)] if len(curves) > 1 else ()
    panel = Panel(
        share_axis(title="False positive rate"),
        share_axis(title="True positive rate"),
        title,
        subtitle,
        keys,
        size,
        _square(size, title, subtitle, keys),
    )
    marks = _diagonal(panel) + "".join(_band(panel, each, at) for at, each in enumerate(series, 1))
    marks += "".join(_curve(panel, each, at) for at, each in enumerate(series, 1))
    data = {name: {"fpr": list(fpr), "tpr": list(tpr)} for name, (fpr, tpr) in curves.items()}
    return panel.figure(marks, told=subtitle or ", ".join(curves), data=data)


def calibration(
    predicted: Sequence[float],
    observed: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    counts: Sequence[int] | None = None,
    title: str = "Calibration",
    subtitle: str = "",
    size: float = 340.0,
) -> Figure:
    """Draw a reliability diagram: predicted against observed shares, with intervals.

    Parameters
    ----------
    predicted, observed : sequence of float
        Per bin, from 0 to 1.
    low, high : sequence of float, optional
        Interval of the observed share.
    counts : sequence of int, optional
        Rows of each bin, told by the pointer.
    title, subtitle : str
        Words around it.
    size : float
        Width in CSS pixels.
    """
    panel = Panel(
        share_axis(title="Predicted"),
        share_axis(title="Observed"),
        title,
        subtitle,
        (),
        size,
        _square(size, title, subtitle, ()),
    )
    marks = _diagonal(panel)
    if low is not None and high is not None:
        whiskers = [
            tag("line", x1=panel.px(x), x2=panel.px(x), y1=panel.py(a), y2=panel.py(b))
            for x, a, b in zip(predicted, low, high, strict=True)
        ]
        marks += group(*whiskers, stroke=colour(1), class_="s1", stroke_width=1.5, stroke_opacity=0.55)
    points = list(zip(predicted, observed, strict=True))
    drawn = path([(panel.px(x), panel.py(y)) for x, y in points])
    marks += tag("path", d=drawn, fill="none", stroke=colour(1), class_="s1", stroke_width=1.6, stroke_opacity=0.6)
    for at, (x, y) in enumerate(points):
        said = f"predicted {x:.1%}, observed {y:.1%}" + (f", {counts[at]:,} rows" if counts else "")
        marks += _dot(panel.px(x), panel.py(y), 1, said)
    data = {"predicted": list(predicted), "observed": list(observed), "low": low, "high": high, "counts": counts}
    return panel.figure(marks, told=subtitle or f"{len(points)} bins", data=data)


def sparkline(
    values: Sequence[float | None],
    *,
    title: str = "",
    width: float = 120.0,
    height: float = 28.0,
    low: float | None = None,
    high: float | None = None,
    kind: Literal["line", "bars"] = "line",
) -> Figure:
    """Draw a word-sized curve without axes, its last point marked.

    Parameters
    ----------
    values : sequence of float or None
        In order.
    title : str
        What it is, for screen readers and the pointer.
    width, height : float
        In CSS pixels.
    low, high : float, optional
        Ends of the axis.
    kind : str
        ``line`` or ``bars``.
    """
    found = finite(values)
    told = (
        f"{len(found)} values, last {found[-1]:.4g}, from {min(found):.4g} to {max(found):.4g}"
        if found
        else "no values"
    )
    least, most = min(found, default=0.0), max(found, default=1.0)
    least = low if low is not None else (0.0 if kind == "bars" and least >= 0 else least)
    most = high if high is not None else most
    spread = most - least if most > least else 1.0
    step = (width - 6) / max(len(values) - (kind == "line"), 1)

    def y(value: float) -> float:
        return height - 3 - (height - 6) * ((value - least) / spread if most > least else 0.5)

    marks = ""
    if kind == "bars":
        bars = [
            tag("rect", x=3 + at * step, width=max(step - 1, 0.8), y=y(value), height=max(height - 3 - y(value), 0.6))
            for at, value in enumerate(values)
            if value is not None and math.isfinite(value)
        ]
        marks = group(*bars, fill=colour(1), class_="f1", fill_opacity=0.75)
    else:
        runs = _runs([(3 + at * step, value) for at, value in enumerate(values)])
        for run in runs:
            d = path([(x, y(value)) for x, value in run])
            marks += tag("path", d=d, fill="none", stroke=colour(1), class_="s1", stroke_width=1.5)
        if runs:
            x, value = runs[-1][-1]
            marks += tag("circle", cx=x, cy=y(value), r=2.4, fill=colour(1), class_="f1")
    return drawing(marks, width, height, title=title, told=told, data={"values": list(values)})


def _horizontal(x: Sequence[X], title: str) -> Axis:
    moments = [value for value in x if isinstance(value, datetime)]
    if moments:
        return time_axis(moments, title)
    return numeric_axis([_place(value) for value in x], title, room=0.0, grid=False)


def _place(x: X) -> float:
    return x.timestamp() if isinstance(x, datetime) else float(x)


def _square(size: float, title: str, subtitle: str, keys: Sequence[Key]) -> float:
    """Give the height at which the place for marks is as high as it is wide."""
    return size - 32 + (20 if title else 0) + (16 if subtitle else 0) + legend_height(keys, size)


def _from_origin(
    band: tuple[Sequence[float], Sequence[float]] | None,
) -> tuple[Sequence[float] | None, Sequence[float] | None]:
    return ([0.0, *band[0]], [0.0, *band[1]]) if band else (None, None)


def _diagonal(panel: Panel) -> str:
    return tag(
        "line", x1=panel.px(0), y1=panel.py(0), x2=panel.px(1), y2=panel.py(1), stroke="#8593a0", class_="guide",
        stroke_dasharray="3 4",
    )  # fmt: skip


def _bound(panel: Panel, name: str, value: float) -> str:
    left, _, right, _ = panel.inner
    at = panel.py(value)
    drawn = tag(
        "line", x1=left, x2=right, y1=at, y2=at, stroke="#b3261e", class_="sbad", stroke_dasharray="5 4",
        stroke_width=1.3,
    )  # fmt: skip
    return drawn + text(
        f"{name} {value:.4g}", x=right - 3, y=at - 4, text_anchor="end", font_size=10.5, fill="#b3261e", class_="fbad"
    )


def _band(panel: Panel, series: Series, at: int) -> str:
    if series.low is None or series.high is None:
        return ""
    parts = []
    edges = zip(series.x, series.low, series.high, strict=True)
    run: list[tuple[float, float, float]] = []
    for x, a, b in [*edges, (0.0, None, None)]:
        if a is not None and b is not None and math.isfinite(a) and math.isfinite(b):
            run.append((panel.px(_place(x)), panel.py(a), panel.py(b)))
            continue
        if len(run) == 1:
            centre = run[0][0]
            run = [(centre - 2, *run[0][1:]), (centre + 2, *run[0][1:])]
        if run:
            outline = [(p, a) for p, a, _ in run] + [(p, b) for p, _, b in reversed(run)]
            parts.append(tag("path", d=path(outline, closed=True)))
        run = []
    return group(*parts, fill=colour(at), class_=hue("f", at), fill_opacity=0.15)


def _curve(panel: Panel, series: Series, at: int) -> str:
    points = [(panel.px(_place(x)), y) for x, y in zip(series.x, series.y, strict=True)]
    runs = [[(x, panel.py(y)) for x, y in run] for run in _runs(points)]
    marks = group(
        *(tag("path", d=path(run)) for run in runs if len(run) > 1),
        fill="none", stroke=colour(at), class_=hue("s", at), stroke_width=1.4 if series.dashed else 2,
        stroke_dasharray="5 4" if series.dashed else None, stroke_linejoin="round", stroke_linecap="round",
    )  # fmt: skip
    flagged = list(series.flagged) or [False] * len(series.x)
    for x, y, bad in zip(series.x, series.y, flagged, strict=True):
        if y is None or not math.isfinite(y):
            continue
        if series.dots or bad or any(len(run) == 1 and run[0] == (panel.px(_place(x)), panel.py(y)) for run in runs):
            when = x.strftime("%Y-%m-%d %H:%M") if isinstance(x, datetime) else f"{x:.4g}"
            said = f"{series.name}, {when}: {y:.4g}"
            marks += _dot(panel.px(_place(x)), panel.py(y), at, said + (" (alarm)" if bad else ""), bad=bad)
    return marks


def _dot(x: float, y: float, series: int, said: str, *, bad: bool = False) -> str:
    inside = tooltip(said)
    fill, kind = ("#b3261e", "fbad rim") if bad else (colour(series), hue("f", series) + " rim")
    return tag(
        "circle", inside, cx=x, cy=y, r=4.5 if bad else 3.4, fill=fill, class_=kind, stroke="#fff", stroke_width=1.2
    )


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None or not math.isfinite(y):
            runs.append([])
        else:
            runs[-1].append((x, float(y)))
    return [run for run in runs if run]


def _told(series: Series) -> str:
    values = finite(series.y)
    if not values:
        return f"{series.name}: no values"
    return f"{series.name}: last {values[-1]:.4g}, from {number(min(values))} to {number(max(values))}"

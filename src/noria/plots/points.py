"""Points: scatter, residuals, intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from noria.plots.axes import band_axis, numeric_axis
from noria.plots.figure import Figure
from noria.plots.panel import HEIGHT, MUTED, WIDTH, Key, Panel, colour, hue
from noria.plots.svg import group, path, tag, text, tooltip

__all__ = ["intervals", "residuals", "scatter"]

_MOST = 2_000  # points; more are a blot, and each is 40 bytes


def scatter(
    groups: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    y_title: str = "",
    muted: Sequence[str] = (),
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """Draw points, coloured by group.

    Parameters
    ----------
    groups : mapping of str to (x, y)
        Points by the name of their group; thinned evenly over 2,000.
    title, subtitle, x_title, y_title : str
        Words around it.
    muted : sequence of str
        Groups drawn faintly, as noise.
    width, height : float
        In CSS pixels.
    """
    panel = Panel(
        numeric_axis([value for x, _ in groups.values() for value in x], x_title),
        numeric_axis([value for _, y in groups.values() for value in y], y_title),
        title,
        subtitle,
        [Key(name, 0 if name in muted else at, "dot") for at, name in enumerate(groups, 1)] if len(groups) > 1 else (),
        width,
        height,
    )
    total = sum(len(x) for x, _ in groups.values())
    marks = "".join(
        _cloud(panel, x, y, at, step=max(1, math.ceil(total / _MOST)), muted=name in muted)
        for at, (name, (x, y)) in enumerate(groups.items(), 1)
    )
    data = {name: {"x": list(x), "y": list(y)} for name, (x, y) in groups.items()}
    return panel.figure(marks, told=f"{total:,} points in {len(groups)} groups", data=data)


def residuals(
    predicted: Sequence[float],
    truth: Sequence[float],
    *,
    trend: tuple[Sequence[float], Sequence[float], Sequence[float], Sequence[float]] | None = None,
    title: str = "Residuals",
    subtitle: str = "",
    unit: str = "",
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """Draw truth minus prediction along the predictions: a good model leaves a level cloud around zero.

    Parameters
    ----------
    predicted, truth : sequence of float
        Rows.
    trend : (centre, mean, low, high), optional
        The mean residual along the predictions with its interval.
    title, subtitle, unit : str
        Words around it; the unit of the target.
    width, height : float
        In CSS pixels.
    """
    errors = [y - p for y, p in zip(truth, predicted, strict=True)]
    shown = f" ({unit})" if unit else ""
    panel = Panel(
        numeric_axis(predicted, f"Predicted{shown}", grid=False),
        numeric_axis([0.0, *errors], f"Truth - predicted{shown}"),
        title,
        subtitle,
        (),
        width,
        height,
    )
    left, _, right, _ = panel.inner
    zero = panel.py(0)
    marks = _cloud(panel, predicted, errors, 1, step=max(1, math.ceil(len(errors) / _MOST)))
    marks += tag("line", x1=left, x2=right, y1=zero, y2=zero, stroke="#8593a0", class_="guide", stroke_dasharray="3 4")
    if trend is not None and len(trend[0]) > 1:
        centre, mean, low, high = trend
        outline = [(panel.px(x), panel.py(y)) for x, y in zip(centre, low, strict=True)]
        outline += [(panel.px(x), panel.py(y)) for x, y in reversed(list(zip(centre, high, strict=True)))]
        marks += tag("path", d=path(outline, closed=True), fill=colour(2), class_="f2", fill_opacity=0.18)
        drawn = path([(panel.px(x), panel.py(y)) for x, y in zip(centre, mean, strict=True)])
        marks += tag("path", d=drawn, fill="none", stroke=colour(2), class_="s2", stroke_width=2)
    told = subtitle or f"{len(errors):,} rows"
    return panel.figure(marks, told=told, data={"predicted": list(predicted), "residual": errors})


def intervals(
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    low: Sequence[float | None] | None = None,
    high: Sequence[float | None] | None = None,
    bound: float | None = None,
    bound_name: str = "bound",
    highlight: Sequence[int] = (),
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    width: float = WIDTH,
) -> Figure:
    """Draw a dot with its interval per row: candidates, slices, metrics.

    Parameters
    ----------
    labels : sequence of str
        Rows from top to bottom.
    values, low, high : sequence of float or None
        Dots and the ends of their intervals.
    bound : float, optional
        A vertical line, as a gate or the whole.
    bound_name : str
        What it is.
    highlight : sequence of int
        Positions drawn in colour while the others are faint, as the winner.
    title, subtitle, x_title : str
        Words around it.
    width : float
        In CSS pixels; the height follows the rows.
    """
    lows, highs = low or [None] * len(values), high or [None] * len(values)
    words = (20 if title else 0) + (16 if subtitle else 0) + 42 + (18 if x_title else 0)
    order = list(range(len(labels)))[::-1]
    panel = Panel(
        numeric_axis([*values, *lows, *highs, bound], x_title),
        band_axis([labels[at] for at in order]),
        title,
        subtitle,
        (),
        width,
        words + 22.0 * max(len(labels), 1),
    )
    _, top, _, bottom = panel.inner
    marks = ""
    if bound is not None:
        x = panel.px(bound)
        marks += tag("line", x1=x, x2=x, y1=top, y2=bottom, stroke="#8593a0", class_="guide", stroke_dasharray="3 4")
        anchor = "end" if x > width * 0.75 else "start"
        marks += text(
            bound_name, x=x + (-4 if anchor == "end" else 4), y=top - 2, text_anchor=anchor, font_size=10, fill=MUTED,
            class_="muted",
        )  # fmt: skip
    for place, at in enumerate(order):
        marks += _whisker(
            panel, place, labels[at], values[at], lows[at], highs[at], 0 if highlight and at not in highlight else 1
        )
    data = {"labels": list(labels), "values": list(values), "low": list(lows), "high": list(highs)}
    return panel.figure(marks, told=subtitle or f"{len(labels)} rows", data=data)


def _whisker(
    panel: Panel, place: int, label: str, value: float | None, low: float | None, high: float | None, series: int
) -> str:
    if value is None or not math.isfinite(value):
        return ""
    y, said, marks = panel.py(place), f"{label}: {value:.4g}", ""
    if low is not None and high is not None:
        said += f" ({low:.4g} to {high:.4g})"
        marks = tag(
            "line", x1=panel.px(low), x2=panel.px(high), y1=y, y2=y, stroke=colour(series), class_=hue("s", series),
            stroke_width=3, stroke_opacity=0.35, stroke_linecap="round",
        )  # fmt: skip
    dot = tag(
        "circle", cx=panel.px(value), cy=y, r=4.2, fill=colour(series), class_=hue("f", series) + " rim", stroke="#fff"
    )
    return group(tooltip(said), marks, dot)


def _cloud(
    panel: Panel, x: Sequence[float], y: Sequence[float], series: int, *, step: int = 1, muted: bool = False
) -> str:
    points = [
        tag("circle", cx=panel.px(a), cy=panel.py(b), r=2.6)
        for a, b in list(zip(x, y, strict=True))[::step]
        if math.isfinite(a) and math.isfinite(b)
    ]
    opacity = 0.25 if muted else 0.55 if len(points) < 400 else 0.38
    return group(
        *points,
        fill=colour(0 if muted else series),
        class_=hue("f", 0 if muted else series),
        fill_opacity=opacity,
    )

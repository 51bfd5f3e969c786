"""Bars: amounts by name, histograms, two samples over each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.plots.axes import Axis, band_axis, finite, numeric_axis, share_axis, time_axis
from noria.plots.binned import binned
from noria.plots.figure import Figure
from noria.plots.panel import HEIGHT, WIDTH, Key, Panel, colour
from noria.plots.svg import group, path, tag, text, tooltip, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bar", "cluster_sizes", "histogram", "overlay", "overlay_shares"]


def bar(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    highlight: Sequence[int] = (),
    muted: Sequence[int] = (),
    texts: Sequence[str] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw a horizontal bar per name, its value beside it.

    Parameters
    ----------
    labels : sequence of str
        Rows from top to bottom.
    values : sequence of float
        Lengths; below zero to the left.
    title, subtitle, x_title : str
        Words around it.
    highlight, muted : sequence of int
        Positions drawn as alarms, and faintly.
    texts : sequence of str, optional
        What is written beside each bar instead of the value.
    width : float
        In CSS pixels; the height follows the rows.

    Examples
    --------
    >>> bar(["age", "income"], [3, 5], title="Missing").data["values"]
    [3, 5]
    """
    written = list(texts) if texts is not None else [_amount(value) for value in values]
    words = (20 if title else 0) + (16 if subtitle else 0) + 16 + (36 if x_title else 8)
    order = list(range(len(labels)))[::-1]
    beside = max((width_of(each, 11.0) for each in written), default=0) + 8
    most, least = max([0.0, *finite(values)]), min([0.0, *finite(values)])
    room = (most - least or 1.0) * beside / max(width * 0.62 - beside, 1)
    axis = numeric_axis([0.0, *values], x_title, low=least - (room if least < 0 else 0), high=(most or 1.0) + room)
    if not x_title:
        axis = Axis(axis.low, axis.high, (), "", grid=False)
    panel = Panel(
        axis,
        band_axis([labels[at] for at in order]),
        title,
        subtitle,
        (),
        width,
        words + 22.0 * max(len(labels), 1),
        base=False,
    )
    marks = ""
    _, top, _, bottom = panel.inner
    zero = panel.px(0)
    for place, at in enumerate(order):
        kind, fill = (
            ("fbad", "#b3261e") if at in highlight else ("faint", "#8593a0") if at in muted else ("f1", colour(1))
        )
        start, end = panel.px(min(0.0, values[at])), panel.px(max(0.0, values[at]))
        y = panel.py(place)
        drawn = tag("rect", x=start, y=y - 7, width=max(end - start, 0.8), height=14, rx=2, fill=fill, class_=kind)
        after = end + 5 if values[at] >= 0 else start - 5
        said = text(
            written[at], x=after, y=y + 4, font_size=11, fill="currentColor",
            text_anchor="start" if values[at] >= 0 else "end",
        )  # fmt: skip
        marks += group(tooltip(f"{labels[at]}: {written[at]}"), drawn, said)
    marks += tag("line", x1=zero, x2=zero, y1=top, y2=bottom, stroke="#8593a0", class_="axis")
    told = subtitle or "; ".join(f"{label} {shown}" for label, shown in list(zip(labels, written, strict=True))[:5])
    return panel.figure(marks, told=told, data={"labels": list(labels), "values": list(values)})


def cluster_sizes(sizes: Mapping[str, int], *, title: str = "Cluster sizes", width: float = WIDTH) -> Figure:
    """Draw how many rows each cluster has, noise faintly and last.

    Parameters
    ----------
    sizes : mapping of str to int
        Rows by cluster; ``-1`` is noise.
    title : str
        What is shown.
    width : float
        In CSS pixels.
    """
    clusters = sorted(((name, n) for name, n in sizes.items() if name != "-1"), key=lambda each: -each[1])
    noise = [("noise", sizes["-1"])] if "-1" in sizes else []
    named = [(f"cluster {name}", n) for name, n in clusters] + noise
    total = sum(sizes.values()) or 1
    return bar(
        [name for name, _ in named],
        [n for _, n in named],
        title=title,
        texts=[f"{n:,} ({100 * n / total:.0f} %)" for _, n in named],
        muted=[len(named) - 1] if noise else (),
        width=width,
    )


def histogram(
    values: Iterable[float | None],
    *,
    bins: int = 24,
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    y_title: str = "Rows",
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """Draw how values are spread.

    Parameters
    ----------
    values : iterable of float or None
        Missing ones are left out.
    bins : int
        Of equal width.
    title, subtitle, x_title, y_title : str
        Words around it.
    width, height : float
        In CSS pixels.
    """
    found = finite(values)
    edges = _edges(found, bins)
    return binned(
        edges,
        _count(found, edges),
        title=title,
        subtitle=subtitle,
        x_title=x_title,
        y_title=y_title,
        width=width,
        height=height,
    )


def overlay(
    reference: Iterable[float | None],
    current: Iterable[float | None],
    *,
    names: tuple[str, str] = ("reference", "now"),
    bins: int = 24,
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """Draw two samples over each other as shares, to see whether a feature has moved.

    Parameters
    ----------
    reference, current : iterable of float or None
        Values; missing ones are left out.
    names : (str, str)
        As in the legend.
    bins : int
        Of equal width, over both samples.
    title, subtitle, x_title : str
        Words around it.
    width, height : float
        In CSS pixels.
    """
    first, second = finite(reference), finite(current)
    edges = _edges([*first, *second], bins)
    return overlay_shares(
        edges, _count(first, edges), _count(second, edges), names=names, title=title, subtitle=subtitle,
        x_title=x_title, width=width, height=height,
    )  # fmt: skip


def overlay_shares(
    edges: Sequence[float],
    reference: Sequence[float],
    current: Sequence[float],
    *,
    names: tuple[str, str] = ("reference", "now"),
    title: str = "",
    subtitle: str = "",
    x_title: str = "",
    width: float = WIDTH,
    height: float = HEIGHT,
    times: bool = False,
) -> Figure:
    """Draw two histograms that are counted already.

    Parameters
    ----------
    edges : sequence of float, one more than counts
        Ends of the bins; seconds since 1970 where `times`.
    reference, current : sequence of float
        Rows or shares per bin; each is made to sum to one.
    names : (str, str)
        As in the legend.
    title, subtitle, x_title : str
        Words around it.
    width, height : float
        In CSS pixels.
    times : bool
        Whether the values are times.
    """
    shares = [[n / (sum(counts) or 1) for n in counts] for counts in (reference, current)]
    moments = [datetime.fromtimestamp(edge, UTC) for edge in (edges[0], edges[-1])] if times else []
    panel = Panel(
        time_axis(moments, x_title, count=max(2, int(width / 110)))
        if times
        else numeric_axis(edges, x_title, room=0.01, grid=False),
        share_axis([*shares[0], *shares[1]], "Share of rows", count=4),
        title,
        subtitle,
        [Key(names[0], 1, "area"), Key(names[1], 2, "area")],
        width,
        height,
    )
    marks = ""
    for at, values in enumerate(shares, 1):
        outline = [(panel.px(edges[0]), panel.py(0))]
        for a, b, share in zip(edges, edges[1:], values, strict=False):
            outline += [(panel.px(a), panel.py(share)), (panel.px(b), panel.py(share))]
        outline.append((panel.px(edges[-1]), panel.py(0)))
        marks += tag("path", d=path(outline, closed=True), fill=colour(at), class_=f"f{at}", fill_opacity=0.22)
        drawn = path(outline)
        marks += tag("path", d=drawn, fill="none", stroke=colour(at), class_=f"s{at}", stroke_width=1.6)
    told = subtitle or f"{names[0]} and {names[1]}"
    return panel.figure(marks, told=told, data={"edges": list(edges), names[0]: shares[0], names[1]: shares[1]})


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _edges(values: Sequence[float], bins: int) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    whole = all(value == math.floor(value) for value in values[:1000])
    if whole and high - low < bins:
        return [low - 0.5 + at for at in range(int(high - low) + 2)]
    return [low + (high - low) * at / bins for at in range(bins + 1)]


def _count(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts, low = [0] * (len(edges) - 1), edges[0]
    scale = len(counts) / (edges[-1] - low)
    for value in values:
        counts[min(int((value - low) * scale), len(counts) - 1)] += 1
    return counts

"""Histograms whose bins are counted already, at full size and the size of a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from noria.plots.axes import numeric_axis, time_axis
from noria.plots.figure import Figure
from noria.plots.panel import HEIGHT, WIDTH, Panel, colour, drawing
from noria.plots.svg import group, path, tag, tooltip

__all__ = ["binned", "blocks", "spark"]


def binned(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    times: bool = False,
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
    edges : sequence of float, one more than counts
        Ends of the bins; seconds since 1970 for times.
    counts : sequence of int
        Rows in each.
    times : bool
        Whether the values are times.
    title, subtitle, x_title, y_title : str
        Words around it.
    width, height : float
        In CSS pixels.

    Examples
    --------
    >>> binned([0, 1, 2], [3, 5], title="age").data["counts"]
    [3, 5]
    """
    if times:
        x = time_axis([_moment(edges[0]), _moment(edges[-1])], x_title, count=max(2, int(width / 110)))
    else:
        x = numeric_axis(edges, x_title, room=0.01, grid=False)
    panel = Panel(x, numeric_axis([0, *counts], y_title, low=0.0, whole=True), title, subtitle, (), width, height)
    marks = group(
        *(
            tag(
                "rect", tooltip(f"{_said(a, times)} to {_said(b, times)}: {n:,}"), x=panel.px(a) + 0.5,
                width=max(panel.px(b) - panel.px(a) - 1, 0.5), y=panel.py(n),
                height=max(panel.py(0) - panel.py(n), 0.6),
            )
            for a, b, n in zip(edges, edges[1:], counts, strict=False)
            if n
        ),
        fill=colour(1), class_="f1", fill_opacity=0.85,
    )  # fmt: skip
    return panel.figure(marks, told=f"{sum(counts):,} values", data={"edges": list(edges), "counts": list(counts)})


def spark(counts: Sequence[int], *, title: str = "", width: float = 96.0, height: float = 24.0) -> Figure:
    """Draw counts as one outline without axes: a few hundred bytes, for a cell of a table.

    Parameters
    ----------
    counts : sequence of int
        Of bins of equal width, or of the most frequent values.
    title : str
        For screen readers and the pointer.
    width, height : float
        In CSS pixels.

    Examples
    --------
    >>> spark([1, 4, 2]).svg.count("<path")
    1
    """
    most = max(counts, default=0) or 1
    step = (width - 2) / max(len(counts), 1)
    floor = height - 1
    outline: list[tuple[float, float]] = [(1.0, floor)]
    for at, count in enumerate(counts):
        # What is there at all is seen, however rare.
        top = floor - max((floor - 1) * count / most, 1.0 if count else 0.0)
        outline += [(round(1 + at * step, 1), round(top, 1)), (round(1 + (at + 1) * step, 1), round(top, 1))]
    outline.append((width - 1, floor))
    marks = tag("path", d=path(outline, closed=True), fill=colour(1), class_="f1", fill_opacity=0.8)
    return drawing(marks, width, height, title=title, told=f"{sum(counts):,} values", data={"counts": list(counts)})


def blocks(counts: Sequence[int], width: int = 20) -> str:
    """Draw counts in one line of text.

    Examples
    --------
    >>> blocks([0, 1, 4, 8])
    ' ▁▄█'
    """
    merge = -(-len(counts) // width) if counts else 1
    merged = [sum(counts[at : at + merge]) for at in range(0, len(counts), merge)]
    most = max(merged, default=0)
    signs = "▁▂▃▄▅▆▇█"
    return "".join(" " if not count else signs[min(7, int(8 * count / most - 1e-9))] for count in merged)


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _said(value: float, times: bool) -> str:
    return f"{_moment(value):%Y-%m-%d %H:%M}" if times else f"{value:.4g}"

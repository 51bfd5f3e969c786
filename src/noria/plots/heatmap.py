"""Grids of coloured cells: feature by time with alarms, and confusion of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from noria.plots.axes import band_axis
from noria.plots.figure import Figure
from noria.plots.panel import WIDTH, Panel, colour
from noria.plots.svg import group, shorten, tag, text, tooltip, width_of

__all__ = ["confusion", "heatmap"]

_WIDEST, _LEAST = 72.0, 320.0


def heatmap(
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    flags: Sequence[Sequence[bool]] | None = None,
    highest: float | None = None,
    title: str = "",
    subtitle: str = "",
    width: float = WIDTH,
    cell: float = 20.0,
) -> Figure:
    """Draw values as depth of colour, and alarms as framed cells.

    Parameters
    ----------
    values : sequence of rows of float or None
        From zero; None leaves the cell empty.
    rows, columns : sequence of str
        Names, from top to bottom and from left to right, as features and windows.
    flags : the same shape of bool, optional
        Which cells are alarms.
    highest : float, optional
        The value of the deepest colour; the largest found by default.
    title, subtitle : str
        Words around it.
    width : float
        In CSS pixels, less where there are few columns; the height follows the rows.
    cell : float
        Height of a row.

    Examples
    --------
    >>> heatmap([[0.1, 0.9]], ["age"], ["Mon", "Tue"], flags=[[False, True]]).data["rows"]
    ['age']
    """
    found = [value for row in values for value in row if value is not None and math.isfinite(value)]
    deepest = highest if highest is not None else max(found, default=1.0)
    widest = max((width_of(name, 11.0) for name in rows), default=0.0)
    width = min(width, max(min(widest, width * 0.42) + 30 + _WIDEST * len(columns), _LEAST))
    order = list(range(len(rows)))[::-1]
    thin = max(1, math.ceil(len(columns) * 46 / (width * 0.75)))
    shown = [name if at % thin == 0 else "" for at, name in enumerate(columns)]
    words = (20 if title else 0) + (16 if subtitle else 0) + 38
    panel = Panel(
        band_axis(shown),
        band_axis([rows[at] for at in order]),
        title,
        subtitle,
        (),
        width,
        words + cell * max(len(rows), 1),
        base=False,
    )
    marks: list[str] = []
    flagged: list[str] = []
    for place, at in enumerate(order):
        for column, value in enumerate(values[at]):
            if value is None or not math.isfinite(value):
                continue
            alarm = bool(flags and flags[at][column])
            said = f"{rows[at]}, {columns[column]}: {value:.4g}" + (" (alarm)" if alarm else "")
            (flagged if alarm else marks).append(
                _cell(panel, column, place, min(1.0, max(0.0, value / deepest if deepest > 0 else 0.0)), said, alarm)
            )
    alarms = sum(sum(map(bool, row)) for row in flags) if flags else 0
    told = subtitle or f"{len(rows)} rows, {len(columns)} columns, {alarms} alarms"
    data = {"rows": list(rows), "columns": list(columns), "values": [list(row) for row in values], "flags": flags}
    return panel.figure("".join(marks + flagged), told=told, data=data)


def confusion(
    matrix: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    title: str = "Confusion matrix",
    subtitle: str = "",
    width: float = 340.0,
) -> Figure:
    """Draw which class is taken for which: rows are the truth, columns the prediction.

    Parameters
    ----------
    matrix : sequence of rows of int
        Counts, in the order of the labels.
    labels : sequence of str
        Classes.
    title, subtitle : str
        Words around it.
    width : float
        In CSS pixels; the height follows the number of classes.
    """
    k = len(labels)
    order = list(range(k))[::-1]
    side = max(26.0, min(64.0, (width - 90) / max(k, 1)))
    words = (20 if title else 0) + (16 if subtitle else 0) + 50
    slanted = any(width_of(label, 11.0) > (width - 90) / max(k, 1) for label in labels)
    panel = Panel(
        band_axis(labels, "Predicted"),
        band_axis([labels[at] for at in order], "Truth"),
        title,
        subtitle,
        (),
        width,
        words + side * k + (60 if slanted else 0),
        slanted=slanted,
        base=False,
    )
    across = (panel.inner[2] - panel.inner[0]) / max(k, 1)
    parts = []
    for place, at in enumerate(order):
        total = sum(matrix[at]) or 1
        for column, n in enumerate(matrix[at]):
            share = n / total
            said = f"{labels[at]} called {labels[column]}: {n:,} of {total:,} ({share:.0%})"
            parts.append(_counted(panel, column, place, n, share, across, side, said, right=at == column))
    right = sum(matrix[at][at] for at in range(k))
    told = subtitle or f"{right:,} of {sum(map(sum, matrix)):,} rows right"
    return panel.figure("".join(parts), told=told, data={"labels": list(labels), "matrix": [list(r) for r in matrix]})


def _cell(panel: Panel, column: int, place: int, depth: float, said: str, alarm: bool) -> str:
    left, top = panel.px(column - 0.5), panel.py(place + 0.5)
    width, height = panel.px(column + 0.5) - left, panel.py(place - 0.5) - top
    gap = 1.5 if width > 8 else 0.5
    hue, fill = ("2", colour(2)) if alarm else ("1", colour(1))
    box = {"x": left + gap / 2, "y": top + gap / 2, "width": max(width - gap, 1), "height": height - gap, "rx": 2.0}
    inner = tag("rect", tooltip(said), **box, fill=fill, class_=f"f{hue}", fill_opacity=0.08 + 0.82 * depth)
    if not alarm:
        return inner
    return inner + tag("rect", **box, fill="none", stroke="#b3261e", class_="sbad", stroke_width=1.6)


def _counted(
    panel: Panel,
    column: int,
    place: int,
    n: int,
    share: float,
    across: float,
    side: float,
    said: str,
    *,
    right: bool,
) -> str:
    left, top = panel.px(column - 0.5), panel.py(place + 0.5)
    height = panel.py(place - 0.5) - top
    hue, fill = ("1", colour(1)) if right else ("2", colour(2))
    cell = tag(
        "rect", x=left + 1, y=top + 1, width=across - 2, height=height - 2, rx=3, fill=fill, class_=f"f{hue}",
        fill_opacity=0.06 + 0.6 * share,
    )  # fmt: skip
    middle, at = left + across / 2, top + height / 2
    large = side > 40 and across > 60
    written = text(
        shorten(f"{n:,}", 13 if large else 11, across), x=middle, y=at + (0 if large else 4), text_anchor="middle",
        font_size=13 if large else 11, font_weight="600", fill="currentColor",
    )  # fmt: skip
    if large:
        written += text(f"{share:.0%}", x=middle, y=at + 15, text_anchor="middle", font_size=11, fill="currentColor")
    return group(tooltip(said), cell, written)

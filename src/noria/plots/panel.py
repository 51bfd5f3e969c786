"""The frame of every chart: title, legend, axes, and the place where marks go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Literal

from noria.plots.figure import PALETTE, Figure
from noria.plots.svg import group, shorten, tag, text, tooltip, width_of

if TYPE_CHECKING:
    from noria.plots.axes import Axis

__all__ = ["HEIGHT", "MUTED", "WIDTH", "Key", "Panel", "colour", "drawing", "hue", "legend_height"]

WIDTH, HEIGHT = 520.0, 320.0
_TITLE, _SMALL = 14.0, 11.0
_EDGE, _LEGEND = 12.0, 16.0
MUTED = "#5a6874"
"""Of words that are not the finding, where the page has no style."""


@dataclass(frozen=True)
class Key:
    """An entry of the legend; series 0 is drawn faintly."""

    text: str
    series: int
    mark: Literal["line", "dashed", "area", "dot"] = "line"


@dataclass(frozen=True)
class Panel:
    """A chart without its marks.

    Attributes
    ----------
    x, y : Axis
        Directions.
    title, subtitle : str
        What is shown, and what must be known about it.
    keys : sequence of Key
        The legend.
    width, height : float
        Of the whole drawing, in CSS pixels where it is not scaled.
    left : float, optional
        Room for the labels of the vertical axis; found from them by default.
    slanted : bool
        Whether the labels of the horizontal axis are turned, for long names.
    base : bool
        Whether a line is drawn under the marks.
    """

    x: Axis
    y: Axis
    title: str = ""
    subtitle: str = ""
    keys: Sequence[Key] = ()
    width: float = WIDTH
    height: float = HEIGHT
    left: float | None = None
    slanted: bool = False
    base: bool = True

    @cached_property
    def inner(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the place for marks."""
        left = self.left
        if left is None:
            widest = max((width_of(label, _SMALL) for _, label in self.y.ticks), default=0.0)
            left = min(widest, self.width * 0.42) + 11 + (18 if self.y.title else 2)
        top = 12.0 + (20 if self.title else 0) + (16 if self.subtitle else 0) + legend_height(self.keys, self.width)
        bottom = self.height - (self._under + (18 if self.x.title else 4))
        last = self.x.ticks[-1] if self.x.ticks else None
        over = (
            width_of(last[1], _SMALL) / 2 if last and last[0] > self.x.high - 0.06 * (self.x.high - self.x.low) else 0
        )
        right = self.width - max(_EDGE, 0 if self.slanted else over + 2)
        return left, top, right, max(bottom, top + 20)

    def px(self, value: float) -> float:
        """Place a value horizontally."""
        left, _, right, _ = self.inner
        return left + (right - left) * self.x.share(value)

    def py(self, value: float) -> float:
        """Place a value vertically."""
        _, top, _, bottom = self.inner
        return bottom - (bottom - top) * self.y.share(value)

    def figure(self, marks: str, *, told: str, data: Mapping[str, object]) -> Figure:
        """Put marks into the frame.

        Parameters
        ----------
        marks : str
            SVG.
        told : str
            What a reader who sees no drawing should know: the finding, in a sentence.
        data : mapping
            What was drawn.
        """
        inside = group(self._grid(), class_="grid", stroke="#e1e6ea", fill="none")
        around = self._head() + self._axes()
        return drawing(inside + marks + around, self.width, self.height, title=self.title, told=told, data=data)

    @property
    def _under(self) -> float:
        if not self.slanted:
            return 20.0
        return 14 + 0.71 * min(110.0, max((width_of(label, _SMALL) for _, label in self.x.ticks), default=0))

    def _head(self) -> str:
        parts, at = [], 17.0
        if self.title:
            fitted = shorten(self.title, _TITLE, self.width - 2 * _EDGE)
            parts.append(text(fitted, x=2, y=at, font_size=_TITLE, font_weight="600", fill="currentColor"))
            at += 17
        if self.subtitle:
            fitted = shorten(self.subtitle, _SMALL, self.width - _EDGE)
            parts.append(text(fitted, x=2, y=at, font_size=_SMALL, fill=MUTED, class_="muted"))
            at += 18
        elif self.title:
            at += 2
        return "".join(parts) + self._legend(at)

    def _legend(self, at: float) -> str:
        start = 2.0 if self.title else self.inner[0]
        parts = []
        for number, row in enumerate(_legend_rows(self.keys, self.width)):
            y = at + number * _LEGEND
            for key, x, room in row:
                fitted = shorten(key.text, _SMALL, room)
                parts.append(_swatch(key, start + x, y - 4))
                parts.append(text(fitted, x=start + x + 20, y=y, font_size=_SMALL, fill="currentColor"))
        return "".join(parts)

    def _grid(self) -> str:
        left, top, right, bottom = self.inner
        lines = [
            tag("line", x1=left, x2=right, y1=self.py(value), y2=self.py(value))
            for value, _ in self.y.ticks
            if self.y.grid and self.y.low <= value <= self.y.high
        ]
        lines += [
            tag("line", x1=self.px(value), x2=self.px(value), y1=top, y2=bottom)
            for value, _ in self.x.ticks
            if self.x.grid and self.x.low <= value <= self.x.high
        ]
        return "".join(lines)

    def _axes(self) -> str:
        left, top, right, bottom = self.inner
        labels = [self._label_x(value, label, bottom) for value, label in self.x.ticks]
        room = left - (28 if self.y.title else 8)
        labels += [
            text(shorten(label, _SMALL, room), x=left - 7, y=self.py(value) + 3.8, text_anchor="end")
            for value, label in self.y.ticks
        ]
        titles = []
        if self.x.title:
            titles.append(text(self.x.title, x=(left + right) / 2, y=self.height - 4, text_anchor="middle"))
        if self.y.title:
            turned = f"translate(11 {(top + bottom) / 2:.1f}) rotate(-90)"
            fitted = shorten(self.y.title, _SMALL, bottom - top + 40)
            titles.append(text(fitted, transform=turned, text_anchor="middle"))
        base = (
            tag("line", x1=left, x2=right, y1=bottom, y2=bottom, stroke="#8593a0", class_="axis") if self.base else ""
        )
        return base + group(*labels, *titles, font_size=_SMALL, fill=MUTED, class_="muted")

    def _label_x(self, value: float, label: str, bottom: float) -> str:
        at = self.px(value)
        if self.slanted:
            turned = f"translate({at + 4:.1f} {bottom + 12:.1f}) rotate(-45)"
            return text(shorten(label, _SMALL, 110), transform=turned, text_anchor="end")
        return text(label, x=at, y=bottom + 15, text_anchor="middle")


def legend_height(keys: Sequence[Key], width: float) -> float:
    """Give the room that a legend takes: one row, and more where it does not fit."""
    return _LEGEND * len(_legend_rows(keys, width)) + 4 if keys else 0.0


def _legend_rows(keys: Sequence[Key], width: float) -> list[list[tuple[Key, float, float]]]:
    """Set entries side by side, each with its place and room, and break into rows at the edge."""
    rows: list[list[tuple[Key, float, float]]] = []
    x, most = 0.0, width - 60
    for key in keys:
        wide = min(width_of(key.text, _SMALL), most - 24)
        if not rows or x + 20 + wide > most:
            rows.append([])
            x = 0.0
        rows[-1].append((key, x, wide + 1))
        x += 36 + wide
    return rows


def colour(series: int) -> str:
    """Give the fallback colour of a series, counted from 1; its class is ``f1`` or ``s1``."""
    return PALETTE[(series - 1) % len(PALETTE)] if series else "#8593a0"


def hue(kind: Literal["f", "s"], series: int) -> str:
    """Give the class that fills or strokes in the colour of a series."""
    if not series:
        return "faint" if kind == "f" else "axis"
    return f"{kind}{(series - 1) % len(PALETTE) + 1}"


def drawing(inside: str, width: float, height: float, *, title: str, told: str, data: Mapping[str, object]) -> Figure:
    """Wrap elements into an ``<svg>`` that screen readers announce by its title and finding."""
    spoken = ". ".join(part.rstrip(".") for part in (title, told) if part)
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="np" role="img" aria-label="{escape(spoken)}" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'font-family="system-ui, sans-serif">'
    )
    return Figure(root + tooltip(spoken) + inside + "</svg>", data, title)


def _swatch(key: Key, x: float, y: float) -> str:
    if key.mark in ("line", "dashed"):
        return tag(
            "line", x1=x, x2=x + 15, y1=y, y2=y, stroke=colour(key.series), class_=hue("s", key.series),
            stroke_width=2.2, stroke_dasharray="4 3" if key.mark == "dashed" else None, stroke_linecap="round",
        )  # fmt: skip
    if key.mark == "dot":
        return tag("circle", cx=x + 8, cy=y, r=4, fill=colour(key.series), class_=hue("f", key.series))
    return tag(
        "rect", x=x + 2, y=y - 5, width=12, height=10, rx=2, fill=colour(key.series), class_=hue("f", key.series)
    )

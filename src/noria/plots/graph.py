"""Graphs: steps and what they take from each other, in layers from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from noria.plots.panel import MUTED, drawing
from noria.plots.svg import group, number, shorten, tag, text, tooltip, width_of

if TYPE_CHECKING:
    from noria.plots.figure import Figure

__all__ = ["Node", "graph", "layers"]

_BOX, _LANE, _GAP_X, _GAP_Y, _ROUNDS = 44.0, 10.0, 46.0, 18.0, 6

# What a state is called by steps, runs and deployments, and the colour it has everywhere: class, fallback.
_STATES = {
    "finished": ("sgood", "#18794a"), "passed": ("sgood", "#18794a"), "cached": ("axis", "#8593a0"),
    "failed": ("sbad", "#b3261e"), "run": ("s1", "#0a6a8a"), "running": ("s1", "#0a6a8a"),
    "skipped": ("grid", "#c9d1d8"), "unknown": ("grid", "#c9d1d8"),
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A box.

    Attributes
    ----------
    name : str
        Unique.
    note : str
        A second line, as seconds or the reason for a rerun.
    state : str
        ``finished``, ``cached``, ``failed``, ``running``, ``run``, ``skipped`` or empty.
    told : str
        What the pointer tells.
    """

    name: str
    note: str = ""
    state: str = ""
    told: str = ""


def graph(
    nodes: Sequence[Node | str],
    edges: Sequence[tuple[str, str]],
    *,
    title: str = "",
    width: float | None = None,
    every: bool = False,
) -> Figure:
    """Draw a directed acyclic graph.

    Parameters
    ----------
    nodes : sequence of Node or str
        Boxes.
    edges : sequence of (from, to)
        Names; those of unknown nodes are left out.
    title : str
        What is shown.
    width : float, optional
        In CSS pixels where it should be wider than it must.
    every : bool
        Whether edges are drawn that follow from others; ``a -> c`` follows from ``a -> b -> c``.

    Raises
    ------
    ValueError
        The edges form a ring.

    Examples
    --------
    >>> graph(["split", "train"], [("split", "train")]).data["layers"]
    [['split'], ['train']]
    """
    boxes = {node.name: node for node in (Node(each) if isinstance(each, str) else each for each in nodes)}
    known = [(a, b) for a, b in dict.fromkeys(edges) if a in boxes and b in boxes]
    found = layers(list(boxes), known)  # refuses a ring, in which an edge may follow from itself
    drawn = known if every else _reduced(known)
    through, steps = _bends(found, drawn)
    levels = _untangle(through, steps)
    widths = [max(_width(boxes[name]) for name in level if name in boxes) for level in levels]
    top = 30.0 if title else 8.0
    tall = max((_tall(level, boxes) for level in levels), default=0.0)
    place: dict[str, tuple[float, float, float]] = {}
    x = 8.0
    for level, wide in zip(levels, widths, strict=True):
        y = top + (tall - _tall(level, boxes)) / 2
        for name in level:
            place[name] = (x, y, wide)
            y += (_BOX if name in boxes else _LANE) + _GAP_Y
        x += wide + _GAP_X
    whole = max(x - _GAP_X + 8, width or 0, 60)
    marks = group(
        *(_edge([place[name] for name in way]) for way in _ways(drawn, steps)),
        fill="none", stroke="#8593a0", class_="axis", stroke_width=1.4,
    )  # fmt: skip
    marks += group(*(_head(place[b]) for _, b in drawn), fill="#8593a0", class_="faint")
    marks += "".join(_draw(boxes[name], *place[name]) for name in place if name in boxes)
    if title:
        marks += text(title, x=2, y=17, font_size=14, font_weight="600", fill="currentColor")
    shown = [[name for name in level if name in boxes] for level in levels]
    told = f"{len(boxes)} boxes: " + ", then ".join(" and ".join(level) for level in shown)
    data = {"layers": shown, "edges": known}
    return drawing(marks, whole, top + max(tall, 0) + 10, title=title, told=told, data=data)


def layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Put each node one layer behind the last of those it needs.

    Raises
    ------
    ValueError
        The edges form a ring.

    References
    ----------
    Sugiyama, K., Tagawa, S. & Toda, M. (1981). Methods for visual understanding of hierarchical system structures.
    IEEE Transactions on Systems, Man, and Cybernetics 11(2).

    Examples
    --------
    >>> layers(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    [['a'], ['b'], ['c']]
    """
    needs = {name: [a for a, b in edges if b == name] for name in names}
    depth: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        ready = [name for name in waiting if all(before in depth for before in needs[name])]
        if not ready:
            raise ValueError("the edges form a ring through " + ", ".join(waiting))
        for name in ready:
            depth[name] = max((depth[before] + 1 for before in needs[name]), default=0)
        waiting = [name for name in waiting if name not in depth]
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        found[depth[name]].append(name)
    return found


def _reduced(edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what follows from other edges."""
    feeds: dict[str, set[str]] = {}
    for a, b in edges:
        feeds.setdefault(a, set()).add(b)
    reached: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in reached:
            reached[name] = set(feeds.get(name, ())).union(*(reach(after) for after in feeds.get(name, ())))
        return reached[name]

    return [(a, b) for a, b in edges if not any(b in reach(after) for after in feeds[a] if after != b)]


def _bends(
    levels: list[list[str]], edges: Sequence[tuple[str, str]]
) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """Give an edge over several layers a lane of its own in each, so that it passes beside the boxes."""
    depth = {name: at for at, level in enumerate(levels) for name in level}
    through = [list(level) for level in levels]
    steps: dict[tuple[str, str], list[str]] = {}
    for a, b in edges:
        lanes = [f"{a}\0{b}\0{at}" for at in range(depth[a] + 1, depth[b])]
        for at, lane in enumerate(lanes, depth[a] + 1):
            through[at].append(lane)
        steps[a, b] = [a, *lanes, b]
    return through, steps


def _untangle(levels: list[list[str]], steps: Mapping[tuple[str, str], list[str]]) -> list[list[str]]:
    """Order each layer by the middle of its neighbours, forth and back."""
    pairs = [pair for way in steps.values() for pair in pairwise(way)]
    needs: dict[str, list[str]] = {}
    feeds: dict[str, list[str]] = {}
    for a, b in pairs:
        needs.setdefault(b, []).append(a)
        feeds.setdefault(a, []).append(b)
    for turn in range(_ROUNDS):
        near = needs if turn % 2 == 0 else feeds
        for level in levels if turn % 2 == 0 else reversed(levels):
            place = {name: at - len(each) / 2 for each in levels for at, name in enumerate(each)}
            level.sort(key=lambda name, place=place: _middle(name, near, place))  # type: ignore[misc]
    return levels


def _ways(edges: Sequence[tuple[str, str]], steps: Mapping[tuple[str, str], list[str]]) -> list[list[str]]:
    return [steps[edge] for edge in edges]


def _tall(level: Sequence[str], boxes: Mapping[str, Node]) -> float:
    return sum((_BOX if name in boxes else _LANE) + _GAP_Y for name in level) - _GAP_Y


def _middle(name: str, near: Mapping[str, list[str]], place: Mapping[str, float]) -> float:
    around = near.get(name, [])
    return sum(place[other] for other in around) / len(around) if around else place[name]


def _width(node: Node) -> float:
    return max(84.0, min(190.0, 28 + max(width_of(node.name, 12.5) * 1.04, width_of(node.note, 10.5))))


def _draw(node: Node, x: float, y: float, wide: float) -> str:
    kind, stroke = _STATES.get(node.state, ("axis", "#8593a0"))
    box = tag(
        "rect", x=x, y=y, width=wide, height=_BOX, rx=8, fill="#ffffff", stroke=stroke, class_=f"ground {kind}",
        stroke_width=1.6, stroke_dasharray="4 3" if node.state in ("skipped", "unknown") else None,
    )  # fmt: skip
    lifted = -3 if node.note else 4
    name = text(
        shorten(node.name, 12.5, wide - 20), x=x + wide / 2, y=y + _BOX / 2 + lifted, text_anchor="middle",
        font_size=12.5, font_weight="600", fill="currentColor",
    )  # fmt: skip
    note = text(
        shorten(node.note, 10.5, wide - 16), x=x + wide / 2, y=y + _BOX / 2 + 13, text_anchor="middle", font_size=10.5,
        fill=MUTED, class_="muted",
    )  # fmt: skip
    said = node.told or ": ".join(part for part in (node.name, node.state, node.note) if part)
    return group(tooltip(said), box, name, note if node.note else "")


def _edge(way: Sequence[tuple[float, float, float]]) -> str:
    """Draw a curve from box to box, straight through the lanes between."""
    x, y = way[0][0] + way[0][2], way[0][1] + _BOX / 2
    drawn = f"M{number(x)} {number(y)}"
    for at, (left, top, wide) in enumerate(way[1:], 1):
        last = at == len(way) - 1
        x2, y2 = (left - 6, top + _BOX / 2) if last else (left, top + _LANE / 2)
        half = (x2 - x) / 2
        drawn += f"C{number(x + half)} {number(y)} {number(x2 - half)} {number(y2)} {number(x2)} {number(y2)}"
        x, y = (x2, y2) if last else (left + wide, y2)
        drawn += "" if last else f"H{number(x)}"
    return tag("path", d=drawn)


def _head(end: tuple[float, float, float]) -> str:
    x, y = end[0] - 1, end[1] + _BOX / 2
    return tag("path", d=f"M{number(x)} {number(y)}L{number(x - 7)} {number(y - 4)}V{number(y + 4)}Z")

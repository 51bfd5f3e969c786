"""A drawing: SVG that stands by itself, and the figures behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PALETTE", "PLOT_CSS", "Figure"]

PALETTE = ("#0a6a8a", "#c2571a", "#18794a", "#7b4bb3", "#8f5b00", "#b3261e")
"""Colours of the series on a light ground; told apart with every common kind of colour blindness by lightness too."""

_DARK = ("#5db8d6", "#eb9b68", "#5fc592", "#b895e4", "#e2b04a", "#f2867d")


def _colours(colours: tuple[str, ...], line: str, faint: str, muted: str, ground: str, bad: str, good: str) -> str:
    named = "".join(f"--np-{number}:var(--plot-{number},{colour});" for number, colour in enumerate(colours, 1))
    return (
        f"{named}--np-line:var(--line,{line});--np-faint:var(--faint,{faint});--np-muted:var(--muted,{muted});--np-ground:var(--surface,{ground});"
        f"--np-bad:var(--bad,{bad});--np-good:var(--good,{good});"
    )


_LIGHT_SET = _colours(PALETTE, "#e1e6ea", "#8593a0", "#5a6874", "#ffffff", "#b3261e", "#18794a")
_DARK_SET = _colours(_DARK, "#2b3640", "#71818e", "#9aa9b5", "#161e25", "#f2867d", "#5fc592")

PLOT_CSS = (
    f".np{{{_LIGHT_SET}font-family:var(--sans,ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,"
    "'Helvetica Neue','Noto Sans',Arial,sans-serif);font-variant-numeric:tabular-nums;max-width:100%;height:auto}"
    ":root.np{color:#15212b;background:#fff}"
    f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]) .np,:root.np{{{_DARK_SET}}}"
    ":root.np{color:#e5ebef;background:#161e25}}"
    f"[data-theme=dark] .np,[data-jp-theme-light=false] .np,body.vscode-dark .np{{{_DARK_SET}}}"
    + "".join(
        f".np .np-f{number}{{fill:var(--np-{number})}}.np .np-s{number}{{stroke:var(--np-{number})}}"
        for number in range(1, 7)
    )
    + ".np .np-grid{stroke:var(--np-line)}.np .np-axis{stroke:var(--np-faint)}.np .np-ground{fill:var(--np-ground)}"
    ".np .np-rim{stroke:var(--np-ground)}.np .np-faint{fill:var(--np-faint)}.np .np-muted{fill:var(--np-muted)}"
    ".np .np-guide{stroke:var(--np-faint)}"
    ".np .np-fbad{fill:var(--np-bad)}.np .np-sbad{stroke:var(--np-bad)}.np .np-fgood{fill:var(--np-good)}"
    ".np .np-sgood{stroke:var(--np-good)}"
)
"""The only style a page needs for all drawings. It takes the page's own colours where the page names them
(``--plot-1`` … ``--plot-6``, ``--line``, ``--faint``, ``--muted``, ``--surface``, ``--good``, ``--bad``,
``--sans``)."""


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes
    ----------
    svg : str
        One ``<svg>`` element with classes and presentation attributes only: no style, no script, no outside resource.
    data : mapping
        What was drawn, by name.
    title : str
        What it shows.

    Examples
    --------
    >>> Figure('<svg xmlns="http://www.w3.org/2000/svg"></svg>', {}, "empty")
    Figure('empty')
    """

    svg: str
    data: Mapping[str, object] = field(default_factory=dict, compare=False)
    title: str = ""

    def __repr__(self) -> str:
        return f"Figure({self.title!r})"

    @property
    def standalone(self) -> str:
        """The same with its style inside, for files and notebooks."""
        head, _, rest = self.svg.partition(">")
        return f"{head}><style>{PLOT_CSS}</style>{rest}"

    def save(self, path: Path) -> Path:
        """Write the drawing to a file that any browser shows.

        Parameters
        ----------
        path : Path
            Ends in ``.svg``.
        """
        path.write_text(self.standalone, encoding="utf-8")
        return path

    def _repr_svg_(self) -> str:
        return self.standalone

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"image/svg+xml": self.standalone, "text/plain": repr(self)}

"""A report before it is written down as HTML or Markdown: sections of tables, pairs, drawings and paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from noria.plots.figure import Figure

__all__ = ["Block", "Cell", "Column", "Document", "Drawings", "Kind", "Pairs", "Paragraph", "Section", "Table", "Tile"]

Kind = Literal["", "good", "bad", "muted", "strong"]


@dataclass(frozen=True)
class Cell:
    """A text with what it means."""

    text: str
    kind: Kind = ""


@dataclass(frozen=True)
class Column:
    """A heading; numbers stand on the right."""

    title: str
    right: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under headings."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Pairs:
    """Names and values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str
    kind: Kind = ""


@dataclass(frozen=True)
class Drawings:
    """Drawings side by side; Markdown leaves them out, as hosts strip them."""

    figures: tuple[Figure, ...]


Block = Table | Pairs | Paragraph | Drawings


@dataclass(frozen=True)
class Section:
    """A heading and what is under it."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True)
class Tile:
    """A figure at a glance."""

    title: str
    value: str
    note: str = ""
    kind: Kind = ""


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]

"""A document as Markdown that GitHub, GitLab and a terminal read alike."""

from __future__ import annotations

import re

from noria.plots.document import Block, Cell, Document, Drawings, Pairs, Paragraph, Section, Table, Tile

__all__ = ["escape", "table", "write"]

_SIGNS = {"good": "✅ ", "bad": "❌ "}


def write(document: Document) -> str:
    """Write a document as Markdown; drawings are left out, as hosts strip them."""
    parts = [f"# {escape(document.title)}", escape(document.subtitle), _tiles(document.tiles)]
    parts += [part for section in document.sections for part in _section(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Keep a text from being read as markup.

    Examples
    --------
    >>> escape("roc_auc of <i>")
    'roc_auc of &lt;i&gt;'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\\", "\\\\")
    text = re.sub(r"[|*`\[]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
    # A line break would end a table's row, and a mention would call somebody; credit@3 is none.
    return re.sub(r"(?<!\w)@(?=\w)", "@\u200b", " ".join(text.split()))


def table(columns: list[tuple[str, bool]], rows: list[list[str]]) -> str:
    """Lay out a table whose cells are Markdown already.

    Parameters
    ----------
    columns : list of (str, bool)
        Headings, and whether they stand on the right.
    rows : list of lists of str
        Cells.

    Examples
    --------
    >>> print(table([("Metric", False), ("Value", True)], [["AUC", "0.8"]]))
    | Metric | Value |
    |---|---:|
    | AUC | 0.8 |
    """
    lines = ["| " + " | ".join(title for title, _ in columns) + " |"]
    lines.append("|" + "|".join("---:" if right else "---" for _, right in columns) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _tiles(tiles: tuple[Tile, ...]) -> str:
    return " · ".join(
        f"{_SIGNS.get(tile.kind, '')}{escape(tile.title)} **{escape(tile.value)}**"
        + (f" ({escape(tile.note)})" if tile.note else "")
        for tile in tiles
    )


def _section(section: Section) -> list[str]:
    inside = [written for block in section.blocks if (written := _block(block))]
    if not inside:
        return []
    if section.folded:
        return [f"<details><summary>{escape(section.title)}</summary>", *inside, "</details>"]
    return [f"## {escape(section.title)}", *inside]


def _block(block: Block) -> str:
    if isinstance(block, Drawings):
        return ""
    if isinstance(block, Pairs):
        return "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in block.pairs)
    if isinstance(block, Paragraph):
        return f"> ⚠️ {escape(block.text)}" if block.kind == "bad" else escape(block.text)
    return _table(block)


def _table(block: Table) -> str:
    columns = [(escape(column.title), column.right) for column in block.columns]
    return table(columns, [[_cell(cell) for cell in row] for row in block.rows])


def _cell(cell: Cell) -> str:
    written = escape(cell.text)
    if cell.kind == "strong" and written:
        return f"**{written}**"
    return _SIGNS.get(cell.kind, "") + written

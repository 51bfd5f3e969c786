"""What changed from one version to the next, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.plots.bars import bar, overlay_shares
from noria.plots.document import Cell, Column, Document, Drawings, Paragraph, Section, Table, Tile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from noria.datasets.diff import TableDiff
    from noria.datasets.spreads import Spread
    from noria.datasets.version import DatasetVersion
    from noria.plots.document import Block
    from noria.plots.figure import Figure

__all__ = ["document"]

_DRAWN = 24
_WIDEST = 30
_WIDTH, _HEIGHT = 310.0, 200.0


def document(
    old: DatasetVersion,
    new: DatasetVersion,
    found: TableDiff,
    spread: Sequence[Spread],
    *,
    key: Sequence[str] = (),
) -> Document:
    """Lay a diff out.

    Parameters
    ----------
    old, new : DatasetVersion
        What was compared.
    found : TableDiff
        Rows, cells and columns that changed.
    spread : sequence of Spread
        Columns of both, counted in the same bins.
    key : sequence of str
        What identifies a row.
    """
    tiles = (
        Tile("Added", f"{found.added:,}", "rows"),
        Tile("Removed", f"{found.removed:,}", "rows"),
        Tile("Changed", f"{found.changed:,}" if found.keyed else "–", "rows" if found.keyed else "there is no key"),
        Tile("The same", f"{found.unchanged:,}", "rows"),
    )
    sections = [
        Section("Columns", _columns(found)),
        Section("Cells", _cells(found, key)),
        *_whole_rows("Added rows", found.added_rows, found.added, key),
        *_whole_rows("Removed rows", found.removed_rows, found.removed, key),
        Section("Spread, before and after", _spread(spread, old.ref, new.ref)),
    ]
    subtitle = (
        f"{old.rows:,} rows of {old.created:%Y-%m-%d %H:%M} from {old.source}, "
        f"{new.rows:,} rows of {new.created:%Y-%m-%d %H:%M} from {new.source}"
    )
    return Document(f"{old.ref} → {new.ref}", subtitle, tiles, tuple(sections))


def _columns(found: TableDiff) -> tuple[Block, ...]:
    rows = [(Cell(name, "strong"), Cell("added", "good"), Cell("")) for name in found.columns_added]
    rows += [(Cell(name, "strong"), Cell("removed", "bad"), Cell("")) for name in found.columns_removed]
    rows += [
        (Cell(name, "strong"), Cell("of another type"), Cell(f"{before} → {after}"))
        for name, (before, after) in found.retyped.items()
    ]
    if not rows:
        return (Paragraph("The same columns, of the same types.", "muted"),)
    return (Table((Column("Column"), Column("What"), Column("Types")), tuple(rows)),)


def _cells(found: TableDiff, key: Sequence[str]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if found.note:
        blocks.append(Paragraph(f"{found.note[:1].upper()}{found.note[1:]}.", "muted"))
    if found.cells:
        ordered = sorted(found.cells.items(), key=lambda pair: -pair[1])[:40]
        drawn = bar(
            [name for name, _ in ordered], [count for _, count in ordered], title="Rows in which a column changed",
            texts=[f"{count:,}" for _, count in ordered], width=480.0,
        )  # fmt: skip
        blocks.append(Drawings((drawn,)))
    if found.examples:
        rows = tuple(row for example in found.examples for row in _example(example, key))
        few = "Some of the changed rows" if len(found.examples) < found.changed else "The changed rows"
        blocks.append(Paragraph(f"{few}:", "muted"))
        blocks.append(Table((Column("Row"), Column("Column"), Column("Before"), Column("After")), rows))
    return tuple(blocks) or (Paragraph("No cell changed.", "muted"),)


def _whole_rows(
    title: str, rows: Sequence[Mapping[str, str | None]], count: int, key: Sequence[str]
) -> Iterable[Section]:
    if not rows:
        return
    names = [*(name for name in key if name in rows[0]), *(name for name in rows[0] if name not in key)]
    shown = names[:_WIDEST]
    blocks: list[Block] = []
    if len(rows) < count:
        blocks.append(Paragraph(f"{len(rows)} of {count:,}.", "muted"))
    cells = tuple(tuple(_whole_cell(row[name], name in key) for name in shown) for row in rows)
    blocks.append(Table(tuple(Column(name) for name in shown), cells))
    if len(names) > len(shown):
        blocks.append(Paragraph(f"The first {len(shown)} of {len(names)} columns.", "muted"))
    yield Section(title, tuple(blocks))


def _whole_cell(value: str | None, is_key: bool) -> Cell:
    return Cell(_cell(value), "strong" if is_key else "muted" if value is None else "")


def _example(example: Mapping[str, object], key: Sequence[str]) -> Iterable[tuple[Cell, Cell, Cell, Cell]]:
    named = ", ".join(str(example.get(name, "missing")) for name in key)
    for name, value in example.items():
        if isinstance(value, (list, tuple)) and len(value) == 2:
            yield Cell(named, "strong"), Cell(name), Cell(_cell(value[0]), "muted"), Cell(_cell(value[1]))


def _cell(value: object) -> str:
    return "missing" if value is None else str(value)[:200] or "(empty)"


def _spread(spread: Sequence[Spread], old: str, new: str) -> tuple[Block, ...]:
    if not spread:
        return (Paragraph("There is no column to be compared.", "muted"),)
    moved = [each for each in spread if each.distance > 0]
    blocks: list[Block] = []
    if moved:
        blocks.append(Drawings(tuple(_drawn(each, old, new) for each in moved[:_DRAWN])))
    if len(moved) > _DRAWN:
        blocks.append(Paragraph(f"The {_DRAWN} of {len(moved)} columns that moved most.", "muted"))
    same = len(spread) - len(moved)
    if same:
        told = "1 column is" if same == 1 else f"{same:,} columns are"
        blocks.append(Paragraph(f"{told} spread as before{'' if moved else ': none has moved'}.", "muted"))
    return tuple(blocks)


def _drawn(found: Spread, old: str, new: str) -> Figure:
    rows = [sum(found.before) + found.missing[0], sum(found.after) + found.missing[1]]
    gaps = [missing / total if total else 0.0 for missing, total in zip(found.missing, rows, strict=True)]
    said = f"{found.distance:.1%} moved" + (f", missing {gaps[0]:.1%} → {gaps[1]:.1%}" if any(gaps) else "")
    if found.edges:
        return overlay_shares(
            found.edges, found.before, found.after, names=(old, new), title=found.name, subtitle=said, width=_WIDTH,
            height=_HEIGHT, times=found.times,
        )  # fmt: skip
    before, after = ([count / (sum(side) or 1) for count in side] for side in (found.before, found.after))
    return bar(
        list(found.labels), after, title=found.name, subtitle=said, width=_WIDTH,
        texts=[f"{one:.1%} → {two:.1%}" for one, two in zip(before, after, strict=True)],
    )  # fmt: skip

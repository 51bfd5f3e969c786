"""A profile as a document: what one needs to see of a table before learning from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from noria.datasets import profile_drawings
from noria.plots.document import Cell, Column, Document, Drawings, Paragraph, Section, Table, Tile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from noria.datasets.profiled import Association, ColumnProfile, Profile, TargetProfile
    from noria.datasets.schema import Schema
    from noria.plots.document import Block

__all__ = ["document", "figures", "odd"]

_MOST_PAIRS = 20
_DRAWN_RELATIONS = 12
_MOST_DRAWN = 120
_MUCH_MISSING = 0.2
_MEASURES = {
    "pearson": "Pearson",
    "cramers_v": "Cramér's V",
    "correlation_ratio": "correlation ratio",
    "missing": "gaps together",
}


def document(found: Profile, schema: Schema, *, title: str, subtitle: str, roles: Collection[str] = ()) -> Document:
    """Lay a profile out.

    Parameters
    ----------
    found : Profile
        As measured.
    schema : Schema
        What the columns are.
    title, subtitle : str
        Which table, and where it comes from.
    roles : collection of str
        Key, time, group and target.
    """
    cells = found.rows * len(found.columns)
    missing = sum(column.missing for column in found.columns)
    tiles = [
        Tile("Rows", f"{found.rows:,}"),
        Tile("Columns", f"{len(found.columns):,}", _kinds(schema)),
        Tile("Missing", f"{missing / cells:.1%}" if cells else "–", f"{missing:,} cells"),
    ]
    if found.duplicates is not None:
        tiles.append(Tile("Repeated rows", f"{found.duplicates:,}", "", "bad" if found.duplicates else ""))
    sections = [
        Section("Worth a look", _odd_blocks(found, schema, roles)),
        Section("Columns", (_overview(found, schema),)),
        Section("Spread", _spread(found)),
    ]
    if found.target is not None:
        kept = tuple(each for each in found.target.relations if each.name not in roles)
        sections.append(_target(replace(found.target, relations=kept), found))
    if found.associations:
        sections.append(_associations(found))
    if found.missing_together:
        sections.append(_gaps(found))
    return Document(title, subtitle, tuple(tiles), tuple(sections))


def figures(column: ColumnProfile) -> tuple[str, str, str, str]:
    """Write least, median, greatest and mean.

    Examples
    --------
    >>> from noria.datasets.profiled import ColumnProfile
    >>> figures(ColumnProfile("age", "int", 0, 3, min=18, max=61, mean=37.5, quantiles={"0.5": 33.0}))
    ('18', '33', '61', '37.5')
    """
    if column.type == "text":
        return ("", "", "", "")
    median = (column.quantiles or {}).get("0.5")
    low, middle, high, mean = (_short(value) for value in (column.min, median, column.max, column.mean))
    return low, middle, high, mean


def odd(found: Profile, schema: Schema, roles: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Name what is worth a look: column, and what is odd about it; a key or time is left out by its role."""
    types = {column.name: column for column in schema.columns}
    for column in found.columns:
        rows, known = found.rows, found.rows - column.missing
        if rows and column.missing / rows > _MUCH_MISSING:
            yield column.name, f"missing in {column.missing / rows:.1%} of the rows"
        if column.infinite:
            yield column.name, f"infinite in {column.infinite:,} rows"
        if column.blank:
            yield column.name, f"nothing but blanks in {column.blank:,} rows"
        far = 0 if column.histogram is None else column.histogram.below + column.histogram.above
        if far:
            yield (
                column.name,
                (
                    f"{far:,} value{'s lie' if far > 1 else ' lies'} far beyond the rest: "
                    f"from {_short(column.min)} to {_short(column.max)}, the middle 98 % {_middle(column)}"
                ),
            )
        if column.top and column.distinct > 1 and known and column.top[0][1] > 0.99 * known:
            yield column.name, f"{column.top[0][0]!r} in {column.top[0][1] / known:.2%} of the rows with a value"
        told = types.get(column.name)
        if told is not None and told.reason and not told.pii and column.name not in roles:
            yield column.name, f"left out of the model: {told.reason}"
        if told is not None and told.pii:
            yield column.name, "personal: its values are not shown"


def _odd_blocks(found: Profile, schema: Schema, roles: Collection[str]) -> tuple[Block, ...]:
    rows = tuple((Cell(name, "strong"), Cell(what)) for name, what in odd(found, schema, roles))
    if found.duplicates:
        rows = ((Cell("all", "strong"), Cell(f"{found.duplicates:,} rows repeat another in every column")), *rows)
    if not rows:
        return (Paragraph("Nothing stands out.", "good"),)
    return (Table((Column("Column"), Column("What")), rows),)


def _kinds(schema: Schema) -> str:
    counts: dict[str, int] = {}
    for column in schema.columns:
        counts[column.type] = counts.get(column.type, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]))


def _overview(found: Profile, schema: Schema) -> Table:
    types = {column.name: column.type for column in schema.columns}
    heads = ("Column", "Type", "Missing", "Distinct", "Least", "Median", "Greatest", "Mean", "Sd", "Outliers", "Most")
    rows = []
    for column in found.columns:
        share = column.missing / found.rows if found.rows else 0.0
        most = ", ".join(f"{str(value)[:24] or '(empty)'} {count:,}" for value, count in column.top[:3])
        if not most and column.patterns:
            most = ", ".join(f"{shape} {count:,}" for shape, count in column.patterns[:3])
        rows.append(
            (
                Cell(column.name, "strong"),
                Cell(types.get(column.name, column.type)),
                Cell(f"{share:.1%}" if column.missing else "0", "bad" if share > _MUCH_MISSING else "muted"),
                Cell(f"{column.distinct:,}"),
                *(Cell(text) for text in figures(column)),
                Cell(_short(column.sd)),
                Cell("" if not column.outliers else f"{column.outliers:,}"),
                Cell(most, "muted"),
            )
        )
    return Table(tuple(Column(name, right=2 <= at <= 9) for at, name in enumerate(heads)), tuple(rows))


def _spread(found: Profile) -> tuple[Block, ...]:
    drawn = [figure for column in found.columns[:_MOST_DRAWN] if (figure := profile_drawings.column(column))]
    blocks: list[Block] = [Drawings(tuple(drawn))]
    if len(found.columns) > _MOST_DRAWN:
        blocks.append(Paragraph(f"The first {_MOST_DRAWN} of {len(found.columns):,} columns.", "muted"))
    return tuple(blocks)


def _target(target: TargetProfile, found: Profile) -> Section:
    drawn = [
        figure
        for each in target.relations[:_DRAWN_RELATIONS]
        if each.information > 0 and (figure := profile_drawings.relation(each, target))
    ]
    blocks: list[Block] = [Paragraph(_measured_on(found), "muted")]
    if target.relations:
        blocks.append(Drawings((profile_drawings.information(target),)))
    if drawn:
        blocks.append(Drawings(tuple(drawn)))
    return Section(f"The target {target.name}", tuple(blocks))


def _associations(found: Profile) -> Section:
    drawn = profile_drawings.associations(found.associations)
    blocks: list[Block] = [
        Paragraph(
            f"{_measured_on(found)} Two numbers by Pearson's and Spearman's correlation, two categories by Cramér's V "
            "corrected for bias, a number and a category by the correlation ratio.",
            "muted",
        )
    ]
    if drawn is not None:
        blocks.append(Drawings((drawn,)))
    blocks.append(_pairs(found.associations[:_MOST_PAIRS]))
    return Section("What hangs together", tuple(blocks))


def _pairs(found: Sequence[Association]) -> Table:
    rows = tuple(
        (
            Cell(each.a, "strong"),
            Cell(each.b, "strong"),
            Cell(_MEASURES[each.measure], "muted"),
            Cell(f"{each.value:+.3f}" if each.measure in {"pearson", "missing"} else f"{each.value:.3f}"),
            Cell("" if each.rank is None else f"{each.rank:+.3f}"),
        )
        for each in found
    )
    heads = (Column("Column"), Column("Column"), Column("Measure"), Column("Value", True), Column("By rank", True))
    return Table(heads, rows)


def _gaps(found: Profile) -> Section:
    rows = tuple(
        (
            Cell(", ".join(pattern.columns) or "none: the row is complete", "" if pattern.columns else "muted"),
            Cell(f"{pattern.rows:,}"),
            Cell(f"{pattern.rows / found.rows:.1%}"),
        )
        for pattern in found.missing_together
    )
    blocks: list[Block] = [Table((Column("Missing together"), Column("Rows", True), Column("Share", True)), rows)]
    if found.missing_pairs:
        blocks.append(_pairs(found.missing_pairs[:_MOST_PAIRS]))
    return Section("What is missing together", tuple(blocks))


def _measured_on(found: Profile) -> str:
    if found.sample is None or found.sample >= found.rows:
        return "Measured on all rows."
    return f"Measured on {found.sample:,} rows drawn from all over."


def _middle(column: ColumnProfile) -> str:
    found = column.quantiles
    return f"from {_short(found['0.01'])} to {_short(found['0.99'])}" if found else "are together"


def _short(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("T00:00:00", "").replace("T", " ")[:19]
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 10**9):
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 10**12 else f"{value:.4g}"

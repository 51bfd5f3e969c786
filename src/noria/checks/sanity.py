"""What looks wrong in a table although nobody asked."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from noria.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from noria.datasets.schema import Column, Schema

__all__ = ["look", "look_at_target", "task_of"]

_FEW_ROWS = 50
_MOST_CLASSES = 50
_MOSTLY = 0.8
_SHOWN = 5
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def look(table: pa.Table, schema: Schema, *, key: Sequence[str], target: str | None) -> Iterator[Finding]:
    """Find what is odd about rows and columns.

    Parameters
    ----------
    table : pyarrow.Table
        The rows, columns by the schema's types.
    schema : Schema
        What the columns are.
    key : sequence of str
        What identifies a row.
    target : str, optional
        Judged by `look_at_target`.
    """
    rows = table.num_rows
    if rows < 2:
        yield Finding("rows", None, "error", rows, f"the data has only {rows} row", "bring more rows: two at the least")
    elif rows < _FEW_ROWS:
        yield Finding(
            "rows", None, "warn", rows, f"the data has only {rows} rows: nothing measured on them will be sure",
            "bring more rows",
        )  # fmt: skip
    for column in schema.columns:
        if column.name == target:
            continue
        yield from _column(column, table.column(column.name), rows, column.name in key)


def look_at_target(
    table: pa.Table, schema: Schema, *, target: str, task: str | None, positive: object = None
) -> Iterator[Finding]:
    """Find what keeps a target from being learned."""
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    column = table.column(target)
    rows, missing = len(column), column.null_count
    if missing == rows:
        yield Finding(
            "target", target, "error", rows, f"the target {target} is missing in every row",
            "correct [data] target, or bring rows with labels",
        )  # fmt: skip
        return
    if missing:
        yield Finding(
            "target", target, "warn", missing,
            f"the target {target} is missing in {missing:,} of {rows:,} rows: they are left out", "",
        )  # fmt: skip
    wanted = task or task_of(column)
    counts = sorted(
        ((entry["values"], entry["counts"]) for entry in pc.value_counts(column.drop_null()).to_pylist()),
        key=lambda pair: pair[1],
    ) if pc.count_distinct(column).as_py() <= max(_MOST_CLASSES, 2) else None  # fmt: skip
    if rows > 1 and counts is not None and len(counts) == 1:
        only = counts[0][0]
        what = f"has only one class, {only!r}" if wanted == "classification" else f"is {only!r} in every row"
        yield Finding(
            "target", target, "error", rows, f"the target {target} {what}: there is nothing to learn",
            "bring rows of the other classes, or correct [data] target and the query" if wanted == "classification"
            else "correct [data] target, or bring rows with other values",
        )  # fmt: skip
        return
    if wanted == "regression" and (pa.types.is_string(column.type) or pa.types.is_boolean(column.type)):
        yield Finding(
            "target", target, "error", rows,
            f"the target {target} holds {'text' if pa.types.is_string(column.type) else 'truths'}, and a regression "
            f"learns numbers", '[model] task = "classification", or correct [data] target',
        )  # fmt: skip
    if wanted != "classification":
        return
    if counts is None:
        kinds = pc.count_distinct(column).as_py()
        if pa.types.is_floating(column.type) or kinds > 0.5 * (rows - missing):
            yield Finding(
                "target", target, "error", rows,
                f"the target {target} has {kinds:,} different values in {rows - missing:,} rows: these are no classes",
                "correct [data] target, or join values into classes in [data] query" if pa.types.is_string(column.type)
                else '[model] task = "regression", or correct [data] target',
            )  # fmt: skip
        return
    rare = [f"{name!r} ({count})" for name, count in counts if count < 10]
    if rare:
        yield Finding(
            "target", target, "warn", sum(count for _, count in counts if count < 10),
            f"the target {target} has classes with few rows: {', '.join(rare[:_SHOWN])}",
            "bring more rows of them, or join them with another class",
        )  # fmt: skip
    names = [name for name, _ in counts]
    if positive is not None and positive not in names and str(positive) not in map(str, names):
        yield Finding(
            "target", target, "error", rows,
            f"[data] positive is {positive!r}, and the target {target} has {', '.join(map(repr, names[:_SHOWN]))}",
            "name one of the classes as positive",
        )  # fmt: skip


def task_of(column: pa.ChunkedArray) -> str:
    """Guess whether a target is one of classes or a number.

    Examples
    --------
    >>> import pyarrow as pa
    >>> task_of(pa.chunked_array([["good", "bad"]])), task_of(pa.chunked_array([[1.5, 2.5]]))
    ('classification', 'regression')
    """
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    if pa.types.is_floating(column.type):
        return "classification" if set(pc.unique(column.drop_null()).to_pylist()) <= {0.0, 1.0} else "regression"
    if pa.types.is_integer(column.type):
        return "classification" if pc.count_distinct(column).as_py() <= 10 else "regression"
    return "classification"


def _column(column: Column, cells: pa.ChunkedArray, rows: int, is_key: bool) -> Iterator[Finding]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    name = column.name
    if column.reason == "no values at all":
        yield Finding(
            "empty-column", name, "warn", rows, f"{name} has no values at all: it is left out of the model",
            "fill it in the source, or take it out there",
        )  # fmt: skip
        return
    if is_key:
        if cells.null_count:
            yield Finding(
                "missing", name, "warn", cells.null_count,
                f"the key {name} is missing in {cells.null_count:,} rows: labels that come late cannot find them",
                "fill the key in the source",
            )  # fmt: skip
        return
    if column.reason == "constant" and rows > 1:
        yield Finding(
            "constant", name, "warn", rows, f"{name} has the same value in every row: it is left out of the model", ""
        )
    if column.reason.startswith(("an identifier", "a row number")):
        yield Finding(
            "identifier", name, "warn", rows, f"{name} looks like {column.reason}; it is left out of the model",
            f'[data] key = ["{name}"] if it is one; [data.columns] {name} = {{ use = true }} if not',
        )  # fmt: skip
    if pa.types.is_floating(cells.type):
        infinite = pc.sum(pc.is_inf(cells)).as_py() or 0
        if infinite:
            yield Finding(
                "infinite", name, "warn", infinite, f"{name} is infinite in {infinite:,} rows: taken as missing",
                "look for a division by zero where the column is made",
            )  # fmt: skip
    if pa.types.is_string(cells.type):
        yield from _spelling(column, cells)


def _spelling(column: Column, cells: pa.ChunkedArray) -> Iterator[Finding]:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    present = cells.drop_null()
    numeric = pc.match_substring_regex(present, _NUMBER)
    share = (pc.sum(numeric).as_py() or 0) / max(1, len(present))
    if _MOSTLY <= share < 1 and "type" not in column.declared:
        others = present.filter(pc.invert(numeric))
        shown = [entry["values"] for entry in _most(others)[:_SHOWN]]
        marks = ", ".join(f'"{value}"' for value in shown)
        yield Finding(
            "mixed", column.name, "warn", len(others),
            f"{column.name} holds numbers, except in {len(others):,} rows ({marks}): so it is taken as text",
            f"if those mean missing: [clean] na_values = [{marks}]",
        )  # fmt: skip
    if column.type == "category" and column.values is not None:
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for value in column.values:
            alike[str(value).strip().casefold()].append(str(value))
        twins = [names for names in alike.values() if len(names) > 1]
        if twins:
            yield Finding(
                "spelling", column.name, "warn", 0,
                f"{column.name} has categories that differ only in case or blanks: "
                + "; ".join(" / ".join(map(repr, names)) for names in twins[:_SHOWN]),
                "write them one way in the source",
            )  # fmt: skip


def _most(cells: pa.ChunkedArray) -> list[dict[str, str]]:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    return sorted(pc.value_counts(cells).to_pylist(), key=lambda entry: (-int(entry["counts"]), str(entry["values"])))

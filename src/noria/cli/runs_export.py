"""``noria runs export``: runs as a table for other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from noria.cli.opening import workspace
from noria.cli.run_fields import as_dict, exact, filtered, found_by
from noria.runs.recording import param_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["export"]

_FIELDS = ("id", "name", "kind", "status", "experiment_id", "started", "ended", "trigger", "user_id", "git_commit")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = dict[str, object]


@click.command()
@filtered
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="A file; standard output when left out.")
@click.option("--history", "histories", multiple=True, metavar="METRIC", help="Every value of this metric, a row each.")
def export(
    where: str,
    experiment: str | None,
    sort: tuple[str, ...],
    limit: int,
    deleted: bool,
    form: str,
    output: str | None,
    histories: tuple[str, ...],
) -> None:
    """Write runs as CSV, JSON lines or Parquet: a column for each parameter, metric and tag.

    A text that a spreadsheet would take for a formula gets an apostrophe in CSV. The cells of parameters are texts;
    numbers that are not finite are NaN, Infinity and -Infinity.
    """
    from pathlib import Path

    from noria.errors import WrongArgument

    if form == "parquet" and output is None:
        raise WrongArgument("Parquet is no text to print", mend="name a file: --output runs.parquet", code="N-CLI-032")
    ws = workspace()
    found = found_by(ws, where, experiment, sort, limit, deleted=deleted)
    rows = list(_points(ws, found, histories) if histories else map(_row, found))
    path = None if output is None else Path(output)
    if form == "parquet":
        assert path is not None  # noqa: S101 - seen to above
        _write(path, _parquet(rows))
    else:
        text = _csv(rows) if form == "csv" else "".join(f"{_line(row)}\n" for row in rows)
        if path is None:
            click.echo(text, nl=False)
        else:
            _write(path, text.encode())
    click.echo(f"{len(rows):,} rows of {len(found):,} runs", err=True)


def _row(run: Run) -> Row:
    fields = as_dict(run)
    row = {name: fields[name] for name in _FIELDS}
    row |= {f"params.{name}": param_text(value) for name, value in run.params.items()}
    row |= {f"metrics.{name}": value for name, value in run.metrics.items()}
    return row | {f"tags.{name}": value for name, value in run.tags.items()}


def _points(ws: Workspace, found: list[Run], metrics: Iterable[str]) -> Iterator[Row]:
    for run in found:
        for metric in metrics:
            for point in ws.runs.history(run.id, metric):
                yield {
                    "id": run.id,
                    "name": run.name,
                    "metric": metric,
                    "step": point.step,
                    "at_ms": point.at_ms,
                    "value": point.value,
                }


def _columns(rows: list[Row]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    first = [name for name in names if "." not in name or name in _FIELDS]
    return first + sorted(name for name in names if name not in first)


def _csv(rows: list[Row]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return exact(value)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return "'" + value
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(row: Row) -> str:
    return json.dumps(exact(row), ensure_ascii=False, allow_nan=False)


def _parquet(rows: list[Row]) -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in _columns(rows):
        values = [row.get(name) for row in rows]
        kind = pa.float64() if name.startswith("metrics.") or name == "value" else None
        columns[name] = pa.array(values, kind)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    from noria.store.files import write_atomic

    write_atomic(path, data)

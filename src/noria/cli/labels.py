"""``noria labels``: what turned out true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, read_rows, workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.predictions.labels import LabelValue
    from noria.workspace import Workspace

__all__ = ["labels"]


@click.group()
def labels() -> None:
    """What turned out true: add labels that came late."""


@labels.command()
@click.argument("file")
@click.option("--model", help="Whose predictions; the project's model when left out.")
@click.option("--value", "value_column", metavar="COLUMN", help="Column of the label; the target when left out.")
@click.option(
    "--at", "at_text", metavar="TIME", help="When it was known, such as 2026-03-01T12:00:00Z; now if left out."
)
@as_json
def add(file: str, model: str | None, value_column: str | None, at_text: str | None, json_output: bool) -> None:
    """Add the labels of FILE, a table with prediction_id and the label, or with the key columns and the label.

    Labels may come in any order and any number of times: the last one counts.
    """
    import pyarrow as pa

    from noria.errors import WrongData, did_you_mean
    from noria.predictions.matured import unknown

    opened = workspace()
    settings = opened.project.settings
    name = model or opened.project.name
    opened.registry.get(name)  # a misspelt model is told at once
    table = read_rows(opened, file)
    value = value_column or _first(table, (settings.data.target or "", "label", "value"))
    if value not in table.column_names:
        raise WrongData(
            f"{file} has no column {value or settings.data.target or 'label'!r}",
            why=did_you_mean(value, table.column_names) or f"it has {', '.join(table.column_names)}",
            mend="name the label's column: --value COLUMN",
            code="N-PREDICTIONS-010",
        )
    at = _moment(at_text)
    _refuse_wrong(opened, name, file, value, table[value])
    known = table.filter(table[value].is_valid())
    strange = 0
    if "prediction_id" in table.column_names:
        _refuse_nobody(file, table, ["prediction_id"], value)
        ids = [str(each) for each in known["prediction_id"].to_pylist()]
        added = opened.labels.add(name, list(zip(ids, known[value].to_pylist(), strict=True)), at, Path(file).name)
        # Kept all the same: the answers may still be on their way from another machine's log.
        strange = unknown(opened.predictions.read(name, columns=["prediction_id"]), pa.array(ids, pa.string()))
        added = replace(added, predictions=added.predictions - strange)
    else:
        key = list(settings.data.key)
        lacking = [column for column in key if column not in table.column_names]
        if not key or lacking:
            raise WrongData(
                f"{file} has neither prediction_id nor the key" + (f" column {lacking[0]!r}" if lacking else ""),
                why=f"it has {', '.join(table.column_names)}",
                mend="add a column prediction_id, or set [data] key in noria.toml and send the key with each request",
                code="N-PREDICTIONS-011",
            )
        _refuse_nobody(file, table, key, value)
        identities = known.select(key).to_pylist()
        rows: list[tuple[dict[str, object], LabelValue]] = list(zip(identities, known[value].to_pylist(), strict=True))
        added = opened.labels.add_by_key(name, opened.predictions, key, rows, at, Path(file).name)
    if json_output:
        print_json({**vars(added), "unknown": strange, "empty": table.num_rows - known.num_rows})
        return
    click.echo(f"{added.labels} labels for {added.predictions} predictions of {name}")
    if added.unmatched:
        click.echo(f"{added.unmatched} labels belong to rows that were never scored", err=True)
    if strange:
        click.echo(f"{strange} labels name predictions that are not in the log; they wait for them", err=True)
    if known.num_rows < table.num_rows:
        click.echo(f"{table.num_rows - known.num_rows} rows without a label were left out", err=True)


@labels.command("list")
@click.option("--model", help="Whose predictions; the project's model when left out.")
@as_json
def list_(model: str | None, json_output: bool) -> None:
    """Say how many predictions have a label by now."""
    from noria.predictions.matured import unknown

    opened = workspace()
    name = model or opened.project.name
    log = opened.predictions.read(name, columns=["prediction_id", "arm"])
    known = opened.labels.latest(name)
    strange = unknown(log, known["prediction_id"])
    counts = {"predictions": log.num_rows, "labelled": known.num_rows - strange, "unknown": strange}
    if json_output:
        print_json(counts)
        return
    click.echo(f"{counts['labelled']} of {counts['predictions']} predictions of {name} have a label")
    if strange:
        click.echo(f"{strange} labels belong to predictions that are not in the log", err=True)


def _refuse_wrong(opened: Workspace, model: str, file: str, column: str, values: pa.ChunkedArray) -> None:
    """Refuse the file whole where a value can be no label: it would be trained on, as a class of its own."""
    from noria.errors import WrongData
    from noria.monitoring.watch import REFERENCE_FILE, read_reference
    from noria.predictions.labels import label_fault

    champion = opened.aliases.current(model)
    version = None if champion is None else opened.registry.get(model, champion)
    if version is None or REFERENCE_FILE not in version.files:
        return
    reference = read_reference(opened.registry.file(version, REFERENCE_FILE))
    faults = [
        f"row {row}, column {column!r}: {fault}"
        for row, value in enumerate(values.to_pylist())
        if value is not None
        and (fault := label_fault(value, task=reference.task, classes=reference.classes)) is not None
    ]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise WrongData(
            f"{file} holds no labels of {model}: {faults[0]}{more}",
            why="\n".join(faults[:10]),
            mend="correct the file, or leave the value empty where nothing is known; no label was added",
            code="N-PREDICTIONS-013",
        )


def _refuse_nobody(file: str, table: pa.Table, identity: list[str], value: str) -> None:
    """Refuse the file whole where a label says of nobody that it is theirs."""
    from noria.errors import WrongData

    empty = [
        row
        for row, cells in enumerate(table.select([*identity, value]).to_pylist())
        if cells[value] is not None and all(cells[name] in (None, "") for name in identity)
    ]
    if empty:
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise WrongData(
            f"{file} has a label of nobody: row {empty[0]} has no {' and no '.join(identity)}{more}",
            why=f"rows without one: {', '.join(map(str, empty[:10]))}",
            mend="write whose label it is, or leave the row out; no label was added",
            code="N-PREDICTIONS-014",
        )


def _first(table: pa.Table, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in table.column_names), "")


def _moment(text: str | None) -> datetime:
    from noria.errors import WrongArgument

    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongArgument(
            f"{text!r} is not a time", mend="write 2026-03-01T12:00:00Z", code="N-PREDICTIONS-012"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

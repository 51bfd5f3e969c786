"""``noria score``: many rows scored block by block, by a version or by a running endpoint."""

from __future__ import annotations

import csv
import io
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from noria.scoring.bulk import Bulk, Tally
    from noria.scoring.output import Parts
    from noria.scoring.signature import Checked, Problem, Signature
    from noria.sources.stream import Stream
    from noria.workspace import Workspace

__all__ = ["score"]

_HERE = "http://127.0.0.1:8766"
_ALIVE = timedelta(seconds=30)
_AT_ONCE = 1_000
_TOLD_SECONDS = 5.0

_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file")
@click.option("--model", "ref", help="Version: NAME@champion (the default), NAME@3, 3.")
@click.option("--endpoint", help="Ask a running endpoint instead: its address, or its name on this machine.")
@click.option("--out", type=_file, required=True, help="Where the answers go: .parquet or .csv.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Carry a column of FILE into the answers.")
@click.option("--skip-bad", type=_file, help="Leave rows that do not fit out, and write the reasons to this .csv.")
@click.option("--region", is_flag=True, help="Add between what the truth lies: low and high, or the set of classes.")
@click.option("--batch", type=click.IntRange(1, 1_000_000), help="Rows of a block; with --endpoint, of a request.")
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True, help="With --endpoint.")
@as_json
def score(
    file: str,
    ref: str | None,
    endpoint: str | None,
    out: Path,
    keep: tuple[str, ...],
    skip_bad: Path | None,
    region: bool,
    batch: int | None,
    connections: int,
    json_output: bool,
) -> None:
    """Score the rows of FILE, however many, in bounded memory.

    FILE is read and answered block by block: Parquet, CSV, JSON lines, one file or a glob; any other source is read
    whole. The answers get the name --out only when all are there. Each has the number of its row, the key columns, the
    prediction, its score, the probability of each class, and what was unusual.

    The first row that does not fit the model ends the work, unless --skip-bad is given. With --endpoint the rows are
    asked for over HTTP and logged there; broken off, the same command goes on where it was.
    """
    from noria.errors import WorkFailed, WrongArgument
    from noria.scoring.output import writing

    if ref is not None and endpoint is not None:
        raise WrongArgument("--model and --endpoint are two ways to say who answers", mend="give one", code="N-CLI-080")
    if region and endpoint is not None:
        raise WrongArgument("--region asks a version of the registry", mend="leave --endpoint out", code="N-CLI-082")
    if skip_bad is not None and skip_bad.suffix != ".csv":
        raise WrongArgument(f"cannot write {skip_bad.name}", mend="end it in .csv", code="N-SCORING-010")
    if Path(file).resolve() in {path.resolve() for path in (out, skip_bad) if path is not None}:
        raise WrongArgument(f"{file} would be written over", mend="give another name", code="N-SCORING-021")
    opened = workspace()
    started = time.perf_counter()
    with ExitStack() as stack:
        refuse = None if skip_bad is None else stack.enter_context(_refusals(skip_bad))
        write = stack.enter_context(writing(out.resolve()))
        if endpoint is None:
            bulk, rows, by = _by_version(opened, file, ref or "champion", keep, batch, refuse, region=region)
            parts = None
        else:
            bulk, rows, by, parts = _by_endpoint(
                opened, file, endpoint, keep, batch or _AT_ONCE, connections, refuse, out, stack
            )
        tell = stack.enter_context(_progress(rows.rows))
        for table in bulk.scored(rows.tables):
            write(table)
            tell(bulk.tally)
    tally = bulk.tally
    if not tally.scored:
        raise WorkFailed(
            f"no row of {file} was scored" + (f": {tally.refused} do not fit the model" if tally.refused else ""),
            mend="noria models show MODEL says what it accepts",
            code="N-SCORING-022",
        )
    if parts is not None:
        parts.remove()
    _summary(tally, by, out, time.perf_counter() - started, parts, json_output=json_output)


def _by_version(
    opened: Workspace,
    file: str,
    ref: str,
    keep: Sequence[str],
    batch: int | None,
    refuse: Callable[[Sequence[Problem]], None] | None,
    *,
    region: bool = False,
) -> tuple[Bulk, Stream, str]:
    from noria.scoring.bulk import Bulk
    from noria.scoring.scorer import Scorer

    version = opened.registry.resolve(ref, model=opened.project.name)
    policies = opened.project.settings.deploy.policies()
    scorer = Scorer.load(opened.registry, version, trusted=opened.trusted, policies=policies)
    rows = _rows(opened, file, scorer.signature, batch)
    bulk = Bulk(
        scorer.signature,
        lambda checked, _along, _first: _as_text(scorer.answer_table(checked, region=region)),
        keep=keep,
        written=rows.written,
        refuse=refuse,
    )
    return bulk, rows, version.ref


def _as_text(answers: pa.Table) -> pa.Table:
    """Write sets of classes as JSON, which a CSV file holds too."""
    import json

    import pyarrow as pa

    if "set" not in answers.column_names:
        return answers
    place = answers.column_names.index("set")
    texts = [json.dumps(each, ensure_ascii=False) for each in answers["set"].to_pylist()]
    return answers.set_column(place, "set", pa.array(texts, pa.string()))


def _by_endpoint(
    opened: Workspace,
    file: str,
    endpoint: str,
    keep: Sequence[str],
    batch: int,
    connections: int,
    refuse: Callable[[Sequence[Problem]], None] | None,
    out: Path,
    stack: ExitStack,
) -> tuple[Bulk, Stream, str, Parts]:
    from noria.errors import NotFound
    from noria.scoring.bulk import Bulk
    from noria.scoring.output import Parts
    from noria.serving.client import Client, unclipped

    named = "://" not in endpoint
    client = Client(_address(opened, endpoint) if named else endpoint, connections=connections)
    stack.callback(client.close)
    asked = client.about()
    if named and endpoint not in (asked.endpoint, asked.model):
        raise NotFound(
            f"the endpoint at {client.url} is {asked.endpoint!r}, not {endpoint!r}",
            mend=f"--endpoint {asked.endpoint}, or the address of the other",
            code="N-SERVING-083",
        )
    signature = unclipped(asked.signature)
    # As many rows as all connections take in a few turns: what is in flight when the work breaks off is little.
    rows = _rows(opened, file, signature, batch * connections * 4)
    work = _identity(file, asked.endpoint, asked.model, asked.version, asked.signature.to_json(), batch, connections)
    parts = Parts(out.resolve().parent / f".{out.name}.{work}.parts")

    def ask(checked: Checked, along: pa.Table, first: int) -> pa.Table:
        # Ids follow from the work and the place in it: what is asked twice after all is logged under one id.
        ids = [f"{work}-{first}-{number}" for number in range(-(-checked.rows // batch))]
        return client.answer(asked, checked, along, ids=ids, rows=batch)

    bulk = Bulk(signature, parts.keeping(ask), keep=keep, written=rows.written, refuse=refuse)
    return bulk, rows, f"{asked.model}@{asked.version} at {client.url}/predict/{asked.endpoint}", parts


def _address(opened: Workspace, endpoint: str) -> str:
    """Find the process that answers for an endpoint: it writes its address down each few seconds."""
    from noria.serving.stats import Traffic

    alive = Traffic(opened.database).processes(since=datetime.now(UTC) - _ALIVE)
    found = [each for each in alive if endpoint in (each.endpoint, each.model) and each.state == "serving"]
    return found[0].url if found else _HERE


def _rows(opened: Workspace, file: str, signature: Signature, batch: int | None) -> Stream:
    """Open the rows, with names and marks of missing values as the project has them."""
    from dataclasses import replace

    from noria.cli.given import reading_given
    from noria.scoring.bulk import in_full
    from noria.sources.stream import stream

    clean = opened.project.settings.clean

    def named(table: pa.Table) -> pa.Table:
        present = set(table.column_names)
        return table.rename_columns(
            [clean.rename[name] if clean.rename.get(name, name) not in present else name for name in table.column_names]
        )

    def open_rows(*, whole: bool) -> Stream:
        with reading_given("FILE"):
            given = stream(file, root=Path.cwd(), na_values=clean.na_values, rows=batch or 65_536, whole=whole)
        return replace(given, tables=map(named, given.tables))

    rows = open_rows(whole=False)
    if not rows.written:
        return rows
    tables, wanted = in_full(signature, rows.tables)
    return open_rows(whole=True) if wanted else replace(rows, tables=tables)


def _identity(file: str, *more: object) -> str:
    """Name a piece of work by all that its answers follow from."""
    from uuid import uuid4

    from noria.sources.source import VOLATILE, token
    from noria.store.blobs import digest_json

    state = token(file, root=Path.cwd())
    # What may have changed unseen is never gone on with.
    return digest_json([uuid4().hex if state == VOLATILE else state, *more])[:16]


@contextmanager
def _refusals(path: Path) -> Iterator[Callable[[Sequence[Problem]], None]]:
    from noria.store.files import replacing

    with replacing(path.resolve()) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("row", "column", "code", "message"))
        yield lambda problems: writer.writerows((each.row, each.column, each.code, each.message) for each in problems)
        text.detach()


@contextmanager
def _progress(rows: int | None) -> Iterator[Callable[[Tally], None]]:
    """Show how far it is: a bar on a terminal, a line every few seconds elsewhere."""
    if not sys.stderr.isatty():
        told = time.monotonic()

        def line(tally: Tally) -> None:
            nonlocal told
            if time.monotonic() - told >= _TOLD_SECONDS:
                told = time.monotonic()
                click.echo(f"{tally.rows:,} rows" + (f" of {rows:,}" if rows else ""), err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.completed:,.0f} rows"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=rows)
        yield lambda tally: bar.update(task, completed=tally.rows)


def _summary(tally: Tally, by: str, out: Path, seconds: float, parts: Parts | None, *, json_output: bool) -> None:
    if json_output:
        taken_up = {} if parts is None else {"taken_up": parts.found}
        print_json({**vars(tally), **taken_up, "by": by, "out": str(out), "seconds": round(seconds, 3)})
        return
    refused = f"; {tally.refused:,} refused" if tally.refused else ""
    again = f"; {parts.found:,} of them answered before" if parts is not None and parts.found else ""
    click.echo(
        f"{tally.scored:,} rows scored by {by} to {out}; {tally.unusual:,} unusual{refused}{again}; "
        f"{tally.rows / max(seconds, 1e-9):,.0f} rows/s",
        err=True,
    )

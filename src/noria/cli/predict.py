"""``noria predict``: what a version says of a file, at once and as text; `noria score` is for files of any size."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.opening import read_rows, workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.scoring.scorer import Scorer
    from noria.scoring.signature import Signature

__all__ = ["predict"]


@click.command()
@click.argument("file")
@click.option("--model", "ref", default="champion", show_default=True, help="Version: NAME@champion, NAME@3, 3.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="csv or parquet; standard output if left out."
)
@click.option("--skip-bad", is_flag=True, help="Leave rows that do not fit without a prediction, and say why.")
@click.option("--keep", is_flag=True, help="Also write every column of the input.")
def predict(file: str, ref: str, out: Path | None, skip_bad: bool, keep: bool) -> None:
    """Score every row of FILE: csv, parquet, json or xlsx, or any other source.

    Writes the key columns, the prediction, its score, the probability of each class, and what was unusual about the
    row. The whole file is refused when a row does not fit the model, naming row and column, unless --skip-bad is given.
    The file is read whole: noria score is for millions of rows.
    """
    import pyarrow as pa

    from noria.errors import WrongArgument
    from noria.scoring.scorer import Scorer

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise WrongArgument(f"cannot write {out.name}", mend="end it in .csv or .parquet", code="N-SCORING-010")
    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    table = read_rows(opened, file)
    settings = opened.project.settings
    scorer = Scorer.load(opened.registry, version, trusted=opened.trusted, policies=settings.deploy.policies())
    scored = _scored(scorer, _with_truths(table, scorer.signature), skip_bad=skip_bad)
    keys = [column.name for column in scorer.signature.carried if column.name in table.column_names]
    kept = table if keep else table.select(keys)
    # A column of the input may be called like one of ours.
    names = [f"input.{name}" if name in scored.column_names else name for name in kept.column_names]
    result = pa.table([*kept.columns, *scored.columns], names=[*names, *scored.column_names])
    _write(result, out)
    unusual = sum(bool(flags) for flags in scored["flags"].to_pylist())
    where = f" to {out}" if out else ""
    click.echo(f"{result.num_rows} rows scored by {version.ref}{where}; {unusual} unusual", err=True)


def _with_truths(table: pa.Table, signature: Signature) -> pa.Table:
    """Read yes and no, 1 and 0 as a run reads them where the model wants truth values; what is neither is refused."""
    from noria.datasets.casting import to_types

    made, lost = to_types(table, {column.name: "bool" for column in signature.columns if column.type == "bool"})
    for name, count in lost.items():
        if count:
            made = made.set_column(made.column_names.index(name), name, table.column(name))
    return made


def _scored(scorer: Scorer, table: pa.Table, *, skip_bad: bool) -> pa.Table:
    import pyarrow as pa

    from noria.scoring.signature import InputRefused

    try:
        return scorer.score_table(table)
    except InputRefused as refused:
        lacking = sorted({str(problem.column) for problem in refused.problems if problem.code == "missing_column"})
        if lacking:
            raise InputRefused(refused.problems, mend=f"add to the file: {', '.join(lacking)}") from None
        if not skip_bad:
            raise InputRefused(refused.problems, mend="mend the rows, or leave them out: --skip-bad") from None
        told: dict[int, list[str]] = {}
        for problem in refused.problems:
            told.setdefault(problem.row, []).append(f"{problem.column}: {problem.message}")
        good = pa.array([row not in refused.rows for row in range(table.num_rows)])
        scored = scorer.score_table(table.filter(good))
        places = iter(range(scored.num_rows))
        order = pa.array([next(places) if fits else None for fits in good.to_pylist()], pa.int64())
        errors = ["; ".join(told.get(row, ["does not fit"])) if row in refused.rows else "" for row in range(len(good))]
        click.echo(f"{len(refused.rows)} rows do not fit the model and got no prediction", err=True)
        return scored.take(order).append_column("error", pa.array(errors))


def _write(table: pa.Table, out: Path | None) -> None:
    from noria.store.files import write_atomic

    if out is not None and out.suffix == ".parquet":
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        write_atomic(out.resolve(), buffer.getvalue())
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    if out is None:
        sys.stdout.write(text.getvalue())
    else:
        write_atomic(out.resolve(), text.getvalue())

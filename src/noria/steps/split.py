"""Step 4: the locked test set, and the columns a model may look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.checks.straddling import look_across
from noria.datasets import splits
from noria.datasets.marks import COLLECTED
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings, SplitSettings
from noria.errors import WrongData
from noria.steps.rows import rows_of
from noria.training.task import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import About, SplitOutput
    from noria.training.task import Task

__all__ = ["split"]


def split(
    clean: pa.Table,
    context: StepContext,
    *,
    data: Mapping[str, object],
    settings: Mapping[str, object],
    task: Task | None,
) -> SplitOutput:
    """Divide the rows; say what the columns are.

    Returns
    -------
    dict
        ``train`` and ``test``: tables; ``schema``: of all columns; ``about``: task, features, what was left out
        and why, how many rows went where, a digest that says which are held back, the gap where there is one;
        ``findings``: what is on both sides.
    """
    wanted = DataSettings.model_validate(data)
    clean = _labelled(rows_of(clean, "clean"), wanted.target, context)
    schema = infer(clean, wanted)
    features = schema.features(target=wanted.target, key=wanted.key, time=wanted.time, group=wanted.group)
    if not features:
        raise WrongData(
            "no column is left to learn from",
            why="\n".join(f"- {name}: {reason}" for name, reason in schema.left_out.items()),
            mend="see what each column holds with: noria data show\n"
            "take one in after all: [data.columns] NAME = { use = true }",
            code="N-STEPS-001",
        )
    decided = task_of(clean, wanted.target, task)
    how = SplitSettings.model_validate(settings).resolved(decided)
    parts = splits.split(
        clean,
        method=how.method,
        test=how.test,
        seed=how.seed,
        gap=how.gap,
        target=wanted.target,
        key=wanted.key,
        time=wanted.time,
        group=wanted.group,
    )
    from noria.store.aside import chosen  # noqa: PLC0415 - the engine imports this module to look at it

    train, test = chosen(clean, parts.train), chosen(clean, parts.test)
    about: About = {
        "task": decided,
        "features": list(features),
        "left_out": dict(schema.left_out),
        "method": parts.method,
        "train_rows": train.num_rows,
        "test_rows": test.num_rows,
        "collected_rows": _collected(clean),
        "collected_test_rows": _collected(test),
    }
    about["test_digest"], about["told_by"] = splits.rows_digest(test, wanted.key), "key" if wanted.key else "row"
    context.log_param("test_digest", about["test_digest"])
    if how.gap is not None:
        about["gap"] = how.gap
    if how.valid is not None:  # of the rows that are left, by another draw
        about["valid"], about["seed"] = how.valid / (1 - how.test), how.seed + 1
    context.log_param("split", parts.method)
    context.log_param("task", decided)
    context.note(f"{train.num_rows:,} rows to learn from, {test.num_rows:,} locked away ({parts.method})")
    if parts.note:
        context.note(parts.note)
    across = look_across(
        train, test, features, method=parts.method, key=wanted.key, time=wanted.time, group=wanted.group,
        target=wanted.target,
    )  # fmt: skip
    findings = [finding.to_json() for finding in across]
    for finding in findings:
        context.note(f"{finding['severity']}: {finding['message']}")
    return {"train": train, "test": test, "schema": schema.to_json(), "about": about, "findings": findings}


def _labelled(table: pa.Table, target: str | None, context: StepContext) -> pa.Table:
    """Leave out the rows whose target cleaning made missing, such as a -999 among [clean] na_values."""
    if target is None or target not in table.column_names or not table[target].null_count:
        return table
    from noria.store.aside import filtered  # noqa: PLC0415 - the engine imports this module to look at it

    kept = filtered(table, table[target].is_valid())
    context.note(f"{target} is missing in {table.num_rows - kept.num_rows:,} rows after cleaning: they are left out")
    if not kept.num_rows:
        raise WrongData(
            f"cleaning leaves no row with a target: {target} is missing in all",
            mend=f"look at [clean] na_values and [clean] cast, and at what {target!r} holds: noria data show",
            code="N-STEPS-002",
        )
    return kept


def _collected(table: pa.Table) -> int:
    import pyarrow.compute as pc  # noqa: PLC0415 - the engine imports this module to look at it

    return int(pc.sum(table[COLLECTED]).as_py() or 0) if COLLECTED in table.column_names else 0

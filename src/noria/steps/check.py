"""Step 2: the rows become a version of the dataset, and are held against what must hold in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.checks import suite
from noria.checks.settings import CheckSettings
from noria.datasets.catalog import Datasets
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings
from noria.steps.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noria.pipeline.context import StepContext

__all__ = ["check"]


def check(
    ingest: pa.Table,
    context: StepContext,
    *,
    name: str,
    source: str,
    data: Mapping[str, object],
    checks: Mapping[str, object],
    task: str | None,
    token: str,
    day: str | None = None,
) -> dict[str, object]:
    """Record the dataset version and check it.

    Parameters
    ----------
    ingest : Table
        Rows as read.
    context : StepContext
        Of the engine.
    name, source, token : str
        Of the dataset version.
    data, checks, task
        The sections ``[data]`` and ``[data.checks]``, and ``[model] task``.
    day : str, optional
        Today, where freshness is checked: the step then runs once a day though nothing else changed.

    Returns
    -------
    dict
        ``table``: the rows that are kept; ``report``: findings as JSON; ``dataset``: the version as JSON;
        ``quarantined``: rows set aside, when a rule of that severity caught any.

    Raises
    ------
    CheckFailed
        A finding of severity error. The version is recorded all the same, so that it can be looked at.
    """
    del day
    settings, ingest = DataSettings.model_validate(data), rows_of(ingest, "ingest")
    schema = infer(ingest, settings)
    version = Datasets(context.database, context.blobs).commit(
        name, ingest, source=source, token=token, run_id=context.run_id, schema=schema
    )
    report = suite.run(
        ingest,
        schema,
        CheckSettings.model_validate(checks),
        key=settings.key,
        target=settings.target,
        task=task,
        positive=settings.positive,
        time=settings.time,
        now=datetime.now(UTC),
    )
    context.note(f"{version.ref}: {report.summary()}")
    for finding in report.findings:
        context.note(f"{finding.severity}: {finding.message}")
    report.raise_if_failed(version.ref)
    out: dict[str, object] = {"table": report.kept, "report": report.to_json(), "dataset": version.to_json()}
    if report.quarantined is not None and report.quarantined.num_rows:
        out["quarantined"] = report.quarantined
    return out

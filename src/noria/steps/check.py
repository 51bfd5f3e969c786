"""Step 2: the rows become a version of the dataset, and are held against what must hold in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.checks import suite
from noria.checks.settings import CheckSettings
from noria.datasets.catalog import Datasets
from noria.datasets.schema import infer, retyped
from noria.datasets.settings import DataSettings
from noria.project.against import compared
from noria.project.origin import looked_up
from noria.steps.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.checks.settings import DriftSettings
    from noria.datasets.version import DatasetVersion
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
    tables: Mapping[str, Mapping[str, object]] | None = None,
    tables_token: str | None = None,
    na_values: Sequence[str] = (),
    against: str | None = None,
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
    tables, tables_token, na_values
        The part of ``[tables]`` that references look values up in, its state, and what marks a missing cell there.
    against : str, optional
        The version that a tag or alias of ``drift`` stood for when the run was planned: moved, it is compared anew.

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
    del day, tables_token, against
    settings, wanted, ingest = (
        DataSettings.model_validate(data),
        CheckSettings.model_validate(checks),
        rows_of(ingest, "ingest"),
    )
    schema = infer(ingest, settings)
    catalog = Datasets(context.database, context.blobs)
    version = catalog.commit(
        name, ingest, source=source, token=token, run_id=context.run_id, schema=schema, target=settings.target,
        positive=settings.positive, key=settings.key,
    )  # fmt: skip
    report = suite.run(
        ingest,
        schema,
        wanted,
        key=settings.key,
        target=settings.target,
        task=task,
        positive=settings.positive,
        time=settings.time,
        now=datetime.now(UTC),
        tables=looked_up(wanted, tables or {}, root=context.root, na_values=tuple(na_values)),
        other=_other(catalog, version, wanted.drift, context),
    )
    context.note(f"{version.ref}: {report.summary()}")
    if version.parent is not None and version.run_id == context.run_id:
        before = catalog.get(name, version.parent)
        for change in retyped(before.schema, version.schema):
            context.note(f"warn: {change}; see noria data diff {before.number} {version.number}")
    for finding in report.findings:
        context.note(f"{finding.severity}: {finding.message}")
    report.raise_if_failed(version.ref)
    out: dict[str, object] = {"table": report.kept, "report": report.to_json(), "dataset": version.to_json()}
    if report.quarantined is not None and report.quarantined.num_rows:
        out["quarantined"] = report.quarantined
    return out


def _other(
    catalog: Datasets, version: DatasetVersion, drift: DriftSettings | None, context: StepContext
) -> suite.Other | None:
    if drift is None:
        return None
    found = compared(context, version.name, drift.against, version.fingerprint)
    if found.told:
        context.note(found.told)
    return suite.Other(found.version.ref, catalog.read(found.version)) if found.version is not None else None

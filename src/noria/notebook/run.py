"""A run, and what came of one, in a notebook."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.notebook.listing import Listing
from noria.notebook.markup import heading, pairs, table, text
from noria.pipeline.records import Records
from noria.runs.recording import param_text
from noria.runs.search import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from noria.pipeline.records import StepRecord
    from noria.runs.run import Run
    from noria.steps.turn import TurnResult
    from noria.workspace import Workspace

__all__ = ["ShownResult", "ShownRun", "run_listing"]

_METRICS = 4


@dataclass(frozen=True, repr=False, eq=False)
class ShownRun:
    """One run; `record` holds every field.

    Parameters
    ----------
    record : Run
        The run.
    workspace : Workspace
        Where its steps are looked up.
    """

    record: Run
    workspace: Workspace

    @property
    def id(self) -> str:
        """Its name for good, 32 hexadecimal digits."""
        return self.record.id

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``failed``, ``killed`` or ``lost``."""
        return self.record.status

    @property
    def metrics(self) -> Mapping[str, float]:
        """Latest value of each metric, NaN and infinities as they were logged."""
        return self.record.metrics

    @property
    def params(self) -> Mapping[str, object]:
        """What it was run with."""
        return self.record.params

    @property
    def steps(self) -> Listing[StepRecord]:
        """How each step went."""
        found = tuple(Records(self.workspace.database).states(self.record.id))
        columns = {
            "step": lambda step: step.step,
            "state": lambda step: step.state,
            "seconds": lambda step: step.seconds,
            "why": lambda step: step.reason,
        }
        return Listing("Steps", found, columns, lambda name: next(step for step in found if step.step == name))

    def frame(self) -> pd.DataFrame:
        """Give the metrics as a data frame."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        return pd.DataFrame({"metric": list(self.metrics), "value": list(self.metrics.values())})

    def __repr__(self) -> str:
        metrics = ", ".join(f"{name} {text(_shown(value))}" for name, value in sorted(self.metrics.items()))
        return f"run {self.record.id[:8]} of {self.record.name}: {self.record.status}" + (
            f"; {metrics}" if metrics else ""
        )

    def _repr_html_(self) -> str:
        record = self.record
        note = f"{record.status}, {text(record.started)}" + (f", {record.seconds:.1f} s" if record.seconds else "")
        parts = [heading(f"Run {record.id[:8]} of {record.name}", note)]
        if record.error:
            parts.append(pairs({name: record.error.get(name, "") for name in ("what", "why", "mend")}))
        if record.metrics:
            parts.append(
                table(["metric", "value"], [(name, _shown(value)) for name, value in sorted(record.metrics.items())])
            )
        if record.kind == "logged":  # by code of the user's own: settings and labels say more than steps it has none of
            settings = {name: param_text(value) for name, value in sorted(record.params.items())}
            parts += [pairs(settings)] if settings else []
            return "".join(parts)
        return "".join(parts) + self.steps._repr_html_()


@dataclass(frozen=True, repr=False, eq=False)
class ShownResult:
    """What a run came to; `record` holds every field."""

    record: TurnResult

    @property
    def ok(self) -> bool:
        """Every step is finished or was up to date."""
        return self.record.ok

    @property
    def version(self) -> int | None:
        """Number of the version that was registered, or had been."""
        return self.record.version

    @property
    def gates_passed(self) -> bool | None:
        """None when the run did not get that far."""
        return self.record.gates_passed

    def frame(self) -> pd.DataFrame:
        """Give the metrics with their intervals as a data frame."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        rows = [{"metric": name, **estimate} for name, estimate in self.record.metrics.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])

    def __repr__(self) -> str:
        return f"{self._title()}: {self._note()}"

    def _title(self) -> str:
        record = self.record
        return f"{record.model}@{record.version}" if record.version else record.model

    def _note(self) -> str:
        record = self.record
        if not record.ok:
            return record.error.render() if record.error is not None else "failed"
        work = (
            "nothing to do" if record.nothing_to_do else f"{len(record.ran)} steps ran, {len(record.cached)} up to date"
        )
        gates = {True: "gates passed", False: "gates failed", None: "not judged"}[record.gates_passed]
        return f"{work}, {record.seconds:.1f} s, {gates}"

    def _repr_html_(self) -> str:
        record = self.record
        rows = [
            [name, value.get("value"), value.get("low"), value.get("high")] for name, value in record.metrics.items()
        ]
        gates = [
            [verdict.get("gate"), "passed" if verdict.get("passed") else "failed", verdict.get("message")]
            for verdict in record.verdicts
        ]
        return (
            heading(self._title(), self._note())
            + table(["metric", "value", "low", "high"], rows, empty="no metrics")
            + table(["gate", "verdict", "evidence"], gates, empty="no gates are set")
        )


def run_listing(
    workspace: Workspace,
    *,
    where: str = "",
    order: str = "",
    experiment: int | None = None,
    deleted: bool = False,
    limit: int = 200,
) -> Listing[ShownRun]:
    """Give runs: the newest, or those that a filter keeps, in the order asked for."""
    question = Question.read(
        where,
        [order] if order else [],
        experiments=None if experiment is None else (experiment,),
        lifecycle="deleted" if deleted else "active",
        lenient=True,
    )
    shown = tuple(ShownRun(run, workspace) for run in workspace.runs.search(question, limit).rows)
    columns = {
        "run": lambda run: run.id[:8],
        "status": lambda run: run.status,
        "started": lambda run: run.record.started,
        "seconds": lambda run: run.record.seconds,
        "trigger": lambda run: run.record.trigger,
        **{name: _metric(name) for name in _common(shown, workspace.project.settings.model.metric)},
    }
    return Listing("Runs", shown, columns, lambda name: ShownRun(workspace.runs.get(name), workspace))


def _metric(name: str) -> Callable[[ShownRun], object]:
    return lambda run: _shown(run.metrics.get(name))


def _shown(value: float | None) -> object:
    """Tell a NaN that was logged from a metric that the run does not have."""
    return value if value is None or math.isfinite(value) else param_text(value)


def _common(shown: tuple[ShownRun, ...], deciding: str | None) -> list[str]:
    """Name the metrics worth a column: the one that decides, then those most runs have."""
    names = Counter(name for run in shown for name in run.metrics)
    return sorted(names, key=lambda name: (name != deciding, -names[name], name))[:_METRICS]

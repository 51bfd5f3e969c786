"""What stands beside a model version as evidence: the selection, and how it did on the locked rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from noria.errors import CorruptedBlob
from noria.evaluation.catalogue import DEFINITIONS
from noria.server.pages.estimates import Estimate, estimate

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Definition
    from noria.plots.document import Section
    from noria.registry.version import ModelVersion
    from noria.workspace import Workspace

__all__ = ["CandidateRow", "Evidence", "SliceRow", "evidence", "fairness"]

_SLICES = 8
_CANDIDATES = 15


@dataclass(frozen=True)
class CandidateRow:
    """A candidate of the selection; `value` is the metric that decided, its mean over the folds."""

    name: str
    family: str
    value: float | None
    sd: float | None
    seconds: float | None
    status: str
    note: str
    won: bool


@dataclass(frozen=True)
class SliceRow:
    """A part of the test rows, the metric on it, and the same once chance is taken out."""

    name: str
    rows: int
    estimate: Estimate
    pulled: float | None


@dataclass(frozen=True)
class Evidence:
    """What was found out before the version was registered; empty where nothing was kept.

    Parameters
    ----------
    evaluation : mapping
        As `noria.evaluation.evaluate.Evaluation.to_json` wrote it.
    rows : int or None
        Test rows.
    notes : tuple of str
        What a reader of the figures must know.
    metric : str
        The one the slices are cut by.
    slices : tuple of SliceRow
        The weakest first.
    candidates : tuple of CandidateRow
        The best first.
    candidates_in_all : int
        Before the list was cut.
    stopped_by : str
        What ended the search.
    selection : mapping
        As the step ``train`` wrote it, with what was found out about its winner.
    explanation : mapping
        Importance, contributions and shapes, as the step ``register`` wrote them.
    """

    evaluation: Mapping[str, object]
    rows: int | None
    notes: tuple[str, ...]
    metric: str
    slices: tuple[SliceRow, ...]
    candidates: tuple[CandidateRow, ...]
    candidates_in_all: int
    stopped_by: str
    selection: Mapping[str, object]
    explanation: Mapping[str, object]


def evidence(workspace: Workspace, version: ModelVersion) -> Evidence:
    """Read what stands beside a version."""
    evaluation = _file(workspace, version, "evaluation.json")
    selection = _file(workspace, version, "selection.json")
    by_metric = cast("Mapping[str, Sequence[Mapping[str, object]]]", evaluation.get("slices") or {})
    metric = str(evaluation.get("metric", ""))
    slices = by_metric.get(metric) or next(iter(by_metric.values()), ())
    table = cast("Sequence[Mapping[str, object]]", selection.get("table") or ())
    return Evidence(
        evaluation=evaluation,
        rows=cast("int | None", evaluation.get("n")),
        notes=tuple(cast("Sequence[str]", evaluation.get("notes") or ())),
        metric=metric,
        slices=tuple(_slice(entry, metric) for entry in slices[:_SLICES]),
        candidates=_candidates(table, metric),
        candidates_in_all=len(table),
        stopped_by=str(selection.get("stopped_by", "")),
        selection=selection,
        explanation=_file(workspace, version, "explanation.json"),
    )


def fairness(evaluation: Mapping[str, object]) -> tuple[Section, ...]:
    """Lay out who is called and who is wronged, a section a protected column; none where nothing of it was judged."""
    judged = cast("Sequence[Mapping[str, object]]", evaluation.get("fairness") or ())
    if not judged:
        return ()
    from noria.evaluation import sections  # noqa: PLC0415 - loads scipy, which few pages need
    from noria.evaluation.fairness import Fairness  # noqa: PLC0415 - as above

    return tuple(sections.fairness(Fairness.from_json(each), evaluation.get("positive")) for each in judged)


def _candidates(table: Sequence[Mapping[str, object]], metric: str) -> tuple[CandidateRow, ...]:
    definition = DEFINITIONS.get(metric)

    def order(entry: Mapping[str, object]) -> tuple[bool, float]:
        mean = entry.get("mean")
        return (mean is None, float(cast("float", mean)) if mean is not None else 0.0)

    return tuple(
        CandidateRow(
            name=str(entry.get("name", "")),
            family=str(entry.get("family", "")),
            value=_value(entry.get("mean"), definition),
            sd=cast("float | None", entry.get("sd")),
            seconds=cast("float | None", entry.get("seconds")),
            status=str(entry.get("status", "")),
            note=str(entry.get("note", "")),
            won=place == 0 and entry.get("mean") is not None,
        )
        for place, entry in enumerate(sorted(table, key=order)[:_CANDIDATES])
    )


def _value(error: object, definition: Definition | None) -> float | None:
    """Turn the error that was minimised back into the metric people know."""
    if error is None:
        return None
    return float(definition.from_error(cast("float", error))) if definition is not None else cast("float", error)


def _slice(entry: Mapping[str, object], metric: str) -> SliceRow:
    name = f"{entry.get('column')}: {entry.get('label')}"
    pulled = cast("float | None", entry.get("pulled"))
    return SliceRow(name, cast("int", entry.get("n", 0)), estimate(metric, entry.get("estimate")), pulled)


def _file(workspace: Workspace, version: ModelVersion, path: str) -> Mapping[str, object]:
    if path not in version.files:
        return {}
    try:
        found = json.loads(workspace.registry.file(version, path))
    except (CorruptedBlob, ValueError):
        return {}  # the page shows the rest; the file's own link tells what is wrong with it
    return found if isinstance(found, dict) else {}

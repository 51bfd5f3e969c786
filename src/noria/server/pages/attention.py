"""What the home page shows: what needs somebody, and how things stand."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from noria.automation.decisions import Decisions
from noria.errors import NoriaError
from noria.project.origin import origin_of
from noria.server import wording
from noria.server.pages import deployments, models, runs
from noria.server.pages.decisions import DecisionRow, decision_row
from noria.sources.paths import matching
from noria.sources.reference import parse

if TYPE_CHECKING:
    from noria.server.pages.models import VersionRow
    from noria.server.pages.runs import RunRow
    from noria.workspace import Workspace

__all__ = ["HomeView", "Need", "Tile", "count_open", "home"]

_OLD = timedelta(days=90)
_RECENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Need:
    """Something that waits for somebody.

    Parameters
    ----------
    kind, tone : str
        What sort, and how pressing: ``bad``, ``warn`` or ``busy``.
    what, why : str
        One line; and the evidence.
    path : str
        The page about it.
    command : str
        What to type, if anything.
    at : datetime or None
        Since when.
    """

    kind: str
    tone: str
    what: str
    why: str
    path: str
    command: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Tile:
    """A figure at a glance."""

    name: str
    value: str
    note: str = ""
    path: str | None = None


@dataclass(frozen=True)
class HomeView:
    """The home page."""

    needs: tuple[Need, ...]
    tiles: tuple[Tile, ...]
    runs: tuple[RunRow, ...]
    decisions: tuple[DecisionRow, ...]
    metric: str
    champion: VersionRow | None
    last_run: RunRow | None


def count_open(workspace: Workspace) -> int:
    """Count the open alerts."""
    return len(workspace.alerts.open())


def home(workspace: Workspace, now: datetime) -> HomeView:
    """Gather what needs somebody, most pressing first."""
    model = workspace.project.name
    versions = models.versions(workspace, model) if model in workspace.registry.models() else ()
    champion = next((row for row in versions if "champion" in row.aliases), None)
    recent = tuple(runs.row(run) for run in workspace.runs.list(8))
    needs = [
        *_beginning(recent, versions),
        *_alerts(workspace, now),
        *_runs(recent),
        *_requests(workspace),
        *_versions(workspace, versions, champion),
        *_serving(workspace, champion, now),
        *_data(workspace, recent),
        *_loop(workspace, now),
    ]
    decisions = Decisions(workspace.database).list(limit=6)
    return HomeView(
        needs=tuple(sorted(needs, key=lambda need: ("bad", "warn", "busy", "").index(need.tone))),
        tiles=_tiles(workspace, versions, champion, recent, now),
        runs=recent[:6],
        decisions=tuple(decision_row(decision) for decision in decisions),
        metric=workspace.project.settings.model.metric or "",
        champion=champion,
        last_run=recent[0] if recent else None,
    )


def _beginning(recent: tuple[RunRow, ...], versions: tuple[VersionRow, ...]) -> list[Need]:
    """Tell of a project in which nothing has run: all is not well where there is nothing yet."""
    if recent or versions:
        return []
    why = "Nothing has run yet: one run goes from the data to a judged, registered version."
    return [Need("first run", "", "Turn the wheel a first time", why, "/runs", "noria run")]


def _alerts(workspace: Workspace, now: datetime) -> list[Need]:
    return [
        Need(
            kind=alert.kind,
            tone="bad" if alert.severity != "warn" else "warn",
            what=alert.text,
            why=f"{alert.model}@{alert.version}, {alert.windows} window{'' if alert.windows == 1 else 's'}",
            path=f"/monitoring/{alert.model}",
            at=alert.opened,
        )
        for alert in workspace.alerts.open()
        if not alert.muted(now)
    ]


def _runs(recent: tuple[RunRow, ...]) -> list[Need]:
    """Tell of the last run if it went wrong: a later good one settles the matter."""
    finished = [run for run in recent if run.status != "running"]
    if not finished or finished[0].status not in ("failed", "killed", "lost"):
        return []
    last = finished[0]
    why = {
        "failed": "a step did not succeed",
        "killed": "it was stopped; finished steps are kept and not repeated",
        "lost": "its process went away; finished steps are kept and not repeated",
    }
    return [
        Need(
            kind=f"run {last.status}",
            tone="bad" if last.status == "failed" else "warn",
            what=f"Run {last.id[:8]} {'failed' if last.status == 'failed' else 'did not finish'}",
            why=why[last.status],
            path=f"/runs/{last.id}",
            command="noria run",
            at=last.started,
        )
    ]


def _requests(workspace: Workspace) -> list[Need]:
    """Tell of promotions that wait for somebody to agree, of every model."""
    needed = workspace.registry.approvals()
    return [
        Need(
            kind="approval",
            tone="warn",
            what=f"{one.ref} waits for approval to become {one.alias}",
            why=f"{one.actor}: {one.reason} ({len(one.approved_by)} of {max(needed, 1)} agreed)",
            path=f"/models/{quote(one.ref, safe='@')}#promotion",
            command=f'noria models approve {shlex.quote(one.ref)} --reason "…"',
            at=one.at,
        )
        for one in workspace.approvals.list()
    ]


def _versions(workspace: Workspace, versions: tuple[VersionRow, ...], champion: VersionRow | None) -> list[Need]:
    """Tell of the newest version when it waits for a decision."""
    if not versions:
        return []
    newest = versions[0]
    if champion is not None and newest.number <= champion.number:
        return []
    if any(one.ref == newest.ref for one in workspace.approvals.list(newest.model)):
        return []  # somebody has decided; it is told as a request
    if newest.passed is False:
        judgement = models.version(workspace, newest.ref).judgement
        why = "; ".join(str(verdict.get("message", "")) for verdict in judgement.failed) if judgement else ""
        return [
            Need("gate failed", "bad" if champion is None else "warn", f"{newest.ref} did not pass its gates", why,
                 f"/models/{newest.ref}", f"noria models show {newest.ref}", newest.created)
        ]  # fmt: skip
    told = "It passed its gates" if newest.passed else "It has not been judged"
    against = f"; the champion is version {champion.number}" if champion else "; nothing is served until then"
    return [
        Need("decision", "warn", f"{newest.ref} waits to be promoted", f"{told}{against}.",
             f"/models/{newest.ref}#promotion",
             f'noria models promote {newest.ref} --reason "…"', newest.created)
    ]  # fmt: skip


def _serving(workspace: Workspace, champion: VersionRow | None, now: datetime) -> list[Need]:
    if champion is None:
        return []
    name = deployments.endpoint(workspace)
    view = deployments.one(workspace, name, now)
    if not view.alive:
        return [
            Need("serving", "warn", f"Nothing answers at {name}", "The champion is not being served.",
                 f"/deployments/{name}", "noria up")
        ]  # fmt: skip
    if view.errors:
        share = wording.percent(view.errors / view.requests, 2)
        return [
            Need("serving", "bad", f"{view.errors:,} requests failed in the last hour", f"{share} of all",
                 f"/deployments/{name}")
        ]  # fmt: skip
    return []


def _data(workspace: Workspace, recent: tuple[RunRow, ...]) -> list[Need]:
    """Tell of files that were written after the last good run began."""
    done = next((run for run in recent if run.status == "finished"), None)
    if done is None:
        return []
    # Asking a database or another machine is the loop's work, not a page's.
    references = [parse(source) for source in origin_of(workspace.project).sources]
    files = [reference for reference in references if reference.kind == "file"]
    if not files:
        return []
    try:
        written, source = max(
            (path.stat().st_mtime, reference.location)
            for reference in files
            for path in matching(reference.location, workspace.root)
        )
    except (NoriaError, OSError) as error:
        what = error.what if isinstance(error, NoriaError) else str(error)
        return [Need("data", "bad", "The data cannot be read", what, "/datasets", "noria check")]
    if datetime.fromtimestamp(written, UTC) <= done.started:
        return []
    why = f"written {wording.exact(datetime.fromtimestamp(written, UTC))}, after the last run began"
    return [Need("data", "warn", f"{source} has changed since the last run", why, "/datasets", "noria run")]


def _loop(workspace: Workspace, now: datetime) -> list[Need]:
    """Tell of a loop that runs and stumbles: nothing is watched meanwhile."""
    try:
        state = json.loads((workspace.store / "loop.json").read_text(encoding="utf-8"))
        at = datetime.fromisoformat(state["at"])
        error = state["error"]
        if error is None or now - at > _RECENT:
            return []
        # The first line is enough here; the terminal of `noria up` has the rest.
        why, mend = (str(error.get(name, "")).strip().partition("\n")[0] for name in ("why", "mend"))
        what = f"Nothing is watched: {error['what']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # there is none, or it is being written by another version
    return [Need("loop", "bad", what, f"{why} {mend}".strip(), "/monitoring", "noria monitor", at)]


def _tiles(
    workspace: Workspace,
    versions: tuple[VersionRow, ...],
    champion: VersionRow | None,
    recent: tuple[RunRow, ...],
    now: datetime,
) -> tuple[Tile, ...]:
    tiles = []
    if champion is not None:
        metric = champion.metric
        bounds = f", {wording.number(metric.low, 3)} – {wording.number(metric.high, 3)}" if metric.bounded else ""
        tiles.append(Tile("Champion", f"version {champion.number}", f"{champion.family}", f"/models/{champion.ref}"))
        tiles.append(Tile(metric.name, wording.number(metric.value), f"test rows{bounds}", f"/models/{champion.ref}"))
        name = deployments.endpoint(workspace)
        view = deployments.one(workspace, name, now)
        latency = f"p99 {wording.number(view.p99, 3)} ms" if view.p99 is not None else "in the last hour"
        tiles.append(Tile("Requests, last hour", wording.integer(view.requests), latency, f"/deployments/{name}"))
    tiles.append(Tile("Versions", wording.integer(len(versions)), "registered", "/models"))
    names = workspace.datasets.names()
    if names:
        data = workspace.datasets.get(names[0], "latest")
        age = now - data.created
        note = f"{data.name}@{data.number}, {wording.ago(data.created, now)}"
        tiles.append(
            Tile("Rows of data", wording.integer(data.rows), note + (" – old" if age > _OLD else ""), "/datasets")
        )
    if recent:
        took = wording.seconds(recent[0].seconds)
        tiles.append(Tile("Last run", wording.ago(recent[0].started, now), f"{recent[0].status}, {took}", "/runs"))
    return tuple(tiles)

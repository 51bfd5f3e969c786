"""From a request to a page: each handler asks a page function and fills its template in."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from noria.duration import parse_duration
from noria.errors import NotFound, WrongArgument
from noria.registry import promotion
from noria.server import assets, changes, drawings
from noria.server.asking import as_json, limit_of, site_of
from noria.server.caller import name_of
from noria.server.forms import confirmed_form
from noria.server.headers import REPORT_POLICY
from noria.server.openapi import document
from noria.server.pages import alerts, attention, deployments, models, runs, series
from noria.server.pages import monitoring as watching
from noria.server.pages import search as finding
from noria.server.pages.evidence import fairness

if TYPE_CHECKING:
    from starlette.requests import Request

    from noria.server.site import Site


def _part(request: Request, name: str) -> str:
    return str(request.path_params[name])


# ---- pages


def home(request: Request) -> Response:
    """What needs somebody."""
    site = site_of(request)
    view = attention.home(site.workspace, site.now())
    return site.page(
        request, "home.html", title="Home", active="home", events="home", view=view, scorer=site.scorer_url
    )


def search(request: Request) -> Response:
    """Runs, models and datasets by name or id."""
    site = site_of(request)
    wanted = request.query_params.get("q", "").strip()[:200]
    hits = finding.find(site.workspace, wanted)
    if len(hits) == 1 and hits[0].sure:
        return RedirectResponse(hits[0].path, 303)
    return site.page(request, "search.html", title="Search", wanted=wanted, hits=hits)


def run(request: Request) -> Response:
    """One run."""
    site = site_of(request)
    view = runs.one(site.workspace, _part(request, "run"))
    drawn, undrawn = series.of_one_run(site.workspace, view.run)
    return site.page(
        request,
        "run.html",
        title=f"Run {view.run.id[:8]}",
        active="runs",
        events=f"runs/{view.run.id}",
        view=view,
        curves=[(metric, drawings.curves([one], "", width=420, height=210)) for metric, one in drawn],
        undrawn=undrawn,
    )


def run_artifact(request: Request) -> Response:
    """A file that a run made."""
    path = _part(request, "path")
    return _file(path, runs.artifact(site_of(request).workspace, _part(request, "run"), path))


def model_list(request: Request) -> Response:
    """The models."""
    site = site_of(request)
    rows = models.overview(site.workspace)
    return site.page(request, "models.html", title="Models", active="models", events="models", rows=rows)


def model(request: Request) -> Response:
    """A model's versions, or one version of it."""
    site = site_of(request)
    ref = _part(request, "ref")
    if "@" not in ref:
        rows = models.versions(site.workspace, ref)
        return site.page(request, "model.html", title=ref, active="models", events="models", model=ref, rows=rows)
    view = models.version(site.workspace, ref)
    return site.page(
        request,
        "version.html",
        title=view.row.ref,
        active="models",
        view=view,
        plots=drawings.evaluation(view.evidence.evaluation),
        shapes=drawings.explanation(view.evidence.explanation),
        overfitting=drawings.diagnosis_lines(view.evidence.selection, view.evidence.metric),
        paths=drawings.diagnosis(view.evidence.selection, view.evidence.metric),
        fair=fairness(view.evidence.evaluation),
        report=any(path == "report.html" for path, _digest in view.files),
    )


def model_file(request: Request) -> Response:
    """A file of a version."""
    registry = site_of(request).workspace.registry
    path = _part(request, "path")
    return _file(path, registry.file(registry.resolve(_part(request, "ref")), path))


def deployment_list(request: Request) -> Response:
    """The one endpoint of the project."""
    return RedirectResponse(f"/deployments/{quote(deployments.endpoint(site_of(request).workspace))}", 303)


def deployment(request: Request) -> Response:
    """Traffic, latency and versions of an endpoint."""
    site = site_of(request)
    view = deployments.one(site.workspace, _part(request, "endpoint"), site.now())
    return site.page(
        request,
        "deployment.html",
        title=f"Deployment {view.endpoint}",
        active="deployments",
        events="deployments",
        view=view,
        scorer=site.scorer_url,
        traffic_plot=drawings.traffic(view.minutes),
        latency_plot=drawings.latency(view.minutes),
    )


def monitoring_list(request: Request) -> Response:
    """The project's model."""
    return RedirectResponse(f"/monitoring/{quote(site_of(request).workspace.project.name)}", 303)


def monitoring(request: Request) -> Response:
    """Drift, performance, alerts and decisions of a model."""
    site = site_of(request)
    view = watching.one(site.workspace, _part(request, "model"), site.now())
    return site.page(
        request,
        "monitoring.html",
        title="Monitoring",
        active="monitoring",
        events="monitoring",
        view=view,
        drift_plot=drawings.drift(view.heat),
        performance_plot=drawings.performance(view.performance),
    )


def alert_list(request: Request) -> Response:
    """The alerts, and what was done about them."""
    site = site_of(request)
    rows = alerts.listing(site.workspace, site.now())
    return site.page(request, "alerts.html", title="Alerts", active="alerts", events="alerts", rows=rows)


# ---- changes


async def rollback(request: Request) -> Response:
    """Make the champion before this one the champion again."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)
    name = _part(request, "model")

    def work() -> int:
        move = promotion.rollback(
            site.workspace.registry, name, actor=actor, reason=form.get("reason", ""), at=site.now()
        )
        return move.new

    number = await run_in_threadpool(work)
    return RedirectResponse(f"/models/{quote(name)}@{number}?said=rolled-back", 303)


def _number(request: Request) -> int:
    text = _part(request, "number")
    # Eighteen digits fit into the 64 bits of the database.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFound(f"no alert {text[:40]}", mend="noria alerts list", code="N-MONITOR-020")
    return int(text)


async def mute(request: Request) -> Response:
    """Keep an alert quiet for a while."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)
    number = _number(request)

    def work() -> None:
        now = site.now()
        until = now + parse_duration(form.get("for", "1d"))
        site.workspace.alerts.mute(number, until=until, actor=actor, reason=form.get("reason", ""), now=now)

    await run_in_threadpool(work)
    return RedirectResponse("/alerts?said=muted", 303)


async def resolve(request: Request) -> Response:
    """Close an alert by hand."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)
    number = _number(request)
    reason = form.get("reason", "").strip()
    if not reason:
        raise WrongArgument("an alert is closed for a reason", mend="say it in the form", code="N-SERVER-006")

    def work() -> None:
        site.workspace.alerts.get(number)
        site.workspace.alerts.resolve(number, now=site.now(), resolution=f"{reason} ({actor})")

    await run_in_threadpool(work)
    return RedirectResponse("/alerts?said=resolved", 303)


# ---- what pages load


async def events(request: Request) -> Response:
    """The stream that tells a page when to look again."""
    site = site_of(request)
    body = changes.stream(site, request, _part(request, "topic"))
    return StreamingResponse(body, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def static(request: Request) -> Response:
    """A file of ours, kept for good: its address names its content."""
    found = assets.assets().get(_part(request, "name"))
    if found is None:
        raise NotFound("there is no such file", mend="start from the home page: /", code="N-SERVER-404")
    current = _part(request, "version") == assets.version()
    keep = "public, max-age=31536000, immutable" if current else "no-store"
    return Response(found.content, media_type=found.media_type, headers={"cache-control": keep})


async def favicon(_request: Request) -> Response:
    """The wheel, for browsers that ask by the old name."""
    found = assets.assets()["wheel.svg"]
    return Response(found.content, media_type=found.media_type, headers={"cache-control": "public, max-age=86400"})


# ---- the read-only JSON API


def health(request: Request) -> Response:
    """Whether pages can be made: the database answers."""
    from importlib.metadata import version  # noqa: PLC0415 - asked for once, for the health answer

    site = site_of(request)
    return as_json({"status": "ok", "project": site.workspace.project.name, "version": version("noria")} | _open(site))


def _open(site: Site) -> dict[str, int]:
    return {"open_alerts": attention.count_open(site.workspace)}


def openapi(request: Request) -> Response:
    """Noria's own interface, described for programs."""
    return as_json(document(request.app.state.tables))


def api_attention(request: Request) -> Response:
    """What needs somebody."""
    site = site_of(request)
    return as_json(attention.home(site.workspace, site.now()))


def api_run(request: Request) -> Response:
    """One run."""
    return as_json(runs.one(site_of(request).workspace, _part(request, "run")))


def api_models(request: Request) -> Response:
    """Models."""
    return as_json(models.overview(site_of(request).workspace))


def api_model(request: Request) -> Response:
    """A model's versions, or one of them."""
    ref = _part(request, "ref")
    workspace = site_of(request).workspace
    return as_json(models.version(workspace, ref) if "@" in ref else models.versions(workspace, ref))


def api_deployment(request: Request) -> Response:
    """Traffic of an endpoint."""
    site = site_of(request)
    return as_json(deployments.one(site.workspace, _part(request, "endpoint"), site.now()))


def api_monitoring(request: Request) -> Response:
    """Windows, alerts and decisions of a model."""
    site = site_of(request)
    return as_json(watching.one(site.workspace, _part(request, "model"), site.now()))


def api_alerts(request: Request) -> Response:
    """Alerts."""
    site = site_of(request)
    return as_json(alerts.listing(site.workspace, site.now(), limit=limit_of(request)))


def _file(path: str, content: bytes) -> Response:
    media = mimetypes.guess_type(path)[0] or "application/octet-stream"
    name = quote(path.rsplit("/", 1)[-1])
    shown = media in ("text/html", "image/svg+xml", "image/png", "application/json", "text/plain", "text/markdown")
    # Markdown and JSON are shown as text; nothing a run made is ever a script or a page of ours.
    kind = media if media in ("text/html", "image/svg+xml", "image/png") else "text/plain; charset=utf-8"
    disposition = "inline" if shown else f"attachment; filename*=UTF-8''{name}"
    return Response(
        content,
        media_type=kind if shown else media,
        headers={"content-disposition": disposition, "content-security-policy": REPORT_POLICY},
    )

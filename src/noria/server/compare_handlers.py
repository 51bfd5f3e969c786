"""The pages and data that set runs side by side."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from noria.errors import WrongArgument
from noria.server import drawings
from noria.server.asking import site_of
from noria.server.pages import compare as comparing
from noria.server.pages.columns import tabulate
from noria.server.pages.series import MOST_RUNS, chosen, curve, matching

if TYPE_CHECKING:
    from starlette.requests import Request


__all__ = ["compare", "curves", "points"]

_MOST_LINES = 5_000
_LARGE = 4096


def compare(request: Request) -> Response:
    """Runs side by side."""
    site = site_of(request)
    asked = request.query_params
    ids, where = asked.getlist("run"), _where(request)
    if not ids and where is None:
        newest = comparing.survey(site.workspace)
        return site.page(request, "compare_start.html", title="Compare runs", active="runs", newest=newest)
    view = comparing.compare(
        site.workspace,
        ids,
        metric=asked.get("metric", "")[:250],
        everything=asked.get("all") == "1",
        where=where,
        limit=_limit(request),
    )
    return site.page(
        request,
        "compare.html",
        title=f"Compare {len(view.runs)} runs" if view.runs else "Many runs at once",
        active="runs",
        # Only while something may still change: a stream is one of the few connections a browser allows.
        events="runs" if any(run.status == "running" for run in view.runs) else None,
        view=view,
        curves_plot=drawings.curves(view.curves, view.metric),
        scatter_plot=drawings.points(view.table),
    )


def curves(request: Request) -> Response:
    """The curves of one metric, as JSON.

    ``{"metric": …, "runs": [{"id", "name", "total", "nan", "infinite", "points": {"step": […], "time": […],
    "value": […]}}, …]}``: points by columns in order of time, ``time`` in milliseconds since 1970. A value that JSON
    has no number for is one of the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; all others are exact. Of a curve
    of more than 50,000 points come those that a drawing needs, and ``total`` says how many there are.
    """
    workspace = site_of(request).workspace
    metric = request.query_params.get("metric", "")
    if not metric:
        raise WrongArgument(
            "the address does not say which metric", mend="/compare/curves?run=ID&metric=NAME", code="N-SERVER-042"
        )
    runs = chosen(workspace, request.query_params.getlist("run"))
    return _json(request, {"metric": metric, "runs": [curve(workspace, run, metric) for run in runs]})


def points(request: Request) -> Response:
    """Params and latest metrics of runs by columns, as JSON: see `noria.server.pages.columns.Table`."""
    site = site_of(request)
    where = _where(request)
    if where is None:
        runs = chosen(site.workspace, request.query_params.getlist("run"))
    else:
        runs = matching(site.workspace, where, _limit(request))
    return _json(request, tabulate(runs, site.workspace.project.settings.model.metric or ""))


def _where(request: Request) -> str | None:
    where = request.query_params.get("where")
    return None if where is None else where.strip()[:1000]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "1000")
    if not (text.isascii() and text.isdigit() and 1 < int(text[:6]) <= _MOST_LINES):
        raise WrongArgument(
            f"limit {text[:40]!r} is not a number from 2 to {_MOST_LINES}",
            mend=f"?limit={_MOST_LINES}\nor choose up to {MOST_RUNS} runs by ?run=ID&run=ID",
            code="N-SERVER-043",
        )
    return int(text)


def _json(request: Request, value: object) -> Response:
    body = msgspec.json.encode(value)
    headers = {"vary": "accept-encoding"}
    if len(body) >= _LARGE and "gzip" in request.headers.get("accept-encoding", ""):
        # Digits of measured values hardly shrink: the quickest level gives nine tenths of what the slowest gives, in a
        # twelfth of its time.
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)

"""The table of runs, and what can be done with several of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from noria.errors import WrongArgument
from noria.server.asking import as_json, limit_of, site_of
from noria.server.forms import confirmed_form
from noria.server.pages import run_table

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["api_runs", "move", "moving", "run_list"]

_MOST = 100


def run_list(request: Request) -> Response:
    """Runs, filtered, in any order, a page at a time."""
    site = site_of(request)
    view = run_table.listing(site.workspace, _asked(request))
    return site.page(request, "runs.html", title="Runs", active="runs", events="runs", view=view)


def api_runs(request: Request) -> Response:
    """Runs."""
    view = run_table.listing(site_of(request).workspace, _asked(request))
    if view.problem is not None:
        fields = view.problem
        raise WrongArgument(fields["what"], why=fields.get("why", ""), mend=fields.get("mend", ""), code=fields["code"])
    return as_json({"rows": view.rows, "total": view.total, "next": view.next})


def moving(request: Request) -> Response:
    """Ask whether the chosen runs are to go into the bin, or out of it."""
    site = site_of(request)
    chosen = [site.workspace.runs.get(one) for one in _few(request.query_params.getlist("run"))]
    deleted = [run for run in chosen if run.deleted is not None]
    if deleted and len(deleted) < len(chosen):
        raise WrongArgument(
            "some of the runs are deleted and some are not",
            mend="choose either to delete or to restore",
            code="N-SERVER-014",
        )
    return site.page(request, "runs_bin.html", title="Runs", active="runs", chosen=chosen, restore=bool(deleted))


async def move(request: Request) -> Response:
    """Put runs into the bin, or take them out of it."""
    site = site_of(request)
    form = await confirmed_form(request, site.tokens)
    ids = _few(form.get("runs", "").split(","))
    if form.get("action") == "restore":
        await run_in_threadpool(site.workspace.runs.restore, ids)
        return RedirectResponse("/runs?said=restored", 303)
    await run_in_threadpool(site.workspace.runs.delete, ids)
    return RedirectResponse("/runs?said=deleted", 303)


def _few(ids: list[str]) -> list[str]:
    if not ids or ids == [""] or len(ids) > _MOST:
        raise WrongArgument(
            "no run is chosen" if not ids or ids == [""] else f"{len(ids)} runs are chosen, and {_MOST} is the most",
            mend="tick runs in the table first: /runs",
            code="N-SERVER-013",
        )
    return ids


def _asked(request: Request) -> run_table.Asked:
    query = request.query_params
    chosen = ",".join(query.getlist("columns"))
    return run_table.Asked(
        where=query.get("where", "").strip()[:1000],
        order=query.get("order", "").strip()[:600],
        experiment=query.get("experiment", ""),
        columns=tuple(dict.fromkeys(key for key in chosen.split(",") if key.startswith(("metrics.", "params.")))),
        differ=query.get("differ") == "1",
        deleted=query.get("deleted") == "1",
        token=query.get("token"),
        limit=limit_of(request),
    )

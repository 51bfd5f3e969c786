"""``noria monitor``: how the model does in production, on the terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.monitoring.records import WindowRecord
    from noria.monitoring.watch import Look
    from noria.workspace import Workspace

__all__ = ["monitor"]

_MOVED = 5


@click.command()
@click.option("--model", default=None, help="Model; the project's own when left out.")
@click.option("--limit", default=12, show_default=True, help="How many windows.")
@click.option("--now", "partial", is_flag=True, help="Judge the incomplete window as well, provisionally.")
@click.option("--watch", is_flag=True, help="Look again until Ctrl-C.")
@click.option("--every", default="5s", show_default=True, help="Time between two looks with --watch.")
@as_json
def monitor(model: str | None, limit: int, partial: bool, watch: bool, every: str, json_output: bool) -> None:
    """Show drift, realised performance, open alerts and what automation decided.

    Judges the windows that have become complete since the last look; alerts are opened as `noria up` would,
    and answered only by `noria up`.
    """
    from noria.duration import parse_duration

    pause = parse_duration(every).total_seconds()
    opened = workspace()
    if model is not None:
        opened.registry.get(model)  # a misspelt model is told at once
    while True:
        found = _look(opened, model, partial=partial)
        if watch and not json_output:
            click.clear()
        (_print_json if json_output else _print)(opened, model or opened.project.name, found, limit)
        if not watch:
            return
        time.sleep(pause)


def _look(opened: Workspace, model: str | None, *, partial: bool) -> Look:
    from noria.cli.turning import loop_of

    loop = loop_of(opened)
    if model is not None and model != loop.model:
        from noria.monitoring.watch import Look

        # The project file says how to judge its own model only; of others the records are shown.
        return Look()
    return loop.look(datetime.now(UTC), partial=partial)


def _print_json(opened: Workspace, model: str, found: Look, limit: int) -> None:
    from noria.automation.decisions import Decisions
    from noria.monitoring.alerts import Alerts
    from noria.monitoring.records import Windows

    print_json(
        {
            "model": model,
            "champion": opened.aliases.current(model, "champion"),
            "windows": [record.to_json() for record in Windows(opened.database).list(model, limit=limit)],
            "provisional": [record.to_json() for record in found.provisional],
            "alerts": [alert.to_json() for alert in Alerts(opened.database).open(model)],
            "decisions": [made.to_json() for made in Decisions(opened.database).list(model, limit=limit)],
        }
    )


def _print(opened: Workspace, model: str, found: Look, limit: int) -> None:
    from noria.automation.decisions import Decisions
    from noria.monitoring.alerts import Alerts
    from noria.monitoring.records import Windows

    champion = opened.aliases.current(model, "champion")
    settings = opened.project.settings.monitor
    click.echo(
        f"{click.style(model, bold=True)}   champion {champion if champion is not None else '–'}   "
        f"window {settings.window}   labels after {settings.labels_after}"
    )
    records = Windows(opened.database).list(model, limit=limit)
    shown = [*records, *found.provisional]
    if not shown:
        click.echo("no window is complete yet: noria monitor --now judges what has come in", err=True)
    else:
        click.echo()
        print_table(
            ("from", "version", "rows", "labelled", "drift", "performance", "against", "verdict"),
            [_row(record) for record in shown],
            right=(2, 3),
        )
        _print_moved(shown[-1])
    alerts = Alerts(opened.database).open(model)
    if alerts:
        click.echo(click.style("\nopen alerts", bold=True))
        for alert in alerts:
            muted = " (muted)" if alert.muted(datetime.now(UTC)) else ""
            click.echo(f"  {alert.id}  {alert.opened:%Y-%m-%d %H:%M}  {alert.kind}{muted}: {alert.text}")
    decisions = Decisions(opened.database).list(model, limit=5)
    if decisions:
        click.echo(click.style("\ndecisions", bold=True))
        for made in reversed(decisions):
            click.echo(f"  {made.at:%Y-%m-%d %H:%M}  {made.action}: {made.outcome} ({made.reason})")


def _row(record: WindowRecord) -> tuple[object, ...]:
    names = list(dict.fromkeys(str(finding["name"]) for finding in record.flagged))
    state = record.state if not names else f"{record.state}: {', '.join(names[:3])}"
    if len(names) > 3:
        state += f" +{len(names) - 3}"
    if record.drift is not None and not record.drift["calibrated"]:
        state += " (uncalibrated)"
    starts = f"{record.starts:%Y-%m-%d %H:%M}" + ("" if record.id else " …")
    measured, against = _measured(record.performance or {})
    version = f"{record.version}" + ("" if record.arm == "live" else f" {record.arm}")
    return (starts, version, f"{record.rows:,}", f"{record.matured:.0%}", state, measured, against, record.verdict)


def _measured(found: Mapping[str, object]) -> tuple[str | None, str | None]:
    if found.get("value") is None:
        return None, None
    against = found.get("reference")
    value = f"{found['metric']} {found['value']:.4g} [{found['low']:.4g}, {found['high']:.4g}]"
    return value, None if against is None else f"{against:.4g}"


def _print_moved(record: WindowRecord) -> None:
    moved = [finding for finding in record.findings if finding["detail"]][:_MOVED]
    if not moved:
        return
    click.echo(click.style("\nwhat moved most in the last window", bold=True))
    rows = [
        (
            ("! " if finding["flagged"] else "  ") + str(finding["name"]),
            finding["aspect"],
            f"{finding['effect']:.3f}",
            f"{finding['p']:.2g}",
            finding["detail"],
        )
        for finding in moved
    ]
    print_table(("  feature", "aspect", "effect", "p", "what"), rows, right=(2, 3))

"""``noria alerts``: what needs somebody, and what is known already."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

__all__ = ["alerts"]


@click.group()
def alerts() -> None:
    """Alerts: list, mute."""


@alerts.command("list")
@click.option("--model", default=None, help="Only this model's.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are open.")
@click.option("--limit", default=20, show_default=True, help="How many.")
@as_json
def list_alerts(model: str | None, only_open: bool, limit: int, json_output: bool) -> None:
    """List the newest alerts, with what was decided about them."""
    from noria.automation.decisions import Decisions
    from noria.monitoring.alerts import Alerts

    opened = workspace()
    kept = Alerts(opened.database)
    found = tuple(reversed(kept.open(model)))[:limit] if only_open else kept.list(model, limit=limit)
    decisions = Decisions(opened.database)
    decided = {alert.id: decisions.of_alert(alert.id) for alert in found}
    if json_output:
        print_json(
            [{**alert.to_json(), "decisions": [made.to_json() for made in decided[alert.id]]} for alert in found]
        )
        return
    if not found:
        click.echo("no alerts", err=True)
        return
    now = datetime.now(UTC)
    rows = []
    for alert in found:
        state = f"muted until {alert.muted_until:%Y-%m-%d %H:%M}" if alert.muted(now) else alert.state
        answer = f"{decided[alert.id][-1].action}: {decided[alert.id][-1].outcome}" if decided[alert.id] else None
        version = f"{alert.model}@{alert.version}"
        rows.append((alert.id, f"{alert.opened:%Y-%m-%d %H:%M}", state, version, alert.kind, alert.text, answer))
    print_table(("", "opened", "state", "version", "kind", "what", "answer"), rows, right=(0,))


@alerts.command()
@click.argument("number", type=int)
@click.option("--for", "duration", default="1d", show_default=True, help="How long: 6h, 1d, 2w.")
@click.option("--reason", required=True, help="Why; it is kept.")
@as_json
def mute(number: int, duration: str, reason: str, json_output: bool) -> None:
    """Keep an alert quiet for a time: nobody is told and automation leaves it alone."""
    from noria.duration import parse_duration
    from noria.monitoring.alerts import Alerts

    now = datetime.now(UTC)
    muted = Alerts(workspace().database).mute(
        number, until=now + parse_duration(duration), actor=getpass.getuser(), reason=reason, now=now
    )
    if json_output:
        print_json(muted.to_json())
        return
    click.echo(f"alert {number} is muted until {muted.muted_until:%Y-%m-%d %H:%M} UTC: {muted.muted_reason}")

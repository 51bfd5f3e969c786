"""``noria run``: turn the wheel once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.steps.turn import TurnResult

__all__ = ["candidate_lines", "finalist_lines", "run", "summarise"]

_SHOWN = 6


@click.command()
@click.option("--force", "-f", multiple=True, metavar="STEP", help="Run this step even if nothing changed.")
@click.option("--jobs", "-j", type=click.IntRange(1, 256), help="Steps at a time; the processors when left out.")
@click.option("--keep-going", "-k", is_flag=True, help="Go on with steps that do not depend on a failed one.")
@click.option("--dry-run", is_flag=True, help="Only say what would run; the same as `noria plan`.")
@as_json
@click.pass_context
def run(
    ctx: click.Context, force: tuple[str, ...], jobs: int | None, keep_going: bool, dry_run: bool, json_output: bool
) -> None:
    """Turn the wheel once: from data to a registered version.

    Runs only the steps whose code, settings, inputs or libraries changed. Leaves with 1 when a step fails or a
    gate is not passed.
    """
    if dry_run:
        from noria.cli.plan import plan

        ctx.invoke(plan, json_output=json_output)
        return
    from noria.cli.progress import shown
    from noria.steps.turn import Turn

    ws = workspace()
    for warning in ws.project.warnings:
        click.echo(click.style("warning: ", fg="yellow") + warning, err=True)
    turn = Turn(ws.project, ws.database, ws.blobs, store=ws.store, jobs=jobs)
    with shown(quiet=json_output) as (on_graph, on_event):
        result = turn.run(force=force, keep_going=keep_going, on_graph=on_graph, on_event=on_event)
    if json_output:
        print_json(_as_dict(result))
    elif result.ok:
        summarise(result)
    if result.error is not None:
        raise result.error
    gate_error = result.gate_error()
    if gate_error is not None:
        raise gate_error


def summarise(result: TurnResult) -> None:
    """Print what a run came to, and the next command."""
    from noria.cli.progress import duration

    if result.nothing_to_do:
        click.echo(f"nothing changed: {result.model}@{result.version} is up to date ({duration(result.seconds)})")
        return
    click.echo()
    _candidates(result)
    for name, estimate in list(result.metrics.items())[:_SHOWN]:
        click.echo(f"  {name:<20} {_interval(estimate)}")
    if len(result.metrics) > _SHOWN:
        click.echo(f"  … and {len(result.metrics) - _SHOWN} more: noria report")
    for verdict in result.verdicts:
        passed = bool(verdict["passed"])
        mark = click.style("✓", fg="green") if passed else click.style("✗", fg="red")
        click.echo(f"  {mark} gate {verdict['message']}")
    ran = f"{len(result.ran)} step{'s' if len(result.ran) != 1 else ''} run"
    kept = f"{len(result.cached)} up to date"
    click.echo(f"\n{result.model}@{result.version} registered · {ran}, {kept} · {duration(result.seconds)}")
    if result.gates_passed:
        click.echo(f'next: noria models promote {result.model}@{result.version} --reason "…"     then: noria up')


def _candidates(result: TurnResult) -> None:
    """Print the best of the candidates that ran, in the metric that decides."""
    for lines in (candidate_lines(result, limit=_SHOWN), finalist_lines(result)):
        for line in lines:
            click.echo(f"  {line}")
        if lines:
            click.echo()


def candidate_lines(result: TurnResult, *, limit: int) -> list[str]:
    """Lay the selection out: candidates judged on every fold, the best first, with mean and spread of the metric."""
    from noria.evaluation.catalogue import DEFINITIONS

    metric = next(iter(result.metrics), "")
    definition = DEFINITIONS.get(metric)
    judged = [row for row in result.selection if isinstance(row.get("mean"), float)]
    if definition is None or not judged:
        return []
    where = "over draws of the rows" if definition.task == "clustering" else "in cross-validation"
    lines = [f"{'candidate':<20} {metric} {where}"]
    for row in judged[:limit]:
        mean, spread = definition.from_error(float(str(row["mean"]))), row.get("sd")
        told = f" ± {spread:.4f}" if isinstance(spread, float) else ""
        lines.append(f"{row['name']!s:<20} {mean:.4f}{told}")
    baseline = next((row for row in judged[limit:] if row["family"] == "dummy"), None)
    if baseline is not None:
        lines.append(f"{'dummy':<20} {definition.from_error(float(str(baseline['mean']))):.4f}")
    left = len(result.selection) - min(limit, len(judged)) - (baseline is not None)
    return [*lines, f"… and {left} more: noria report"] if left > 0 else lines


def finalist_lines(result: TurnResult) -> list[str]:
    """Lay out what the choice was between: how good, how quick, how large, and whether it can be read."""
    from noria.evaluation.catalogue import DEFINITIONS

    metric = next(iter(result.metrics), "")
    definition = DEFINITIONS.get(metric)
    if definition is None or len({str(each["name"]) for each in result.finalists}) < 2:
        return []
    lines = [f"{'finalist':<11} {metric:>10} {'ms a row':>9} {'kB':>9}  "]
    for each in result.finalists:
        mean = definition.from_error(float(str(each["mean"])))
        latency, size = (_number(each.get(name)) for name in ("latency_ms", "size_kb"))
        chosen = "chosen: " if each["chosen"] else ""
        lines.append(f"{each['kind']!s:<11} {mean:>10.4f} {latency:>9} {size:>9}  {chosen}{_made_of(each)}")
    return lines


def _number(value: object) -> str:
    return f"{value:,.3g}" if isinstance(value, float) and value < 1000 else "–" if value is None else f"{value:,.0f}"


def _made_of(finalist: Mapping[str, object]) -> str:
    members = finalist["members"]
    assert isinstance(members, dict)  # noqa: S101 - what TurnResult promises
    if len(members) == 1:
        return str(finalist["name"])
    return " + ".join(f"{share:.0%} {name}" for name, share in sorted(members.items(), key=lambda each: -each[1]))


def _interval(estimate: object) -> str:
    assert isinstance(estimate, dict)  # noqa: S101 - what TurnResult promises
    value, low, high = (estimate.get(part) for part in ("value", "low", "high"))
    if value is None:
        return "–"
    bounds = f"  [{low:.4g}, {high:.4g}]" if low is not None and high is not None else ""
    return f"{value:.4g}{bounds}"


def _as_dict(result: TurnResult) -> dict[str, object]:
    return {
        "run_id": result.run_id,
        "ok": result.ok,
        "nothing_to_do": result.nothing_to_do,
        "model": result.model,
        "version": result.version,
        "gates_passed": result.gates_passed,
        "verdicts": list(result.verdicts),
        "metrics": dict(result.metrics),
        "finalists": list(result.finalists),
        "ran": list(result.ran),
        "cached": list(result.cached),
        "seconds": round(result.seconds, 3),
        "error": result.error.to_dict() if result.error is not None else None,
    }

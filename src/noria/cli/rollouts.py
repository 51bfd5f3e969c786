"""``noria deploy start``, ``status``, ``promote``, ``rollback``, ``pause``, ``resume`` and ``history``."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from noria.cli.approving import asked_for
from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.errors import NotFound, WrongArgument, did_you_mean
from noria.serving.gates import Gates

if TYPE_CHECKING:
    from noria.serving.deployments import Deployments
    from noria.serving.document import Document
    from noria.serving.gates import Finding
    from noria.serving.orders import Orders
    from noria.serving.rollout import Rollout
    from noria.serving.settings import DeploySettings
    from noria.serving.tally import Sample
    from noria.workspace import Workspace

__all__ = ["COMMANDS"]

_ALIVE = timedelta(seconds=6)
"""Three beats: what has been killed is waited for no longer than that."""
_PATIENCE_SECONDS = 10.0

_reason = click.option("--reason", help="Why; it is kept in the history. Asked for when left out.")
_actor = click.option("--actor", default=getpass.getuser, show_default="you", help="Who.")
_endpoint = click.argument("endpoint", required=False)


@click.command()
@_endpoint
@click.option("--version", "versions", type=int, multiple=True, required=True, help="What to try; again for each arm.")
@click.option("--canary", metavar="5,25,100", help="Growing percentages of the requests.")
@click.option("--shadow", is_flag=True, help="Unheard beside the one that answers, then instead of it.")
@click.option("--blue-green", is_flag=True, help="The same; the old one stays loaded in every process.")
@click.option("--ab", metavar="a=50,b=50", help="Names and percentages; the first is what answers now.")
@click.option("--key", help="Column whose value decides the arm; the id of the request when left out.")
@click.option("--hold", metavar="10m", help="How long each step, or the shadow, lasts at least.")
@click.option("--gate", "gates", multiple=True, metavar="NAME=VALUE", help="A bound beside those of [deploy.gates].")
@click.option("--override", help="Why a version that passed no gate of training may answer.")
@_reason
@_actor
@as_json
def start(
    endpoint: str | None,
    versions: tuple[int, ...],
    canary: str | None,
    shadow: bool,
    blue_green: bool,
    ab: str | None,
    key: str | None,
    hold: str | None,
    gates: tuple[str, ...],
    override: str | None,
    reason: str | None,
    actor: str,
    json_output: bool,
) -> None:
    """Try a version on live requests: as [deploy] strategy says, or as the options do.

    The champion is moved when the rollout ends well. A gate that is broken goes back by itself.
    """
    from dataclasses import replace

    from noria.duration import parse_duration

    opened = workspace()
    settings = opened.project.settings.deploy
    rollout = _strategy(settings, canary=canary, shadow=shadow, blue_green=blue_green, ab=ab)
    if hold is not None:
        rollout = replace(rollout, hold_seconds=parse_duration(hold).total_seconds())
    rollout = replace(rollout, key=rollout.key if key is None else key, gates=_gates(rollout.gates, gates))
    made = _orders(opened, endpoint).start(
        versions,
        rollout,
        actor=actor,
        reason=asked_for(reason),
        at=datetime.now(UTC),
        override=override,
    )
    _tell(opened, endpoint, made, json_output=json_output)


@click.command()
@_endpoint
@click.option("--watch", is_flag=True, help="Again every second, until Ctrl-C or until nothing is tried.")
@as_json
def status(endpoint: str | None, watch: bool, json_output: bool) -> None:
    """Show who answers whom, what each arm has done, and what the gates say."""
    opened = workspace()
    deployments = _deployments(opened, endpoint)
    while True:
        document = deployments.current()
        if json_output:
            print_json(_status(opened, deployments, document))
        else:
            if watch:
                click.clear()
            _print(opened, deployments, document)
        if not watch or document is None or not document.candidates:
            return
        time.sleep(1.0)


@click.command()
@_endpoint
@click.option("--version", type=int, help="Which, where several are tried.")
@_reason
@_actor
@as_json
def promote(endpoint: str | None, version: int | None, reason: str | None, actor: str, json_output: bool) -> None:
    """End a rollout well, now: the version that is tried answers everything and becomes the champion."""
    opened = workspace()
    made = _orders(opened, endpoint).promote(
        actor=actor, reason=asked_for(reason), at=datetime.now(UTC), version=version
    )
    _tell(opened, endpoint, made, json_output=json_output)


@click.command()
@_endpoint
@_reason
@_actor
@as_json
def rollback(endpoint: str | None, reason: str | None, actor: str, json_output: bool) -> None:
    """Let what answered before answer again, at once; the champion goes with it."""
    opened = workspace()
    made = _orders(opened, endpoint).rollback(actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    _tell(opened, endpoint, made, json_output=json_output)


@click.command()
@_endpoint
@_reason
@_actor
@as_json
def pause(endpoint: str | None, reason: str | None, actor: str, json_output: bool) -> None:
    """Let a rollout take no further step; a broken gate still goes back."""
    opened = workspace()
    made = _orders(opened, endpoint).pause(actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    _tell(opened, endpoint, made, json_output=json_output)


@click.command()
@_endpoint
@_reason
@_actor
@as_json
def resume(endpoint: str | None, reason: str | None, actor: str, json_output: bool) -> None:
    """Let a rollout go on that is paused, or held because its gates stayed undecided."""
    opened = workspace()
    made = _orders(opened, endpoint).resume(actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    _tell(opened, endpoint, made, json_output=json_output)


@click.command()
@_endpoint
@click.option("--limit", default=20, show_default=True, help="How many.")
@as_json
def history(endpoint: str | None, limit: int, json_output: bool) -> None:
    """List the documents of an endpoint, newest first: each change, who made it and why."""
    found = _deployments(workspace(), endpoint).history(limit)
    if json_output:
        print_json([each.to_json() for each in found])
        return
    if not found:
        click.echo("no document yet: a server that begins writes the first", err=True)
        return
    rows = [(each.number, f"{each.at:%Y-%m-%d %H:%M:%S}", each.change, _arms(each), each.made_by, each.reason)
            for each in found]  # fmt: skip
    print_table(("", "when", "change", "arms", "who", "why"), rows, right=(0,))


COMMANDS = (start, status, promote, rollback, pause, resume, history)


def _deployments(opened: Workspace, endpoint: str | None) -> Deployments:
    from noria.serving.deployments import Deployments

    model = opened.project.name
    mine = opened.project.settings.deploy.endpoint or model
    if endpoint is not None and endpoint != mine:
        raise NotFound(
            f"no endpoint is called {endpoint!r}",
            why=did_you_mean(endpoint, [mine]) or f"this project's endpoint is {mine}",
            mend="it is set in noria.toml: [deploy] endpoint",
            code="N-CLI-070",
        )
    return Deployments(opened.database, endpoint=mine, model=model)


def _orders(opened: Workspace, endpoint: str | None) -> Orders:
    from noria.automation.rollouts import RolloutWatch
    from noria.serving.orders import Orders

    rollout = opened.project.settings.deploy.rollout()
    return Orders(opened.registry, _deployments(opened, endpoint), rollout, RolloutWatch())


def _strategy(
    settings: DeploySettings, *, canary: str | None, shadow: bool, blue_green: bool, ab: str | None
) -> Rollout:
    from dataclasses import replace

    rollout = settings.rollout()
    given = [name for name, each in (("--canary", canary), ("--shadow", shadow), ("--blue-green", blue_green),
                                     ("--ab", ab)) if each]  # fmt: skip
    if len(given) > 1:
        raise WrongArgument(f"{' and '.join(given)} exclude each other", mend=f"only {given[0]}", code="N-CLI-071")
    if canary:
        return replace(rollout, strategy="canary", steps=_percentages(canary))
    if ab:
        return replace(rollout, strategy="ab", shares=_shares(ab))
    if shadow:
        return replace(rollout, strategy="shadow")
    return replace(rollout, strategy="blue-green") if blue_green else rollout


def _percentages(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    steps = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= 3]
    if len(steps) != len(parts) or steps != sorted(set(steps)) or not all(0 < step <= 100 for step in steps):
        raise WrongArgument(f"--canary {text!r} are no rising percentages", mend="--canary 5,25,100", code="N-CLI-072")
    return tuple(steps)


def _shares(text: str) -> tuple[tuple[str, int], ...]:
    from noria.security.names import is_name

    shares: list[tuple[str, int]] = []
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if not is_name(name) or name == "shadow" or not (share.isascii() and share.isdigit() and 0 < int(share) < 100):
            raise WrongArgument(f"--ab {part!r} is no NAME=PERCENTAGE", mend="--ab a=50,b=50", code="N-CLI-073")
        shares.append((name, int(share)))
    if sum(share for _, share in shares) != 100 or len(dict(shares)) != len(shares):
        raise WrongArgument(
            f"--ab {text!r} does not share out 100 per cent among different names",
            mend="--ab a=50,b=50",
            code="N-CLI-074",
        )
    return tuple(shares)


def _gates(gates: Gates, given: Sequence[str]) -> Gates:
    """Put bounds given on the command line in the place of those of the project file."""
    from noria.duration import parse_duration

    values = gates.to_json()
    times = {"min_time": "min_seconds", "deadline": "deadline_seconds"}
    known = [*(name for name in values if not name.endswith("_seconds")), *times]
    for text in given:
        name, _, bound = text.partition("=")
        if name not in known:
            raise WrongArgument(
                f"there is no gate {name!r}",
                why=did_you_mean(name, known) or f"there are {', '.join(known)}",
                mend="--gate errors=0.01",
                code="N-CLI-075",
            )
        if name in times:
            values[times[name]] = parse_duration(bound).total_seconds()
            continue
        try:
            values[name] = int(bound) if name == "min_requests" else float(bound)
        except ValueError as error:
            raise WrongArgument(f"--gate {text!r}: {bound!r} is no number", mend="--gate errors=0.01",
                                code="N-CLI-076") from error  # fmt: skip
    return Gates.from_json(values)


def _tell(opened: Workspace, endpoint: str | None, made: Document, *, json_output: bool) -> None:
    """Print what was done, when every process that answers does by it."""
    deployments = _deployments(opened, endpoint)
    done, alive = _acknowledged(opened, deployments, made)
    if json_output:
        print_json({**made.to_json(), "processes": alive, "acknowledged": done})
        return
    click.echo(f"{deployments.endpoint}: document {made.number}, {made.change}: {_arms(made)}")
    if not alive:
        click.echo("no process answers yet: noria serve", err=True)
    elif done < alive:
        click.echo(f"{done} of {alive} processes answer by it so far: noria deploy status", err=True)
    else:
        click.echo(f"all {alive} processes answer by it" if alive > 1 else "the serving process answers by it")


def _acknowledged(opened: Workspace, deployments: Deployments, made: Document) -> tuple[int, int]:
    """Wait until every living process answers by a document; gives how many do, and how many there are."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        done, alive = _processes(opened, deployments, made)
        if done == alive or time.monotonic() > until:
            return done, alive
        time.sleep(0.1)


def _status(opened: Workspace, deployments: Deployments, document: Document | None) -> Mapping[str, object]:
    if document is None:
        return {"endpoint": deployments.endpoint, "document": None, "arms": [], "gates": []}
    sums, found = _measured(deployments, document)
    done, alive = _processes(opened, deployments, document)
    arms = []
    for arm in document.arms:
        sample = sums.get(arm.name)
        told: dict[str, object] = arm.to_json()
        if sample is not None:
            told |= dict(zip(("p50_ms", "p95_ms", "p99_ms"), _latencies(sample), strict=True))
            told |= {"requests": sample.requests, "failed": sample.failed, "agreement": sample.agreement}
        arms.append(told)
    return {
        "endpoint": deployments.endpoint,
        "document": document.to_json(),
        "arms": arms,
        "gates": [each.to_json() for each in found],
        "processes": alive,
        "acknowledged": done,
    }


def _print(opened: Workspace, deployments: Deployments, document: Document | None) -> None:
    if document is None:
        click.echo(f"{deployments.endpoint}: no document yet; a server that begins writes the first: noria serve")
        return
    sums, found = _measured(deployments, document)
    done, alive = _processes(opened, deployments, document)
    click.echo(f"{deployments.endpoint}: document {document.number}, {document.strategy}, {document.phase}; "
               f"{done} of {alive} processes answer by it")  # fmt: skip
    click.echo(f"{document.change} by {document.made_by} at {document.at:%Y-%m-%d %H:%M:%S}: {document.reason}")
    rows = []
    for arm in document.arms:
        sample = sums.get(arm.name)
        share = "unheard" if arm.mode == "shadow" else f"{arm.weight / 100:g} %"
        figures = (None,) * 6 if sample is None else (
            sample.requests, sample.failed, *(None if each is None else f"{each:.3g}" for each in _latencies(sample)),
            None if sample.agreement is None else f"{100 * sample.agreement:.1f} %",
        )  # fmt: skip
        rows.append((arm.name, arm.version, share, *figures))
    header = ("arm", "version", "share", "requests", "failed", "p50 ms", "p95 ms", "p99 ms", "agrees")
    print_table(header, rows, right=(1, 2, 3, 4, 5, 6, 7, 8))
    if found:
        print_table(("arm", "gate", "state", "what"), [(each.arm, each.gate, each.state, each.text) for each in found])
    if document.candidates and document.phase == "rolling" and document.strategy != "ab":
        click.echo(f"next step not before {document.due:%Y-%m-%d %H:%M:%S}")


def _measured(deployments: Deployments, document: Document) -> tuple[dict[str, Sample], list[Finding]]:
    from noria.automation.rollouts import RolloutWatch
    from noria.serving.steward import judged

    if not document.candidates:
        return {}, []
    found = judged(deployments, document, datetime.now(UTC), RolloutWatch())
    return deployments.tallies.sums(document.first), found


def _processes(opened: Workspace, deployments: Deployments, document: Document) -> tuple[int, int]:
    from noria.serving.stats import Traffic

    processes = [
        each
        for each in Traffic(opened.database).processes(deployments.model, since=datetime.now(UTC) - _ALIVE)
        if each.state == "serving" and each.endpoint == deployments.endpoint and each.alias == deployments.alias
    ]
    return sum((each.document or 0) >= document.number for each in processes), len(processes)


def _latencies(sample: Sample) -> tuple[float | None, float | None, float | None]:
    from noria.serving.latency import quantile

    counts = sample.histogram
    return quantile(counts, 0.5), quantile(counts, 0.95), quantile(counts, 0.99)


def _arms(document: Document) -> str:
    """Say who answers whom.

    Examples
    --------
    >>> from noria.serving.document import Arm, Document
    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> _arms(Document(2, (Arm(1, 9500), Arm(2, 500, name="canary"), Arm(3, 0, "shadow", "shadow")), at))
    'live 1 95 %, canary 2 5 %, shadow 3'
    """
    parts = [f"{arm.name} {arm.version}" + (f" {arm.weight / 100:g} %" if arm.weight else "") for arm in document.arms]
    return ", ".join(parts)

"""``noria collect``: takes messages from brokers as they come, for as long as it runs."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from noria.cli.opening import workspace

if TYPE_CHECKING:
    from noria.errors import NoriaError
    from noria.sources.collector import Collector

__all__ = ["collect"]


@click.command()
@click.option("--batch", type=click.IntRange(1, 1000), default=500, show_default=True, help="Messages kept together.")
@click.option("--every", default="1s", show_default=True, help="The longest a message waits to be made durable.")
@click.option("--until-idle", metavar="DURATION", help="End when for so long nothing came; for cron.")
def collect(batch: int, every: str, until_idle: str | None) -> None:
    """Take messages from the brokers of mqtt: sources until Ctrl-C; `noria run` reads what has been collected.

    Each message is kept once, also when this is killed at any moment: it is acknowledged when it is durable, and what
    the broker repeats is recognised. `noria up` collects as well.
    """
    from noria.cli.process_tree import stop_on_signals
    from noria.duration import parse_duration
    from noria.errors import WrongSetting
    from noria.project.origin import origin_of
    from noria.sources.collector import Collector
    from noria.sources.reference import parse

    opened = workspace()
    seconds = parse_duration(every).total_seconds()
    idle = parse_duration(until_idle).total_seconds() if until_idle else None
    references = [found for found in map(parse, origin_of(opened.project).sources) if found.kind == "mqtt"]
    if not references:
        raise WrongSetting(
            "no source of this project is an mqtt: source",
            mend='write source = "mqtt://host/plant/#" under [data] or [tables.NAME]',
            code="N-CLI-080",
        )
    collectors = [
        Collector(one, store=opened.store, root=opened.root, batch=batch, every_seconds=seconds, say=_say)
        for one in {found.location: found for found in references}.values()
    ]
    errors: list[NoriaError] = []
    with stop_on_signals() as stop:
        threads = [
            threading.Thread(target=_collected, args=(one, stop, idle, errors), name="collect") for one in collectors
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # In pieces, so that a signal is heard.
            while thread.is_alive():
                thread.join(0.2)
    for one in collectors:
        again = f", {one.repeated:,} came again" if one.repeated else ""
        click.echo(f"messages collected: {one.received:,}{again}; in all: {one.spool.last:,}", err=True)
    if errors:
        raise errors[0]


def _collected(one: Collector, stop: threading.Event, idle: float | None, errors: list[NoriaError]) -> None:
    from noria.errors import NoriaError

    try:
        one.run(stop, idle_seconds=idle)
    except NoriaError as error:
        errors.append(error)
        stop.set()


def _say(text: str) -> None:
    with suppress(OSError):
        click.echo(text, err=True)

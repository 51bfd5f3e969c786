"""``GET /metrics`` in Prometheus' text format, version 0.0.4.

Names are those of the conventions: base units (seconds), what is counted in the plural, counters end in ``_total``.
Numbers are exact: a million requests are 1000000 and not 1e+06.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.serving.latency import BOUNDS_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from noria.serving.board import ArmCounts, Snapshot

__all__ = ["render"]

_Sample = tuple[str, int | str]
"""Labels and value."""

_Family = tuple[str, str, str, "Iterable[_Sample]"]
"""Name, kind, what it says, and its samples."""


def render(endpoint: str, own: Snapshot, others: Sequence[Snapshot] = (), *, now: float = 0.0) -> str:
    """Write the counters of an endpoint, of all its workers together.

    Parameters
    ----------
    endpoint : str
        Its name.
    own : Snapshot
        Of the process that was asked.
    others : sequence of Snapshot
        Of the other workers, those that are dead included: what they answered has been answered.
    now : float
        Monotonic seconds: which of the others still live.
    """
    total = own
    for other in others:
        total = total.plus(other)
    alive = [own, *(other for other in others if other.is_fresh(now))]
    name = f'endpoint="{_escaped(endpoint)}"'
    lines: list[str] = []
    for metric, kind, text, samples in (
        *_of_arms(name, sorted(total.arms, key=lambda one: (one.version, one.arm))),
        *_of_workers(name, own, alive, several=bool(others)),
        *_of_all(name, total),
    ):
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} {kind}"]
        lines.extend(f"{metric}{labels} {value}" for labels, value in samples)
    return "\n".join(lines) + "\n"


def _of_arms(name: str, arms: Sequence[ArmCounts]) -> Iterator[_Family]:
    def each(one: ArmCounts, more: str = "") -> str:
        return f'{{{name},version="{one.version}",arm="{one.arm}"{more}}}'

    outcomes = [
        (each(one, f',outcome="{outcome}"'), count)
        for one in arms
        for outcome, count in (
            ("answered", one.requests - one.refused - one.failed),
            ("refused", one.refused),
            ("failed", one.failed),
        )
    ]
    yield "noria_requests_total", "counter", "Requests by outcome.", outcomes
    yield "noria_rows_total", "counter", "Rows asked about.", [(each(one), one.rows) for one in arms]
    latencies: list[_Sample] = []
    for one in arms:
        below = 0
        for bound, count in zip(BOUNDS_MS, one.histogram, strict=False):
            below += count
            latencies.append(("_bucket" + each(one, f',le="{bound / 1000:g}"'), below))
        latencies.append(("_bucket" + each(one, ',le="+Inf"'), one.requests))
        latencies.append(("_sum" + each(one), f"{one.seconds:.9g}"))
        latencies.append(("_count" + each(one), one.requests))
    yield "noria_request_duration_seconds", "histogram", "Time to an answer.", latencies


def _of_workers(name: str, own: Snapshot, alive: Sequence[Snapshot], *, several: bool) -> Iterator[_Family]:
    def process(one: Snapshot) -> str:
        # Alone it needs no name: its series go on when it is started again.
        return f'{{{name},pid="{one.pid}"}}' if several else f"{{{name}}}"

    if own.version:
        told = f'{name},model="{_escaped(own.model)}",version="{own.version}",engine="{_escaped(own.engine)}"'
        yield "noria_model_info", "gauge", "The version that answers; always 1.", [(f"{{{told}}}", 1)]
    for metric, text, values in (
        ("noria_serving_version", "Version that answers; 0: none.", [one.version for one in alive]),
        ("noria_requests_in_flight", "Requests at work.", [one.in_flight for one in alive]),
        ("noria_log_pending_rows", "Rows waiting to be written.", [one.pending for one in alive]),
    ):
        yield metric, "gauge", text, [*zip(map(process, alive), values, strict=True)]
    if several:
        yield "noria_answered_by", "gauge", "The process that tells this.", [(f'{{{name},pid="{own.pid}"}}', 1)]


def _of_all(name: str, total: Snapshot) -> Iterator[_Family]:
    for metric, text, value in (
        ("noria_swaps_total", "Versions that took over from another.", total.swaps),
        ("noria_load_failures_total", "Versions that could not be loaded.", total.load_failures),
        ("noria_log_rows_total", "Rows written to the prediction log.", total.written),
        ("noria_log_dropped_rows_total", "Rows lost: queue full or disk refused.", total.dropped),
        ("noria_shadow_dropped_requests_total", "Requests the shadow did not see.", total.shadows_dropped),
    ):
        yield metric, "counter", text, [(f"{{{name}}}", value)]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""``GET /metrics`` in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.serving.latency import BOUNDS_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noria.serving.endpoint import Endpoint

__all__ = ["render"]


def render(endpoint: Endpoint, in_flight: int) -> str:
    """Write the counters of an endpoint."""
    lines: list[str] = []
    name = _label(endpoint.name)
    totals = sorted(endpoint.stats.totals.items())
    log = endpoint.log.counts()

    def family(metric: str, kind: str, text: str, samples: Iterable[tuple[str, int]]) -> None:
        lines.append(f"# HELP {metric} {text}")
        lines.append(f"# TYPE {metric} {kind}")
        lines.extend(f"{metric}{{{labels}}} {value}" for labels, value in samples)

    def each(version: int, arm: str) -> str:
        return f'endpoint="{name}",version="{version}",arm="{arm}"'

    family(
        "noria_requests_total",
        "counter",
        "Requests by outcome.",
        (
            (f'{each(*key)},outcome="{outcome}"', count)
            for key, counts in totals
            for outcome, count in (
                ("answered", counts.requests - counts.refused - counts.failed),
                ("refused", counts.refused),
                ("failed", counts.failed),
            )
        ),
    )
    family("noria_rows_total", "counter", "Rows asked about.", ((each(*key), counts.rows) for key, counts in totals))
    lines.append("# HELP noria_request_seconds Time to an answer.")
    lines.append("# TYPE noria_request_seconds histogram")
    for key, counts in totals:
        below = 0
        for bound, count in zip(BOUNDS_MS, counts.latency.counts, strict=False):
            below += count
            lines.append(f'noria_request_seconds_bucket{{{each(*key)},le="{bound / 1000:g}"}} {below}')
        lines.append(f'noria_request_seconds_bucket{{{each(*key)},le="+Inf"}} {counts.requests}')
        lines.append(f"noria_request_seconds_sum{{{each(*key)}}} {counts.latency.seconds:.9g}")
        lines.append(f"noria_request_seconds_count{{{each(*key)}}} {counts.requests}")
    own = f'endpoint="{name}"'
    version = endpoint.live.number if endpoint.live else 0
    singles = (
        ("noria_serving_version", "gauge", "Version that answers; 0: none.", version),
        ("noria_in_flight", "gauge", "Requests at work.", in_flight),
        ("noria_swaps_total", "counter", "Versions that took over from another.", endpoint.swaps),
        ("noria_load_failures_total", "counter", "Versions that could not be loaded.", endpoint.load_failures),
        ("noria_log_rows_total", "counter", "Rows written to the prediction log.", log.written),
        ("noria_log_dropped_total", "counter", "Rows lost: queue full or disk refused.", log.dropped),
        ("noria_log_pending", "gauge", "Rows waiting to be written.", log.pending),
        ("noria_shadow_dropped_total", "counter", "Requests the shadow did not see.", endpoint.shadows_dropped),
    )
    for metric, kind, text, value in singles:
        family(metric, kind, text, [(own, value)])
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

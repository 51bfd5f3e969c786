"""The counters of an endpoint at one moment: written to the board that workers share, told to Prometheus."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from noria.serving import prometheus
from noria.serving.board import ArmCounts, Snapshot

if TYPE_CHECKING:
    from noria.serving.board import Board
    from noria.serving.endpoint import Endpoint

__all__ = ["Counting"]


class Counting:
    """Tells what an endpoint has counted.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers.
    in_flight : callable
        Requests at work.
    board : Board, optional
        Where the other workers of this socket write theirs; None where there are none.
    """

    def __init__(self, endpoint: Endpoint, in_flight: Callable[[], int], board: Board | None = None) -> None:
        self._endpoint = endpoint
        self._in_flight = in_flight
        self._board = board

    def publish(self) -> Snapshot:
        """Let the other workers know; give what was told."""
        now = self._snapshot()
        return now if self._board is None else self._board.write(now)

    def text(self) -> str:
        """Give the counters of all workers in Prometheus' format."""
        own = self.publish()
        others = [] if self._board is None else self._board.others()
        return prometheus.render(self._endpoint.name, own, others, now=time.monotonic())

    def _snapshot(self) -> Snapshot:
        endpoint = self._endpoint
        log, live = endpoint.log.counts(), endpoint.live
        return Snapshot(
            pid=os.getpid(),
            at=time.monotonic(),
            version=live.number if live else 0,
            in_flight=self._in_flight(),
            pending=log.pending,
            swaps=endpoint.swaps,
            load_failures=endpoint.load_failures,
            shadows_dropped=endpoint.shadows_dropped,
            written=log.written,
            dropped=log.dropped,
            arms=tuple(
                ArmCounts(
                    version,
                    arm,
                    counts.requests,
                    counts.rows,
                    counts.refused,
                    counts.failed,
                    counts.latency.seconds,
                    tuple(counts.latency.counts),
                )
                for (version, arm), counts in list(endpoint.stats.totals.items())
            ),
            model=live.scorer.name if live else "",
            engine=live.scorer.engine if live else "",
        )

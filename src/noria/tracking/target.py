"""From the name of a place to the sink that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.tracking.sink import Sink

__all__ = ["sink_for"]


def sink_for(target: str, token: str = "") -> Sink | None:
    """Give the sink that a target names: the address of a server, or the folder of a project; None for none."""
    if target.startswith(("http://", "https://")):
        from noria.tracking.http_sink import HttpSink  # noqa: PLC0415 - only the one in use

        return HttpSink(target, token)
    if target:
        from noria.tracking.store_sink import StoreSink  # noqa: PLC0415 - as above; it brings the database

        return StoreSink(Path(target))
    return None

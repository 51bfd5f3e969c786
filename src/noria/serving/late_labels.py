"""``POST /labels/ENDPOINT``: what turned out true, sent when it is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.predictions.labels import by_key
from noria.predictions.matured import unknown
from noria.security.strict_json import decode
from noria.serving import native
from noria.serving.http import Problem, Response, as_json, content_type, read_body

if TYPE_CHECKING:
    from noria.predictions.labels import Labels
    from noria.security.guard import Receive, Scope
    from noria.serving.endpoint import Endpoint

__all__ = ["answer"]


async def answer(endpoint: Endpoint, kept: Labels, scope: Scope, receive: Receive) -> Response:
    """Read labels, and keep them.

    Parameters
    ----------
    endpoint : Endpoint
        Whose predictions they are about.
    kept : Labels
        Where they go.
    scope, receive : ASGI
        The request.
    """
    if content_type(scope) != "application/json":
        raise Problem(415, "send application/json", code="N-SERVING-050")
    body = await read_body(receive)
    live = endpoint.live
    batch = native.parse_labels(await asyncio.to_thread(decode, body), live.scorer if live else None)
    return as_json(await asyncio.to_thread(_store, endpoint, kept, batch))


def _store(endpoint: Endpoint, kept: Labels, batch: native.LabelBatch) -> dict[str, object]:
    model, log, now = endpoint.model, endpoint.log, datetime.now(UTC)
    found = list(batch.by_id)
    labels, unmatched = len(found), 0
    log.flush()  # a label may come hard upon the answer
    # A key that no prediction holds refuses the request whole: all are looked up before the first is written.
    for key, rows in batch.by_key.items():
        matched, lacking = by_key(model, log, key, rows)
        found += matched
        labels += len(rows)
        unmatched += lacking
    added = kept.add(model, found, now, "http")
    # Ids that the log does not hold are kept: another process may have answered, whose log is still on its way.
    strange = _strange(endpoint, [identity for identity, _ in batch.by_id])
    return {
        "labels": labels,
        "predictions": added.predictions - strange,
        "unmatched": unmatched,
        "unknown": strange,
    }


def _strange(endpoint: Endpoint, ids: Sequence[str]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    log = endpoint.log
    return unknown(log.read(endpoint.model, columns=["prediction_id"]), pa.array(ids)) if ids else 0

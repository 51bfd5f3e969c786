"""What steps gave, found again after the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.pipeline.artifact import ArtifactRef, Kind, decode
from noria.pipeline.tables import step_states
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["latest_of"]

_PAGE = 50


def latest_of(
    database: Database,
    blobs: Blobs,
    *,
    scope: str,
    step: str,
    wanted: Callable[[dict[str, object]], bool],
) -> dict[str, object] | None:
    """Find the newest output of a step that meets a condition; it must be a dict of parts.

    Parameters
    ----------
    database, blobs : Database, Blobs
        The project's records and bytes.
    scope, step : str
        Whose step.
    wanted : callable
        Told the parts of an output that are plain JSON; says whether it is the one.

    Returns
    -------
    dict or None
        All parts, tables among them.
    """
    seen: set[Digest] = set()
    for ref in _outputs(database, scope, step):
        if ref.digest in seen or ref.kind != "bundle" or not blobs.has(ref.digest):
            continue
        seen.add(ref.digest)
        parts = {
            name: ArtifactRef(cast("Kind", kind), Digest(digest))
            for name, (kind, digest) in json.loads(blobs.get(ref.digest)).items()
        }
        plain = {name: decode(part, blobs) for name, part in parts.items() if part.kind == "json"}
        if wanted(plain):
            return {name: plain[name] if name in plain else decode(part, blobs) for name, part in parts.items()}
    return None


def _outputs(database: Database, scope: str, step: str) -> Iterator[ArtifactRef]:
    state = step_states.c
    query = (
        sa.select(state.output)
        .where(state.scope == scope, state.step == step, state.output.is_not(None))
        .order_by(state.ended.desc(), state.run_id)
    )
    start = 0
    while True:
        with database.reading() as connection:
            page = connection.execute(query.limit(_PAGE).offset(start)).scalars().all()
        for output in page:
            if output:
                yield ArtifactRef.from_json(output)
        if len(page) < _PAGE:
            return
        start += _PAGE

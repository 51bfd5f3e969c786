"""Parts of a step's work, remembered while it is under way: one that is killed goes on where it was.

A step is all or nothing for the run. For its own work it may be divided: what each part found is kept under a key of
its own, in the table and the store of the steps' results, and is found there by whoever asks for the same part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noria.errors import NoriaError
from noria.pipeline.artifact import ArtifactRef
from noria.store.blobs import Digest, digest_json

if TYPE_CHECKING:
    from noria.pipeline.records import Records
    from noria.store.blobs import Blobs

__all__ = ["KEPT_FOR", "Memo", "shared"]

KEPT_FOR = timedelta(days=30)
"""Parts are for going on soon; the result of the step stays as it always does."""


class Memo:
    """What a step remembers of its parts.

    Parameters
    ----------
    name : str
        Of the parts, beside the step's: ``train.fold``.
    of : mapping
        Everything that each part depends on alike; JSON.
    blobs : Blobs
        Where the bytes go.
    records : callable
        Gives the records; asked at first use.
    run_id : str
        The run whose step it is.
    blind : bool
        Recall nothing: the work is to be done again. What it finds is kept all the same.
    """

    def __init__(
        self,
        name: str,
        of: Mapping[str, object],
        blobs: Blobs,
        records: Callable[[], Records],
        run_id: str,
        *,
        blind: bool = False,
    ) -> None:
        self._name = name
        self._of = digest_json(of)
        self._blobs = blobs
        self._records = records
        self._run_id = run_id
        self._blind = blind
        self.fault = ""
        """Why nothing more is kept; "" while all is well."""

    def recall(self, part: Mapping[str, object]) -> bytes | None:
        """Give what a part found before; None where it is not known, or its bytes are no longer good."""
        if self._blind:
            return None
        try:
            found = self._records().action(self._key(part))
            return None if found is None else self._blobs.get(found.output.digest)
        except NoriaError:
            return None

    def keep(self, part: Mapping[str, object], data: bytes, *, seconds: float) -> None:
        """Keep what a part found; when this returns it survives a crash.

        A store that takes nothing costs only time, later: the work goes on, and `fault` says why.
        """
        if self.fault:
            return
        try:
            digest = self._blobs.put(data)
            self._records().remember(
                self._key(part),
                self._name,
                ArtifactRef("bytes", digest, (digest,)),
                {"of": self._of, **part},
                seconds=seconds,
                run_id=self._run_id,
                at=datetime.now(UTC),
            )
        except NoriaError as error:
            self.fault = error.what

    def forget_old(self) -> None:
        """Let go of parts that were found long ago."""
        self._records().forget_parts(self._name, before=datetime.now(UTC) - KEPT_FOR)

    def _key(self, part: Mapping[str, object]) -> Digest:
        return digest_json({"part": self._name, "of": self._of, **part})


def shared(parts: Mapping[str, object], without: Collection[str]) -> dict[str, object]:
    """Give what a step's key is made of, less the parameters that its parts do not depend on.

    Examples
    --------
    >>> parts = {"seed": 7, "params": {"model": {"budget": "60s", "folds": 5}}}
    >>> shared(parts, ["model.budget"])
    {'seed': 7, 'params': {'model': {'folds': 5}}}
    """

    def kept(table: Mapping[str, object], path: str) -> dict[str, object]:
        return {
            name: kept(value, f"{path}{name}.") if isinstance(value, Mapping) else value
            for name, value in table.items()
            if f"{path}{name}" not in without
        }

    params = parts.get("params")
    return {**parts, "params": kept(params, "") if isinstance(params, Mapping) else {}}

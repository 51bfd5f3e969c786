"""What the gates said of a model, kept by the content of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.registry.tables import gate_verdicts

if TYPE_CHECKING:
    from datetime import datetime

    from noria.registry.version import ModelVersion
    from noria.store.database import Database

__all__ = ["Judgement", "Verdicts"]


@dataclass(frozen=True)
class Judgement:
    """All gates of one judging.

    Attributes
    ----------
    verdicts : tuple of mapping
        Each with at least ``gate`` (its text), ``passed`` and ``message``.
    """

    model: str
    model_digest: str
    run_id: str
    at: datetime
    passed: bool
    verdicts: tuple[Mapping[str, object], ...]

    @property
    def failed(self) -> tuple[Mapping[str, object], ...]:
        """The gates that were not passed."""
        return tuple(verdict for verdict in self.verdicts if not verdict.get("passed"))

    @property
    def requires_approval(self) -> bool:
        """Whether a gate asks that another person agrees."""
        return any(
            isinstance(found := verdict.get("evidence"), Mapping) and found.get("require") == "approval"
            for verdict in self.verdicts
        )


class Verdicts:
    """The judgements of all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(
        self,
        model: str,
        model_digest: str,
        run_id: str,
        verdicts: Sequence[Mapping[str, object]],
        at: datetime,
    ) -> Judgement:
        """Keep a judging. It counts from now on; earlier ones stay as history.

        Parameters
        ----------
        model, model_digest : str
            What was judged (see `noria.registry.version.model_digest`).
        run_id : str
            The run that judged.
        verdicts : sequence of mapping
            JSON values with at least ``gate``, ``passed`` and ``message``, and the digest of the ``evaluation`` they
            judged. None at all passes: no gate was set.
        at : datetime
            Now.
        """
        passed = all(bool(verdict.get("passed")) for verdict in verdicts)
        kept = [dict(verdict) for verdict in verdicts]
        row = {
            "model": model,
            "model_digest": model_digest,
            "run_id": run_id,
            "at": at,
            "passed": passed,
            "verdicts": kept,
        }
        with self.database.transaction() as connection:
            connection.execute(sa.insert(gate_verdicts), row)
        return Judgement(model, model_digest, run_id, at, passed, tuple(kept))

    def judges(self, model: str) -> bool:
        """Say whether any version of a model was ever judged."""
        query = sa.select(gate_verdicts.c.id).where(gate_verdicts.c.model == model).limit(1)
        with self.database.reading() as connection:
            return connection.execute(query).first() is not None

    def of(self, version: ModelVersion) -> Judgement | None:
        """Give the last judging of a version, or None when it was never judged.

        The same model decided by another threshold is another version, and what its gates said is not said of this one.
        """
        judged = [
            one
            for one in self.history(version.model, version.model_digest)
            if all(verdict.get("evaluation") in (None, version.evaluation_digest) for verdict in one.verdicts)
        ]
        return judged[-1] if judged else None

    def latest(self, model: str, model_digest: str) -> Judgement | None:
        """Give the last judging of a model, or None when it was never judged."""
        found = self.history(model, model_digest)
        return found[-1] if found else None

    def history(self, model: str, model_digest: str) -> tuple[Judgement, ...]:
        """Give every judging of a model, oldest first."""
        query = (
            sa.select(gate_verdicts)
            .where(gate_verdicts.c.model == model, gate_verdicts.c.model_digest == model_digest)
            .order_by(gate_verdicts.c.id)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(
            Judgement(
                row["model"], row["model_digest"], row["run_id"], row["at"], row["passed"], tuple(row["verdicts"])
            )
            for row in rows
        )

"""What people ask of a deployment: begin a rollout, end it either way, let it wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import NotAllowed, WrongArgument, did_you_mean
from noria.registry.aliases import Aliases
from noria.registry.promotion import approvals_needed, checked_promotion, why_approved
from noria.scoring.signature import Signature
from noria.serving.steward import Steward, complete, go_back, point
from noria.serving.transitions import By, begun, paused, resumed, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from noria.registry.catalog import Registry
    from noria.serving.deployments import Deployments
    from noria.serving.document import Document
    from noria.serving.rollout import Rollout
    from noria.serving.steward import Watch

__all__ = ["Orders"]


@dataclass(frozen=True)
class Orders:
    """Carries out what somebody asks of a deployment.

    Parameters
    ----------
    registry : Registry
        Where the versions are.
    deployments : Deployments
        The documents.
    rollout : Rollout
        How a version takes over that the alias has been moved to.
    watch : Watch, optional
        Who writes and closes alerts.
    """

    registry: Registry
    deployments: Deployments
    rollout: Rollout
    watch: Watch | None = None

    def start(
        self,
        versions: Sequence[int],
        rollout: Rollout,
        *,
        actor: str,
        reason: str,
        at: datetime,
        override: str | None = None,
        address: str = "",
    ) -> Document:
        """Begin a rollout of versions beside the one that answers. The alias follows when one answers everything.

        Raises
        ------
        GateFailed, NotAllowed
            A version did not pass its gates, or somebody else must agree first.
        WrongArgument
            There is no reason, the key is no column, or the versions do not fit the strategy.
        Conflict
            The deployment has been changed meanwhile.
        """
        by = _by(actor, reason, at)
        before = self._now(at)
        where = Aliases(self.deployments.database).current(self.deployments.model, self.deployments.alias)
        for number in versions:
            if number != where:
                self._may_answer(number, reason=reason, override=override)
        if rollout.key:
            self._must_have(rollout.key, [*versions, *([before.champion.version] if before else [])])
        made = settled(None, versions[0], by, fallback=0) if before is None else begun(before, versions, rollout, by)

        def write(connection: sa.Connection, _newest: Document | None) -> Document:
            if self.watch is not None:
                self.watch.clear(connection, self.deployments.model, at, f"a rollout of version {versions[0]} began")
            if made.phase != "steady":
                return made
            return point(connection, self.deployments, made, before, by, kind="promote")

        return self.deployments.append(write, after=before.number if before else 0, address=address)

    def promote(
        self, *, actor: str, reason: str, at: datetime, version: int | None = None, address: str = ""
    ) -> Document:
        """Let a candidate answer everything now, whatever the gates still wait for.

        Raises
        ------
        Conflict
            Nothing is tried, or the deployment has been changed meanwhile.
        """
        before = self._must_be(at)
        by = _by(actor, reason, at)
        return complete(self.deployments, before, by, version=version, watch=self.watch, address=address)

    def rollback(self, *, actor: str, reason: str, at: datetime, address: str = "") -> Document:
        """Let what answered before answer again, at once: before the rollout, or before the present version.

        Raises
        ------
        Conflict
            Nothing answered before, or the deployment has been changed meanwhile.
        """
        before = self._must_be(at)
        return go_back(self.deployments, before, _by(actor, reason, at), self.watch, address=address)

    def pause(self, *, actor: str, reason: str, at: datetime, address: str = "") -> Document:
        """Let a rollout take no further step; a broken gate still goes back.

        Raises
        ------
        Conflict
            Nothing is tried, or it is paused already.
        """
        return self._append(paused, actor=actor, reason=reason, at=at, address=address)

    def resume(self, *, actor: str, reason: str, at: datetime, address: str = "") -> Document:
        """Let a rollout that is paused or held go on; its step begins anew.

        Raises
        ------
        Conflict
            It is not paused.
        """
        return self._append(resumed, actor=actor, reason=reason, at=at, address=address)

    def _append(
        self,
        make: Callable[[Document, By], Document],
        *,
        actor: str,
        reason: str,
        at: datetime,
        address: str,
    ) -> Document:
        before = self._must_be(at)
        made = make(before, _by(actor, reason, at))

        def write(connection: sa.Connection, _newest: Document | None) -> Document:
            if self.watch is not None and made.change == "resume":
                self.watch.clear(connection, self.deployments.model, at, f"{actor} resumed: {made.reason}")
            return made

        return self.deployments.append(write, after=before.number, address=address)

    def _now(self, at: datetime) -> Document | None:
        """Give the newest document, with the moves of the alias taken in that no server has seen yet."""
        return Steward(self.deployments, self.rollout, self.watch).follow(at)

    def _must_be(self, at: datetime) -> Document:
        found = self._now(at)
        if found is None:
            model, alias = self.deployments.model, self.deployments.alias
            raise WrongArgument(
                f"endpoint {self.deployments.endpoint} is not deployed: {model} has no {alias} yet",
                mend=f'noria models promote {model}@latest --reason "…"',
                code="N-SERVING-079",
            )
        return found

    def _may_answer(self, number: int, *, reason: str, override: str | None) -> None:
        model, alias = self.deployments.model, self.deployments.alias
        version = checked_promotion(self.registry, model, number, alias=alias, reason=reason, override=override)
        if approvals_needed(self.registry, version):
            raise NotAllowed(
                f"version {number} of {model} is tried when somebody else has agreed",
                why=why_approved(self.registry),
                mend=f'noria models promote {model}@{number} --reason "…"     asks for it; [deploy] strategy says how '
                "it then takes over",
                code="N-SERVING-080",
            )

    def _must_have(self, column: str, versions: Sequence[int]) -> None:
        for number in versions:
            signature = Signature.from_json(self.registry.get(self.deployments.model, number).signature)
            known = [each.name for each in (*signature.columns, *signature.carried)]
            if column not in known:
                raise WrongArgument(
                    f"version {number} of {self.deployments.model} gets no column {column!r}",
                    why=did_you_mean(column, known) or f"it gets {', '.join(known)}",
                    mend="name a column that requests carry, or leave the key out: then the id of the request decides",
                    code="N-SERVING-081",
                )


def _by(actor: str, reason: str, at: datetime) -> By:
    if not reason.strip():
        raise WrongArgument(
            "a deployment is not changed without a reason",
            mend='say it: --reason "better on the last quarter"',
            code="N-SERVING-082",
        )
    return By(actor, reason.strip(), at)

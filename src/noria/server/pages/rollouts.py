"""What the deployment page shows of arms, gates and documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from noria.automation.rollouts import RolloutWatch
from noria.serving.deployments import Deployments
from noria.serving.latency import quantile
from noria.serving.orders import Orders
from noria.serving.steward import judged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from noria.serving.document import Arm, Document
    from noria.serving.gates import Finding
    from noria.serving.stats import Minute
    from noria.serving.tally import Sample
    from noria.workspace import Workspace

__all__ = ["ArmView", "RolloutView", "deployments_of", "orders_of", "rollout"]

_SHOWN = 12
_RATED = timedelta(minutes=1)


@dataclass(frozen=True)
class ArmView:
    """One arm: whom it answers, and what it has done since the rollout began, else in the last hour.

    Latencies are in milliseconds; `agreement` is a shadow's with what was heard.
    """

    name: str
    version: int
    share: float
    heard: bool
    per_second: float
    requests: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None
    agreement: float | None

    @property
    def errors(self) -> float | None:
        """Share of the requests that failed."""
        return self.failed / self.requests if self.requests else None


@dataclass(frozen=True)
class RolloutView:
    """How an endpoint is deployed, and how it was."""

    document: Document
    arms: tuple[ArmView, ...]
    gates: tuple[Finding, ...]
    history: tuple[Document, ...]
    back_to: int | None

    @property
    def tried(self) -> bool:
        """Whether a version is tried."""
        return bool(self.document.candidates)


def deployments_of(workspace: Workspace) -> Deployments:
    """Give the documents of the project's endpoint."""
    model = workspace.project.name
    return Deployments(workspace.database, endpoint=workspace.project.settings.deploy.endpoint or model, model=model)


def orders_of(workspace: Workspace) -> Orders:
    """Give what carries out what somebody asks of the deployment."""
    rollout = workspace.project.settings.deploy.rollout()
    return Orders(workspace.registry, deployments_of(workspace), rollout, RolloutWatch())


def rollout(workspace: Workspace, minutes: Iterable[Minute], now: datetime) -> RolloutView | None:
    """Gather it; None where no server has begun yet."""
    deployments = deployments_of(workspace)
    document = deployments.current()
    if document is None:
        return None
    counted = list(minutes)
    sums = deployments.tallies.sums(document.first) if document.candidates else {}
    target = deployments.fallback(document)
    found = judged(deployments, document, now, RolloutWatch()) if document.candidates else []
    return RolloutView(
        document,
        tuple(_arm(arm, sums.get(arm.name), counted, now) for arm in document.arms),
        tuple(found),
        deployments.history(_SHOWN),
        None if target is None else target.champion.version,
    )


def _arm(arm: Arm, sample: Sample | None, minutes: Iterable[Minute], now: datetime) -> ArmView:
    mine = [minute for minute in minutes if (minute.version, minute.arm) == (arm.version, arm.name)]
    if sample is not None:
        requests, failed, histogram = sample.requests, sample.failed, list(sample.histogram)
    else:
        requests, failed = sum(one.requests for one in mine), sum(one.failed for one in mine)
        histogram = [sum(column) for column in zip(*(one.histogram for one in mine), strict=True)]
    # The present minute and the whole one before.
    begins = now.replace(second=0, microsecond=0) - _RATED
    lately = sum(one.requests for one in mine if one.minute >= begins)
    p50, p95, p99 = (quantile(histogram, share) if histogram else None for share in (0.5, 0.95, 0.99))
    return ArmView(
        arm.name,
        arm.version,
        arm.weight / 10_000,
        arm.mode == "live",
        lately / (now - begins).total_seconds(),
        requests,
        failed,
        p50,
        p95,
        p99,
        None if sample is None else sample.agreement,
    )

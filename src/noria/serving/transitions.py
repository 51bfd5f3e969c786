"""How one document follows from another. Pure: who changes a deployment asks here what the next document says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noria.errors import Conflict, WrongArgument
from noria.serving.document import WHOLE, Arm, Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from noria.serving.document import Change
    from noria.serving.rollout import Rollout, Strategy

__all__ = ["By", "begun", "noted", "paused", "promoted", "resumed", "rolled_back", "settled", "stepped"]

_PART = WHOLE // 100


@dataclass(frozen=True)
class By:
    """Who changes a deployment, why, when, on what evidence."""

    who: str
    reason: str
    at: datetime
    evidence: tuple[Mapping[str, object], ...] = ()


def settled(before: Document | None, version: int, by: By, *, fallback: int, change: Change = "start") -> Document:
    """Let one version answer everything, at once."""
    number = 1 if before is None else before.number + 1
    return Document(
        number,
        (Arm(version, WHOLE),),
        by.at,
        change=change,
        made_by=by.who,
        reason=by.reason,
        began=by.at,
        since=by.at,
        first=number,
        fallback=fallback,
        move=0 if before is None else before.move,
        evidence=by.evidence,
    )


def begun(before: Document, versions: Sequence[int], rollout: Rollout, by: By) -> Document:
    """Begin a rollout of a version, or of several in an A/B test, beside the champion.

    Raises
    ------
    WrongArgument
        The versions do not fit the strategy, or one of them is the champion.
    """
    champion = before.champion.version
    if champion in versions:
        raise WrongArgument(
            f"version {champion} is the champion already: it cannot be tried beside itself",
            mend="name another version: noria models list",
            code="N-SERVING-071",
        )
    number = before.number + 1
    fallback = before.number if before.phase == "steady" else before.fallback
    if rollout.strategy == "direct" or (rollout.share(0.0) >= 100 and not rollout.gates.any):
        return _standing_by(settled(before, versions[0], by, fallback=fallback), before, rollout.strategy)
    return Document(
        number,
        _arms(champion, versions, rollout),
        by.at,
        strategy=rollout.strategy,
        phase="rolling",
        key=rollout.key,
        # Others are first in the next rollout.
        salt=str(number),
        gates=rollout.gates,
        steps=rollout.steps if rollout.strategy == "canary" else (),
        hold_seconds=rollout.hold_seconds,
        change="start",
        made_by=by.who,
        reason=by.reason,
        began=by.at,
        since=by.at,
        first=number,
        fallback=fallback,
        move=before.move,
        evidence=by.evidence,
    )


def stepped(before: Document, by: By) -> Document:
    """Let the candidate take its next step; the last is to answer everything."""
    candidate = _tried(before)
    step = before.step + 1
    if before.strategy != "canary" or step >= len(before.steps) or before.steps[step] >= 100:
        return promoted(before, by)
    weight = before.steps[step] * _PART
    champion = replace(before.champion, weight=WHOLE - weight)
    return _next(before, "step", by, arms=(champion, replace(candidate, weight=weight)), step=step, since=by.at)


def promoted(before: Document, by: By, *, version: int | None = None) -> Document:
    """Let a candidate answer everything.

    Raises
    ------
    Conflict
        There is no candidate.
    WrongArgument
        It is not said which of several.
    """
    arms = {arm.version: arm for arm in _several(before)}
    if version is None and len(arms) > 1:
        raise WrongArgument(
            f"{len(arms)} versions are tried: {', '.join(map(str, arms))}",
            mend=f"say which: --version {next(iter(arms))}",
            code="N-SERVING-072",
        )
    chosen = version if version is not None else next(iter(arms))
    if chosen not in arms:
        raise WrongArgument(
            f"version {chosen} is not tried",
            why=f"tried: {', '.join(map(str, arms))}",
            mend=f"--version {next(iter(arms))}",
            code="N-SERVING-073",
        )
    made = settled(before, chosen, by, fallback=before.fallback, change="promote")
    return _standing_by(made, before, before.strategy)


def rolled_back(before: Document, target: Document, by: By) -> Document:
    """Let the versions of an earlier document answer again, at once."""
    made = settled(before, target.champion.version, by, fallback=target.fallback, change="rollback")
    return replace(made, arms=target.arms, strategy=target.strategy)


def paused(before: Document, by: By, *, change: Change = "pause") -> Document:
    """Let nothing move by itself, but for a way back when a gate is broken."""
    _several(before)
    if before.phase == "paused":
        raise _not(before, "paused already", "noria deploy resume")
    return _next(before, change, by, phase="paused")


def resumed(before: Document, by: By) -> Document:
    """Go on; the present step begins anew."""
    if before.phase != "paused":
        raise _not(before, "not paused", "noria deploy pause")
    return _next(before, "resume", by, phase="rolling", since=by.at)


def noted(before: Document, by: By) -> Document:
    """Write down what changes no arm."""
    return _next(before, "note", by)


def _standing_by(made: Document, before: Document, strategy: Strategy) -> Document:
    if strategy != "blue-green":
        return made
    # Every process, also one that begins anew, keeps it loaded: to go back then takes no loading.
    standby = Arm(before.champion.version, 0, name="standby")
    return replace(made, arms=(*made.arms, standby), strategy="blue-green")


def _arms(champion: int, versions: Sequence[int], rollout: Rollout) -> tuple[Arm, ...]:
    if rollout.strategy == "ab":
        if len(versions) != len(rollout.shares) - 1:
            raise WrongArgument(
                f"{len(rollout.shares)} arms need {len(rollout.shares) - 1} versions beside the champion, "
                f"not {len(versions)}",
                mend="--version once for each arm after the first",
                code="N-SERVING-074",
            )
        named = zip((champion, *versions), rollout.shares, strict=True)
        return tuple(Arm(version, share * _PART, name=name) for version, (name, share) in named)
    if len(versions) != 1:
        raise WrongArgument(
            f"{len(versions)} versions at once are tried by an A/B test only",
            mend="--ab a=34,b=33,c=33",
            code="N-SERVING-075",
        )
    if rollout.strategy == "canary":
        weight = rollout.steps[0] * _PART
        return Arm(champion, WHOLE - weight), Arm(versions[0], weight, name="canary")
    return Arm(champion, WHOLE), Arm(versions[0], 0, "shadow", "shadow")


def _next(before: Document, change: Change, by: By, **more: object) -> Document:
    return replace(
        before,
        number=before.number + 1,
        at=by.at,
        change=change,
        made_by=by.who,
        reason=by.reason,
        evidence=by.evidence,
        **more,  # type: ignore[arg-type] # the callers above name fields
    )


def _tried(before: Document) -> Arm:
    return _several(before)[0]


def _several(before: Document) -> tuple[Arm, ...]:
    if before.phase == "steady" or not before.candidates:
        raise _not(before, "in no rollout", "noria deploy start ENDPOINT --version N")
    return before.candidates


def _not(before: Document, what: str, mend: str) -> Conflict:
    return Conflict(
        f"the deployment is {what}",
        why=f"document {before.number}: version {before.champion.version} answers, {before.phase}",
        mend=mend,
        code="N-SERVING-076",
    )

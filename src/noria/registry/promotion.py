"""Making a version the champion, and going back to the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import AliasNotFound, GateFailed, NotAllowed, WrongArgument, did_you_mean
from noria.registry.aliases import ANY, Aliases, AliasMove
from noria.registry.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.registry.aliases import Anywhere
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion

__all__ = [
    "GATED_ALIASES", "approvals_needed", "assign", "checked_promotion", "is_gated", "previous", "promote", "rollback",
    "see_why", "why_approved",
]  # fmt: skip

GATED_ALIASES = frozenset({"champion"})
"""Aliases that production follows: only a judged version that passed may carry them."""


def promote(
    registry: Registry,
    model: str,
    number: int,
    *,
    actor: str,
    reason: str,
    at: datetime,
    alias: str = "champion",
    override: str | None = None,
    expect: int | Anywhere | None = ANY,
) -> AliasMove:
    """Point the champion at a version that has passed its gates.

    Parameters
    ----------
    registry : Registry
        Where the version is.
    model, number : str, int
        The version.
    actor, reason : str
        Who, and why; neither may be empty.
    at : datetime
        Now.
    alias : str
        ``champion``, or another; only those of `GATED_ALIASES` ask for gates.
    override : str, optional
        The reason to overrule failed or missing verdicts; it is kept with the move.
    expect : int or None or ANY
        The version that must be champion until now, for a caller that compared with it.

    Raises
    ------
    GateFailed
        A gate failed and nothing overrules it.
    WrongArgument
        The alias is new and reads like a misspelt one, or there is no reason.
    NotAllowed
        The version was never judged, there is no reason, or somebody else must agree first.
    CorruptedBlob
        A file of the version is damaged.
    AliasMoved
        Somebody else moved the alias meanwhile.
    """
    version = checked_promotion(registry, model, number, alias=alias, reason=reason, override=override)
    if alias in GATED_ALIASES and approvals_needed(registry, version):
        raise NotAllowed(
            f"alias {alias!r} of model {model} moves when somebody else has agreed",
            why=why_approved(registry),
            mend=f'noria models promote {version.ref} --reason "…"     asks for it\n'
            f'noria models approve {version.ref} --reason "…"     agrees, by another person',
            code="N-REGISTRY-040",
        )
    aliases = Aliases(registry.database, registry.write)
    if expect is ANY:
        expect = aliases.current(model, alias)
    return aliases.move(
        model, alias, number, actor=actor, reason=reason, at=at, expect=expect, kind="promote", override=override
    )


def approvals_needed(registry: Registry, version: ModelVersion) -> int:
    """Say how many people must agree before a version may be promoted: by the project's rule, or one by its gates."""
    judged = Verdicts(registry.database).of(version)
    return max(registry.approvals(), int(judged is not None and judged.requires_approval))


def why_approved(registry: Registry) -> str:
    """Say which rule of the project file asks for agreement."""
    return f"[deploy] approvals = {registry.approvals()}" if registry.approvals() else '[[gates]] require = "approval"'


def checked_promotion(
    registry: Registry, model: str, number: int, *, alias: str, reason: str, override: str | None
) -> ModelVersion:
    """Give a version that may be promoted as far as gates and files go.

    Raises
    ------
    GateFailed, NotAllowed, WrongArgument, CorruptedBlob
        See `promote`.
    """
    if not reason.strip():
        raise _no_reason()
    if override is not None and not override.strip():
        raise _no_reason()
    version = registry.get(model, number)
    if alias in GATED_ALIASES and override is None:
        _must_pass(registry, version, alias)
    registry.verify(version)
    _refuse_misspelt(Aliases(registry.database), model, alias)
    return version


def assign(
    registry: Registry, model: str, alias: str, number: int, *, actor: str, reason: str, at: datetime
) -> AliasMove:
    """Point an alias at a version for a client that knows no gates.

    Where gates have judged versions of the model, or promotions need approval, its gated aliases move by `promote`
    alone, whoever asks; a model that nobody ever judged is moved freely otherwise.

    Raises
    ------
    ModelNotFound
        There is no such version.
    GateFailed, NotAllowed
        The model is gated, and the version did not pass.
    """
    registry.get(model, number)
    if is_gated(registry, model, alias):
        return promote(registry, model, number, actor=actor, reason=reason, at=at, alias=alias)
    return Aliases(registry.database, registry.write).move(model, alias, number, actor=actor, reason=reason, at=at)


def is_gated(registry: Registry, model: str, alias: str) -> bool:
    """Say whether an alias of a model moves by promotion alone: production may follow it."""
    if alias not in GATED_ALIASES:
        return False
    if registry.approvals() or Verdicts(registry.database).judges(model):
        return True
    return any(version.origin == "noria" for version in registry.versions(model))


def rollback(
    registry: Registry, model: str, *, actor: str, reason: str, at: datetime, alias: str = "champion"
) -> AliasMove:
    """Point the champion back at the version that was champion before the present one.

    A second rollback goes one further back, never forward again.

    Raises
    ------
    AliasNotFound
        There is no champion, or none before it.
    CorruptedBlob
        A file of the earlier version is damaged.
    """
    if not reason.strip():
        raise _no_reason()
    aliases = Aliases(registry.database, registry.write)
    now = aliases.current(model, alias)
    before = previous(aliases, model, alias)
    if now is None or before is None:
        registry.get(model, "latest")  # a misspelt model is told as such
        raise AliasNotFound(
            f"model {model} has no {alias} to go back to",
            why="it never had one" if now is None else f"version {now} is the first that was {alias}",
            mend=f"noria models list {model}",
            code="N-REGISTRY-012",
        )
    registry.verify(registry.get(model, before))
    return aliases.move(model, alias, before, actor=actor, reason=reason, at=at, expect=now, kind="rollback")


def previous(aliases: Aliases, model: str, alias: str = "champion") -> int | None:
    """Give the version a rollback would lead to, or None."""
    stack: list[int] = []
    for move in aliases.history(model, alias):
        if move.kind == "remove":
            continue
        if move.kind == "rollback" and len(stack) > 1:
            stack.pop()
        elif not stack or stack[-1] != move.new:
            stack.append(move.new)
    return stack[-2] if len(stack) > 1 else None


def _must_pass(registry: Registry, version: ModelVersion, alias: str) -> None:
    judgement = Verdicts(registry.database).of(version)
    overrule = f'noria models promote {version.ref} --reason "…" --override "…"    is recorded'
    if judgement is None:
        raise NotAllowed(
            f"alias {alias!r} of model {version.model} cannot move to version {version.number}: it was never judged",
            mend=f"noria run judges it\n{overrule}",
            code="N-REGISTRY-010",
        )
    if not judgement.passed:
        champion = Aliases(registry.database).current(version.model, alias)
        raise GateFailed(
            f"alias {alias!r} of model {version.model} cannot move to version {version.number}",
            why="\n".join(_said(verdict) for verdict in judgement.failed),
            mend=f"{see_why(version.ref, champion)}\n{overrule}",
            code="N-REGISTRY-011",
        )


def see_why(ref: str, champion: int | None) -> str:
    """Give the command that shows why a version failed: beside the champion, where there is another one.

    Examples
    --------
    >>> see_why("credit-risk@3", 2), see_why("credit-risk@1", None)
    ('noria models compare credit-risk@3 2    see why', 'noria models show credit-risk@1    see why')
    """
    beside = champion is not None and not ref.endswith(f"@{champion}")
    return f"noria models compare {ref} {champion}    see why" if beside else f"noria models show {ref}    see why"


def _said(verdict: Mapping[str, object]) -> str:
    gate = str(verdict.get("gate", "?"))
    return f'gate "{gate}" failed: {str(verdict.get("message", "")).removeprefix(f"{gate} failed: ")}'


def _refuse_misspelt(aliases: Aliases, model: str, alias: str) -> None:
    """Refuse a new alias that reads like one in use: nobody follows it, and the champion would stay what it was."""
    known = {"champion", "challenger", *aliases.all(model)}
    hint = did_you_mean(alias, known)
    if alias not in known and hint:
        raise WrongArgument(
            f"model {model} has no alias {alias!r}: {hint}",
            why="a new alias may not be a letter or two from one in use",
            mend="correct it, or choose a name that cannot be mistaken",
            code="N-REGISTRY-014",
        )


def _no_reason() -> WrongArgument:
    return WrongArgument(
        "a champion is not changed without a reason",
        mend='say it: --reason "better on the last quarter"',
        code="N-REGISTRY-013",
    )

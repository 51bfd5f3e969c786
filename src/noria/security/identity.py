"""Who asks, and what that allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from noria.security.policy import ACTIONS, ROLE_ACTIONS, ROLES

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["EVERYWHERE", "LOCAL", "Grant", "Identity", "Scope"]

EVERYWHERE = "*"
"""Stands for every project where a project is named."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do in a project.

    Parameters
    ----------
    role : str
        One of `noria.security.policy.ROLES`; empty for somebody who only reviews.
    reviewer : bool
        May approve.
    """

    role: str = ""
    reviewer: bool = False

    def actions(self) -> frozenset[str]:
        """Name what it allows."""
        held = ROLE_ACTIONS.get(self.role, frozenset())
        return held | {"view", "review"} if self.reviewer else held


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is narrowed to; None leaves its user's rights as they are.

    Parameters
    ----------
    project : str or None
        Only there.
    role : str or None
        No more than this role.
    actions : frozenset of str or None
        Only these.
    """

    project: str | None = None
    role: str | None = None
    actions: frozenset[str] | None = None

    def narrow(self, held: frozenset[str], project: str) -> frozenset[str]:
        """Leave of some actions what the token may use in a project.

        Examples
        --------
        >>> sorted(Scope(role="editor").narrow(frozenset({"view", "change"}), "credit"))
        ['view']
        """
        if self.project not in (None, EVERYWHERE, project):
            return frozenset()
        if self.role is not None:
            held &= ROLE_ACTIONS.get(self.role, frozenset())
        return held if self.actions is None else held & self.actions


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has shown who he is.

    Parameters
    ----------
    name : str
        Of the user.
    kind : str
        How it was shown: ``local`` (on this machine, without team mode), ``session``, ``token`` or ``password``.
    user_id : int or None
        None for ``local``.
    grants : mapping of str to Grant
        By project; `EVERYWHERE` holds in all.
    scope : Scope
        What a token is narrowed to.
    expires : datetime or None
        When what was shown ends by itself.
    holder : str
        What forms are bound to: they can be sent by the session they were made for only.
    """

    name: str
    kind: Literal["local", "session", "token", "password"]
    user_id: int | None = None
    grants: Mapping[str, Grant] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    expires: datetime | None = None
    holder: str = ""

    def actions(self, project: str) -> frozenset[str]:
        """Name what is allowed in a project; nothing means that it does not exist for this caller.

        Examples
        --------
        >>> ada = Identity("ada", "session", 1, {"credit": Grant("editor"), "*": Grant(reviewer=True)})
        >>> sorted(ada.actions("credit")), sorted(ada.actions("churn"))
        (['register', 'review', 'track', 'view'], ['review', 'view'])
        """
        if self.kind == "local":
            return frozenset(ACTIONS)
        held: frozenset[str] = frozenset()
        for place in (project, EVERYWHERE):
            grant = self.grants.get(place)
            if grant is not None:
                held |= grant.actions()
        return self.scope.narrow(held, project)

    def may(self, action: str, project: str) -> bool:
        """Say whether an action is allowed in a project."""
        return action in self.actions(project)

    @property
    def interactive(self) -> bool:
        """Whether a person sits there: only then may it change passwords and make tokens."""
        return self.kind in ("local", "session")

    def role(self, project: str) -> str:
        """Name the highest role in a project, empty without one."""
        if self.kind == "local":
            return "admin"
        held = {grant.role for place, grant in self.grants.items() if place in (project, EVERYWHERE)}
        return next((role for role in reversed(ROLES) if role in held), "")


LOCAL = Identity("local", "local")
"""Everybody on this machine, where team mode is off."""

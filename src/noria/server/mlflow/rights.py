"""What of the registry needs more than the right to write to it: whatever production follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import NotAllowed
from noria.registry.promotion import GATED_ALIASES, is_gated

if TYPE_CHECKING:
    from noria.security.identity import Identity
    from noria.server.mlflow.desk import Desk

__all__ = ["FACE", "may_move", "must_change"]

FACE = "client"
"""How a client of the protocol came in, beside the name of the account."""


def must_change(desk: Desk, who: Identity, what: str) -> None:
    """Refuse whoever may write to the registry and not change what is served.

    Raises
    ------
    NotAllowed
        The right is not held.
    """
    if not who.may("change", desk.workspace.project.name):
        raise NotAllowed(
            f"{who.name} may not {what}",
            why="production follows it, and that needs the right to change",
            mend="ask somebody who is deployer or admin: noria users list",
            code="N-SERVER-096",
        )


def may_move(desk: Desk, model: str, who: Identity, *, number: int | None = None) -> None:
    """Refuse, without the right to change, what would take a model or version away from production.

    Raises
    ------
    NotAllowed
        The right is not held, and production follows the model, or that version.
    """
    for alias, pointed in desk.aliases.all(model).items():
        if alias in GATED_ALIASES and number in (None, pointed) and is_gated(desk.registry, model, alias):
            must_change(desk, who, f"rename or delete {model}, which is {alias}")

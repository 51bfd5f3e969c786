"""Who may do what: routes name the action they need, roles the actions they hold. What is in neither is denied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, get_args

from starlette.routing import compile_path

__all__ = ["ACTIONS", "ROLES", "ROLE_ACTIONS", "Action", "Need", "Role", "Route", "RoutePolicy"]

Action = Literal["view", "track", "register", "review", "change", "administer"]
"""What can be allowed: read; write runs and artifacts; write to the registry; approve; move what is served or
watched; name users and their rights."""

Need = Literal["view", "track", "register", "review", "change", "administer", "account", "open"]
"""What a route needs: an action; ``account``, somebody who has logged in; ``open``, nothing."""

Role = Literal["viewer", "editor", "deployer", "admin"]

Route = tuple[str, str, Callable[..., object], str]
"""Method, path, who answers, the `Need`."""

ACTIONS: Final[tuple[str, ...]] = get_args(Action)
ROLES: Final[tuple[str, ...]] = get_args(Role)
"""From the least to the most."""

ROLE_ACTIONS: Final[dict[str, frozenset[str]]] = {
    "viewer": frozenset({"view"}),
    "editor": frozenset({"view", "track", "register"}),
    "deployer": frozenset({"view", "track", "register", "change"}),
    "admin": frozenset({"view", "track", "register", "change", "administer"}),
}
"""To review is no role's: it is a flag of its own, so that who deploys is not by that also who approves."""

_NEEDS = frozenset(get_args(Need))


class RoutePolicy:
    """Finds the action that a request needs.

    Parameters
    ----------
    tables : iterable of iterables of routes
        The application's own route tables.

    Raises
    ------
    ValueError
        A route needs something that no role could hold.

    Examples
    --------
    >>> policy = RoutePolicy([[("GET", "/runs/{run}", print, "view")]])
    >>> policy.need("GET", "/runs/ab12"), policy.need("HEAD", "/runs/ab12"), policy.need("POST", "/runs/ab12")
    ('view', 'view', None)
    >>> policy.knows("/runs/ab12"), policy.knows("/secret")
    (True, False)
    """

    def __init__(self, tables: Iterable[Iterable[Route]]) -> None:
        self._exact: dict[tuple[str, str], str] = {}
        # By method and first part of the path, so that a request meets few expressions.
        self._patterns: dict[tuple[str, str], list[tuple[Callable[[str], object], str]]] = {}
        self._methods: set[str] = set()
        for table in tables:
            for method, path, _handler, need in table:
                if need not in _NEEDS:
                    raise ValueError(f"{method} {path} needs {need!r}, which nobody can hold")
                self._methods.add(method)
                if "{" not in path:
                    self._exact.setdefault((method, path), need)
                    continue
                expression = compile_path(path)[0]
                first = path.split("/", 2)[1]
                key = (method, "" if "{" in first else first)
                self._patterns.setdefault(key, []).append((expression.match, need))

    def need(self, method: str, path: str) -> str | None:
        """Give what a request needs; None when no table knows it."""
        if method == "HEAD":
            method = "GET"
        found = self._exact.get((method, path))
        if found is not None:
            return found
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        for key in ((method, first), (method, "")):
            for match, need in self._patterns.get(key, ()):
                if match(path):
                    return need
        return None

    def knows(self, path: str) -> bool:
        """Say whether any method may ask for the path."""
        return any(self.need(method, path) is not None for method in self._methods)

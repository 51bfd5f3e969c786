"""One rule for every name that becomes a path, a route or a key."""

from __future__ import annotations

import re

from noria.errors import WrongArgument

__all__ = ["checked_name", "is_name"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# Names a file system of another platform, or a route of ours, already means something by.
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
_TAKEN = frozenset({"con", "prn", "aux", "nul", "latest"} | _PORTS)


def is_name(text: str) -> bool:
    """Say whether a text may name a model, an alias or an endpoint.

    Examples
    --------
    >>> is_name("credit-risk"), is_name("../etc"), is_name("-rf"), is_name("AUX.txt")
    (True, False, False, False)
    """
    return _NAME.fullmatch(text) is not None and text[-1] != "." and text.split(".")[0].lower() not in _TAKEN


def checked_name(kind: str, text: str) -> str:
    """Give the name back, or refuse it.

    Parameters
    ----------
    kind : str
        What it names, for the message: "model", "alias", "endpoint".
    text : str
        The name.

    Raises
    ------
    WrongArgument
        It holds anything but letters, digits, ``.``, ``_``, ``-``, begins with ``-`` or ``.``, is longer than 128
        characters, or means something already.
    """
    if not is_name(text):
        raise WrongArgument(
            f"{text[:140]!r} cannot name a {kind}",
            why="letters, digits, '.', '_' and '-', at most 128, not beginning with '.' or '-', no reserved word",
            mend=f"choose another {kind} name",
            code="N-SECURITY-001",
        )
    return text

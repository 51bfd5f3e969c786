"""A question put to code of the user's own, which may answer it, fail it, or raise anything."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from noria.errors import NoriaError

__all__ = ["Check", "Failed", "Outcome", "tried"]

Outcome = Literal["passed", "failed", "warning", "left out"]


@dataclass(frozen=True)
class Check:
    """One thing tried.

    Parameters
    ----------
    name : str
        What was asked.
    outcome : Outcome
        ``failed``: noria would stumble; ``warning``: it works, at a price; ``left out``: it does not apply.
    why : str
        What was found.
    mend : str
        What helps.
    """

    name: str
    outcome: Outcome
    why: str = ""
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the fields as JSON."""
        return {"name": self.name, "outcome": self.outcome, "why": self.why, "mend": self.mend}


class Failed(Exception):
    """A check found something; the outcome, why, and what helps."""

    def __init__(self, why: str, mend: str = "", outcome: Outcome = "failed") -> None:
        super().__init__(why)
        self.why, self.mend, self.outcome = why, mend, outcome


def tried(name: str, ask: Callable[[], str | None]) -> Check:
    """Ask, and keep what came of it.

    Parameters
    ----------
    name : str
        What is asked.
    ask : callable
        Gives what was found, or raises `Failed`; anything else it raises is a failure too.

    Examples
    --------
    >>> tried("divides", lambda: str(1 / 0)).why
    'ZeroDivisionError: division by zero'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Check(name, "passed", ask() or "")
    except Failed as found:
        return Check(name, found.outcome, found.why, found.mend)
    except NoriaError as error:
        return Check(name, "failed", f"{error.what}{': ' + error.why if error.why else ''}", error.mend)
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
        return Check(name, "failed", _said(error))


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"

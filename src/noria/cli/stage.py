"""How a demo is told: chapters, sentences, and claims that must hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import click

from noria.errors import WorkFailed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DemoFailed", "Stage"]

_T = TypeVar("_T")


class DemoFailed(WorkFailed):
    """Something the demo promises did not happen."""


class Stage:
    """Prints the story on stdout and keeps the time.

    Examples
    --------
    >>> stage = Stage()
    >>> stage.claim("two and two are four", 2 + 2 == 4)
      ✓ two and two are four
    """

    def __init__(self) -> None:
        self._chapter = 0
        self._started = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin the next part."""
        self._chapter += 1
        elapsed = time.monotonic() - self._started
        click.echo()
        click.echo(click.style(f"{self._chapter}. {title}", bold=True) + click.style(f"   {elapsed:.0f} s", dim=True))

    def say(self, text: str) -> None:
        """Tell something."""
        for line in text.splitlines():
            click.echo(f"  {line}")

    def claim(self, text: str, holds: bool, evidence: str = "") -> None:
        """State something that must be true; the demo ends here when it is not.

        Raises
        ------
        DemoFailed
            It is not.
        """
        mark = click.style("✓", fg="green") if holds else click.style("✗", fg="red")
        click.echo(f"  {mark} {text}" + (click.style(f"   {evidence}", dim=True) if evidence else ""))
        if not holds:
            raise DemoFailed(
                f"the demo expected: {text}",
                why=evidence,
                mend="run it again; if it fails again, please report it with the output above",
                code="N-DEMO-001",
            )

    def wait(self, what: str, look: Callable[[], _T | None], *, seconds: float) -> _T:
        """Look again and again until there is something.

        Raises
        ------
        DemoFailed
            The time is over.
        """
        end = time.monotonic() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            if time.monotonic() > end:
                self.claim(what, holds=False, evidence=f"nothing after {seconds:.0f} s")
            time.sleep(0.25)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

"""What a deployment target is: it writes a folder from a bundle, checks it offline, and says what to type next.

Targets of others are found through the entry-point group ``noria.targets``; `noria.testing.targets` is the suite that
every one must pass. A target reaches no network and needs no account: people look at the files, then send them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noria.serving.bundle import Bundle

__all__ = ["Option", "Target", "Wishes", "Written"]


@dataclass(frozen=True)
class Option:
    """Something that only one target asks: its default, and what it means."""

    default: str
    meaning: str


@dataclass(frozen=True)
class Wishes:
    """How it should be deployed.

    Attributes
    ----------
    image : str
        Name of the container image, with its tag.
    replicas : int
        Processes that answer at least.
    log : str
        Where answers are logged: ``off`` or ``stdout``.
    options : mapping of str to str
        The target's own options, every one with a value.
    """

    image: str
    replicas: int = 2
    log: str = "off"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What a target wrote.

    Attributes
    ----------
    commands : tuple of str
        What to type next, in the folder.
    blanks : tuple of str
        What only the reader knows and must put in first; each word stands in the files as it is written here.
    notes : tuple of str
        What this platform does otherwise than one would think.
    """

    commands: tuple[str, ...]
    blanks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Target(Protocol):
    """A platform.

    Implementations write only under the folder, the same bytes for the same bundle and wishes, no secret, no link and
    nothing that others may write to.
    """

    @property
    def name(self) -> str:
        """How people name it on the command line."""

    @property
    def summary(self) -> str:
        """What it writes, in a line."""

    @property
    def options(self) -> Mapping[str, Option]:
        """What it asks beyond image and replicas."""

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write its files into an empty folder.

        Raises
        ------
        WrongArgument
            A wish cannot be met.
        """

    def check(self, folder: Path) -> Sequence[str]:
        """Look at what was written, without network; give the faults found, each a sentence."""

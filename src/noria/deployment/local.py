"""The bundle alone, for any machine that has noria."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.deployment.context import bundle_faults
from noria.deployment.target import Option, Written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["Local"]


class Local:
    """A folder that ``python -m noria.serving`` answers from."""

    name = "local"
    summary = "the bundle alone: python -m noria.serving answers from it, without registry or database"
    options: Mapping[str, Option] = {}

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the bundle itself."""
        bundle.write(folder)
        log = f" --log {wishes.log}" if wishes.log != "off" else ""
        return Written((f"python -m noria.serving --bundle .{log}",))

    def check(self, folder: Path) -> Sequence[str]:
        """Load the version and let it answer."""
        return bundle_faults(folder)

"""What does a version's arithmetic, and how that was proven."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from noria.errors import CorruptedBlob

if TYPE_CHECKING:
    from noria.registry.version import ModelVersion
    from noria.workspace import Workspace

__all__ = ["Engine", "engine"]


@dataclass(frozen=True)
class Engine:
    """A compiled plan with its proof, or the library and the reason why.

    Parameters
    ----------
    compiled : bool
        Whether the version answers by a plan.
    reason : str
        Why it does not.
    rows, held_out, bit_equal : int
        Rows on which plan and library were compared; those of them that training did not see; those without one bit
        between them.
    max_difference : float
        The largest difference of a probability or value, also on made-up rows with enormous numbers.
    held_out_difference : float, optional
        The largest on the rows held out; None where a proof did not note it, or there were none.
    made_with : mapping
        Versions of the libraries compared with.
    """

    compiled: bool
    reason: str
    rows: int
    held_out: int
    bit_equal: int
    max_difference: float
    held_out_difference: float | None
    made_with: Mapping[str, str]


def engine(workspace: Workspace, version: ModelVersion) -> Engine | None:
    """Read the verdict beside a version; None of one that noria keeps and never loads."""
    from noria.scoring.proof.files import CHECK, FOLDER, reason_of  # noqa: PLC0415 - numpy, not where a server starts

    if version.origin != "noria":
        return None
    beside = dict.fromkeys((path for path in version.files if path.startswith(FOLDER)), b"")
    try:
        if FOLDER + CHECK in beside:
            beside[FOLDER + CHECK] = workspace.registry.file(version, FOLDER + CHECK)
        verdict = json.loads(beside.get(FOLDER + CHECK) or b"{}")
        reason = reason_of(beside)
    except (CorruptedBlob, ValueError):
        verdict, reason = {}, f"{CHECK} is damaged: noria fsck"
    return Engine(
        compiled=not reason,
        reason=reason,
        rows=int(verdict.get("rows", 0)),
        held_out=int(verdict.get("held_out", 0)),
        bit_equal=int(verdict.get("bit_equal", 0)),
        max_difference=float(verdict.get("max_difference", 0.0)),
        held_out_difference=verdict.get("held_out_difference") if verdict.get("held_out") else None,
        made_with=cast("Mapping[str, str]", verdict.get("made_with", {})),
    )

"""What is kept beside a version's model: its plan, the proof of it, and the rows to be played again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from noria.scoring.plan import storage
from noria.scoring.proof.golden import replay

if TYPE_CHECKING:
    from noria.scoring.plan.plan import Plan

__all__ = ["CHECK", "FOLDER", "GOLDEN", "load_plan", "reason_of", "told_of"]

FOLDER = "plan/"
CHECK, GOLDEN = "plan_check.json", "golden.json"


def load_plan(files: Mapping[str, bytes]) -> Plan | None:
    """Read a version's plan and play its rows again; None where it has none.

    Parameters
    ----------
    files : mapping of str to bytes
        All files of the version.

    Raises
    ------
    Unsound
        The plan is damaged.
    WorkFailed
        This machine computes otherwise.
    """
    if FOLDER + storage.PLAN not in files:
        return None
    plan = storage.loads({name: files.get(FOLDER + name, b"") for name in (storage.PLAN, storage.ARRAYS)})
    replay(plan, files.get(FOLDER + GOLDEN, b""))
    return plan


def reason_of(files: Mapping[str, bytes]) -> str:
    """Say why a version has no plan; empty where it has one."""
    if FOLDER + storage.PLAN in files:
        return ""
    found = files.get(FOLDER + CHECK)
    if found is None:
        return "it was registered before models were compiled: noria models compile makes up for it"
    return str(json.loads(found).get("reason", ""))


def told_of(files: Mapping[str, bytes]) -> str:
    """Tell in a sentence how a version answers.

    Parameters
    ----------
    files : mapping of str to bytes
        With its verdict.
    """
    if reason := reason_of(files):
        return f"answers through its own library, not compiled: {reason}"
    verdict = json.loads(files[FOLDER + CHECK])
    rows, held = verdict["rows"], verdict["held_out"]
    if verdict["bit_equal"] == rows:
        return f"compiled: equal to its library to the bit on {rows:,} rows, {held:,} of them held out"
    rounding = f"within what rounding explains on {rows - held:,} made-up rows"
    away = verdict.get("held_out_difference") if held else None  # proofs before it was kept do not have it
    if away is None:
        return f"compiled: equal to its library {rounding}"
    same = f"within {away:.1g}" if away else "to the bit"
    return f"compiled: equal to its library {same} on {held:,} held-out rows, {rounding}"

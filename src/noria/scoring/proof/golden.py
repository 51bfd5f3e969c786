"""Rows with answers to the bit: played again where a plan is loaded, for another machine may compute otherwise.

The last bits of an exponential differ between one C library and the next, and a plan must outlive an upgrade: what
rounding explains passes here as it does in the proof. A threshold that is crossed the other way moves an answer by far
more, and does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

import numpy as np

from noria.errors import WorkFailed
from noria.scoring.plan.refusals import Incomplete, TooLarge
from noria.scoring.plan.unsound import Unsound
from noria.scoring.proof.probes import probes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.blocks import Columns
    from noria.scoring.plan.plan import Plan
    from noria.scoring.signature import Signature

__all__ = ["ROWS", "golden", "replay"]

ROWS = 64


def golden(plan: Plan, signature: Signature, *, seed: int = 1) -> bytes:
    """Make rows up, answer them and write both down; the answers as hexadecimal floats, which lose no bit."""
    made = probes(plan, signature, seed=seed).rows
    if not plan.takes_missing:
        made = [row for row in made if _answered(plan, row)]
    rng = np.random.default_rng(seed)
    chosen = [made[number] for number in sorted(rng.permutation(len(made))[:ROWS])]
    columns = {name: [row[name] for row in chosen] for name in plan.columns}
    said = plan.answer(columns, len(chosen))
    kept = {name: [_written(value) for value in values] for name, values in columns.items()}
    return json.dumps({"columns": kept, "answers": _bits(said)}, ensure_ascii=False).encode()


def _answered(plan: Plan, row: Mapping[str, object]) -> bool:
    try:
        plan.answer({name: [row[name]] for name in plan.columns}, 1)
    except (Incomplete, TooLarge):
        return False
    return True


def replay(plan: Plan, kept: bytes) -> None:
    """Answer the rows again.

    Raises
    ------
    WorkFailed
        An answer differs by more than rounding explains: this machine's libraries compute otherwise than those the plan
        was proven with.
    Unsound
        The file is no file of such rows.
    """
    try:
        held = json.loads(kept)
        columns, answers = held["columns"], held["answers"]
        rows = len(answers)
        read = {name: [_read(value) for value in columns[name]] for name in plan.columns}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unsound(f"the rows to be played again cannot be read: {error}") from None
    if not rows or any(len(values) != rows for values in read.values()):
        raise Unsound("the rows to be played again do not fit their answers")
    said = plan.answer(read, rows)
    told = _bits(said)
    if told == answers:
        return
    wrong = _wrong(plan, read, said, answers)
    if len(wrong):
        raise WorkFailed(
            f"the compiled plan computes otherwise here: {len(wrong)} of {rows} answers differ",
            why=f"row {wrong[0]}: {told[wrong[0]]}, where {answers[wrong[0]]} was proven; NumPy {np.__version__}",
            mend="noria models compile MODEL@VERSION    proves it with this machine's libraries",
            code="N-SCORING-012",
        )


def _wrong(plan: Plan, columns: Columns, said: NDArray[np.generic], answers: list[object]) -> NDArray[np.intp]:
    try:
        wanted = np.array(
            [[float.fromhex(one) for one in row] if isinstance(row, list) else _number(row) for row in answers], float
        )
    except (ValueError, TypeError) as error:
        raise Unsound(f"the answers to be played again cannot be read: {error}") from None
    if wanted.shape != said.shape:
        raise Unsound("the rows to be played again do not fit their answers")
    rows = len(wanted)
    away = np.abs(np.asarray(said, float) - wanted).reshape(rows, -1).max(axis=1)
    size = np.maximum(1.0, np.abs(wanted)).reshape(rows, -1).max(axis=1)
    allowed = np.maximum(plan.head.bound(plan.matrix(columns, rows)), 4 * np.finfo(float).eps * size)
    if said.dtype.kind == "i":
        allowed = np.zeros(rows)
    return np.flatnonzero(~(away <= allowed))


def _number(value: object) -> float:
    return float.fromhex(value) if isinstance(value, str) else float(cast("int", value))


def _bits(said: NDArray[np.generic]) -> list[object]:
    if said.dtype.kind == "i":
        return cast("list[object]", said.tolist())
    return [
        [value.hex() for value in row] if isinstance(row, list) else row.hex()
        for row in cast("Sequence[float | list[float]]", said.tolist())
    ]


def _written(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _read(value: object) -> object:
    return datetime.fromisoformat(str(value["at"])) if isinstance(value, Mapping) else value

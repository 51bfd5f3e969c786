"""The gate between a plan and production: its answers are the library's, or it does not answer.

Probabilities and values are compared, never labels: a plan whose thresholds were off by rounding would agree on nearly
every label and be wrong on every row that stands on a threshold.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.framing import as_frame
from noria.scoring.plan.refusals import Incomplete, TooLarge
from noria.scoring.proof.probes import probes

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.scoring.plan.plan import Plan
    from noria.scoring.signature import Signature
    from noria.training.model import FittedModel

__all__ = ["Verdict", "prove"]

_ALONE = 100
_MOST_HUGE = 40
_MOST_HELD_OUT = 100_000
_AT_ONCE = 5_000


@dataclass(frozen=True)
class Verdict:
    """Whether a plan answers as its model does.

    Attributes
    ----------
    equal : bool
        It does, on every row that was compared.
    rows, held_out : int
        Rows compared in all, and those of them that training did not see.
    bit_equal : int
        Rows on which not one bit differs.
    max_difference : float
        The largest difference of any probability or value, on whatever rows.
    held_out_difference : float
        The same on the rows held out. Made-up rows hold numbers of 9e15, where rounding alone comes to whole ones.
    max_share : float
        The same as a share of what rounding may explain; at most 1 where the two are equal.
    reason : str
        Why they are not equal; empty where they are.
    made_with : mapping
        Versions of the libraries that were compared with.
    """

    equal: bool
    rows: int
    held_out: int
    bit_equal: int
    max_difference: float
    held_out_difference: float
    max_share: float
    reason: str
    made_with: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return asdict(self)


class _Differs(Exception):
    pass


@dataclass
class _Found:
    rows: int = 0
    held_out: int = 0
    bit_equal: int = 0
    max_difference: float = 0.0
    held_out_difference: float = 0.0
    max_share: float = 0.0


def prove(
    plan: Plan, model: FittedModel, signature: Signature, held_out: pa.Table | None = None, *, seed: int = 0
) -> Verdict:
    """Compare a plan with the model it was made of.

    Parameters
    ----------
    plan : Plan
        Compiled.
    model : FittedModel
        What it was compiled from; its estimators should use one thread, or forests add up their trees in any order.
    signature : Signature
        What the model accepts.
    held_out : pyarrow.Table, optional
        Rows that training did not see; of more than a hundred thousand, as many are drawn.
    seed : int
        Of what is drawn.

    Returns
    -------
    Verdict
        With the reason where they differ.
    """
    found = _Found()
    reason = ""
    rng = np.random.default_rng(seed)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # libraries warn of unknown categories and overflow: both are meant here
            made = probes(plan, signature, seed=seed)
            rows = _answerable(plan, model, signature, made.rows, found)
            columns = _columns(rows, plan)
            _compare(plan, model, signature, columns, len(rows), found)
            _same_alone(plan, columns, len(rows), rng)
            _nothing(plan, model, signature)
            _refused_alike(
                plan, model, signature, [made.huge[n] for n in rng.permutation(len(made.huge))[:_MOST_HUGE]], found
            )
            if held_out is not None and held_out.num_rows:
                _held_out(plan, model, signature, held_out, rng, found)
    except _Differs as difference:
        reason = str(difference)
    return Verdict(
        not reason,
        found.rows,
        found.held_out,
        found.bit_equal,
        found.max_difference,
        found.held_out_difference,
        found.max_share,
        reason,
        plan.made_with,
    )


def _held_out(
    plan: Plan, model: FittedModel, signature: Signature, table: pa.Table, rng: np.random.Generator, found: _Found
) -> None:
    if table.num_rows > _MOST_HELD_OUT:
        table = table.take(np.sort(rng.choice(table.num_rows, _MOST_HELD_OUT, replace=False)))
    for first in range(0, table.num_rows, _AT_ONCE):
        checked = signature.check_table(table.slice(first, _AT_ONCE))
        away = _compare(plan, model, signature, checked.columns, checked.rows, found)
        found.held_out_difference = max(found.held_out_difference, away)
    found.held_out = table.num_rows


def _compare(
    plan: Plan,
    model: FittedModel,
    signature: Signature,
    columns: Mapping[str, Sequence[object]],
    rows: int,
    found: _Found,
    theirs: NDArray[np.generic] | None = None,
) -> float:
    theirs = _asked(model, signature, columns) if theirs is None else theirs
    ours = plan.answer(columns, rows)
    if ours.shape != theirs.shape:
        raise _Differs(f"it answers in the shape {ours.shape}, the library in {theirs.shape}")
    allowed = plan.head.bound(plan.matrix(columns, rows))
    away = np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).reshape(rows, -1).max(axis=1)
    same = np.array([np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True)])
    away[same] = 0.0
    found.rows += rows
    found.bit_equal += int(same.sum())
    largest = float(np.nan_to_num(away, nan=np.inf).max())
    found.max_difference = max(found.max_difference, largest)
    fits = same | (away <= allowed)
    if not fits.all():
        worst = int(np.argmax(np.where(fits, -1.0, np.nan_to_num(away, nan=np.inf))))
        raise _Differs(
            f"{int((~fits).sum())} of {rows} rows differ, the most by {away[worst]:.3g}, where rounding explains "
            f"{allowed[worst]:.3g}"
        )
    inexact = ~same & (allowed > 0)
    if inexact.any():
        found.max_share = max(found.max_share, float((away[inexact] / allowed[inexact]).max()))
    return largest


def _answerable(
    plan: Plan, model: FittedModel, signature: Signature, rows: list[dict[str, object]], found: _Found
) -> list[dict[str, object]]:
    """Leave out the rows that a model which cannot do without a value refuses, once it is seen that both refuse."""
    try:
        _asked(model, signature, _columns(rows, plan))
    except ValueError:
        _refused_alike(plan, model, signature, [row for row in rows if None in row.values()], found)
        return [row for row in rows if None not in row.values()]
    return rows


def _same_alone(plan: Plan, columns: Mapping[str, Sequence[object]], rows: int, rng: np.random.Generator) -> None:
    """See that a row's answer has the same bits alone, in a batch, and elsewhere in it."""
    whole = plan.answer(columns, rows)
    order = rng.permutation(rows)
    mixed = plan.answer({name: [values[one] for one in order] for name, values in columns.items()}, rows)
    if mixed.tobytes() != np.ascontiguousarray(whole[order]).tobytes():
        raise _Differs("a row's answer depends on the rows beside it")
    for one in rng.permutation(rows)[:_ALONE]:
        alone = plan.answer({name: [values[one]] for name, values in columns.items()}, 1)
        if alone.tobytes() != np.ascontiguousarray(whole[one : one + 1]).tobytes():
            raise _Differs("a row alone is answered otherwise than in a batch")


def _nothing(plan: Plan, model: FittedModel, signature: Signature) -> None:
    none: dict[str, list[object]] = {name: [] for name, _ in signature.features}
    if plan.answer(none, 0).shape != _asked(model, signature, none).shape:
        raise _Differs("no rows are answered otherwise")


def _refused_alike(
    plan: Plan, model: FittedModel, signature: Signature, rows: Sequence[Mapping[str, object]], found: _Found
) -> None:
    """See of each row that both refuse it, or that both answer, and alike.

    One that is refused takes those beside it along, so then each half is asked by itself, down to single rows.
    """
    if not rows:
        return
    columns = _columns(rows, plan)
    try:
        theirs = _asked(model, signature, columns)
    except ValueError:
        if len(rows) == 1:
            _refuses(plan, columns)
            return
    else:
        try:
            _compare(plan, model, signature, columns, len(rows), found, theirs)
        except TooLarge:
            if len(rows) == 1:
                return  # the plan computes nothing from infinity, whatever a library does
        else:
            return
    half = len(rows) // 2
    _refused_alike(plan, model, signature, rows[:half], found)
    _refused_alike(plan, model, signature, rows[half:], found)


def _refuses(plan: Plan, columns: Mapping[str, Sequence[object]]) -> None:
    try:
        plan.answer(columns, 1)
    except (TooLarge, Incomplete):
        return
    raise _Differs("it answers a row that the library refuses")


def _asked(model: FittedModel, signature: Signature, columns: Mapping[str, Sequence[object]]) -> NDArray[np.generic]:
    said = as_frame(columns, signature)
    if model.task == "classification":
        return np.asarray(model.predict_proba(said), dtype=np.float64)
    return np.asarray(model.predict(said))


def _columns(rows: Sequence[Mapping[str, object]], plan: Plan) -> dict[str, list[object]]:
    names = rows[0].keys() | set(plan.columns)
    return {name: [row.get(name) for row in rows] for name in names}

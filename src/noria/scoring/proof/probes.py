"""Rows at which a plan and a library could part: all that is missing, all that is strange, edges and neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.blocks import Numbers
from noria.scoring.plan.outside import Outside
from noria.scoring.plan.stages import Impute
from noria.scoring.plan.vocabularies import Vocabularies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.column import SignatureColumn
    from noria.scoring.plan.blocks import Block
    from noria.scoring.plan.plan import Plan
    from noria.scoring.signature import Signature

__all__ = ["Probes", "drawn", "probes"]

Row = dict[str, object]

_EDGES_A_COLUMN = 60
_BASE_ROWS = 24
_CATEGORIES = 200
_WORDS = 20
_ODD_NUMBERS = (0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e-35, 2.0**24 + 1, 2.0**53, 1e15)
_HUGE_NUMBERS = (3.4e38, -3.4e38, 3.5e38, 1e200, -1e200, 1.7e308, -1.7e308)
_MOMENTS = (
    datetime(1970, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(2000, 2, 29, 12),
    datetime(2024, 12, 31, 23, 59, 59),
    datetime(1700, 1, 1),
    datetime(2199, 7, 4, 1, 2, 3, 456_789),
)


@dataclass(frozen=True)
class Probes:
    """Made-up rows.

    Attributes
    ----------
    rows : list of dict
        Values by column, as the signature would let them through.
    huge : list of dict
        Rows with a number that some models refuse: each is asked about alone.
    """

    rows: list[Row]
    huge: list[Row]


def probes(plan: Plan, signature: Signature, *, seed: int = 0) -> Probes:
    """Make rows up from what the model accepts and from where its answers jump; no row of anybody's data is in it.

    Parameters
    ----------
    plan : Plan
        Says at which values its answers jump.
    signature : Signature
        Names the columns, their ranges and categories.
    seed : int
        Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    bases = [_drawn(signature.columns, rng) for _ in range(_BASE_ROWS)]
    rows = [*bases, dict.fromkeys(column.name for column in signature.columns)]
    edges, texts = _edges(plan, rng), _texts(plan)
    for column in signature.columns:
        values: list[object] = [None, *_strange(column)]
        found = edges.get(column.name)
        if found is not None and column.type in ("int", "float"):
            values += found.tolist()
        values += texts.get(column.name, [])
        rows += [{**bases[number % _BASE_ROWS], column.name: value} for number, value in enumerate(values)]
    huge = [
        {**bases[number % _BASE_ROWS], column.name: value}
        for column in signature.columns
        if column.type in ("int", "float")
        for number, value in enumerate(_HUGE_NUMBERS)
    ]
    return Probes(rows, huge)


def drawn(signature: Signature, rng: np.random.Generator) -> Row:
    """Draw a row from the ranges and categories that training saw."""
    return _drawn(signature.columns, rng)


def _drawn(columns: Sequence[SignatureColumn], rng: np.random.Generator) -> Row:
    return {column.name: _value(column, rng) for column in columns}


def _value(column: SignatureColumn, rng: np.random.Generator) -> object:
    match column.type:
        case "int" | "float":
            low, high = column.min or 0.0, column.max if column.max is not None else 1.0
            drawn = float(rng.uniform(low, high)) if np.isfinite(high - low) else float(low)
            return float(round(drawn)) if column.type == "int" else drawn
        case "bool":
            return bool(rng.integers(2))
        case "timestamp":
            return datetime(2020, 1, 1) + timedelta(seconds=int(rng.integers(10**8)))
        case _:
            known = column.categories or ("",)
            return known[int(rng.integers(len(known)))]


def _strange(column: SignatureColumn) -> list[object]:
    match column.type:
        case "int" | "float":
            ends = [end for end in (column.min, column.max) if end is not None]
            return [*_ODD_NUMBERS, *ends]
        case "bool":
            return [True, False]
        case "timestamp":
            return list(_MOMENTS)
        case _:
            return ["", " ", "nobody has seen this", "nan", "None", *(column.categories or ())[:_CATEGORIES]]


def _edges(plan: Plan, rng: np.random.Generator) -> Mapping[str, NDArray[np.float64]]:
    """Find the numbers of each column at which the answers jump, and their neighbours on both sides."""
    if plan.stages:
        return {}
    found: dict[str, list[NDArray[np.float64]]] = {}
    for place, jumps in plan.head.edges().items():
        values = np.asarray(jumps, dtype=np.float64)
        if len(values) > _EDGES_A_COLUMN:
            values = rng.choice(values, _EDGES_A_COLUMN, replace=False)
        start, block = _block_at(plan, place)
        back = block.back(place - start, values)
        if back is not None:
            found.setdefault(back[0], []).append(back[1])
    for name, filled in _fills(plan):
        found.setdefault(name, []).append(filled)
    made = {}
    for name, parts in found.items():
        one = np.concatenate(parts)
        one = one[np.isfinite(one)]
        made[name] = np.unique(np.concatenate([one, np.nextafter(one, np.inf), np.nextafter(one, -np.inf)]))
    return made


def _texts(plan: Plan) -> Mapping[str, list[str]]:
    """Put the words that a plan knows into texts: each alone, and many of them together."""
    found: dict[str, list[str]] = {}
    for block in plan.blocks:
        if isinstance(block, Vocabularies):
            for name, known in zip(block.columns, block.words, strict=True):
                some = list(known[:_WORDS])
                found[name] = [*some, " ".join(some), f"{some[0]}, {some[0].upper()}; {some[-1]} unheard-of"]
    return found


def _block_at(plan: Plan, place: int) -> tuple[int, Block]:
    start = 0
    for block in plan.blocks:
        if place < start + block.width:
            return start, block
        start += block.width
    raise IndexError(place)


def _fills(plan: Plan) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Give what stands for a missing number, and where numbers begin to be outliers, by column."""
    for block in plan.blocks:
        if not isinstance(block, Numbers):
            continue
        for number, stage in enumerate(block.stages):
            for place, name in enumerate(block.columns):
                values: NDArray[np.float64] | None = None
                if isinstance(stage, Impute):
                    values = stage.fill[[place]]
                elif isinstance(stage, Outside):
                    values = np.array([stage.low[place], stage.high[place]])
                for before in reversed(block.stages[:number]):
                    values = None if values is None else before.back(place, values)
                if values is not None:
                    yield name, values

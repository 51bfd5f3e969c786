"""What gates ask besides the evaluation: how fast, how large, how steady, how fresh, and whether the data moved."""

from __future__ import annotations

import math
import statistics
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.evaluation.measured import Measured
from noria.monitoring.drift import benjamini_hochberg, judge
from noria.monitoring.watch import REFERENCE_FILE, read_reference
from noria.predictions.entry import FEATURE
from noria.scoring.compiling.compile import compile_model
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.scorer import Scorer
from noria.steps.matrix import moments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion
    from noria.scoring.signature import Signature
    from noria.training.model import FittedModel

__all__ = ["age_days", "data_drift", "fold_sd", "latency", "size"]

_BLOCKS = 7
_BLOCK_SECONDS = 0.05
_LEVEL = 0.01
_NAMED = 3


def latency(
    model: FittedModel,
    signature: Signature,
    *,
    block_seconds: float = _BLOCK_SECONDS,
    clock: Callable[[], float] = time.process_time,
) -> Measured:
    """Measure the processor time of a request of one row, by the compiled plan where there is one.

    It is checked, answered and made into an answer, as an endpoint does it; reading from the network is not in it.
    Processor time, and the median of seven blocks, so that what else runs on the machine hardly tells.

    Parameters
    ----------
    model, signature : FittedModel, Signature
        What answers.
    block_seconds : float
        About how long one of seven blocks takes.
    clock : callable
        Gives seconds.
    """
    try:
        scorer, engine = Scorer(compile_model(model), signature, name="", number=0, engine="plan"), "its plan"
    except Unsupported:
        scorer, engine = Scorer(model, signature, name="", number=0), "its library"
    row = [signature.example()]
    for _ in range(3):
        scorer.score(row)
    started = clock()
    scorer.score(row)
    calls = max(1, min(500, int(block_seconds / max(clock() - started, 1e-5))))
    blocks = []
    for _ in range(_BLOCKS):
        started = clock()
        for _ in range(calls):
            scorer.score(row)
        blocks.append((clock() - started) / calls * 1000)
    value = statistics.median(blocks)
    spread = f"blocks of {calls} calls: {min(blocks):.3g} to {max(blocks):.3g}"
    told = f"{value:.3g} ms of processor time a row by {engine} ({spread})"
    return Measured(value, told, {"blocks_ms": blocks, "calls": calls, "engine": scorer.engine})


def size(files: Mapping[str, bytes]) -> Measured:
    """Add the model's files up, in units of a thousand bytes.

    Examples
    --------
    >>> size({"meta.json": b"x" * 1500, "head": b"x" * 500}).told
    '2 kB in 2 files'
    """
    sizes = {name: len(data) for name, data in files.items()}
    value = sum(sizes.values()) / 1000
    return Measured(value, f"{value:,.4g} kB in {len(sizes)} files", {"bytes": sizes})


def fold_sd(selection: Mapping[str, Any]) -> Measured:
    """Say how far the winner's folds lie apart.

    Examples
    --------
    >>> fold_sd({"winner": {"sd": 0.02, "mean": 0.2, "scores": [0.18, 0.2, 0.22]}}).told
    '0.02 over 3 folds'
    """
    winner = selection["winner"]
    scores = list(winner.get("scores") or ())
    if winner.get("sd") is None:
        return Measured(None, f"the winner was judged on {len(scores)} fold", {"scores": scores})
    return Measured(winner["sd"], f"{winner['sd']:.4g} over {len(scores)} folds", {"scores": scores})


def age_days(tables: list[pa.Table], column: str, now: datetime) -> Measured:
    """Say how old the newest row is.

    Parameters
    ----------
    tables : list of Table
        Training and test rows.
    column : str
        ``[data] time``.
    now : datetime
        With a zone.
    """
    found = [moments(table, column) for table in tables]
    known = [times[~np.isnat(times)].max() for times in found if times is not None and (~np.isnat(times)).any()]
    if not known:
        return Measured(None, f"no row has a {column}")
    newest = max(known).astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
    value = (now - newest).total_seconds() / 86400
    return Measured(
        value, f"{value:.1f} days: the newest row is of {newest:%Y-%m-%d %H:%M} UTC", {"newest": newest.isoformat()}
    )


def data_drift(registry: Registry, champion: ModelVersion | None, rows: pa.Table) -> Measured:
    """Compare the rows with those the champion learned from, column by column.

    Parameters
    ----------
    registry : Registry
        Holds the champion's profile of its data.
    champion : ModelVersion or None
        None where there is none yet: then there is nothing to have moved from.
    rows : Table
        Of this training, test rows included, as the profile has it.

    Returns
    -------
    Measured
        The largest population stability index of a column that has moved by more than chance explains, 0 where none
        has; false discovery rate 1 %.
    """
    if champion is None:
        return Measured(None, "there is no champion yet", passes=True)
    if REFERENCE_FILE not in champion.files:
        return Measured(None, f"{champion.ref} has no profile of its data")
    reference = read_reference(registry.file(champion, REFERENCE_FILE))
    named = [name for name in reference.features if name in rows.column_names]
    missing = [name for name in reference.features if name not in rows.column_names]
    if missing:
        return Measured(
            None, f"{champion.ref} learned from {missing[0]}, which the data no longer has", {"missing": missing}
        )
    counted = reference.count(rows.select(named).rename_columns([FEATURE + name for name in named]))
    found = [each for each in judge(reference, counted, level=_LEVEL).findings if each.name in named]
    proven = benjamini_hochberg(np.array([each.p for each in found]), _LEVEL)
    moved: dict[str, float] = {}
    for each, is_proven in zip(found, proven, strict=True):
        if is_proven:
            index = each.psi if each.aspect == "values" else _index(each.before, each.now)
            moved[each.name] = max(moved.get(each.name, 0.0), index or 0.0)
    order = sorted(moved, key=lambda name: -moved[name])
    value = moved[order[0]] if order else 0.0
    told = ", ".join(f"{name} {moved[name]:.3f}" for name in order[:_NAMED])
    against = f"of {len(named)} columns against {champion.ref}"
    return Measured(
        value,
        f"largest index {value:.3f} {against}: {told}" if order else f"none {against} has moved by more than chance",
        {"moved": moved, "columns": len(named), "champion": champion.ref, "rows": rows.num_rows},
    )


def _index(before: float | None, now: float | None) -> float | None:
    """Give the population stability index of a share."""
    if before is None or now is None:
        return None
    pairs = [(max(a, 1e-4), max(b, 1e-4)) for a, b in ((before, now), (1 - before, 1 - now))]
    return sum((b - a) * math.log(b / a) for a, b in pairs)

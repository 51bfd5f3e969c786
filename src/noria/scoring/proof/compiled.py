"""Compiling a model that is to be registered, and proving what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from noria.scoring.compiling.compile import compile_model
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan import storage
from noria.scoring.proof.equivalence import prove
from noria.scoring.proof.files import CHECK, FOLDER, GOLDEN
from noria.scoring.proof.golden import golden

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.scoring.signature import Signature
    from noria.training.model import FittedModel

__all__ = ["compiled"]


def compiled(
    model: FittedModel, signature: Signature, held_out: pa.Table | None = None, *, seed: int = 0
) -> dict[str, bytes]:
    """Compile a model and prove the plan.

    Parameters
    ----------
    model : FittedModel
        What was trained.
    signature : Signature
        What it accepts.
    held_out : pyarrow.Table, optional
        Rows that training did not see.
    seed : int
        Of what is drawn.

    Returns
    -------
    dict of str to bytes
        Files under ``plan/``: the verdict always; the plan and its rows only where it is proven.
    """
    try:
        made = compile_model(model)
    except Unsupported as problem:
        return {FOLDER + CHECK: _json({"equal": False, "reason": problem.reason})}
    files = storage.dumps(made)
    plan = storage.loads(files)  # what is proven is what will be loaded
    verdict = prove(plan, model, signature, held_out, seed=seed)
    kept = {CHECK: _json(verdict.to_json())}
    if verdict.equal:
        kept |= files | {GOLDEN: golden(plan, signature, seed=seed)}
    return {FOLDER + name: data for name, data in kept.items()}


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()

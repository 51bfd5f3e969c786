"""What the registered model looks at: importance, contributions and shapes, kept beside it as ``explanation.json``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import NoriaError
from noria.evaluation.importance import permutation_importance
from noria.evaluation.metrics import get
from noria.evaluation.partial import partial_dependence
from noria.evaluation.profiles import profiles
from noria.evaluation.threshold import decided
from noria.preparation.frame import frame, labels
from noria.scoring.plan.contributions import Unexplained, explained
from noria.scoring.plan.origins import origins
from noria.scoring.proof.files import load_plan
from noria.steps.matrix import answers, feature_columns, of_group

if TYPE_CHECKING:
    import pandas as pd

    from noria.datasets.settings import DataSettings
    from noria.evaluation.judged import Prediction
    from noria.scoring.signature import Signature
    from noria.steps.outputs import SplitOutput
    from noria.training.model import FittedModel

__all__ = ["EXPLANATION", "explanation"]

EXPLANATION = "explanation.json"

_SECONDS = 10.0
_CONTRIBUTION_SECONDS = 3.0
_SHAPES = 6
_BLOCK = 25
_MOST_ROWS = 500


def explanation(
    model: FittedModel,
    split: SplitOutput,
    settings: DataSettings,
    signature: Signature,
    plan: Mapping[str, bytes],
    *,
    metric: str,
    seed: int,
    threshold: float | None = None,
) -> dict[str, object]:
    """Explain a model on the locked rows, in bounded time.

    Parameters
    ----------
    model : FittedModel
        Which.
    split : mapping
        Output of that step.
    settings : DataSettings
        Target, groups, and which columns are personal: those are named, and none of their values is.
    signature : Signature
        What it accepts.
    plan : mapping
        Its compiled plan, where it has one.
    metric : str
        What importance is measured by.
    seed : int
        Of what is drawn.
    threshold : float, optional
        Probability from which the model says the positive class, where another was chosen than a half.

    Returns
    -------
    dict
        JSON: ``importance``, ``contributions``, ``partial``, ``profiles`` of a clustering's groups, ``personal``,
        ``notes``.
    """
    table, task = split["test"], split["about"]["task"]
    rows = frame(table, feature_columns(split))
    personal = [name for name, said in settings.columns.items() if said.is_personal and name in rows.columns]

    def ask(asked: pd.DataFrame) -> Prediction:
        return decided(answers(model, asked), threshold, settings.positive)

    found = permutation_importance(
        ask,
        rows,
        labels(table, settings.target, task=task) if settings.target else None,
        get(metric, task),
        positive=settings.positive,
        groups=of_group(table, settings.group),
        seed=seed,
        seconds=_SECONDS,
    )
    notes = list(found.notes)
    shown = [each.feature for each in found.features if each.feature not in personal][:_SHAPES]
    shapes = []
    if task != "clustering":
        begun = time.perf_counter()
        for name in shown:
            if time.perf_counter() - begun > _SECONDS / 2:
                notes.append(f"time was up before the shape of {name} was drawn")
                break
            made = partial_dependence(ask, rows, name, positive=settings.positive, seed=seed)
            if made is not None:
                shapes.append(made.to_json())
    groups = profiles(rows, answers(model, rows).values, personal=personal) if task == "clustering" else ()
    return {
        "format": 1,
        "metric": found.metric,
        "rows": found.rows,
        "importance": [each.to_json() for each in found.features],
        "contributions": _contributions(split, signature, plan, seed),
        "partial": shapes,
        "profiles": [each.to_json() for each in groups],
        "personal": personal,
        "notes": notes,
    }


def _contributions(
    split: SplitOutput, signature: Signature, files: Mapping[str, bytes], seed: int
) -> dict[str, object]:
    """Give the mean size of each column's exact part in the margin, over as many rows as time allows."""
    plan = load_plan(files)
    if plan is None:
        return {"reason": "it is not compiled, and only compiled models are taken apart exactly"}
    table, begun = split["test"], time.perf_counter()
    order = np.sort(np.random.default_rng(seed).permutation(table.num_rows)[:_MOST_ROWS])
    total, done, of = np.zeros(len(plan.columns)), 0, ""
    try:
        players = origins(plan)
        for start in range(0, len(order), _BLOCK):
            checked = signature.check_table(table.take(order[start : start + _BLOCK]))
            with np.errstate(all="ignore"):
                made = explained(plan.head, plan.matrix(checked.columns, checked.rows), players)
            # Of two classes the outputs mirror each other; of several, each class has its own margin.
            total += np.abs(made.parts).mean(axis=2).sum(axis=0)
            done, of = done + checked.rows, made.of
            if time.perf_counter() - begun > _CONTRIBUTION_SECONDS:
                break
    except Unexplained as error:
        return {"reason": error.reason}
    except NoriaError as error:
        return {"reason": error.what}
    means = total / max(1, done)
    if not np.isfinite(means).all():
        return {"reason": "the parts of some row are too large to be added up"}
    return {"of": of, "rows": done, "mean_abs": dict(zip(plan.columns, means.tolist(), strict=True))}

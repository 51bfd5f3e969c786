"""The drawings of an evaluation, by name; pages, notebooks and reports show the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noria.evaluation.catalogue import DEFINITIONS
from noria.evaluation.evaluate import Evaluation
from noria.evaluation.wording import estimate, figure
from noria.plots.bars import cluster_sizes, overlay_shares
from noria.plots.heatmap import confusion
from noria.plots.lines import Series, calibration, line, roc
from noria.plots.points import intervals, residuals, scatter

if TYPE_CHECKING:
    from noria.evaluation.fairness import Fairness
    from noria.plots.figure import Figure

__all__ = ["candidates", "drawings", "rates"]

_CURVES = {"recall": "recall", "precision": "precision", "called": "share called"}
_MOST_CLASSES = 20
_MOST_SLICES = 12
_MOST_CANDIDATES = 14


def drawings(evaluation: Evaluation | Mapping[str, object]) -> dict[str, Figure]:
    """Draw what an evaluation holds.

    Parameters
    ----------
    evaluation : Evaluation or its JSON
        Of any task.

    Returns
    -------
    dict of str to Figure
        Of ``roc``, ``precision_recall``, ``gain``, ``calibration``, ``confusion``, ``scores``, ``threshold``,
        ``residuals``, ``clusters``, ``cluster_sizes`` and ``slices`` those that apply, in the order in which they are
        worth looking at; then ``fairness COLUMN`` for each protected column, of several classes
        ``fairness COLUMN, CLASS``.
    """
    found = evaluation if isinstance(evaluation, Evaluation) else Evaluation.from_json(evaluation)
    drawn = {
        "roc": _roc(found),
        "precision_recall": _precision_recall(found),
        "gain": _gain(found),
        "calibration": _calibration(found),
        "confusion": _confusion(found),
        "scores": _scores(found),
        "threshold": _threshold(found),
        "residuals": _residuals(found),
        "clusters": _clusters(found),
        "cluster_sizes": cluster_sizes(found.clusters.sizes) if found.clusters else None,
        "slices": _slices(found),
    }
    drawn |= {f"fairness {each.name}": rates(each) for each in found.fairness}
    return {name: each for name, each in drawn.items() if each is not None}


def candidates(selection: Mapping[str, object], metric: str) -> Figure | None:
    """Draw the candidates of a selection: mean of the folds and its standard error.

    Parameters
    ----------
    selection : mapping
        What training's ``Selection.to_json`` gave.
    metric : str
        What was decided by; errors are turned back into it.
    """
    rows = selection.get("table")
    if not isinstance(rows, Sequence):
        return None
    done = [row for row in rows if isinstance(row, Mapping) and row.get("mean") is not None][:_MOST_CANDIDATES]
    if not done:
        return None
    definition = DEFINITIONS[metric]
    half = [1.96 * (row.get("sd") or 0.0) / max(len(row.get("scores") or ()), 1) ** 0.5 for row in done]
    ends = [
        sorted((definition.from_error(row["mean"] - half), definition.from_error(row["mean"] + half)))
        for row, half in zip(done, half, strict=True)
    ]
    return intervals(
        [str(row.get("name")) for row in done],
        [definition.from_error(row["mean"]) for row in done],
        low=[low for low, _ in ends],
        high=[high for _, high in ends],
        highlight=[0],
        title="Candidates",
        subtitle=f"{definition.title} in cross-validation, mean and 1.96 standard errors",
        x_title=definition.title,
    )


def _roc(found: Evaluation) -> Figure | None:
    if not found.roc:
        return None
    first = found.roc[0]
    if len(found.roc) == 1:
        area = found.metrics["roc_auc"]
        bounds = "" if area.low is None else f" (95 % interval {area.low:.3f} to {area.high:.3f})"
        return roc(
            {first.name: (first.fpr, first.tpr)},
            band=(first.low, first.high),
            subtitle=f"area {first.auc:.3f}{bounds}",
        )
    return roc(
        {f"{each.name} {each.auc:.2f}": (each.fpr, each.tpr) for each in found.roc},
        subtitle="each class against the rest, with its area",
    )


def _precision_recall(found: Evaluation) -> Figure | None:
    curve = found.ranking
    if curve is None:
        return None
    area = found.metrics["average_precision"].value
    return line(
        [
            Series("precision", curve.grid, curve.precision, curve.precision_low, curve.precision_high),
            Series("by chance", (0.0, 1.0), (curve.base, curve.base), dashed=True),
        ],
        title="Precision and recall",
        subtitle="" if area is None else f"average precision {area:.3f}; best precision with at least such a recall",
        x_title=f"Share of the {found.positive} that is found",
        share=True,
    )


def _gain(found: Evaluation) -> Figure | None:
    curve = found.ranking
    if curve is None:
        return None
    lift = found.metrics["lift_10"].value if "lift_10" in found.metrics else None
    return line(
        [
            Series("found", curve.grid, curve.gain, curve.gain_low, curve.gain_high),
            Series("by chance", (0.0, 1.0), (0.0, 1.0), dashed=True),
        ],
        title="Gain",
        subtitle="" if lift is None else f"the tenth with the highest scores holds {lift:.2f} times its share",
        x_title="Share of the rows, the highest scores first",
        y_title=f"Share of the {found.positive} found",
        share=True,
    )


def _calibration(found: Evaluation) -> Figure | None:
    curve = found.calibration
    if curve is None or not curve.bins:
        return None
    line = (
        f"slope {curve.slope:.2f}, intercept {curve.intercept:.2f}; 1 and 0 are perfect"
        if curve.slope is not None and curve.intercept is not None
        else f"{len(curve.bins)} bins of equal mass"
    )
    return calibration(
        [each.predicted for each in curve.bins],
        [each.observed for each in curve.bins],
        low=[each.low for each in curve.bins],
        high=[each.high for each in curve.bins],
        counts=[each.n for each in curve.bins],
        subtitle=line,
    )


def _confusion(found: Evaluation) -> Figure | None:
    if found.confusion is None or len(found.classes) > _MOST_CLASSES:
        return None
    accuracy = found.metrics["accuracy"].value or 0.0
    return confusion(
        found.confusion, [str(label) for label in found.classes], subtitle=f"{accuracy:.1%} of {found.n:,} rows right"
    )


def _scores(found: Evaluation) -> Figure | None:
    spread = found.scores
    if spread is None or not sum(spread.positive) or not sum(spread.negative):
        return None
    other = next(str(label) for label in found.classes if label != found.positive)
    return overlay_shares(
        spread.edges,
        spread.negative,
        spread.positive,
        names=(other, str(found.positive)),
        title="Scores by class",
        x_title=f"Predicted probability of {found.positive}",
        width=430.0,
        height=300.0,
    )


def _threshold(found: Evaluation) -> Figure | None:
    chosen = found.threshold
    if chosen is None or not chosen.curve:
        return None
    x = chosen.curve["threshold"]
    shown = ("recall", "precision", "called")
    return line(
        [
            *(Series(_CURVES[name], x, chosen.curve[name]) for name in shown),
            Series("chosen", (chosen.value, chosen.value), (0.0, 1.0), dashed=True),
        ],
        title="Threshold",
        subtitle=f"{chosen.value:.3f} on {chosen.chosen.n:,} out-of-fold answers: {chosen.rule}",
        x_title=f"Called {found.positive} from this probability on",
        share=True,
    )


def _residuals(found: Evaluation) -> Figure | None:
    rest = found.residuals
    if rest is None:
        return None
    return residuals(
        rest.predicted,
        rest.truth,
        trend=(rest.centre, rest.mean, rest.low, rest.high),
        subtitle=f"mean {figure(rest.bias)}, standard deviation {figure(rest.spread)}",
    )


def _clusters(found: Evaluation) -> Figure | None:
    plane = found.clusters
    if plane is None or not plane.x:
        return None
    groups: dict[str, tuple[list[float], list[float]]] = {}
    for label in sorted(set(plane.label), key=lambda label: (label < 0, label)):
        rows = [at for at, of_row in enumerate(plane.label) if of_row == label]
        name = "noise" if label < 0 else f"cluster {label}"
        groups[name] = ([plane.x[at] for at in rows], [plane.y[at] for at in rows])
    shown = "" if plane.shown is None else f"{plane.shown:.0%} of the spread is seen in this plane"
    return scatter(
        groups,
        muted=["noise"],
        title="Clusters",
        subtitle=shown,
        x_title="First principal component",
        y_title="Second principal component",
    )


def rates(found: Fairness) -> Figure | None:
    """Draw the rates of each group beneath each other; None of fewer than two groups."""
    rows = [
        (f"{title}, {group.label} ({group.n:,})", getattr(group, name))
        for title, name in (("called", "selection_rate"), ("TPR", "tpr"), ("FPR", "fpr"))
        for group in found.judged[:_MOST_SLICES]
    ]
    shown = [(label, each) for label, each in rows if each.value is not None]
    if len(found.judged) < 2 or not shown:
        return None
    return intervals(
        [label for label, _ in shown],
        [each.value for _, each in shown],
        low=[each.low for _, each in shown],
        high=[each.high for _, each in shown],
        title=f"Fairness: {found.name}",
        subtitle="" if found.parity_ratio.value is None else f"parity ratio {estimate(found.parity_ratio.to_json())}",
        x_title="Share called positive, of all, of the positives (TPR) and of the negatives (FPR)",
    )


def _slices(found: Evaluation) -> Figure | None:
    weakest = found.slices.get(found.metric, ())[:_MOST_SLICES]
    if not weakest:
        return None
    return intervals(
        [f"{each.name} ({each.n:,})" for each in weakest],
        [each.estimate.value for each in weakest],
        low=[each.estimate.low for each in weakest],
        high=[each.estimate.high for each in weakest],
        bound=found.value,
        bound_name="all rows",
        title="Weakest slices",
        subtitle=f"{DEFINITIONS[found.metric].title} with its 95 % interval; rows in brackets",
        x_title=DEFINITIONS[found.metric].title,
    )

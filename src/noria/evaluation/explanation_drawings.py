"""The drawings of what a model looks at; report and pages show the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from noria.evaluation.wording import figure, title_of
from noria.plots.bars import bar
from noria.plots.lines import Series, line
from noria.plots.points import intervals

if TYPE_CHECKING:
    from noria.plots.figure import Figure

__all__ = ["explanation_drawings", "profile_drawings"]

_MOST = 15
_MOST_GROUPS = 12


def explanation_drawings(explanation: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw the importance of columns, their mean contribution, and the shape of the weightiest.

    Parameters
    ----------
    explanation : mapping
        The file ``explanation.json`` of a version.

    Returns
    -------
    dict of str to Figure
        ``importance``, ``contributions``, and one a column, by its name; those that there are.
    """
    drawn: dict[str, Figure] = {}
    rows = [row for row in explanation.get("importance") or () if row.get("value") is not None][:_MOST]
    metric = str(explanation.get("metric") or "")
    if rows:
        drawn["importance"] = intervals(
            [row["feature"] for row in rows],
            [row["value"] for row in rows],
            low=[row.get("low") for row in rows],
            high=[row.get("high") for row in rows],
            bound=0.0,
            bound_name="no use",
            title="Importance",
            subtitle="rows that change groups when a column is shuffled, 95 % interval"
            if metric == "groups changed"
            else f"{title_of(metric)} lost when a column is shuffled, 95 % interval",
        )
    weights = (explanation.get("contributions") or {}).get("mean_abs") or {}
    if weights:
        ordered = sorted(weights.items(), key=lambda item: -item[1])[:_MOST]
        drawn["contributions"] = bar(
            [name for name, _ in ordered],
            [value for _, value in ordered],
            title="Mean contribution",
            subtitle=f"size of a column's part in the {explanation['contributions'].get('of', 'answer')}",
            texts=[figure(value) for _, value in ordered],
        )
    for partial in explanation.get("partial") or ():
        drawn[str(partial["feature"])] = _shape(partial)
    return drawn


def profile_drawings(groups: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Draw what makes each group of a clustering different, a bar for each of its marks."""
    drawn = []
    for each in groups[:_MOST_GROUPS]:
        marks = each.get("marks") or ()
        if not marks:
            continue
        drawn.append(
            bar(
                [str(mark["name"]) for mark in marks],
                [float(mark["difference"]) for mark in marks],
                title="Noise" if each["group"] == -1 else f"Group {each['group']}",
                subtitle=f"{each['rows']:,} rows; difference to the others in standard deviations",
                texts=[f"{mark['difference']:+.1f}" for mark in marks],
            )
        )
    return drawn


def _shape(partial: Mapping[str, Any]) -> Figure:
    name, curves = str(partial["feature"]), partial["curves"]
    answer = curves[0]["name"] if len(curves) == 1 else ""
    said = "answer" if answer in ("value", "") else f"probability of {answer}"
    subtitle = f"mean {said} of {partial['rows']:,} test rows; eight of ten lie in the band"
    if partial["kind"] == "category":
        first = curves[0]
        return intervals(
            list(partial["values"]),
            first["mean"],
            low=first["low"],
            high=first["high"],
            title=name,
            subtitle=subtitle if len(curves) == 1 else f"probability of {first['name']}; {subtitle}",
        )
    values = partial["values"]
    x = [datetime.fromisoformat(value).replace(tzinfo=UTC) for value in values] if partial["kind"] == "time" else values
    banded = len(curves) == 1
    return line(
        [
            Series(
                str(each["name"]),
                x,
                each["mean"],
                low=each["low"] if banded else None,
                high=each["high"] if banded else None,
            )
            for each in curves
        ],
        title=name,
        subtitle=subtitle if banded else f"mean probability of each class, {partial['rows']:,} test rows",
    )

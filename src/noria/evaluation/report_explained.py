"""The report's sections that explain: why this one was chosen, what its groups are, what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.evaluation.account import account
from noria.evaluation.explanation_drawings import explanation_drawings, profile_drawings
from noria.evaluation.wording import figure, interval, title_of
from noria.plots.document import Cell, Column, Drawings, Paragraph, Section, Table

__all__ = ["choice", "explained", "groups"]

_MOST_ROWS = 15


def choice(facts: Mapping[str, object]) -> Section | None:
    """Say in words why this one was chosen and what follows, as `noria explain-run` does."""
    told = account(facts)
    chosen = [line for chapter in told.chapters if chapter.title == "Choice" for line in chapter.lines]
    blocks = [Paragraph(line) for line in chosen]
    blocks += [Paragraph(one.text, "bad" if one.urgent else "") for one in told.advice]
    return Section("Why this one, and what follows", tuple(blocks)) if blocks else None


def groups(explanation: Mapping[str, Any], selection: Mapping[str, Any]) -> Section | None:
    """Say what makes each group of a clustering different, and whether it is there in other draws of the rows."""
    found = _rows(explanation.get("profiles"))
    if not found:
        return None
    details = _mapping(_mapping(selection.get("winner")).get("details"))
    rows = tuple(
        (
            Cell("noise" if each["group"] == -1 else str(each["group"]), "strong"),
            Cell(f"{each['rows']:,}"),
            Cell(f"{each['share']:.1%}"),
            _steady(details.get(f"jaccard.{each['group']}")),
            Cell("; ".join(str(mark["text"]) for mark in _rows(each.get("marks"))) or "nothing in particular"),
        )
        for each in found
    )
    columns = (
        Column("Group"),
        Column("Rows", right=True),
        Column("Share", right=True),
        Column("Found again", right=True),
        Column("What makes it different: the largest difference in standard deviations first"),
    )
    said = [
        "Found again: the mean best Jaccard similarity when the rows are drawn again; 0.75 is stable, below 0.6 the "
        "group is dissolved (Hennig 2007)."
    ]
    if "stability" in details:
        said.append(f"The whole has an adjusted Rand index of {details['stability']:.2f} over the draws.")
    if "gap_k" in details:
        said.append(f"The gap statistic would take {details['gap_k']:.0f} groups.")
    drawn = Drawings(tuple(profile_drawings(found)))
    return Section("Groups", (Paragraph(" ".join(said), "muted"), drawn, Table(columns, rows)))


def explained(explanation: Mapping[str, Any]) -> Section | None:
    """Say which columns the model leans on, and draw what it makes of the weightiest."""
    found = _rows(explanation.get("importance"))
    if not found:
        return None
    metric, parts = str(explanation.get("metric")), _mapping(explanation.get("contributions"))
    weights = _mapping(parts.get("mean_abs"))
    rows = tuple(
        (
            Cell(str(each.get("feature")), "strong"),
            Cell(figure(each.get("value"), metric)),
            Cell(interval(each, metric), "muted"),
            Cell(figure(weights.get(str(each.get("feature"))))),
        )
        for each in found[:_MOST_ROWS]
    )
    columns = (
        Column("Column"),
        Column("Rows that change groups" if metric == "groups changed" else f"{title_of(metric)} lost", right=True),
        Column("95 % interval", right=True),
        Column("Mean contribution", right=True),
    )
    how = (
        f"What is lost when a column is shuffled among {figure(explanation.get('rows'))} locked rows. Columns that say "
        "the same thing share their importance: each can be made up for by the others. It tells what the model uses, "
        "not what causes the target."
    )
    exact = f"No contributions: {parts.get('reason')}."
    if weights:
        exact = f"Mean contribution: size of a column's exact part in the {parts.get('of')}; {parts['rows']:,} rows."
    said = [how, exact, *(f"{note[:1].upper()}{note[1:]}." for note in explanation.get("notes") or ())]
    if len(found) > _MOST_ROWS:
        said.append(f"{len(found) - _MOST_ROWS} further columns weigh less.")
    personal = explanation.get("personal")
    if personal:
        said.append(f"Personal columns are named only, none of their values is shown: {', '.join(personal)}.")
    return Section(
        "What the model looks at",
        (
            Paragraph(" ".join(said), "muted"),
            Drawings(tuple(explanation_drawings(explanation).values())),
            Table(columns, rows),
        ),
    )


def _steady(jaccard: object) -> Cell:
    if not isinstance(jaccard, float):
        return Cell("–", "muted")
    return Cell(f"{jaccard:.2f}", "good" if jaccard >= 0.75 else "bad" if jaccard < 0.6 else "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []

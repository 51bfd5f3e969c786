"""The report's section about overfitting: the gap, the learning curve, the paths of penalties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noria.evaluation.catalogue import DEFINITIONS
from noria.evaluation.diagnosis import diagnosed, told
from noria.evaluation.diagnosis_drawings import diagnosis_drawings
from noria.evaluation.penalties import REGULARISERS
from noria.evaluation.wording import figure
from noria.plots.document import Block, Cell, Column, Drawings, Paragraph, Section, Table

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Definition
    from noria.evaluation.diagnosis import Diagnosed
    from noria.evaluation.learning import Learning
    from noria.evaluation.penalties import Penalty

__all__ = ["overfitting", "overfitting_figures"]


def overfitting(selection: Mapping[str, Any], metric: str) -> Section | None:
    """Say whether the winner overfits, and whether more rows or another penalty would help."""
    if not _was_looked_at(selection, metric):
        return None
    found, definition = diagnosed(selection), DEFINITIONS[metric]
    blocks: list[Block] = [Paragraph(line) for line in told(found, definition)]
    drawn = tuple(diagnosis_drawings(found, definition).values())
    return Section("Overfitting and regularisation", (*blocks, *((Drawings(drawn),) if drawn else ())))


def overfitting_figures(selection: Mapping[str, Any], metric: str) -> Section | None:
    """Give its drawings as tables, for readers and hosts without them."""
    if not _was_looked_at(selection, metric):
        return None
    found, definition = diagnosed(selection), DEFINITIONS[metric]
    blocks = [] if found.learning is None else [*_by_fold(found, definition), *_by_size(found.learning, definition)]
    for each in found.penalties:
        blocks += _by_value(each, definition)
    return Section("Figures behind overfitting and regularisation", tuple(blocks), folded=True) if blocks else None


def _was_looked_at(selection: Mapping[str, Any], metric: str) -> bool:
    return bool(selection.get("diagnosis")) and metric in DEFINITIONS


def _by_fold(found: Diagnosed, definition: Definition) -> list[Block]:
    if not found.folds:
        return []
    rows = tuple(
        (
            Cell(f"{number}", "strong"),
            Cell(_value(train, definition)),
            Cell(_value(valid, definition)),
            Cell(figure(valid - train, definition.name)),
        )
        for number, (train, valid) in enumerate(found.folds, 1)
    )
    columns = (Column("Fold"), *(Column(name, right=True) for name in ("Learned from", "Not seen", "Gap")))
    return [Paragraph(f"{definition.title} of each fold.", "muted"), Table(columns, rows)]


def _by_size(found: Learning, definition: Definition) -> list[Block]:
    if len(found.rows) < 2:
        return []
    rows = tuple(
        (
            Cell(f"{size:,.0f}", "strong"),
            Cell(_value(found.train[at], definition) if found.train else "–"),
            Cell(_value(found.valid[at], definition)),
            Cell(figure(found.error[at], definition.name) if found.error else "–", "muted"),
        )
        for at, size in enumerate(found.rows)
    )
    names = ("Rows", "Learned from", "Not seen", "Standard error")
    said = f"{definition.title} with fewer rows to learn from, mean of {found.folds} folds."
    return [Paragraph(said, "muted"), Table(tuple(Column(name, right=True) for name in names), rows)]


def _by_value(found: Penalty, definition: Definition) -> list[Block]:
    marks = {found.at: "the candidate's own", found.best: "best"}
    rows = tuple(
        (
            Cell(figure(value), "strong" if value in marks else ""),
            Cell(_value(found.train[at], definition) if found.train else "–"),
            Cell(_value(found.valid[at], definition)),
            Cell(figure(found.error[at], definition.name), "muted"),
            Cell(figure(round(found.used[at], 1)) if found.used else "–"),
            Cell(marks.get(value) or ("within one standard error" if value == found.simplest else ""), "muted"),
        )
        for at, value in enumerate(found.values)
    )
    names = (REGULARISERS[found.parameter][0], "Learned from", "Not seen", "Standard error", "Coefficients")
    said = f"{definition.title} of {found.family} along {found.name}, mean of {found.folds} folds."
    columns = (*(Column(name, right=True) for name in names), Column(""))
    return [Paragraph(said, "muted"), Table(columns, rows)]


def _value(error: float, definition: Definition) -> str:
    return figure(definition.from_error(error), definition.name)

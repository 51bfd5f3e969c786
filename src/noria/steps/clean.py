"""Step 3: row by row, before the split, never looking at statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.preparation.clean_settings import CleanSettings
from noria.preparation.cleaning import clean as cleaned
from noria.preparation.history import with_history
from noria.preparation.history_settings import HistorySettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import CheckOutput

__all__ = ["clean"]


def clean(
    check: CheckOutput,
    context: StepContext,
    *,
    settings: Mapping[str, object],
    key: Sequence[str] = (),
    history: Mapping[str, object] | None = None,
    time: str = "",
    group: str | None = None,
) -> pa.Table:
    """Apply ``[clean]`` to the rows that passed the checks, then add what ``[history]`` knows of each."""
    table, done = cleaned(check["table"], CleanSettings.model_validate(settings), key=tuple(key))
    for change in done:
        what = change.of if change.count != 1 else change.of.removesuffix("s")
        context.note(f"{change.rule}: {change.count:,} {what}")
    if not history:
        return table
    before = set(table.column_names)
    table, filled = with_history(table, HistorySettings.model_validate(history), time=time, group=group)
    for name, count in filled.items():
        context.note(f"{name}: {count:,} missing values filled in from earlier rows")
    context.note(f"{len(set(table.column_names) - before)} columns made of earlier rows")
    return table

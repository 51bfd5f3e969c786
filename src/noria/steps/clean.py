"""Step 3: row by row, before the split, never looking at statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.preparation.clean_settings import CleanSettings
from noria.preparation.cleaning import clean as cleaned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import CheckOutput

__all__ = ["clean"]


def clean(
    check: CheckOutput, context: StepContext, *, settings: Mapping[str, object], key: Sequence[str] = ()
) -> pa.Table:
    """Apply ``[clean]`` to the rows that passed the checks."""
    table, done = cleaned(check["table"], CleanSettings.model_validate(settings), key=tuple(key))
    for change in done:
        context.note(f"{change.rule}: {change.count:,}")
    return table

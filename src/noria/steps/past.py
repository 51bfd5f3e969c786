"""Who won in this project before: where a search may begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from noria.errors import NoriaError
from noria.pipeline.artifact import decode_part
from noria.pipeline.records import Records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.pipeline.context import StepContext

__all__ = ["past_winners", "winners_of"]

_MOST_RUNS = 5


def past_winners(context: StepContext) -> dict[str, list[dict[str, object]]]:
    """Give the parameters that won in the project's last trainings, by family, the newest first."""
    found: dict[str, list[dict[str, object]]] = {}
    try:
        outputs = Records(context.database).outputs_before(context.run_id, context.step, most=_MOST_RUNS)
    except NoriaError:
        return {}
    for output in outputs:
        try:
            selection = decode_part(output, "selection", context.blobs)
        except NoriaError:  # what is damaged or swept away has no say
            continue
        for family, params in winners_of(cast("Mapping[str, Any]", selection or {})):
            if params not in found.setdefault(family, []):
                found[family].append(params)
    return found


def winners_of(selection: Mapping[str, Any]) -> Sequence[tuple[str, dict[str, object]]]:
    """Give family and parameters of a winner; of an ensemble, of each member.

    Examples
    --------
    >>> row = {"name": "ridge-2", "family": "ridge", "params": {"alpha": 3.0}}
    >>> winners_of({"winner": {"name": "ensemble", "family": "ensemble", "params": {"ridge-2": 1.0}}, "table": [row]})
    [('ridge', {'alpha': 3.0})]
    """
    winner = selection.get("winner")
    if not winner:
        return []
    names = winner["params"] if winner["family"] == "ensemble" else {winner["name"]}
    rows = [row for row in selection.get("table", ()) if row["name"] in names and row["family"] != "dummy"]
    return [(row["family"], dict(row["params"])) for row in rows]

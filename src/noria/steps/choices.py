"""What ``"auto"`` in ``[prepare]`` would choose, said before a run, where the rows are known already."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.pipeline.planning import PlannedStep
    from noria.steps.outputs import SplitOutput
    from noria.steps.turn import Turn

__all__ = ["planned_choices"]


def planned_choices(turn: Turn, planned: list[PlannedStep]) -> list[dict[str, object]] | None:
    """Choose from the training rows of the split that stands.

    Returns
    -------
    list of dict, or None
        As `noria.preparation.choosing.Choice.to_json`, each with ``for``: linear or tree. None where nothing is left
        to be chosen, or the split has yet to be made.
    """
    prepare = cast("Mapping[str, object]", turn.project.values["prepare"])
    split = next((one.output for one in planned if one.step == "split"), None)
    if "auto" not in [one for one in prepare.values() if isinstance(one, str)] or split is None:
        return None
    from noria.steps.fitting import recipes_of  # noqa: PLC0415 - loads scikit-learn, and only "auto" needs it
    from noria.steps.train import without_own  # noqa: PLC0415 - as above

    model = cast("Mapping[str, Mapping[str, object]]", turn.project.values)["model"]
    rows = cast("SplitOutput", turn.engine.output(split))
    found = recipes_of(rows, without_own(prepare), seed=cast("int", model["seed"]))
    return [
        {"for": encoding, **choice.to_json()}
        for encoding, recipe in found.items()
        if encoding != "raw"
        for choice in recipe.choices
    ]

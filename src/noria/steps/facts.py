"""Everything known of a version, as its report takes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.registry.catalog import Registry
    from noria.registry.verdicts import Verdicts
    from noria.registry.version import ModelVersion

__all__ = ["facts"]


def facts(registry: Registry, verdicts: Verdicts, version: ModelVersion) -> dict[str, object]:
    """Gather what `noria.evaluation.report.html` and ``markdown`` tell.

    Parameters
    ----------
    registry, verdicts : Registry, Verdicts
        The rooms.
    version : ModelVersion
        Which version; its gate verdicts are the newest ones.
    """
    judged = verdicts.latest(version.model, version.model_digest)
    about = json.loads(registry.file(version, "data.json"))
    return {
        "project": version.model,
        "model": version.ref,
        "created": f"{version.created:%Y-%m-%d %H:%M:%S} UTC",
        "run_id": version.run_id,
        "code_commit": version.code_commit,
        "code_clean": version.code_clean,
        "family": version.family,
        "evaluation": json.loads(registry.file(version, "evaluation.json")),
        "selection": json.loads(registry.file(version, "selection.json")),
        "verdicts": list(judged.verdicts) if judged is not None else [],
        "dataset": about["dataset"],
        "split": about["split"],
        "checks": about["checks"],
        "params": dict(version.params),
        "environment": dict(version.environment),
    }

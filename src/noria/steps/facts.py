"""Everything known of a version, as its report takes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noria.registry.looks import looks_at

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
    judged = verdicts.of(version)
    about = json.loads(registry.file(version, "data.json"))
    is_explained = "explanation.json" in version.files  # a version from before that was kept has none
    return {
        "project": version.model,
        "model": version.ref,
        "created": f"{version.created:%Y-%m-%d %H:%M:%S} UTC",
        "run_id": version.run_id,
        "code_commit": version.code_commit,
        "code_clean": version.code_clean,
        "family": version.family,
        "looks": looks_at(
            registry, version.model, str(about["split"].get("test_digest") or ""), number=version.number
        ).to_json(),
        "evaluation": json.loads(registry.file(version, "evaluation.json")),
        "selection": json.loads(registry.file(version, "selection.json")),
        "explanation": json.loads(registry.file(version, "explanation.json")) if is_explained else {},
        "verdicts": list(judged.verdicts) if judged is not None else [],
        "dataset": about["dataset"],
        "split": about["split"],
        "checks": about["checks"],
        "params": dict(version.params),
        "environment": dict(version.environment),
    }

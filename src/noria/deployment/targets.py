"""The targets there are: ours, and those that other packages bring."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from noria.errors import NotFound, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from noria.deployment.target import Target

__all__ = ["GROUP", "TargetNotFound", "named", "names"]

GROUP = "noria.targets"
"""Entry points of this group name a class, or a function without arguments, that gives a `Target`."""

_OURS = {
    "local": "noria.deployment.local:Local",
    "container": "noria.deployment.container:Container",
    "kubernetes": "noria.deployment.kubernetes:Kubernetes",
    "kserve": "noria.deployment.kserve:KServe",
    "cloudrun": "noria.deployment.cloudrun:CloudRun",
    "sagemaker": "noria.deployment.sagemaker:SageMaker",
    "vertex": "noria.deployment.vertex:Vertex",
    "ray": "noria.deployment.ray:Ray",
    "mlflow": "noria.deployment.mlflow:MLflow",
}


class TargetNotFound(NotFound):
    """No deployment target has this name."""


def names() -> tuple[str, ...]:
    """Name every target, ours first. Nothing is imported for it."""
    return (*_OURS, *sorted({entry.name for entry in entry_points(group=GROUP)} - _OURS.keys()))


def named(name: str) -> Target:
    """Give one target.

    Raises
    ------
    TargetNotFound
        There is none of this name.
    WrongSetting
        The package that brings it cannot be imported.
    """
    if name in _OURS:
        module, _, kind = _OURS[name].partition(":")
        return cast("Target", getattr(import_module(module), kind)())
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            try:
                return cast("Target", entry.load()())
            except (ImportError, AttributeError, TypeError) as error:
                raise WrongSetting(
                    f"the deployment target {name!r} cannot be loaded from {entry.value}",
                    why=f"{type(error).__name__}: {error}",
                    mend="mend or uninstall the package that brings it",
                    code="N-DEPLOYMENT-002",
                ) from error
    raise TargetNotFound(
        f"there is no deployment target {name[:60]!r}",
        why=did_you_mean(name, names()) or f"there are {', '.join(names())}",
        mend="noria deploy targets     says what each one writes",
        code="N-DEPLOYMENT-001",
    )

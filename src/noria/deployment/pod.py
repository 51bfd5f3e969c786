"""The container of a bundle as Kubernetes and what is built on it describe one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.deployment.context import IMAGE, PORT, USER, context_faults
from noria.deployment.names import dns_label
from noria.deployment.target import Option
from noria.serving.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from noria.deployment.target import Wishes

__all__ = ["RESOURCES", "container", "labels", "manifest_faults", "pod_security", "settings"]

RESOURCES: Mapping[str, Option] = {
    "cpu": Option("500m", "processor time that one container is promised"),
    "memory": Option("512Mi", "memory that one container may use"),
}
"""Options that every cluster asks."""


def container(bundle: Bundle, wishes: Wishes, *, name: str) -> dict[str, object]:
    """Describe the container: what runs, within which bounds, and how to tell that it is well."""
    cpu, memory = wishes.options["cpu"], wishes.options["memory"]
    return {
        "name": name,
        "image": wishes.image,
        "args": ["serve"],
        "env": settings(bundle, wishes),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        # Loading a model takes seconds; until then a probe of liveness would kill what is about to be well.
        "startupProbe": _probe("/v2/health/live", periodSeconds=1, failureThreshold=60),
        "readinessProbe": _probe("/v2/health/ready", periodSeconds=5, failureThreshold=2),
        "livenessProbe": _probe("/v2/health/live", periodSeconds=10, failureThreshold=3),
        # No bound on processor time: it throttles in the middle of a request. Memory is bounded, as it does not yield.
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def settings(bundle: Bundle, wishes: Wishes) -> list[dict[str, object]]:
    """Give the environment of the container; it starts with this very bundle or not at all."""
    return [
        {"name": "NORIA_BUNDLE_DIGEST", "value": bundle.digest},
        {"name": "NORIA_PREDICTION_LOG", "value": wishes.log},
    ]


def labels(bundle: Bundle) -> dict[str, object]:
    """Give what selects the pods, the same for every version."""
    return {"app.kubernetes.io/name": dns_label(bundle.version.model), "app.kubernetes.io/managed-by": "noria"}


def pod_security() -> dict[str, object]:
    """Give what holds for the pod whatever runs in it."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def manifest_faults(folder: Path, path: str) -> list[str]:
    """Look an image's folder over, and whether a manifest demands the very bundle in it."""
    faults = context_faults(folder / IMAGE)
    if faults:
        return faults
    digest = Bundle.read(folder / IMAGE / "bundle").digest
    manifest = folder / path
    if not manifest.is_file() or digest not in manifest.read_text(encoding="utf-8"):
        return [f"{path} does not demand bundle {digest}"]
    return []


def _probe(path: str, **often: int) -> dict[str, object]:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2, **often}

"""Plain Kubernetes: pods that answer, one address for them, more of them under load, and some left at all times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.deployment import pod
from noria.deployment.context import IMAGE, build_commands, write_context, write_files
from noria.deployment.names import dns_label
from noria.deployment.target import Option, Written
from noria.deployment.yaml import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["Kubernetes"]

_FOLDER = "manifests"
_BUSY_PERCENT = 70


class Kubernetes:
    """Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget."""

    name = "kubernetes"
    summary = "Deployment, Service, autoscaler and disruption budget, with the image's folder"
    options: Mapping[str, Option] = pod.RESOURCES

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the manifests and the image's folder."""
        write_context(bundle, folder / IMAGE)
        manifests = {
            "deployment": _deployment(bundle, wishes),
            "service": _service(bundle),
            "autoscaler": _autoscaler(bundle, wishes),
            "disruption": _disruption(bundle, wishes),
        }
        comment = f"{bundle.version.ref}, bundle {bundle.digest}"
        write_files(
            folder, {f"{_FOLDER}/{name}.yaml": dumps(each, comment=comment) for name, each in manifests.items()}
        )
        name = dns_label(bundle.version.model)
        return Written(
            (
                *build_commands(wishes.image),
                f"kubectl apply -f {_FOLDER}/",
                f"kubectl rollout status deployment/{name}",
                f"kubectl rollout undo deployment/{name}     # back to the version before",
            )
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Look over what was written."""
        return pod.manifest_faults(folder, f"{_FOLDER}/deployment.yaml")


def _metadata(bundle: Bundle) -> dict[str, object]:
    return {
        "name": dns_label(bundle.version.model),
        "labels": pod.labels(bundle),
        "annotations": {"noria/model": bundle.version.ref, "noria/bundle": bundle.digest},
    }


def _deployment(bundle: Bundle, wishes: Wishes) -> dict[str, object]:
    # Traffic to a pod ends some seconds after it was told to: until then it must go on answering.
    leaving = {"preStop": {"sleep": {"seconds": 5}}}
    runs = pod.container(bundle, wishes, name="model") | {"lifecycle": leaving}
    versioned = {**pod.labels(bundle), "app.kubernetes.io/version": str(bundle.version.number)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(bundle),
        # No count of replicas: the autoscaler has it, and applying the file again would take it back.
        "spec": {
            "selector": {"matchLabels": pod.labels(bundle)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "minReadySeconds": 5,
            "template": {
                "metadata": {"labels": versioned, "annotations": {"noria/bundle": bundle.digest}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": pod.pod_security(),
                    "containers": [runs],
                },
            },
        },
    }


def _service(bundle: Bundle) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(bundle),
        "spec": {
            "type": "ClusterIP",
            "selector": pod.labels(bundle),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _autoscaler(bundle: Bundle, wishes: Wishes) -> dict[str, object]:
    name = dns_label(bundle.version.model)
    busy = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _BUSY_PERCENT}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(bundle),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": wishes.replicas,
            "maxReplicas": wishes.replicas * 4,
            "metrics": [{"type": "Resource", "resource": busy}],
        },
    }


def _disruption(bundle: Bundle, wishes: Wishes) -> dict[str, object]:
    # With one replica a budget of one available would keep its node from ever being drained.
    bound: dict[str, object] = {"maxUnavailable": 1} if wishes.replicas == 1 else {"minAvailable": wishes.replicas - 1}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(bundle),
        "spec": {**bound, "selector": {"matchLabels": pod.labels(bundle)}},
    }

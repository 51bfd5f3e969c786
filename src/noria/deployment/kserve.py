"""KServe: an InferenceService whose predictor is the bundle's container, asked by the Open Inference Protocol."""

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

__all__ = ["KServe"]

_FILE = "inferenceservice.yaml"


class KServe:
    """An InferenceService."""

    name = "kserve"
    summary = "an InferenceService, with the image's folder"
    options: Mapping[str, Option] = {
        **pod.RESOURCES,
        "mode": Option("Standard", "KServe's deployment mode: Standard (plain Kubernetes) or Knative"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the service and the image's folder."""
        write_context(bundle, folder / IMAGE)
        comment = f"{bundle.version.ref}, bundle {bundle.digest}"
        write_files(folder, {_FILE: dumps(_service(bundle, wishes), comment=comment)})
        name = _name(bundle)
        return Written(
            (
                *build_commands(wishes.image),
                f"kubectl apply -f {_FILE}",
                f"kubectl wait --for=condition=Ready inferenceservice/{name} --timeout=5m",
            ),
            notes=("outside Knative KServe ignores canaryTrafficPercent without a word; none is written",),
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Look over what was written."""
        return pod.manifest_faults(folder, _FILE)


def _service(bundle: Bundle, wishes: Wishes) -> dict[str, object]:
    # The name that KServe looks for among a predictor's containers.
    runs = pod.container(bundle, wishes, name="kserve-container")
    if wishes.options["mode"] == "Knative":
        del runs["startupProbe"]  # Knative makes its own of the probe of readiness
        runs["ports"] = [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}]
        for probe in ("readinessProbe", "livenessProbe"):
            described = dict(runs[probe])  # type: ignore[call-overload]  # made above
            runs[probe] = described | {"httpGet": {"path": described["httpGet"]["path"], "port": 8080}}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": _name(bundle),
            "labels": pod.labels(bundle),
            "annotations": {
                "serving.kserve.io/deploymentMode": wishes.options["mode"],
                "noria/model": bundle.version.ref,
                "noria/bundle": bundle.digest,
            },
        },
        "spec": {
            "predictor": {
                "minReplicas": wishes.replicas,
                "maxReplicas": wishes.replicas * 4,
                "timeout": 60,
                "automountServiceAccountToken": False,
                "securityContext": pod.pod_security(),
                "containers": [runs],
            }
        },
    }


def _name(bundle: Bundle) -> str:
    # Shorter than a label may be: KServe makes names of its own from it.
    return dns_label(bundle.version.model, longest=40)

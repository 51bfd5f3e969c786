"""Google Cloud Run: one service document. The platform names the port and kills ten seconds after SIGTERM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.deployment.context import IMAGE, PORT, build_commands, write_context, write_files
from noria.deployment.names import dns_label
from noria.deployment.pod import manifest_faults, settings
from noria.deployment.target import Option, Written
from noria.deployment.yaml import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["CloudRun"]

_FILE = "service.yaml"


class CloudRun:
    """A Cloud Run service."""

    name = "cloudrun"
    summary = "service.yaml for Google Cloud Run, with the image's folder"
    options: Mapping[str, Option] = {
        "cpu": Option("1", "processors of one container"),
        "memory": Option("512Mi", "memory of one container"),
        "region": Option("REGION", "where it runs"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the service and the image's folder."""
        write_context(bundle, folder / IMAGE)
        comment = f"{bundle.version.ref}, bundle {bundle.digest}"
        write_files(folder, {_FILE: dumps(_service(bundle, wishes), comment=comment)})
        region = wishes.options["region"]
        return Written(
            (*build_commands(wishes.image), f"gcloud run services replace {_FILE} --region {region}"),
            notes=("callers need the right run.invoker unless you give it to allUsers",),
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Look over what was written."""
        return manifest_faults(folder, _FILE)


def _service(bundle: Bundle, wishes: Wishes) -> dict[str, object]:
    runs = {
        "image": wishes.image,
        "args": ["serve"],
        "env": settings(bundle, wishes),
        # The platform sets PORT to this, and refuses to have it set by anybody else.
        "ports": [{"name": "http1", "containerPort": PORT}],
        "resources": {"limits": {"cpu": wishes.options["cpu"], "memory": wishes.options["memory"]}},
        "startupProbe": {
            "httpGet": {"path": "/v2/health/ready", "port": PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": 60,
        },
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
    }
    name = dns_label(bundle.version.model, longest=49)
    scale = {
        "autoscaling.knative.dev/minScale": str(wishes.replicas),
        "autoscaling.knative.dev/maxScale": str(wishes.replicas * 4),
        "run.googleapis.com/startup-cpu-boost": "true",
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"managed-by": "noria", "model-version": str(bundle.version.number)}},
        "spec": {
            "template": {
                "metadata": {"annotations": scale},
                "spec": {"containerConcurrency": 80, "timeoutSeconds": 60, "containers": [runs]},
            },
            "traffic": [{"percent": 100, "latestRevision": True}],
        },
    }

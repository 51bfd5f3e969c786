"""Google Vertex AI: the bodies of the calls that upload a model and deploy it to an endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noria.deployment.context import IMAGE, PORT, build_commands, write_context, write_files
from noria.deployment.names import dns_label
from noria.deployment.pod import manifest_faults, settings
from noria.deployment.target import Option, Written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["Vertex"]

_UPLOAD, _DEPLOY = "upload-model.json", "deploy-model.json"


class Vertex:
    """A model with its container, and how it is deployed."""

    name = "vertex"
    summary = "bodies of models.upload and endpoints.deployModel for Google Vertex AI, with the image's folder"
    options: Mapping[str, Option] = {
        "project": Option("PROJECT", "the project it belongs to"),
        "region": Option("REGION", "where it runs"),
        "machine": Option("n1-standard-2", "type of machine"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the two bodies and the image's folder."""
        write_context(bundle, folder / IMAGE)
        name = dns_label(bundle.version.model)
        bodies = {_UPLOAD: _upload(bundle, wishes, name), _DEPLOY: _deploy(wishes, name)}
        write_files(folder, {path: json.dumps(body, indent=2) + "\n" for path, body in bodies.items()})
        given = wishes.options
        place = f"projects/{given['project']}/locations/{given['region']}"
        call = (
            'curl -X POST -H "Authorization: Bearer $(gcloud auth print-access-token)" '
            "-H 'Content-Type: application/json'"
        )
        host = f"https://{given['region']}-aiplatform.googleapis.com/v1/{place}"
        return Written(
            (
                *build_commands(wishes.image),
                f"{call} -d @{_UPLOAD} {host}/models:upload",
                f"{call} -d @{_DEPLOY} {host}/endpoints/ENDPOINT_ID:deployModel",
            ),
            blanks=(*(word for word in ("PROJECT", "REGION") if word in given.values()), "MODEL_ID", "ENDPOINT_ID"),
            notes=("the bundle is in the image; AIP_STORAGE_URI is not read",),
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Look over what was written."""
        faults = manifest_faults(folder, _UPLOAD)
        for path in (_UPLOAD, _DEPLOY):
            try:
                json.loads((folder / path).read_bytes())
            except (OSError, ValueError) as error:
                faults.append(f"{path}: {error}")
        return faults


def _upload(bundle: Bundle, wishes: Wishes, name: str) -> dict[str, object]:
    container = {
        "imageUri": wishes.image,
        "args": ["serve"],
        "env": settings(bundle, wishes),
        "ports": [{"containerPort": PORT}],
        "predictRoute": "/invocations",
        "healthRoute": "/ping",
    }
    labels = {"managed-by": "noria", "version": str(bundle.version.number)}
    model = {
        "displayName": name,
        "description": f"{bundle.version.ref}, bundle {bundle.digest}",
        "containerSpec": container,
        "labels": labels,
    }
    return {"model": model}


def _deploy(wishes: Wishes, name: str) -> dict[str, object]:
    given = wishes.options
    return {
        "deployedModel": {
            "displayName": name,
            "model": f"projects/{given['project']}/locations/{given['region']}/models/MODEL_ID",
            "dedicatedResources": {
                "machineSpec": {"machineType": given["machine"]},
                "minReplicaCount": wishes.replicas,
                "maxReplicaCount": wishes.replicas * 4,
            },
        },
        # "0" stands for the model that this very call deploys.
        "trafficSplit": {"0": 100},
    }

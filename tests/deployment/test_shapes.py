"""KServe's and Cloud Run's resources, for which no schema can be installed: only what noria writes, and nothing else.

Written from KServe's API reference (v1beta1) and the YAML reference of Cloud Run; every field is one that these know.
They find a misspelt or misplaced field, and a value of another type.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from noria.deployment.exporting import export, wishes
from noria.deployment.targets import named
from noria.serving.bundle import Bundle

TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 1}
LABELS = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}}
ANNOTATIONS = {"type": "object", "additionalProperties": {"type": "string"}}
NAME = {"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"}


def of(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def probe(port: Any) -> dict[str, Any]:
    asked = of({"path": {"type": "string", "pattern": "^/"}, "port": port})
    return of({"httpGet": asked, "timeoutSeconds": COUNT, "periodSeconds": COUNT, "failureThreshold": COUNT})


PORT = {"anyOf": [{"type": "integer"}, {"const": "http"}]}
QUANTITIES = {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9.]+(m|Mi|Gi)?$"}}
ENVIRONMENT = {"type": "array", "items": of({"name": TEXT, "value": {"type": "string"}})}
POD_SECURITY = of(
    {
        "runAsNonRoot": {"const": True},
        "runAsUser": COUNT,
        "runAsGroup": COUNT,
        "seccompProfile": of({"type": {"const": "RuntimeDefault"}}),
    }
)
SECURITY = of(
    {
        "allowPrivilegeEscalation": {"const": False},
        "readOnlyRootFilesystem": {"const": True},
        "capabilities": of({"drop": {"const": ["ALL"]}}),
    }
)
CONTAINER = of(
    {
        "name": {"const": "kserve-container"},
        "image": TEXT,
        "args": {"const": ["serve"]},
        "env": ENVIRONMENT,
        "ports": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": of({"name": {"enum": ["http", "http1"]}, "containerPort": COUNT, "protocol": {"const": "TCP"}}),
        },
        "readinessProbe": probe(PORT),
        "livenessProbe": probe(PORT),
        "resources": of({"requests": QUANTITIES, "limits": QUANTITIES}),
        "securityContext": SECURITY,
    },
    startupProbe=probe(PORT),
)
INFERENCE_SERVICE = of(
    {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": of({"name": NAME, "labels": LABELS, "annotations": ANNOTATIONS}),
        "spec": of(
            {
                "predictor": of(
                    {
                        "minReplicas": COUNT,
                        "maxReplicas": COUNT,
                        "timeout": COUNT,
                        "automountServiceAccountToken": {"const": False},
                        "securityContext": POD_SECURITY,
                        "containers": {"type": "array", "items": CONTAINER, "minItems": 1, "maxItems": 1},
                    }
                )
            }
        ),
    }
)
RUN_CONTAINER = of(
    {
        "image": TEXT,
        "args": {"const": ["serve"]},
        "env": ENVIRONMENT,
        "ports": {"const": [{"name": "http1", "containerPort": 8080}]},
        "resources": of({"limits": QUANTITIES}),
        "startupProbe": probe({"const": 8080}),
        "livenessProbe": probe({"const": 8080}),
    }
)
CLOUD_RUN_SERVICE = of(
    {
        "apiVersion": {"const": "serving.knative.dev/v1"},
        "kind": {"const": "Service"},
        "metadata": of({"name": NAME, "labels": LABELS}),
        "spec": of(
            {
                "template": of(
                    {
                        "metadata": of({"annotations": ANNOTATIONS}),
                        "spec": of(
                            {
                                "containerConcurrency": COUNT,
                                "timeoutSeconds": COUNT,
                                "containers": {"type": "array", "items": RUN_CONTAINER, "minItems": 1, "maxItems": 1},
                            }
                        ),
                    }
                ),
                "traffic": {"const": [{"percent": 100, "latestRevision": True}]},
            }
        ),
    }
)


def written(target: str, bundle: Bundle, out: Path, file: str, **options: str) -> Any:
    chosen = named(target)
    export(chosen, bundle, out, wishes(chosen, bundle, replicas=3, log="stdout", options=options))
    return yaml.safe_load((out / file).read_text())


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_kserve(mode: str, bundle: Bundle, tmp_path: Path) -> None:
    service = written("kserve", bundle, tmp_path / "out", "inferenceservice.yaml", mode=mode)
    jsonschema.validate(service, INFERENCE_SERVICE)
    (container,) = service["spec"]["predictor"]["containers"]
    assert {"name": "NORIA_BUNDLE_DIGEST", "value": bundle.digest} in container["env"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert container["ports"][0]["name"] == ("http" if mode == "Standard" else "http1")
    assert ("startupProbe" in container) == (mode == "Standard")
    assert service["spec"]["predictor"]["minReplicas"] == 3


def test_the_shape_finds_what_is_misspelt(bundle: Bundle, tmp_path: Path) -> None:
    service = written("kserve", bundle, tmp_path / "out", "inferenceservice.yaml")
    for wrong in ("canaryTrafficPercnt", "minReplica"):
        changed = copy.deepcopy(service)
        changed["spec"]["predictor"][wrong] = 10
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, INFERENCE_SERVICE)


def test_cloud_run(bundle: Bundle, tmp_path: Path) -> None:
    service = written("cloudrun", bundle, tmp_path / "out", "service.yaml")
    jsonschema.validate(service, CLOUD_RUN_SERVICE)
    (container,) = service["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment == {"NORIA_BUNDLE_DIGEST": bundle.digest, "NORIA_PREDICTION_LOG": "stdout"}, "PORT is theirs"
    assert service["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/minScale"] == "3"

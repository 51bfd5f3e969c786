"""Manifests against the schemas of Kubernetes itself, and against what a cluster that is strict demands."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from noria.deployment.exporting import export, wishes
from noria.deployment.targets import named
from noria.serving.bundle import Bundle

VERSIONS = ("1.35", "1.36", "1.37")


def manifests(bundle: Bundle, out: Path, **more: Any) -> dict[str, dict[str, Any]]:
    target = named("kubernetes")
    export(target, bundle, out, wishes(target, bundle, **more))
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((out / "manifests").iterdir())}


def validate(document: dict[str, Any], version: str) -> None:
    """Validate strictly; an unknown kind, which the validator only warns of, is an error."""
    try:
        import kubernetes_validate
    except ImportError:
        if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip("kubernetes-validate is not here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("replicas", [1, 2, 7])
def test_the_schemas_of_kubernetes(version: str, replicas: int, bundle: Bundle, tmp_path: Path) -> None:
    found = manifests(bundle, tmp_path / "out", replicas=replicas)
    assert {each["kind"] for each in found.values()} == {
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    }  # fmt: skip
    for document in found.values():
        validate(document, version)


@pytest.mark.parametrize("change", ["kind", "type", "field"])
def test_the_validator_finds_what_is_wrong(change: str, bundle: Bundle, tmp_path: Path) -> None:
    document = manifests(bundle, tmp_path / "out")["deployment"]
    if change == "kind":
        document["kind"] = "Deploymnet"
    elif change == "type":
        document["spec"]["minReadySeconds"] = "5"
    else:
        document["spec"]["template"]["spec"]["securityContex"] = {}
    with pytest.raises(Exception) as refused:  # noqa: PT011 - errors of the validator's own, see below
        validate(document, VERSIONS[-1])
    assert type(refused.value).__module__.startswith(("kubernetes_validate", "jsonschema")), refused.value


def test_a_strict_cluster_takes_it(bundle: Bundle, tmp_path: Path) -> None:
    found = manifests(bundle, tmp_path / "out", log="stdout", image="registry.example:5000/team/credit:7")
    pod = found["deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "registry.example:5000/team/credit:7"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/v2/health/live", "port": "http"}
    assert container["resources"]["limits"] == {"memory": "512Mi"}
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment == {"NORIA_BUNDLE_DIGEST": bundle.digest, "NORIA_PREDICTION_LOG": "stdout"}


def test_what_belongs_together_finds_itself(bundle: Bundle, newer: Bundle, tmp_path: Path) -> None:
    found = manifests(bundle, tmp_path / "a")
    labels = found["deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["deployment"]["spec"]["selector"]["matchLabels"],
        found["service"]["spec"]["selector"],
        found["disruption"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert found["autoscaler"]["spec"]["scaleTargetRef"]["name"] == found["deployment"]["metadata"]["name"]
    # A selector cannot be changed: a new version must have the same.
    after = manifests(newer, tmp_path / "b")["deployment"]
    assert after["spec"]["selector"] == found["deployment"]["spec"]["selector"]
    assert after["spec"]["template"] != found["deployment"]["spec"]["template"]


def test_the_last_pod_can_be_drained(bundle: Bundle, tmp_path: Path) -> None:
    assert manifests(bundle, tmp_path / "a", replicas=1)["disruption"]["spec"]["maxUnavailable"] == 1
    assert manifests(bundle, tmp_path / "b", replicas=3)["disruption"]["spec"]["minAvailable"] == 2


def test_manifests_of_another_bundle_are_a_fault(bundle: Bundle, newer: Bundle, tmp_path: Path) -> None:
    manifests(bundle, tmp_path / "a")
    manifests(newer, tmp_path / "b")
    (tmp_path / "a" / "manifests").rename(tmp_path / "old")
    (tmp_path / "b" / "manifests").rename(tmp_path / "a" / "manifests")
    (fault,) = named("kubernetes").check(tmp_path / "a")
    assert bundle.digest in fault

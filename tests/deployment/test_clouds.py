"""SageMaker's, Vertex AI's and Ray Serve's documents."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from noria.deployment.exporting import export, wishes
from noria.deployment.targets import named
from noria.errors import WrongArgument
from noria.serving.bundle import Bundle


def written(target: str, bundle: Bundle, out: Path, **options: str) -> Any:
    chosen = named(target)
    return export(chosen, bundle, out, wishes(chosen, bundle, options=options))


def test_sagemaker(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    role = "arn:aws:iam::123456789012:role/reads-models"
    told = written("sagemaker", bundle, out, role=role, bucket="models")
    assert told.blanks == ()
    model, config, endpoint = (
        json.loads((out / f"{name}.json").read_text())
        for name in ("create-model", "create-endpoint-config", "create-endpoint")
    )
    container = model["PrimaryContainer"]
    assert container["ModelDataUrl"].startswith("s3://models/credit-risk-1-")
    assert any(container["ModelDataUrl"] in command for command in told.commands)
    assert model["ExecutionRoleArn"] == role
    assert config["ProductionVariants"][0]["ModelName"] == model["ModelName"]
    assert endpoint["EndpointConfigName"] == config["EndpointConfigName"]
    with tarfile.open(out / "model.tar.gz") as archive:
        archive.extractall(tmp_path / "model", filter="data")
    # As the platform lays it out, it is the bundle that the container demands.
    environment = container["Environment"]
    assert environment["NORIA_BUNDLE"] == "/opt/ml/model"
    assert Bundle.read(tmp_path / "model", digest=environment["NORIA_BUNDLE_DIGEST"]).contents == bundle.contents


def test_sagemaker_names_what_is_to_be_filled_in(bundle: Bundle, tmp_path: Path) -> None:
    told = written("sagemaker", bundle, tmp_path / "out")
    assert told.blanks == ("ROLE_ARN", "BUCKET")


def test_an_archive_of_another_bundle_is_a_fault(bundle: Bundle, newer: Bundle, tmp_path: Path) -> None:
    written("sagemaker", bundle, tmp_path / "a")
    written("sagemaker", newer, tmp_path / "b")
    (tmp_path / "b" / "model.tar.gz").replace(tmp_path / "a" / "model.tar.gz")
    assert "another bundle" in named("sagemaker").check(tmp_path / "a")[0]


def test_vertex(bundle: Bundle, tmp_path: Path) -> None:
    told = written("vertex", bundle, tmp_path / "out", project="p-1", region="europe-west4")
    assert told.blanks == ("MODEL_ID", "ENDPOINT_ID")
    upload = json.loads((tmp_path / "out" / "upload-model.json").read_text())
    deploy = json.loads((tmp_path / "out" / "deploy-model.json").read_text())
    container = upload["model"]["containerSpec"]
    assert (container["healthRoute"], container["predictRoute"]) == ("/ping", "/invocations")
    assert container["ports"] == [{"containerPort": 8080}]
    assert deploy["deployedModel"]["model"] == "projects/p-1/locations/europe-west4/models/MODEL_ID"
    # What the platform sets itself, it refuses to have set.
    assert not [each for each in container["env"] if each["name"].startswith("AIP_")]


def test_ray(bundle: Bundle, tmp_path: Path) -> None:
    written("ray", bundle, tmp_path / "out", cpu="0.5")
    (application,) = yaml.safe_load((tmp_path / "out" / "serve.yaml").read_text())["applications"]
    module, _, name = application["import_path"].partition(":")
    assert f"\n{name} = " in (tmp_path / "out" / f"{module}.py").read_text()
    (deployment,) = application["deployments"]
    assert deployment == {"name": "Model", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}}


@pytest.mark.parametrize("cpu", ["", "many", "-1", "nan", "1e9"])
def test_ray_with_odd_processors(cpu: str, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(WrongArgument):
        written("ray", bundle, tmp_path / "out", cpu=cpu)
    assert not (tmp_path / "out").exists()

"""Models, versions, aliases and stages over the protocol: the rules that clients depend on, one by one."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from noria.registry.verdicts import Verdicts

if TYPE_CHECKING:
    from protocol_client import Client

    from noria.server.site import Site

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MLMODEL = b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n"
FILES = {"MLmodel": MLMODEL, "model.pkl": pickle.dumps([1])}


def put(client: Client, place: str, content: bytes) -> None:
    answer = client.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", content=content)
    assert answer.status_code == 200, answer.text


def logged(client: Client, **fields: Any) -> str:
    """Log a model within a run; give the run."""
    run = client.run(**fields)
    for name, content in FILES.items():
        put(client, f"0/{run}/artifacts/model/{name}", content)
    return run


def a_version(client: Client, name: str = "m", **fields: Any) -> dict[str, Any]:
    """Register a version, of a run of its own unless told otherwise."""
    if client.get("registered-models/get", name=name).status_code == 404:
        client.done("registered-models/create", name=name)
    if "source" not in fields:
        run = logged(client)
        fields |= {"source": f"runs:/{run}/model", "run_id": run}
    return client.done("model-versions/create", name=name, **fields)["model_version"]


def send(client: Client, method: str, name: str, /, **fields: Any) -> dict[str, Any]:
    """PATCH or DELETE, which carry JSON."""
    answer = client.ask(method, f"/api/2.0/mlflow/{name}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_model_from_birth_to_death(client: Client) -> None:
    made = client.done("registered-models/create", name="m", description="d", tags=[{"key": "a", "value": "b"}])
    model = made["registered_model"]
    assert (model["name"], model["description"], model["tags"]) == ("m", "d", [{"key": "a", "value": "b"}])
    assert isinstance(model["creation_timestamp"], int)
    assert "latest_versions" not in model
    assert "exists already" in client.refused("registered-models/create", 400, "RESOURCE_ALREADY_EXISTS", name="m")
    assert (
        send(client, "PATCH", "registered-models/update", name="m", description="e")["registered_model"]["description"]
        == "e"
    )
    client.done("registered-models/set-tag", name="m", key="c", value="")
    send(client, "DELETE", "registered-models/delete-tag", name="m", key="a")
    send(client, "DELETE", "registered-models/delete-tag", name="m", key="a")
    assert client.read("registered-models/get", name="m")["registered_model"]["tags"] == [{"key": "c", "value": ""}]
    renamed = client.done("registered-models/rename", name="m", new_name="n")
    assert renamed["registered_model"]["name"] == "n"
    assert send(client, "DELETE", "registered-models/delete", name="n") == {}
    answer = client.get("registered-models/get", name="n")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    client.done("registered-models/create", name="n")


@pytest.mark.parametrize("name", ["a/b", "a:b", " ", "..", "x" * 256, "a\nb", "a@b"])
def test_a_name_that_cannot_be_one(client: Client, name: str) -> None:
    client.refused("registered-models/create", 400, "INVALID_PARAMETER_VALUE", name=name)


@pytest.mark.parametrize("name", ["churn model é", "a#b?c=d&e", "50%", "<b>'\"", "модель"])
def test_a_name_that_people_use_works_everywhere(client: Client, name: str) -> None:
    version = a_version(client, name)
    assert client.read("registered-models/get", name=name)["registered_model"]["name"] == name
    client.done("registered-models/alias", name=name, alias="best", version=version["version"])
    assert client.read("registered-models/alias", name=name, alias="best")["model_version"]["name"] == name
    quoted = name.replace("'", "\\'")
    if quoted == name:
        found = client.read("model-versions/search", filter=f"name = '{name}'")
        assert len(found["model_versions"]) == 1
    uri = client.read("model-versions/get-download-uri", name=name, version="1")["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/")


def test_numbers_are_never_given_twice(client: Client) -> None:
    assert [a_version(client)["version"] for _ in range(2)] == ["1", "2"]
    client.done("registered-models/alias", name="m", alias="best", version="2")
    send(client, "DELETE", "model-versions/delete", name="m", version="2")
    answer = client.get("model-versions/get", name="m", version="2")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert client.get("registered-models/alias", name="m", alias="best").status_code == 400
    assert a_version(client)["version"] == "3"
    assert (
        client.ask("DELETE", "/api/2.0/mlflow/model-versions/delete", json={"name": "m", "version": "2"}).status_code
        == 404
    )


def test_a_version_says_all_that_clients_read(client: Client) -> None:
    run = logged(client)
    made = a_version(
        client,
        source=f"runs:/{run}/model",
        run_id=run,
        description="d",
        run_link="http://x",
        tags=[{"key": "a", "value": "b"}],
    )
    assert {key: value for key, value in made.items() if not key.endswith("timestamp")} == {
        "name": "m",
        "version": "1",
        "current_stage": "None",
        "description": "d",
        "source": f"runs:/{run}/model",
        "run_id": run,
        "run_link": "http://x",
        "status": "READY",
        "tags": [{"key": "a", "value": "b"}],
    } | ({"user_id": made["user_id"]} if "user_id" in made else {})
    client.refused("model-versions/create", 404, "RESOURCE_DOES_NOT_EXIST", name="none", source=f"runs:/{run}/model")


def test_its_files_are_those_of_that_moment(client: Client) -> None:
    run = logged(client)
    a_version(client, source=f"runs:/{run}/model", run_id=run)
    put(client, f"0/{run}/artifacts/model/model.pkl", b"another")
    uri = client.read("model-versions/get-download-uri", name="m", version="1")["artifact_uri"]
    place = uri.removeprefix("mlflow-artifacts:/")
    listed = client.ask("GET", "/api/2.0/mlflow-artifacts/artifacts", params={"path": place}).json()["files"]
    assert sorted(file["path"] for file in listed) == ["MLmodel", "model.pkl"]
    got = client.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{place}/model.pkl")
    assert got.content == FILES["model.pkl"]


def test_aliases(client: Client) -> None:
    for _ in range(2):
        a_version(client)
    alias = "registered-models/alias"
    client.done(alias, name="m", alias="best", version="1")
    client.done(alias, name="m", alias="best", version="2")
    assert client.read(alias, name="m", alias="best")["model_version"]["version"] == "2"
    assert client.read(alias, name="m", alias="latest")["model_version"]["version"] == "2"
    assert client.read("model-versions/get", name="m", version="2")["model_version"]["aliases"] == ["best"]
    model = client.read("registered-models/get", name="m")["registered_model"]
    assert model["aliases"] == [{"alias": "best", "version": "2"}]
    assert send(client, "DELETE", alias, name="m", alias="best") == {}
    assert send(client, "DELETE", alias, name="m", alias="best") == {}
    answer = client.get(alias, name="m", alias="best")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    client.refused(alias, 404, "RESOURCE_DOES_NOT_EXIST", name="m", alias="best", version="9")
    client.refused(alias, 404, "RESOURCE_DOES_NOT_EXIST", name="none", alias="best", version="1")
    for bad in ("latest", "v3", "V12", "a b", "x" * 256, "é/"):
        client.refused(alias, 400, "INVALID_PARAMETER_VALUE", name="m", alias=bad, version="1")


def test_a_judged_model_moves_through_its_gates(client: Client, site: Site) -> None:
    for _ in range(2):
        a_version(client)
    registry = site.workspace.registry
    verdicts = Verdicts(site.workspace.database)
    verdicts.record(
        "m", registry.get("m", 2).model_digest, "r", [{"gate": "auc >= 1", "passed": False, "message": "0"}], NOW
    )
    said = client.refused("registered-models/alias", 403, "PERMISSION_DENIED", name="m", alias="champion", version="2")
    assert "auc >= 1" in said
    assert "noria models promote" in said
    client.done("registered-models/alias", name="m", alias="other", version="2")


def test_where_others_must_agree_a_client_is_told_how(client: Client, site: Site) -> None:
    a_version(client)
    file = site.workspace.root / "noria.toml"
    file.write_text(f"{file.read_text()}\n[deploy]\napprovals = 1\n")
    site.look_again()
    said = client.refused("registered-models/alias", 403, "PERMISSION_DENIED", name="m", alias="champion", version="1")
    assert "noria models" in said
    assert client.get("registered-models/alias", name="m", alias="champion").status_code == 400


def test_stages(client: Client) -> None:
    for _ in range(3):
        a_version(client)
    move = "model-versions/transition-stage"
    assert (
        client.done(move, name="m", version="1", stage="pRoduction")["model_version"]["current_stage"] == "Production"
    )
    client.done(move, name="m", version="2", stage="Production", archive_existing_versions=True)
    newest = client.done("registered-models/get-latest-versions", name="m")["model_versions"]
    assert {(one["version"], one["current_stage"]) for one in newest} == {
        ("1", "Archived"),
        ("2", "Production"),
        ("3", "None"),
    }
    some = client.read("registered-models/get-latest-versions", name="m", stages=["production", "Staging"])
    assert [one["version"] for one in some["model_versions"]] == ["2"]
    client.refused(move, 400, "INVALID_PARAMETER_VALUE", name="m", version="1", stage="Nowhere")
    client.refused(
        move, 400, "INVALID_PARAMETER_VALUE", name="m", version="1", stage="None", archive_existing_versions=True
    )
    client.refused(move, 404, "RESOURCE_DOES_NOT_EXIST", name="m", version="9", stage="Staging")


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "../x",
        "runs:/{run}/../../other/artifacts",
        "runs:/{run}/%2e%2e/x",
        "mlflow-artifacts:/0/{other}/artifacts/model",
        "mlflow-artifacts:/0/{run}/artifacts/%252e%252e/x",
        "runs:/{other}/model",
        "C:\\x",
        "s3://x y",
        "models:/m/99",
        "models:/m@none",
        "models:/m-none",
        "x",
    ],
)
def test_a_source_that_is_not_its_own_is_refused(client: Client, source: str) -> None:
    run, other = logged(client), logged(client)
    client.done("registered-models/create", name="m")
    answer = client.post("model-versions/create", name="m", source=source.format(run=run, other=other), run_id=run)
    assert answer.status_code in (400, 404), answer.text
    assert "model_versions" not in client.read("model-versions/search")


def test_a_version_is_registered_once_more_with_its_very_files(client: Client) -> None:
    run = logged(client)
    first = a_version(client, source=f"runs:/{run}/model", run_id=run)
    client.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model")
    client.done("registered-models/create", name="copy")
    kept = client.get("model-versions/get-download-uri", name="m", version="1").json()["artifact_uri"]
    for number, source in enumerate(("models:/m/1", kept, "models:/copy/1"), start=1):
        made = client.done("model-versions/create", name="copy", source=source)["model_version"]
        assert (made["version"], made["source"], made["run_id"]) == (str(number), source, run)
        copied = client.site.workspace.registry.get("copy", number)
        assert copied.files == client.site.workspace.registry.get("m", 1).files != {}
    assert first["version"] == "1"
    # Files of a run that is not named with them are nobody's to take.
    client.refused(
        "model-versions/create", 400, "INVALID_PARAMETER_VALUE",
        name="m", source=f"mlflow-artifacts:/0/{run}/artifacts/model",
    )  # fmt: skip


def test_sources_that_are_taken(client: Client) -> None:
    run = logged(client, tags=[{"key": "mlflow.source.git.commit", "value": "c" * 40}])
    first = a_version(client, source=f"mlflow-artifacts:/0/{run}/artifacts/model", run_id=run)
    assert first["run_id"] == run
    client.done("registered-models/alias", name="m", alias="best", version="1")
    for source in ("models:/m/1", "models:/m@best"):
        copied = a_version(client, "copy", source=source)
        assert copied["run_id"] == run
    away = a_version(client, source="s3://bucket/model")
    uri = client.read("model-versions/get-download-uri", name="m", version=away["version"])
    assert uri == {"artifact_uri": "s3://bucket/model"}


def test_a_logged_model_knows_its_versions(client: Client) -> None:
    run = client.run()
    made = client.done("logged-models", experiment_id="0", name="x", source_run_id=run)["model"]["info"]
    model = made["model_id"]
    place = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for name, content in FILES.items():
        put(client, f"{place}/{name}", content)
    for _ in range(2):
        version = a_version(client, source=f"models:/{model}", model_id=model, run_id=run)
        assert version["model_id"] == model
    info = client.read(f"logged-models/{model}")["model"]["info"]
    tags = {tag["key"]: tag["value"] for tag in info["tags"]}
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "m", "version": "1"}, {"name": "m", "version": "2"}]
    client.refused(
        "model-versions/create", 400, "INVALID_PARAMETER_VALUE", name="m", source=f"models:/{model}", model_id="m-other"
    )


def test_pickles_are_kept_and_labelled(client: Client, site: Site) -> None:
    a_version(client)
    found = site.workspace.registry.get("m", 1)
    assert found.unsafe == "model.pkl: a Python pickle"
    page = client.ask("GET", "/models/m@1")
    assert page.status_code == 200
    assert "never loads them" in page.text
    assert "noria models convert m@1" in page.text


def test_search_pages_through_versions_and_models(client: Client) -> None:
    for name in ("a", "b"):
        for _ in range(3):
            a_version(client, name)
    client.done("model-versions/set-tag", name="a", version="2", key="good", value="yes")
    found = client.read("model-versions/search", filter="name = 'a'", order_by=["version_number ASC"], max_results=2)
    assert [one["version"] for one in found["model_versions"]] == ["1", "2"]
    rest = client.read(
        "model-versions/search",
        filter="name = 'a'",
        order_by=["version_number ASC"],
        max_results=2,
        page_token=found["next_page_token"],
    )
    assert [one["version"] for one in rest["model_versions"]] == ["3"]
    assert "next_page_token" not in rest
    tagged = client.read("model-versions/search", filter="tags.good = 'yes'")["model_versions"]
    assert [(one["name"], one["version"]) for one in tagged] == [("a", "2")]
    default = client.read("model-versions/search")["model_versions"]
    assert (default[0]["name"], default[0]["version"]) == ("a", "2")
    models = client.read("registered-models/search", filter="name ILIKE 'B%'")["registered_models"]
    assert [one["name"] for one in models] == ["b"]
    for bad in ({"filter": "name ="}, {"max_results": 0}, {"page_token": "x"}, {"order_by": ["nothing"]}):
        answer = client.get("model-versions/search", **bad)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert client.get("registered-models/search", **bad).status_code == 400

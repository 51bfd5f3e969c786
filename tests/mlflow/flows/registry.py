"""Models: logged, found by every address, registered, named, promoted, taken away."""

import mlflow.pyfunc
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()
X, Y = load_iris(return_X_y=True, as_frame=True)
MODEL = LogisticRegression(max_iter=300).fit(X, Y)


def _refused(call, *codes):
    try:
        call()
    except MlflowException as error:
        assert error.error_code in codes, (error.error_code, str(error))
        return
    raise AssertionError(f"not refused with {codes}")


def _predicts(uri):
    assert (mlflow.pyfunc.load_model(uri).predict(X) == MODEL.predict(X)).all(), uri


def logging_and_loading():
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            MODEL, name="model", registered_model_name="iris", input_example=X[:3], params={"c": 1}, tags={"k": "v"}
        )
    assert str(info.registered_model_version) == "1"
    CLIENT.set_registered_model_alias("iris", "champion", "1")
    for uri in (
        f"runs:/{run.info.run_id}/model", info.model_uri, f"models:/{info.model_id}", "models:/iris/1",
        "models:/iris@champion", "models:/iris/latest",
    ):  # fmt: skip
        _predicts(uri)
    assert (mlflow.sklearn.load_model("models:/iris@champion").predict(X) == MODEL.predict(X)).all()
    assert mlflow.models.get_model_info("models:/iris/1").signature is not None
    logged = mlflow.get_logged_model(info.model_id)
    assert (logged.name, logged.status.name, logged.source_run_id) == ("model", "READY", run.info.run_id)
    assert logged.params["c"] == "1" and logged.tags["k"] == "v"
    outputs = mlflow.get_run(run.info.run_id).outputs.model_outputs
    assert [one.model_id for one in outputs] == [info.model_id]
    with mlflow.start_run() as other:
        mlflow.log_metric("m", 1, model_id=info.model_id)
        mlflow.log_metric("judged", 0.5, model_id=info.model_id, dataset=mlflow.data.from_pandas(X, name="iris"))
    metrics = {one.key: one for one in mlflow.get_logged_model(info.model_id).metrics}
    assert metrics["m"].value == 1 and metrics["m"].run_id == other.info.run_id
    assert metrics["judged"].dataset_name == "iris" and metrics["judged"].dataset_digest


def registering():
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(MODEL, name="model")
    by_run = mlflow.register_model(f"runs:/{run.info.run_id}/model", "registered", tags={"from": "run"})
    by_model = mlflow.register_model(info.model_uri, "registered")
    assert [str(by_run.version), str(by_model.version)] == ["1", "2"]
    assert by_run.run_id == by_model.run_id == run.info.run_id
    assert CLIENT.get_model_version("registered", "1").tags == {"from": "run"}
    copied = CLIENT.copy_model_version("models:/registered/2", "copied")
    assert str(copied.version) == "1" and copied.run_id == run.info.run_id
    for uri in ("models:/registered/1", "models:/registered/2", "models:/copied/1"):
        _predicts(uri)
    assert CLIENT.get_model_version_download_uri("registered", "2")
    known = mlflow.get_logged_model(info.model_id).tags.get("mlflow.modelVersions", "")
    assert '"registered"' in known, known


def names_tags_aliases():
    made = CLIENT.create_registered_model("crud", tags={"a": "1"}, description="first")
    assert (made.name, made.tags, made.description, made.latest_versions) == ("crud", {"a": "1"}, "first", [])
    _refused(lambda: CLIENT.create_registered_model("crud"), "RESOURCE_ALREADY_EXISTS")
    _refused(lambda: CLIENT.get_registered_model("no such"), "RESOURCE_DOES_NOT_EXIST")
    _refused(lambda: CLIENT.create_registered_model("a/b"), "INVALID_PARAMETER_VALUE")
    for number in range(3):
        CLIENT.create_model_version("crud", "s3://elsewhere/model", tags={"n": str(number)}, description=f"no {number}")
    CLIENT.update_registered_model("crud", "second")
    CLIENT.set_registered_model_tag("crud", "b", "ü" * 1000)
    CLIENT.delete_registered_model_tag("crud", "a")
    CLIENT.set_model_version_tag("crud", "2", "k", "v")
    CLIENT.delete_model_version_tag("crud", "2", "n")
    CLIENT.update_model_version("crud", "2", "described")
    CLIENT.set_registered_model_alias("crud", "champion", "1")
    CLIENT.set_registered_model_alias("crud", "champion", "2")
    CLIENT.set_registered_model_alias("crud", "challenger", "3")
    model, version = CLIENT.get_registered_model("crud"), CLIENT.get_model_version("crud", "2")
    assert (model.description, model.tags) == ("second", {"b": "ü" * 1000})
    assert {name: str(number) for name, number in model.aliases.items()} == {"champion": "2", "challenger": "3"}
    assert (version.description, version.tags, version.aliases) == ("described", {"k": "v"}, ["champion"])
    assert version.source == "s3://elsewhere/model" and version.status == "READY"
    assert str(CLIENT.get_model_version_by_alias("crud", "champion").version) == "2"
    _refused(lambda: CLIENT.get_model_version_by_alias("crud", "none"), "INVALID_PARAMETER_VALUE")
    _refused(lambda: CLIENT.set_registered_model_alias("crud", "v3", "1"), "INVALID_PARAMETER_VALUE")
    _refused(lambda: CLIENT.set_registered_model_alias("crud", "x", "9"), "RESOURCE_DOES_NOT_EXIST")
    CLIENT.delete_registered_model_alias("crud", "challenger")
    CLIENT.delete_model_version("crud", "3")
    _refused(lambda: CLIENT.get_model_version("crud", "3"), "RESOURCE_DOES_NOT_EXIST")
    assert str(CLIENT.create_model_version("crud", "s3://elsewhere/model").version) == "4", "a number is used once"
    CLIENT.rename_registered_model("crud", "renamed")
    _refused(lambda: CLIENT.get_registered_model("crud"), "RESOURCE_DOES_NOT_EXIST")
    assert CLIENT.get_model_version("renamed", "2").aliases == ["champion"]
    CLIENT.delete_registered_model("renamed")
    _refused(lambda: CLIENT.get_registered_model("renamed"), "RESOURCE_DOES_NOT_EXIST")
    assert str(CLIENT.create_registered_model("renamed").name) == "renamed"
    assert CLIENT.search_model_versions("name = 'renamed'") == []


def stages():
    CLIENT.create_registered_model("staged")
    for _ in range(3):
        CLIENT.create_model_version("staged", "s3://elsewhere/model")
    CLIENT.transition_model_version_stage("staged", "1", "production")
    moved = CLIENT.transition_model_version_stage("staged", "2", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production"
    assert CLIENT.get_model_version("staged", "1").current_stage == "Archived"
    latest = {one.current_stage: str(one.version) for one in CLIENT.get_latest_versions("staged")}
    assert latest == {"None": "3", "Production": "2", "Archived": "1"}
    assert [str(one.version) for one in CLIENT.get_latest_versions("staged", ["Production"])] == ["2"]
    _refused(lambda: CLIENT.transition_model_version_stage("staged", "1", "Nowhere"), "INVALID_PARAMETER_VALUE")


def searching():
    for letter in "abcde":
        CLIENT.create_registered_model(f"find {letter}", tags={"team": "risk" if letter in "ace" else "sales"})
    for number in range(4):
        CLIENT.create_model_version("find a", f"s3://elsewhere/{number}", tags={"even": str(number % 2 == 0)})

    def models(query, **options):
        return [one.name for one in CLIENT.search_registered_models(query, **options)]

    assert models("name LIKE 'find %'") == [f"find {letter}" for letter in "abcde"]
    assert models("name LIKE 'find %'", order_by=["name DESC"]) == [f"find {letter}" for letter in "edcba"]
    assert models("name ILIKE 'FIND %' AND tags.team = 'sales'") == ["find b", "find d"]
    assert models("name = 'find c'") == ["find c"]
    first = CLIENT.search_registered_models("name LIKE 'find %'", max_results=2)
    second = CLIENT.search_registered_models("name LIKE 'find %'", max_results=2, page_token=first.token)
    assert [one.name for one in second] == ["find c", "find d"]
    assert len(mlflow.search_registered_models(filter_string="tags.team != 'risk' AND name LIKE 'find %'")) == 2

    def versions(query, **options):
        return [int(one.version) for one in CLIENT.search_model_versions(query, **options)]

    assert sorted(versions("name = 'find a'")) == [1, 2, 3, 4]
    assert versions("name = 'find a'", order_by=["version_number ASC"]) == [1, 2, 3, 4]
    assert versions("name = 'find a' AND tags.even = 'True'", order_by=["version_number DESC"]) == [3, 1]
    assert versions("source_path = 's3://elsewhere/2'") == [3]
    assert versions("name = 'find a' AND version_number > 2", order_by=["version_number"]) == [3, 4]
    page = CLIENT.search_model_versions("name = 'find a'", max_results=3, order_by=["version_number"])
    rest = CLIENT.search_model_versions(
        "name = 'find a'", max_results=3, order_by=["version_number"], page_token=page.token
    )
    assert [int(one.version) for one in [*page, *rest]] == [1, 2, 3, 4]
    assert versions("run_id = 'none'") == []
    _refused(lambda: models("nonsense = 'x'"), "INVALID_PARAMETER_VALUE")
    _refused(lambda: versions("name ~ 'x'"), "INVALID_PARAMETER_VALUE")


def logged_models():
    experiment = mlflow.set_experiment("logged").experiment_id
    with mlflow.start_run():
        made = [
            mlflow.initialize_logged_model(name=f"m{number}", params={"n": str(number)}, tags={"k": f"v{number}"})
            for number in range(3)
        ]
        for number, model in enumerate(made):
            mlflow.log_metric("score", number, model_id=model.model_id)
    mlflow.finalize_logged_model(made[0].model_id, "READY")
    mlflow.finalize_logged_model(made[1].model_id, "FAILED")
    mlflow.set_logged_model_tags(made[0].model_id, {"new": "tag"})
    mlflow.delete_logged_model_tag(made[0].model_id, "k")
    mlflow.log_model_params({"later": "on"}, made[0].model_id)
    got = mlflow.get_logged_model(made[0].model_id)
    assert got.tags["new"] == "tag" and "k" not in got.tags and got.params == {"n": "0", "later": "on"}

    def found(query=None, **options):
        options = {"experiment_ids": [experiment], "output_format": "list", **options}
        return [one.name for one in mlflow.search_logged_models(filter_string=query, **options)]

    assert found() == ["m2", "m1", "m0"]
    assert found("metrics.score >= 1", order_by=[{"field_name": "metrics.score", "ascending": True}]) == ["m1", "m2"]
    assert found("params.n = '2'") == ["m2"] and found("tags.k = 'v1'") == ["m1"] and found("name = 'm0'") == ["m0"]
    assert found("attributes.status = 'READY'") == ["m0"]
    assert found(order_by=[{"field_name": "metrics.score", "ascending": False}], max_results=2) == ["m2", "m1"]
    page = CLIENT.search_logged_models([experiment], max_results=2)
    rest = CLIENT.search_logged_models([experiment], max_results=2, page_token=page.token)
    assert [one.name for one in [*page, *rest]] == ["m2", "m1", "m0"] and not rest.token
    CLIENT.log_model_artifact(made[2].model_id, __file__)
    assert [one.path for one in CLIENT.list_logged_model_artifacts(made[2].model_id)] == ["registry.py"]
    CLIENT.delete_logged_model(made[2].model_id)
    assert found() == ["m1", "m0"]
    _refused(lambda: mlflow.get_logged_model("m-" + "0" * 32), "RESOURCE_DOES_NOT_EXIST")


def traces_are_not_kept():
    """What noria does not keep costs the user nothing: no exception, no wait."""
    mlflow.set_experiment("traced")
    with mlflow.start_span("outer") as span:
        span.set_inputs({"x": 1})
        with mlflow.start_span("inner"):
            pass
        span.set_outputs(2)

    @mlflow.trace
    def traced(x):
        return x + 1

    with mlflow.start_run() as run:
        assert traced(1) == 2
        mlflow.log_metric("m", 1)
    mlflow.flush_trace_async_logging()
    assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1}

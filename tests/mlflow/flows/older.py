"""What people with a client of the second generation do: fluent logging, models in runs, stages, autologging."""

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()
X, Y = load_iris(return_X_y=True, as_frame=True)
MODEL = LogisticRegression(max_iter=300).fit(X, Y)
mlflow.set_experiment("older")


def _predicts(uri):
    assert (mlflow.pyfunc.load_model(uri).predict(X) == MODEL.predict(X)).all(), uri


def models_and_stages():
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(MODEL, "model", registered_model_name="older", input_example=X[:3])
    assert info.run_id == run.info.run_id
    assert "mlflow.log-model.history" in CLIENT.get_run(run.info.run_id).data.tags
    CLIENT.transition_model_version_stage("older", 1, "Staging")
    CLIENT.set_registered_model_alias("older", "champion", "1")
    for uri in (
        "models:/older/1", "models:/older/Staging", "models:/older@champion", "models:/older/latest",
        f"runs:/{run.info.run_id}/model",
    ):  # fmt: skip
        _predicts(uri)
    second = mlflow.register_model(f"runs:/{run.info.run_id}/model", "older")
    assert str(second.version) == "2"
    CLIENT.transition_model_version_stage("older", 2, "Staging", archive_existing_versions=True)
    stages = {str(one.version): one.current_stage for one in CLIENT.search_model_versions("name = 'older'")}
    assert stages == {"1": "Archived", "2": "Staging"}
    assert [str(one.version) for one in CLIENT.get_latest_versions("older", ["Staging"])] == ["2"]
    assert [one.name for one in mlflow.search_registered_models(filter_string="name = 'older'")] == ["older"]
    CLIENT.rename_registered_model("older", "older still")
    _predicts("models:/older still/2")
    CLIENT.delete_model_version("older still", "1")
    CLIENT.delete_registered_model("older still")


def autologging():
    mlflow.sklearn.autolog()
    with mlflow.start_run() as run:
        model = LogisticRegression(max_iter=300).fit(X, Y)
    mlflow.sklearn.autolog(disable=True)
    got = CLIENT.get_run(run.info.run_id)
    assert got.data.params["max_iter"] == "300" and "training_accuracy_score" in got.data.metrics
    assert len(got.inputs.dataset_inputs) == 1
    loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(X) == model.predict(X)).all()

"""Automatic logging of every library that people train with; what it logs can be loaded again."""

import numpy as np
from sklearn.datasets import load_iris

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()
X, Y = load_iris(return_X_y=True, as_frame=True)
mlflow.set_experiment("autologging")


def _logged(run, *, params=(), metrics=()):
    got = mlflow.get_run(run.info.run_id)
    assert got.info.status == "FINISHED"
    assert set(params) <= set(got.data.params), sorted(got.data.params)
    assert set(metrics) <= set(got.data.metrics), sorted(got.data.metrics)
    return got


def _model(run, load=None):
    """Load the model that a run logged."""
    return (load or mlflow.pyfunc.load_model)(f"runs:/{run.info.run_id}/model")


def scikit_learn():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    mlflow.sklearn.autolog()
    with mlflow.start_run() as run:
        model = LogisticRegression(max_iter=300).fit(X, Y)
        score = model.score(X, Y)
    got = _logged(run, params=["max_iter", "C"], metrics=["training_accuracy_score", "training_f1_score"])
    assert score in [value for name, value in got.data.metrics.items() if name.startswith("LogisticRegression_score")]
    assert [one.dataset.name for one in got.inputs.dataset_inputs] == ["dataset"]
    assert (_model(run).predict(X) == model.predict(X)).all()
    with mlflow.start_run() as parent:
        GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1, 10]}, cv=2).fit(X, Y)
    mlflow.sklearn.autolog(disable=True)
    children = CLIENT.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {child.data.params["C"] for child in children} == {"0.1", "1", "10"}
    _logged(parent, params=["best_C"], metrics=["best_cv_score"])


def lightgbm():
    import lightgbm

    mlflow.lightgbm.autolog()
    with mlflow.start_run() as run:
        data = lightgbm.Dataset(X, Y)
        options = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
        model = lightgbm.train(options, data, num_boost_round=5, valid_sets=[data], valid_names=["train"])
    mlflow.lightgbm.autolog(disable=True)
    _logged(run, params=["num_class", "num_boost_round"], metrics=["train-multi_logloss"])
    assert len(CLIENT.get_metric_history(run.info.run_id, "train-multi_logloss")) == 5
    assert np.allclose(_model(run).predict(X), model.predict(X))


def xgboost():
    import xgboost

    mlflow.xgboost.autolog()
    with mlflow.start_run() as run:
        data = xgboost.DMatrix(X, Y)
        options = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
        model = xgboost.train(options, data, num_boost_round=5, evals=[(data, "train")], verbose_eval=False)
    mlflow.xgboost.autolog(disable=True)
    _logged(run, params=["num_class"], metrics=["train-mlogloss"])
    assert len(CLIENT.get_metric_history(run.info.run_id, "train-mlogloss")) == 5
    assert np.allclose(_model(run, mlflow.xgboost.load_model).predict(data), model.predict(data))


def _dense():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _dense_was_logged(autolog, load):
    autolog()
    values = X.to_numpy().astype("float32")
    with mlflow.start_run() as run:
        model = _dense()
        model.fit(values, Y.to_numpy(), epochs=3, validation_split=0.2, verbose=0)
    autolog(disable=True)
    _logged(run, params=["epochs"], metrics=["loss", "accuracy", "val_loss"])
    assert len(CLIENT.get_metric_history(run.info.run_id, "loss")) == 3
    assert np.allclose(_model(run, load).predict(values, verbose=0), model.predict(values, verbose=0))


def keras():
    _dense_was_logged(mlflow.keras.autolog, mlflow.keras.load_model)


def tensorflow():
    _dense_was_logged(mlflow.tensorflow.autolog, mlflow.tensorflow.load_model)


def pytorch():
    import lightning
    import torch

    class Line(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)

        def forward(self, batch):
            return self.layer(batch)

        def training_step(self, batch, _):
            loss = torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    mlflow.pytorch.autolog()
    values = torch.tensor(X.to_numpy(), dtype=torch.float32)
    data = torch.utils.data.TensorDataset(values, torch.tensor(Y.to_numpy()))
    with mlflow.start_run() as run:
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False
        )
        model = Line()
        trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=32))
    mlflow.pytorch.autolog(disable=True)
    _logged(run, params=["epochs", "lr"], metrics=["train_loss"])
    with torch.no_grad():
        assert torch.allclose(_model(run, mlflow.pytorch.load_model)(values), model(values))

"""Runs, their params, metrics and tags, as people write them."""

import json
import math
import time

import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()


def _refused(call, code):
    """Call something that the server must refuse, and give the message."""
    try:
        call()
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"not refused with {code}")


def fluent_logging():
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", description="what it is", tags={"team": "risk"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"kind": "tree", "rate": 0.1, "ünï codé": "wért", "empty": ""})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.8, "f1": 0.5}, step=2)
        mlflow.set_tag("stage", "trial")
        mlflow.set_tags({"a": "1", "b": "2", "b/c d": "3"})
        mlflow.delete_tag("a")
    got = mlflow.get_run(run.info.run_id)
    assert got.data.params == {"depth": "3", "kind": "tree", "rate": "0.1", "ünï codé": "wért", "empty": ""}
    assert got.data.metrics == {"loss": 0.2, "auc": 0.8, "f1": 0.5}
    assert got.info.status == "FINISHED" and got.info.run_name == "first"
    assert got.info.end_time >= got.info.start_time > 0
    tags = got.data.tags
    assert tags["stage"] == "trial" and tags["b"] == "2" and tags["b/c d"] == "3" and "a" not in tags
    assert tags["mlflow.runName"] == "first" and tags["mlflow.note.content"] == "what it is" and tags["team"] == "risk"
    assert mlflow.last_active_run().info.run_id == run.info.run_id


def failing_run():
    mlflow.set_experiment("fluent")
    try:
        with mlflow.start_run() as run:
            raise KeyError("no")
    except KeyError:
        pass
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"


def asynchronous_logging():
    mlflow.set_experiment("fluent")
    with mlflow.start_run() as run:
        told = [mlflow.log_metrics({"loss": step}, step=step, synchronous=False) for step in range(50)]
        mlflow.log_params({"p": 1}, synchronous=False).wait()
        mlflow.set_tags({"t": 1}, synchronous=False).wait()
        for one in told:
            one.wait()
    assert [point.step for point in CLIENT.get_metric_history(run.info.run_id, "loss")] == list(range(50))


def batches():
    run = CLIENT.create_run(CLIENT.create_experiment("batches"))
    now = int(time.time() * 1000)
    CLIENT.log_batch(
        run.info.run_id,
        metrics=[Metric(f"m{number % 10}", number, now, number) for number in range(1000)],
    )
    CLIENT.log_batch(run.info.run_id, params=[Param(f"p{number}", "v" * 6000) for number in range(100)])
    CLIENT.log_batch(run.info.run_id, tags=[RunTag(f"t{number}", "v" * 5000) for number in range(100)])
    got = CLIENT.get_run(run.info.run_id).data
    assert got.metrics == {f"m{number}": 990.0 + number for number in range(10)}
    assert len(got.params) == 100 and set(map(len, got.params.values())) == {6000}
    assert sum(name.startswith("t") for name in got.tags) == 100
    CLIENT.log_batch(run.info.run_id)


def limits():
    run = CLIENT.create_run(CLIENT.create_experiment("limits")).info.run_id
    bad = "INVALID_PARAMETER_VALUE"
    store = CLIENT._tracking_client.store  # the client checks some limits itself: the server must, too
    points = [Metric("m", number, 1, number) for number in range(1001)]
    _refused(lambda: store.log_batch(run, points, [], []), bad)
    _refused(lambda: store.log_batch(run, [], [Param(f"p{number}", "") for number in range(101)], []), bad)
    _refused(lambda: store.log_batch(run, [], [], [RunTag(f"t{number}", "") for number in range(101)]), bad)
    _refused(lambda: CLIENT.log_metric(run, "m" * 251, 1), bad)
    _refused(lambda: CLIENT.log_metric(run, "../m", 1), bad)
    _refused(lambda: store.log_batch(run, [], [Param("p", "1"), Param("p", "2")], []), bad)
    assert CLIENT.get_run(run).data.metrics == CLIENT.get_run(run).data.params == {}
    CLIENT.log_param(run, "p", 1)
    CLIENT.log_param(run, "p", 1)
    said = _refused(lambda: CLIENT.log_param(run, "p", 2), bad)
    assert "'1'" in said or '"1"' in said, said


def numbers_that_are_none():
    run = CLIENT.create_run(CLIENT.create_experiment("numbers")).info.run_id
    values = {"nan": math.nan, "up": math.inf, "down": -math.inf, "tiny": 5e-324, "large": 1.7976931348623157e308}
    for name, value in values.items():
        CLIENT.log_metric(run, name, value)
    CLIENT.log_batch(run, [Metric(f"batch {name}", value, 1, 0) for name, value in values.items()])
    got = CLIENT.get_run(run).data.metrics
    for prefix in ("", "batch "):
        assert math.isnan(got[prefix + "nan"])
        assert got[prefix + "up"] >= 1.7976931348623157e308 and got[prefix + "down"] <= -1.7976931348623157e308
        assert got[prefix + "tiny"] == 5e-324 and got[prefix + "large"] == 1.7976931348623157e308
    CLIENT.log_metric(run, "numpy", np.float32(0.5))
    assert math.isnan(CLIENT.get_metric_history(run, "nan")[0].value)
    CLIENT.log_metric(run, "wide", 1, timestamp=2**53 + 1, step=-(2**62))
    point = CLIENT.get_metric_history(run, "wide")[0]
    assert (point.timestamp, point.step) == (2**53 + 1, -(2**62))


def histories():
    run = CLIENT.create_run(CLIENT.create_experiment("histories")).info.run_id
    points = [(step * 7919 % 2500, step * 31 % 17) for step in range(2500)]
    for begin in range(0, 2500, 1000):
        CLIENT.log_batch(run, [Metric("m", value, at, at) for at, value in points[begin : begin + 1000]])
    got = CLIENT.get_metric_history(run, "m")
    assert [(point.step, point.value) for point in got] == sorted(points)
    assert CLIENT.get_run(run).data.metrics["m"] == dict(points)[2499]
    CLIENT.log_metric(run, "m", 99, timestamp=5, step=5)
    CLIENT.log_metric(run, "m", 99, timestamp=5, step=5)
    assert len(CLIENT.get_metric_history(run, "m")) == 2501, "a repeat is dropped, another value is kept"
    assert CLIENT.get_run(run).data.metrics["m"] == dict(points)[2499], "a late point is not the latest"
    assert list(CLIENT.get_metric_history(run, "unknown")) == []


def nested_runs():
    experiment = mlflow.set_experiment("nested")
    with mlflow.start_run(run_name="parent") as parent:
        for number in range(3):
            with mlflow.start_run(run_name=f"child {number}", nested=True) as child:
                mlflow.log_metric("m", number)
    assert CLIENT.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    query = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    found = CLIENT.search_runs([experiment.experiment_id], query, order_by=["metrics.m DESC"])
    assert [run.info.run_name for run in found] == ["child 2", "child 1", "child 0"]


def resumed_run():
    mlflow.set_experiment("resumed")
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1, step=0)
    with mlflow.start_run(run_id=run.info.run_id):
        assert CLIENT.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("m", 2, step=1)
    got = CLIENT.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.data.metrics == {"m": 2.0}
    CLIENT.update_run(run.info.run_id, status="KILLED", name="renamed")
    got = CLIENT.get_run(run.info.run_id)
    assert (got.info.status, got.info.run_name, got.data.tags["mlflow.runName"]) == ("KILLED", "renamed", "renamed")
    CLIENT.set_tag(run.info.run_id, "mlflow.runName", "again")
    assert CLIENT.get_run(run.info.run_id).info.run_name == "again"
    assert CLIENT.create_run(run.info.experiment_id).info.run_name, "a nameless run gets a name"


def inputs():
    mlflow.set_experiment("inputs")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "ü"]})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="loans", targets="a"), context="training")
        mlflow.log_input(mlflow.data.from_numpy(np.ones((3, 2)), name="ones"), context="test", tags={"k": "v"})
    got = {one.dataset.name: one for one in mlflow.get_run(run.info.run_id).inputs.dataset_inputs}
    assert set(got) == {"loans", "ones"}
    assert {tag.key: tag.value for tag in got["ones"].tags} == {"mlflow.data.context": "test", "k": "v"}
    assert [column["name"] for column in json.loads(got["loans"].dataset.schema)["mlflow_colspec"]] == ["a", "b"]
    assert json.loads(got["loans"].dataset.profile)["num_rows"] == 2
    for query in ("dataset.name = 'loans'", "datasets.context = 'test'", "dataset.digest LIKE '%'"):
        assert [one.info.run_id for one in mlflow.search_runs(filter_string=query, output_format="list")] == [
            run.info.run_id
        ], query


def system_metrics():
    mlflow.set_experiment("system")
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        time.sleep(1)
    got = mlflow.get_run(run.info.run_id).data.metrics
    assert any(name.startswith("system/cpu") for name in got), got
    assert any(name.startswith("system/system_memory") for name in got), got


def deletion_and_restore():
    experiment = CLIENT.create_experiment("deletion", tags={"k": "v"})
    run = CLIENT.create_run(experiment).info.run_id
    CLIENT.delete_run(run)
    assert CLIENT.get_run(run).info.lifecycle_stage == "deleted"
    assert CLIENT.search_runs([experiment]) == []
    assert len(CLIENT.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    _refused(lambda: CLIENT.log_metric(run, "m", 1), "INVALID_PARAMETER_VALUE")
    CLIENT.restore_run(run)
    CLIENT.log_metric(run, "m", 1)
    CLIENT.delete_experiment(experiment)
    assert CLIENT.get_experiment(experiment).lifecycle_stage == "deleted"
    assert CLIENT.get_run(run).info.lifecycle_stage == "deleted"
    _refused(lambda: CLIENT.create_run(experiment), "INVALID_PARAMETER_VALUE")
    _refused(lambda: CLIENT.create_experiment("deletion"), "RESOURCE_ALREADY_EXISTS")
    CLIENT.restore_experiment(experiment)
    assert CLIENT.get_run(run).info.lifecycle_stage == "active"
    assert CLIENT.get_run(run).data.metrics == {"m": 1.0}
    mlflow.delete_run(run)


def experiments():
    names = [f"exp {letter}" for letter in "abcde"]
    made = {
        name: CLIENT.create_experiment(name, tags={"team": "risk" if number % 2 else "sales", "mark": "exp"})
        for number, name in enumerate(names)
    }

    def found(query, **options):
        return [one.name for one in CLIENT.search_experiments(filter_string=query, **options)]

    mark = "tags.mark = 'exp'"
    assert found(f"{mark} AND name LIKE 'exp %'", order_by=["name ASC"]) == names
    assert found(mark, order_by=["name DESC"]) == names[::-1]
    assert found(f"{mark} AND attribute.name ILIKE 'EXP A'") == ["exp a"]
    assert found(f"{mark} AND tags.team = 'risk'", order_by=["experiment_id ASC"]) == ["exp b", "exp d"]
    assert found(f"{mark} AND tags.team != 'risk' AND name != 'exp a'", order_by=["name"]) == ["exp c", "exp e"]
    assert (
        found(f"{mark} AND creation_time > 0 AND last_update_time >= 1", order_by=["creation_time DESC"])[0] == "exp e"
    )
    first = CLIENT.search_experiments(filter_string=mark, order_by=["name"], max_results=2)
    second = CLIENT.search_experiments(filter_string=mark, order_by=["name"], max_results=2, page_token=first.token)
    assert [one.name for one in [*first, *second]] == names[:4]
    CLIENT.rename_experiment(made["exp a"], "exp z")
    assert mlflow.get_experiment_by_name("exp z").experiment_id == made["exp a"]
    assert mlflow.get_experiment_by_name("exp a") is None
    CLIENT.set_experiment_tag(made["exp b"], "note", "ü")
    assert CLIENT.get_experiment(made["exp b"]).tags["note"] == "ü"
    if hasattr(CLIENT, "delete_experiment_tag"):
        CLIENT.delete_experiment_tag(made["exp b"], "note")
        assert "note" not in CLIENT.get_experiment(made["exp b"]).tags
    CLIENT.delete_experiment(made["exp e"])
    assert "exp e" not in found(mark) and found(mark, view_type=ViewType.DELETED_ONLY) == ["exp e"]
    assert len(found(mark, view_type=ViewType.ALL)) == 5
    assert CLIENT.get_experiment("0").name == "Default"


def mistakes():
    """What a user does wrong is told with the code that the client knows, at once and without a retry."""
    missing, bad = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"
    _refused(lambda: CLIENT.get_run("0" * 32), missing)
    _refused(lambda: CLIENT.log_metric("0" * 32, "m", 1), missing)
    _refused(lambda: CLIENT.get_experiment("987654"), missing)
    _refused(lambda: CLIENT.create_experiment("Default"), "RESOURCE_ALREADY_EXISTS")
    _refused(lambda: CLIENT.create_run("987654"), missing)
    run = CLIENT.create_run("0").info.run_id
    _refused(lambda: CLIENT.delete_tag(run, "none"), missing)
    for query in ("metrics.m >", "params.p = 1", "metrics.m = '1'", "a = 'b' OR b = 'c'", "nonsense.m = 'x'", "'"):
        _refused(lambda query=query: CLIENT.search_runs(["0"], query), bad)
    _refused(lambda: CLIENT.search_runs(["0"], order_by=["metrics.m SIDEWAYS"]), bad)
    _refused(lambda: CLIENT.search_runs(["0"], max_results=10**6), bad)
    _refused(lambda: CLIENT.search_runs(["0"], page_token="rubbish"), bad)
    _refused(lambda: CLIENT.search_experiments(filter_string="nonsense = 'x'"), bad)
    assert CLIENT.search_runs(["987654"]) == []

"""`search_runs` with every operator, both directions, page by page."""

import math

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()
NAMES = ["alpha", "beta", "Gamma", "delta", "epsilon", "zeta"]
METRICS = {"alpha": 1.0, "beta": 2.0, "Gamma": math.nan, "delta": 3.0, "epsilon": None, "zeta": 2.0}
PARAMS = {"alpha": "x", "beta": "X", "Gamma": "y", "delta": None, "epsilon": "it's 50%", "zeta": "x_y"}
IDS = {}


def _world():
    """Make the runs once."""
    if not IDS:
        IDS["experiment"] = CLIENT.create_experiment("searching")
        for number, name in enumerate(NAMES):
            run = CLIENT.create_run(
                IDS["experiment"], start_time=1000 + number, run_name=name, tags={"t": name.lower()}
            )
            if METRICS[name] is not None:
                CLIENT.log_metric(run.info.run_id, "m-1 a", METRICS[name])
            if PARAMS[name] is not None:
                CLIENT.log_param(run.info.run_id, "p", PARAMS[name])
            IDS[name] = run.info.run_id
            CLIENT.set_terminated(run.info.run_id, "FAILED" if number % 2 else "FINISHED", end_time=2000 + number)
    return IDS["experiment"]


def _found(query="", order=("start_time ASC",), **options):
    found = CLIENT.search_runs([_world()], query, order_by=list(order), **options)
    return [run.info.run_name for run in found]


def numbers():
    metric = "metrics.`m-1 a`"
    assert _found(f"{metric} > 1") == ["beta", "delta", "zeta"]
    assert _found(f"{metric} >= 2") == ["beta", "delta", "zeta"]
    assert _found(f"{metric} < 2") == ["alpha"]
    assert _found(f"{metric} <= 2.0") == ["alpha", "beta", "zeta"]
    assert _found(f"{metric} = 2") == ["beta", "zeta"]
    assert _found('metric."m-1 a" != 2') == ["alpha", "Gamma", "delta"], "NaN is unequal, a missing one is nothing"
    assert _found(f"{metric} > 1e0 and {metric} < 3") == ["beta", "zeta"]
    assert _found("attributes.start_time >= 1004") == ["epsilon", "zeta"]
    assert _found("created < 1001") == ["alpha"]
    assert _found("end_time = 2003") == ["delta"]


def texts():
    assert _found("params.p = 'x'") == ["alpha"]
    assert _found("parameter.p != 'x'") == ["beta", "Gamma", "epsilon", "zeta"]
    assert _found("params.p LIKE 'x%'") == ["alpha", "zeta"]
    assert _found("params.p ILIKE 'x'") == ["alpha", "beta"]
    assert _found("params.p LIKE 'x_y'") == ["zeta"]
    assert _found('params.p = "it\'s 50%"') == ["epsilon"]
    assert _found("params.p IS NULL") == ["delta"]
    assert _found("params.p IS NOT NULL AND tags.t LIKE '%eta'") == ["beta", "zeta"]
    assert _found("tag.t = 'gamma'") == ["Gamma"]
    assert _found("tags.t ILIKE 'GAM%'") == ["Gamma"]
    assert _found("tags.none IS NULL") == NAMES
    assert _found("attributes.status = 'FAILED'") == ["beta", "delta", "zeta"]
    assert _found("status != 'FAILED'") == ["alpha", "Gamma", "epsilon"]
    assert _found("run_name = 'Gamma'") == ["Gamma"]
    assert _found("attr.run_name LIKE '%eta'") == ["beta", "zeta"]
    assert _found("run.run_name ILIKE 'g%'") == ["Gamma"]
    assert _found(f"run_id = '{IDS['beta']}'") == ["beta"]
    assert _found(f"run_id IN ('{IDS['beta']}', '{IDS['zeta']}')") == ["beta", "zeta"]
    assert _found(f"run_id NOT IN ('{IDS['beta']}', '{IDS['zeta']}')") == ["alpha", "Gamma", "delta", "epsilon"]
    assert len(_found(f"artifact_uri LIKE '%{IDS['beta']}%'")) == 1


def orders():
    assert _found(order=["metrics.`m-1 a` ASC", "start_time ASC"]) == [
        "alpha",
        "beta",
        "zeta",
        "delta",
        "Gamma",
        "epsilon",
    ]
    assert _found(order=["metrics.`m-1 a` DESC", "start_time DESC"]) == [
        "delta", "zeta", "beta", "alpha", "Gamma", "epsilon",
    ]  # fmt: skip
    assert _found(order=["params.p ASC"]) == ["beta", "epsilon", "alpha", "zeta", "Gamma", "delta"]
    assert _found(order=["params.p DESC"]) == ["Gamma", "zeta", "alpha", "epsilon", "beta", "delta"]
    assert _found(order=["tags.t"]) == ["alpha", "beta", "delta", "epsilon", "Gamma", "zeta"]
    assert _found(order=["attributes.run_name DESC"]) == ["zeta", "epsilon", "delta", "beta", "alpha", "Gamma"]
    assert _found(order=[]) == NAMES[::-1], "the newest first"
    assert _found(order=["end_time DESC"]) == NAMES[::-1]


def pages():
    experiment = _world()
    for order in (["metrics.`m-1 a` ASC"], ["metrics.`m-1 a` DESC"], ["params.p DESC"], ["run_name"], []):
        whole = [run.info.run_id for run in CLIENT.search_runs([experiment], order_by=order)]
        for size in (1, 2, 4, 6, 7):
            got, token = [], None
            while True:
                page = CLIENT.search_runs([experiment], order_by=order, max_results=size, page_token=token)
                assert len(page) <= size
                got += [run.info.run_id for run in page]
                token = page.token
                if not token:
                    break
            assert got == whole, (order, size)


def frames():
    _world()
    frame = mlflow.search_runs(experiment_names=["searching"], filter_string="params.p = 'x'", order_by=["start_time"])
    assert list(frame["tags.t"]) == ["alpha"] and list(frame["metrics.m-1 a"]) == [1.0]
    everywhere = mlflow.search_runs(search_all_experiments=True, filter_string="tags.t = 'gamma'")
    assert len(everywhere) == 1 and math.isnan(everywhere["metrics.m-1 a"][0])
    assert len(mlflow.search_runs(experiment_names=["searching", "nowhere"])) == 6

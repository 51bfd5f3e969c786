"""Begins a run, says which, and waits for the end."""

import sys
import time

import mlflow

mlflow.set_experiment("killed")
run = mlflow.start_run()
mlflow.log_metric("loss", 0.5)
print(run.info.run_id, file=sys.__stdout__, flush=True)
time.sleep(600)

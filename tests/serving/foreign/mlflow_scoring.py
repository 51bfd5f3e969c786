"""MLflow's own client of a scoring server: ``mlflow_scoring.py HOST:PORT``."""

import json
import sys

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient(*sys.argv[1].split(":"))
client.wait_server_ready(timeout=60)
rows = pd.DataFrame({"age": [30, 60], "grade": ["A", "B"]})
try:
    client.invoke(rows[["age"]])
    refused = None
except Exception as problem:
    refused = str(problem)
predicted = client.invoke(rows).get_predictions()
print(
    json.dumps({"version": client.get_version(), "answers": predicted.to_numpy().ravel().tolist(), "refused": refused})
)

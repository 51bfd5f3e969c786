"""Triton's own client, over HTTP with and without binary tensors, and over gRPC: ``triton.py HTTP GRPC``."""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

AGES = np.array([[30], [60]], dtype=np.int64)
GRADES = np.array([["A"], ["B"]], dtype=object)


def inputs(kind, **more):
    age, grade = kind.InferInput("age", [2, 1], "INT64"), kind.InferInput("grade", [2, 1], "BYTES")
    age.set_data_from_numpy(AGES, **more)
    grade.set_data_from_numpy(GRADES, **more)
    return [age, grade]


def said(answer):
    texts = [each.decode() if isinstance(each, bytes) else each for each in answer.as_numpy("prediction").ravel()]
    return [texts, answer.as_numpy("probabilities").ravel().tolist()]


def ready(client):
    return client.is_server_live() and client.is_server_ready() and client.is_model_ready("credit")


def refused(ask):
    try:
        ask()
    except InferenceServerException as problem:
        return problem.message()
    return None


over_http = tritonclient.http.InferenceServerClient(sys.argv[1])
over_grpc = tritonclient.grpc.InferenceServerClient(sys.argv[2])
nameless = inputs(tritonclient.http, binary_data=False)[:1]
wanted = [tritonclient.http.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "probabilities")]
print(
    json.dumps(
        {
            "ready": [ready(over_http), ready(over_grpc)],
            "inputs": [
                [each["name"] for each in over_http.get_model_metadata("credit")["inputs"]],
                [each.name for each in over_grpc.get_model_metadata("credit").inputs],
            ],
            "answers": [
                said(over_http.infer("credit", inputs(tritonclient.http, binary_data=True), outputs=wanted)),
                said(over_http.infer("credit", inputs(tritonclient.http, binary_data=False), outputs=wanted)),
                said(over_http.infer("credit", inputs(tritonclient.http, binary_data=True))),
                said(over_grpc.infer("credit", inputs(tritonclient.grpc))),
            ],
            "refused": [
                refused(lambda: over_http.infer("credit", nameless)),
                refused(lambda: over_http.infer("debit", inputs(tritonclient.http))),
                refused(lambda: over_grpc.infer("credit", inputs(tritonclient.grpc)[:1])),
            ],
        }
    )
)

"""KServe's own inference clients, protocols v1 and v2 and gRPC: ``kserve_inference.py HTTP GRPC``."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

AGES = np.array([30, 60], dtype=np.int64)
GRADES = np.array(["A", "B"], dtype=object)
RECORDS = [{"age": 30, "grade": "A"}, {"age": 60, "grade": "B"}]


def request(*, binary):
    age, grade = InferInput("age", [2], "INT64"), InferInput("grade", [2], "BYTES")
    age.set_data_from_numpy(AGES, binary_data=binary)
    grade.set_data_from_numpy(GRADES, binary_data=binary)
    return InferRequest("credit", [age, grade])


def said(answer):
    outputs = {each.name: each for each in answer.outputs}
    texts = [each.decode() if isinstance(each, bytes) else each for each in outputs["prediction"].as_numpy().ravel()]
    return [texts, outputs["probabilities"].as_numpy().ravel().tolist()]


async def main():
    url = f"http://{sys.argv[1]}"
    v1, v2 = (InferenceRESTClient(RESTConfig(protocol=protocol)) for protocol in ("v1", "v2"))
    async with InferenceGRPCClient(sys.argv[2]) as grpc:
        found = {
            "ready": [
                await v2.is_server_live(url),
                await v2.is_server_ready(url),
                await v2.is_model_ready(url, "credit"),
                await v1.is_model_ready(url, "credit"),
                await grpc.is_server_live(),
                await grpc.is_server_ready(),
                await grpc.is_model_ready("credit"),
            ],
            "v1": (await v1.infer(url, {"instances": RECORDS}, model_name="credit"))["predictions"],
            "answers": [
                said(await v2.infer(url, request(binary=False), model_name="credit")),
                said(await v2.infer(url, request(binary=True), model_name="credit")),
                said(await grpc.infer(request(binary=True))),
                said(await grpc.infer(request(binary=False))),
            ],
        }
    print(json.dumps(found))


asyncio.run(main())

"""A version's threshold decides in every protocol, and its sets come on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from noria.evaluation.regions import Regions

if TYPE_CHECKING:
    from tests.serving.conftest import House

RECORDS = [{"age": age, "grade": "A"} for age in (20, 45, 70)]


@pytest.fixture(scope="module")
def deciding(promoted: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, float]]:
    """A server whose version calls a row bad only when it is nearly sure."""
    house = type(promoted)(tmp_path_factory.mktemp("deciding"))
    plain = house.versions[0]
    house.promote(1)
    with house.serving() as (_, client):
        rows = client.post("/predict/credit-risk", json=RECORDS).json()["predictions"]
    assert rows[0]["prediction"] == "bad"
    threshold = (rows[0]["score"] + 1) / 2
    made = house.register(1, threshold=threshold, regions=Regions(0.9, 0.8))
    assert made.model_digest == plain.model_digest
    house.promote(made.number)
    with house.serving() as (_, client):
        yield client, threshold
    house.log.close()
    house.database.close()


def test_every_protocol_gives_the_label_that_the_threshold_decides(deciding: tuple[httpx.Client, float]) -> None:
    client, threshold = deciding
    native = client.post("/predict/credit-risk", json=RECORDS).json()["predictions"]
    wanted = ["bad" if row["score"] >= threshold else "good" for row in native]
    assert wanted == ["good", "good", "good"]
    assert native[0]["probabilities"]["bad"] > 0.5  # the likelier class is another
    assert [row["prediction"] for row in native] == wanted
    alone = [client.post("/predict/credit-risk", json=one).json()["predictions"][0] for one in RECORDS]
    assert [row["prediction"] for row in alone] == wanted
    v1 = client.post("/v1/models/credit:predict", json={"instances": RECORDS}).json()
    assert [row["prediction"] for row in v1["predictions"]] == wanted
    tensors = [
        {"name": "grade", "shape": [3], "datatype": "BYTES", "data": ["A"] * 3},
        {"name": "age", "shape": [3], "datatype": "INT64", "data": [20, 45, 70]},
    ]
    outputs = client.post("/v2/models/credit/infer", json={"inputs": tensors}).json()["outputs"]
    assert next(one for one in outputs if one["name"] == "prediction")["data"] == wanted
    invoked = client.post("/invocations", json={"dataframe_records": RECORDS}).json()
    assert invoked["predictions"] == wanted
    lines = client.post(
        "/invocations", content="age,grade\n20,A\n45,A\n70,A\n",
        headers={"content-type": "text/csv", "accept": "text/csv"},
    )  # fmt: skip
    assert lines.text.split() == wanted


def test_sets_come_on_request_only(deciding: tuple[httpx.Client, float]) -> None:
    client, _ = deciding
    asked = client.post("/predict/credit-risk?region=true", json=RECORDS).json()["predictions"]
    for row in asked:
        sure = max(row["probabilities"].values())
        # Half of the likelier and all before the other: both are in where p <= 2 q - 1.
        assert (len(row["set"]) == 2) == (sure <= 2 * 0.8 - 1)
        assert row["level"] == 0.9
        assert max(row["probabilities"], key=row["probabilities"].get) in row["set"]
        assert "low" not in row
    assert "set" not in client.post("/predict/credit-risk", json=RECORDS).json()["predictions"][0]


def test_who_has_no_sets_says_so(shared: httpx.Client) -> None:
    refused = shared.post("/predict/credit-risk?region=true", json=RECORDS)
    assert refused.status_code == 400
    assert "has no intervals and sets" in refused.text
    assert shared.post("/predict/credit-risk?region=perhaps", json=RECORDS).status_code == 400

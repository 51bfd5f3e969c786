"""The metrics are read by the letter of the text format, and their names by that of the conventions."""

from __future__ import annotations

import math
import re
from collections import defaultdict

import httpx
import msgspec
import pytest

from noria.serving import prometheus
from noria.serving.board import ArmCounts, Snapshot
from noria.serving.latency import BOUNDS_MS

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (-?[0-9.e+-]+|[+-]Inf|NaN)")
RECORD = {"age": 30, "grade": "A"}

Family = dict[tuple[str, frozenset[str]], float]


def families(text: str) -> dict[str, tuple[str, Family]]:
    """Read a page; anything that a strict reader would stumble over fails."""
    assert text.endswith("\n")
    found: dict[str, tuple[str, Family]] = {}
    name, helped = "", ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            _, _, helped, words = line.split(" ", 3)
            assert words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped, f"HELP and TYPE of {name} stand together"
            assert name not in found, f"{name} is one block"
            assert kind in ("counter", "gauge", "histogram")
            found[name] = (kind, {})
        else:
            read = SAMPLE.fullmatch(line)
            assert read, line
            kind, samples = found[name]
            suffix = read[1].removeprefix(name)
            assert suffix in ({"_bucket", "_sum", "_count"} if kind == "histogram" else {""}), line
            labels = re.findall(LABEL, read[2] or "")
            assert len({label.split("=")[0] for label in labels}) == len(labels)
            key = (suffix, frozenset(labels))
            assert key not in samples, f"{line} is there twice"
            samples[key] = float(read[3])
    return found


def test_the_page_is_read_by_the_letter(shared: httpx.Client) -> None:
    shared.post("/predict/credit-risk", json=[RECORD, RECORD])
    shared.post("/predict/credit-risk", json={"age": "x"})
    answer = shared.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = families(answer.text)
    for name, (kind, samples) in found.items():
        assert name.startswith("noria_")
        assert (kind == "counter") == name.endswith("_total")
        assert not re.search(r"_(ms|millis|milliseconds|minutes|percent|kb|mb)(_|$)", name)
        assert samples, f"{name} says nothing"
    outcomes = {label for _, labels in found["noria_requests_total"][1] for label in labels if "outcome" in label}
    assert outcomes == {'outcome="answered"', 'outcome="refused"', 'outcome="failed"'}
    ((_, told),) = found["noria_model_info"][1]
    assert {'model="credit"', 'version="1"', 'engine="plan"', 'endpoint="credit-risk"'} == told
    assert found["noria_requests_in_flight"][1][("", frozenset({'endpoint="credit-risk"'}))] == 1  # this one


def test_the_histogram_adds_up(shared: httpx.Client) -> None:
    for _ in range(3):
        shared.post("/predict/credit-risk", json=RECORD)
    found = families(shared.get("/metrics").text)
    kind, samples = found["noria_request_duration_seconds"]
    assert kind == "histogram"
    buckets: dict[frozenset[str], dict[float, float]] = defaultdict(dict)
    for (suffix, labels), value in samples.items():
        if suffix == "_bucket":
            (bound,) = (label for label in labels if label.startswith("le="))
            buckets[labels - {bound}][float(bound[4:-1])] = value
    assert buckets
    for own, counts in buckets.items():
        ordered = [counts[bound] for bound in sorted(counts)]
        assert ordered == sorted(ordered)
        assert max(counts) == math.inf
        assert counts[math.inf] == samples["_count", own]
        requests = found["noria_requests_total"][1]
        assert samples["_count", own] == sum(value for (_, labels), value in requests.items() if own < labels)
        assert 0 <= samples["_sum", own] < 60


def made_up(requests: int = 0, rows: int = 0, refused: int = 0) -> Snapshot:
    bins = (0,) * len(BOUNDS_MS)
    arms = (
        ArmCounts(1, "live", requests, rows, refused, 0, 0.0, bins),
        ArmCounts(2, "canary", 0, 0, 0, 0, 0.0, bins),
    )
    return Snapshot(7, 0.0, 0, 0, 0, 0, 0, 0, 9_876_543, 0, arms)


def test_counters_are_exact_beyond_a_million() -> None:
    found = families(prometheus.render("e", made_up(requests=12_345_678, rows=1_234_567, refused=1)))
    values = {value for _, samples in found.values() for value in samples.values()}
    assert {12345677, 1234567, 9876543} <= values


def test_each_version_and_arm_is_its_own() -> None:
    found = families(prometheus.render("e", made_up(requests=3)))
    arms = {labels for _, labels in found["noria_rows_total"][1]}
    assert arms == {
        frozenset({'endpoint="e"', 'version="1"', 'arm="live"'}),
        frozenset({'endpoint="e"', 'version="2"', 'arm="canary"'}),
    }


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ümlaut"])
def test_any_name_can_be_a_label(name: str) -> None:
    found = families(prometheus.render(name, made_up()))
    ((_, labels),) = found["noria_requests_in_flight"][1]
    (label,) = labels
    assert label[len('endpoint="') : -1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\") == name


def test_workers_are_added_up_and_told_apart() -> None:
    own, other, dead = made_up(requests=3), made_up(requests=4), made_up(requests=5)
    other = msgspec.structs.replace(other, pid=8, at=99.0, in_flight=2)
    dead = msgspec.structs.replace(dead, pid=9, at=1.0)
    found = families(prometheus.render("e", own, [other, dead], now=100.0))
    answered = {labels: value for (_, labels), value in found["noria_requests_total"][1].items()}
    key = frozenset({'endpoint="e"', 'version="1"', 'arm="live"', 'outcome="answered"'})
    assert answered[key] == 12, "what the dead answered has been answered"
    at_work = {labels for _, labels in found["noria_requests_in_flight"][1]}
    assert at_work == {frozenset({'endpoint="e"', 'pid="7"'}), frozenset({'endpoint="e"', 'pid="8"'})}
    assert found["noria_answered_by"][1] == {("", frozenset({'endpoint="e"', 'pid="7"'})): 1}
